//! Registers decide here: what the registers of other services say of a field, so that what is known is filled in and
//! the reporter confirms it, or explains a difference (D7).

pub mod feed;
pub mod parse;
pub mod store;

use std::collections::BTreeMap;

use crate::forms::{Field, Kind};

/// What the registers say of some units together: by the number of the indicator, the difference of the day, and the
/// sum of all up to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(pub BTreeMap<i32, (i64, i64)>);

impl Sums {
    /// Adds what another unit comes to.
    pub fn add(&mut self, other: &Self) {
        for (number, (of_day, until)) in &other.0 {
            let sum = self.0.entry(*number).or_default();
            sum.0 += of_day;
            sum.1 += until;
        }
    }
}

/// Why the registers do not fill a field that has an indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    /// Registers count by civil days.
    #[error("the registers count by days, and the form asks for parts of one")]
    PartOfDay,
    /// A stock has become less, which no flow says.
    #[error("the registers have {0} on this day: less than before")]
    Less(i64),
    /// More than the form lets anybody state.
    #[error("the registers have {0}, which is outside what the field may state")]
    Outside(i64),
}

/// What the registers say of a field that the indicator of a number fills.
///
/// # Errors
/// Why they do not fill it.
pub fn filled(field: &Field, number: i32, slots: usize, sums: &Sums) -> Result<i64, Unfilled> {
    let (of_day, until) = sums.0.get(&number).copied().unwrap_or_default();
    let figure = match field.kind {
        Kind::Flow if slots > 1 => return Err(Unfilled::PartOfDay),
        Kind::Flow if of_day < 0 => return Err(Unfilled::Less(of_day)),
        Kind::Flow => of_day,
        Kind::Stock => until,
    };
    let is_within = (field.least..=field.greatest).contains(&figure);
    if is_within { Ok(figure) } else { Err(Unfilled::Outside(figure)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forms::{LARGEST, Label, Publication};

    fn field(kind: Kind) -> Field {
        Field {
            key: "observed".to_owned(),
            column: 0,
            label: Label::default(),
            kind,
            required: true,
            least: 0,
            greatest: LARGEST,
            counts_towards_zero: true,
            cumulative: false,
            publication: Publication::Full,
            indicator: Some("screening.contacts_observed".to_owned()),
        }
    }

    fn sums(of_day: i64, until: i64) -> Sums {
        Sums(BTreeMap::from([(19, (of_day, until))]))
    }

    #[test]
    fn d8_a_stock_is_filled_by_what_there_is_and_a_flow_by_what_came_that_day() {
        let (stock, flow) = (field(Kind::Stock), field(Kind::Flow));
        assert_eq!(filled(&stock, 19, 1, &sums(-3, 40)), Ok(40));
        assert_eq!(filled(&flow, 19, 1, &sums(2, 40)), Ok(2));
        assert_eq!(filled(&flow, 19, 1, &sums(-3, 40)), Err(Unfilled::Less(-3)));
        assert_eq!(filled(&flow, 19, 2, &sums(2, 40)), Err(Unfilled::PartOfDay));
        assert_eq!(filled(&flow, 19, 1, &Sums::default()), Ok(0), "nothing is a figure, too");
        let narrow = Field { greatest: 39, ..stock };
        assert_eq!(filled(&narrow, 19, 1, &sums(0, 40)), Err(Unfilled::Outside(40)));
    }
}
