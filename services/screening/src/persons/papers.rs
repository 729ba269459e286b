//! Papers (I1): what each kind looks like, and what an identity card says of its holder.

use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize};

use super::Sex;

/// The weights of the seventeen digits (GB 11643, ISO 7064 MOD 11-2).
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/// The check characters by the remainder of the weighted sum.
const CHECKS: &[u8; 11] = b"10X98765432";

/// Kinds of papers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaperType {
    /// Resident identity card.
    IdentityCard,
    /// Passport.
    Passport,
    /// Permit of Hong Kong and Macao residents.
    HkMacaoPermit,
    /// Permit of Taiwan residents.
    TaiwanPermit,
    /// An infant, by the guardian's identity card.
    Infant,
    /// None: a local number.
    #[default]
    None,
}

/// A paper, its number as it is printed: upper case, without spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paper {
    /// What kind.
    pub kind: PaperType,
    /// Its number.
    pub number: String,
}

impl Paper {
    /// A paper with a number that may be one of its kind.
    ///
    /// # Errors
    /// What the number must look like.
    pub fn new(kind: PaperType, number: &str) -> Result<Self, String> {
        let number: String =
            number.chars().filter(|sign| !sign.is_whitespace()).collect::<String>().to_uppercase();
        match kind {
            PaperType::IdentityCard | PaperType::Infant => drop(birth_date(&number)?),
            PaperType::Passport => shape(&number, "5 to 20 letters and digits", |number| {
                (5..=20).contains(&number.len()) && number.bytes().all(|sign| sign.is_ascii_alphanumeric())
            })?,
            PaperType::HkMacaoPermit => shape(&number, "H or M and 8 or 10 digits", |number| {
                number
                    .strip_prefix(['H', 'M'])
                    .is_some_and(|rest| matches!(rest.len(), 8 | 10) && digits(rest))
            })?,
            PaperType::TaiwanPermit => {
                shape(&number, "8 or 10 digits, perhaps with a letter at the end", |number| {
                    let rest = number.strip_suffix(|sign: char| sign.is_ascii_uppercase()).unwrap_or(number);
                    matches!(rest.len(), 8 | 10) && digits(rest)
                })?;
            }
            PaperType::None => shape(&number, "at most 40 letters, digits and -", |number| {
                let good = |sign: char| sign.is_alphanumeric() || sign == '-';
                number.chars().count() <= 40 && number.chars().all(good)
            })?,
        }
        Ok(Self { kind, number })
    }

    /// Whether it is the same paper, whatever card shows it.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.standard_number() == other.standard_number()
    }

    /// Date of birth and sex of the holder, where the paper says them.
    #[must_use]
    pub fn holder(&self) -> Option<(NaiveDate, Sex)> {
        if self.kind != PaperType::IdentityCard {
            return None;
        }
        let serial = if self.number.len() == 18 { self.number.get(14..17) } else { self.number.get(12..15) };
        let odd = serial?.bytes().last()? % 2 == 1;
        Some((birth_date(&self.number).ok()?, if odd { Sex::Male } else { Sex::Female }))
    }

    /// The number by which the same person is found whatever card they show: a 15-digit number as the
    /// 18 characters that replaced it.
    #[must_use]
    pub fn standard_number(&self) -> String {
        if !matches!(self.kind, PaperType::IdentityCard | PaperType::Infant) || self.number.len() != 15 {
            return self.number.clone();
        }
        let body = format!("{}19{}", &self.number[..6], &self.number[6..]);
        let check = check(&body).map(char::from);
        body.chars().chain(check).collect()
    }
}

fn shape(number: &str, form: &str, good: impl Fn(&str) -> bool) -> Result<(), String> {
    if good(number) { Ok(()) } else { Err(format!("must be {form}")) }
}

fn digits(text: &str) -> bool {
    text.bytes().all(|sign| sign.is_ascii_digit())
}

/// The check character of seventeen digits (GB 11643, ISO 7064 MOD 11-2); nothing for what is no digits.
#[must_use]
pub fn check(body: &str) -> Option<u8> {
    let weighted = body.bytes().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight);
    CHECKS.get(usize::try_from(weighted.sum::<u32>() % 11).ok()?).copied()
}

