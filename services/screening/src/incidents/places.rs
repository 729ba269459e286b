//! Places that have a name and are no unit (R23): a hotel, a work site, a welfare home, a canteen, a train. They are small
//! places (R8), told apart by their names within one county.

use unicode_normalization::UnicodeNormalization as _;

/// What names of firms end in, which people leave out; the longer before what they end in themselves.
const ENDINGS: [&str; 5] = ["集团有限公司", "股份有限公司", "有限责任公司", "有限公司", "公司"];

/// A name as it is compared: letters of one width, Latin ones small, without spaces and signs between, and without what a
/// firm's name ends in. Nothing for what is no name.
#[must_use]
pub fn folded(name: &str) -> String {
    let name: String =
        name.nfkc().filter(|sign| sign.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending));
    let stem = stem.filter(|stem| stem.chars().count() >= 2).map(str::to_owned);
    stem.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r8_a_name_is_the_same_however_it_is_written() {
        for name in ["样例（食品）有限公司", " 样例(食品) ", "样例·食品股份有限公司"]
        {
            assert_eq!(folded(name), "样例食品", "{name}");
        }
        assert_eq!(folded("Ｇ１００５次"), folded("g1005次"));
        assert_eq!(folded("A公司"), "a公司", "what is left would say too little");
        assert_ne!(folded("样例酒店"), folded("样例饭店"));
        assert_eq!(folded(" - "), "");
    }
}
