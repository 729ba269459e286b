//! Indicators of the contract, by the words in which forms name them.

use proto::screening::Indicator;

use crate::forms::Kind;

/// Whose indicators these are: the first word of a field's indicator.
const SCREENING: &str = "screening.";

/// Those of screening's indicators that count what happened on a day; the others count what there is.
const FLOWS: [Indicator; 5] = [
    Indicator::ReturneesFound,
    Indicator::FebrileFound,
    Indicator::Confirmed,
    Indicator::Discharged,
    Indicator::Died,
];

/// The number of an indicator by its word, such as screening.confirmed.
#[must_use]
pub fn number(word: &str) -> Option<i32> {
    let name = word.strip_prefix(SCREENING)?;
    let is_lower = name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    let indicator = Indicator::from_str_name(&format!("INDICATOR_{}", name.to_ascii_uppercase()));
    indicator.filter(|indicator| is_lower && *indicator != Indicator::Unspecified).map(i32::from)
}

/// Whether a field may be filled by an indicator.
///
/// # Errors
/// What it must be.
pub fn fits(kind: Kind, word: &str) -> Result<(), String> {
    let number = number(word).ok_or_else(|| "is no indicator, such as screening.confirmed".to_owned())?;
    if kind == Kind::Stock && FLOWS.iter().any(|flow| i32::from(*flow) == number) {
        return Err("counts what happened on a day; a stock wants one that counts what there is".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_indicator_of_the_contract_has_its_word() {
        assert_eq!(number("screening.confirmed"), Some(Indicator::Confirmed.into()));
        for word in
            ["confirmed", "screening.", "screening.CONFIRMED", "screening.unspecified", "medical.beds"]
        {
            assert_eq!(number(word), None, "{word}");
        }
    }

    #[test]
    fn d8_a_stock_wants_an_indicator_that_counts_what_there_is() {
        assert!(fits(Kind::Stock, "screening.confirmed").is_err());
        assert!(fits(Kind::Stock, "screening.contacts_observed").is_ok());
        assert!(fits(Kind::Flow, "screening.contacts_observed").is_ok());
    }
}
