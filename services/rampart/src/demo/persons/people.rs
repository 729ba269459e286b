//! Artificial persons: numbers of an area that is none, phones that are nobody's (RULES I1).

use chrono::{Days, NaiveDate};
use proto::screening as pb;
use screening::persons::papers;

/// No area has this number.
const AREA: &str = "999999";

/// The nth artificial person of a kind, each kind with numbers of its own.
#[must_use]
pub fn person(kind: u32, nth: usize) -> pb::PersonDetails {
    let number = number(kind, nth);
    pb::PersonDetails {
        display_name: format!("样例{kind}{nth:05}"),
        paper: Some(pb::Paper { r#type: pb::PaperType::IdentityCard.into(), number }),
        // 0000 is no area code: nobody's phone.
        phones: vec![format!("0000-{kind}{:06}", nth % 1_000_000)],
        address: format!("样例路{nth}号"),
        ..pb::PersonDetails::default()
    }
}

/// An identity number that nobody has: 200 people born on each of 8,000 days, a year of days for each kind.
fn number(kind: u32, nth: usize) -> String {
    let first = NaiveDate::from_ymd_opt(1950, 1, 1).unwrap_or_default();
    let days = u64::try_from(nth / 200).unwrap_or_default() + u64::from(kind) * 1_000;
    let born = first.checked_add_days(Days::new(days)).unwrap_or(first);
    let body = format!("{AREA}{}{:03}", born.format("%Y%m%d"), nth % 200);
    let check = papers::check(&body).map(char::from);
    body.chars().chain(check).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn everybody_has_a_sound_number_of_their_own_and_of_no_area() {
        let mut seen = HashSet::new();
        for kind in 1..8 {
            for nth in 0..20_000 {
                let number = number(kind, nth);
                assert!(number.starts_with(AREA) && seen.insert(number.clone()), "{number}");
            }
            let paper = papers::Paper::new(papers::PaperType::IdentityCard, &number(kind, 7)).expect("sound");
            assert!(paper.holder().is_some());
        }
    }
}