/// The date of birth in an identity number, all of which is checked. No message says the number: it is
/// personal.
fn birth_date(number: &str) -> Result<NaiveDate, String> {
    const HELP: &str = "; record a person whose number cannot be read with the type NONE";
    let date = match number.len() {
        18 if number.is_ascii() && digits(&number[..17]) => {
            if check(&number[..17]) != number.bytes().last() {
                return Err(format!("the check character is wrong{HELP}"));
            }
            NaiveDate::parse_from_str(&number[6..14], "%Y%m%d").ok()
        }
        15 if digits(number) => NaiveDate::parse_from_str(&format!("19{}", &number[6..12]), "%Y%m%d").ok(),
        _ => return Err(format!("must be 17 digits and a check character, or 15 digits{HELP}")),
    };
    date.filter(|date| (1850..2200).contains(&date.year()))
        .ok_or_else(|| format!("the date of birth in it is no date{HELP}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn card(number: &str) -> Result<Paper, String> {
        Paper::new(PaperType::IdentityCard, number)
    }

    #[test]
    fn i1_the_standard_s_own_numbers_are_good() {
        let (date, sex) = card("11010519491231002x").unwrap().holder().unwrap();
        assert_eq!((date.to_string().as_str(), sex), ("1949-12-31", Sex::Female));
        let (date, sex) = card("440524188001010014").unwrap().holder().unwrap();
        assert_eq!((date.to_string().as_str(), sex), ("1880-01-01", Sex::Male));
    }

    #[test]
    fn i1_an_old_card_is_found_as_the_new_one() {
        let old = card("110105491231002").unwrap();
        assert_eq!(old.standard_number(), "11010519491231002X");
        assert_eq!(old.holder(), card("11010519491231002X").unwrap().holder());
    }

    #[test]
    fn i1_what_is_wrong_is_said_without_the_number() {
        for (number, about) in [
            ("110105194912310021", "check character"),
            ("11010519491331002X", "check character"),
            ("110105491331002", "date of birth"),
            ("1101051949123100", "17 digits"),
            ("一一零一零五", "17 digits"),
            ("", "17 digits"),
        ] {
            let wrong = card(number).expect_err("wrong");
            assert!(wrong.contains(about) && (number.is_empty() || !wrong.contains(number)), "{wrong}");
        }
    }

    #[test]
    fn i1_other_papers_have_their_own_shapes() {
        for (kind, good, bad) in [
            (PaperType::Passport, "e12345678", "é123"),
            (PaperType::HkMacaoPermit, "H12345678", "K12345678"),
            (PaperType::TaiwanPermit, "12345678", "123456789"),
            (PaperType::Infant, "11010519491231002X", "110105"),
            (PaperType::None, "", "a b/c"),
        ] {
            assert!(Paper::new(kind, good).is_ok(), "{kind:?} {good}");
            assert!(Paper::new(kind, bad).is_err(), "{kind:?} {bad}");
        }
    }

    proptest! {
        #[test]
        fn i1_a_single_wrong_digit_is_always_seen(
            area in 100_000_u32..999_999, days in 0_i32..60_000, serial in 0_u32..1_000, at in 0_usize..17, by in 1_u8..10,
        ) {
            let date = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap() + chrono::Days::new(u64::try_from(days).unwrap());
            let body = format!("{area}{}{serial:03}", date.format("%Y%m%d"));
            let number = format!("{body}{}", char::from(check(&body).unwrap()));
            prop_assert!(card(&number).is_ok(), "{number}");
            let mut changed = number.into_bytes();
            changed[at] = (changed[at] - b'0' + by) % 10 + b'0';
            prop_assert!(card(&String::from_utf8(changed).unwrap()).is_err());
        }

        #[test]
        fn no_text_makes_a_paper_panic(text in "\\PC{0,24}") {
            for kind in [PaperType::IdentityCard, PaperType::Passport, PaperType::HkMacaoPermit, PaperType::TaiwanPermit, PaperType::None] {
                if let Ok(paper) = Paper::new(kind, &text) {
                    let _ = (paper.holder(), paper.standard_number());
                }
            }
        }
    }
}
