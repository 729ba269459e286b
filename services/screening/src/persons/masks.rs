//! Masks: what may be seen of a personal value by who has no need of it.

/// A name: its first character, and two stars however long it is.
#[must_use]
pub fn name(name: &str) -> String {
    name.chars().take(1).chain("**".chars()).collect()
}

/// A paper's number: the first three and the last four; a short one: its last two.
#[must_use]
pub fn number(number: &str) -> String {
    match number.chars().count() {
        0 => String::new(),
        length if length >= 12 => ends(number, 3, 4),
        length => ends(number, 0, 2.min(length / 2)),
    }
}

/// A phone: the first three digits and the last four.
#[must_use]
pub fn phone(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    if digits.len() >= 10 { ends(&digits, 3, 4) } else { ends(&digits, 0, 2.min(digits.len() / 2)) }
}

fn ends(text: &str, first: usize, last: usize) -> String {
    let length = text.chars().count();
    let shown = |at: usize| at < first || at + last >= length;
    text.chars().enumerate().map(|(at, sign)| if shown(at) { sign } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_masks_leave_what_people_tell_each_other_apart_by() {
        assert_eq!(number("43130219700101123X"), "431***********123X");
        assert_eq!(number("E12345678"), "*******78");
        assert_eq!(number("a"), "*");
        assert_eq!(name("张三"), "张**");
        assert_eq!(name("欧阳样例"), "欧**");
        assert_eq!(phone("+86 139 0000 1234"), "861******1234");
        assert_eq!(phone("13900001234"), "139****1234");
        assert_eq!(phone("110"), "**0");
    }
}
