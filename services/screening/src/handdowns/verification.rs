//! What on-the-ground verification says (H5), between the contract and us.

use chassis::{Fault, Violations, parse};
use chrono::NaiveDate;
use proto::screening as pb;
use uuid::Uuid;

use super::{Outcome, parse::COLLECTION};
use crate::{
    house::House,
    observations::{
        BASES, Place,
        ops::Opening,
        parse::{exposure, optional},
    },
    persons::parse::{REASON, UNITS},
};

/// What a verification says.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Which hand-down.
    pub id: Uuid,
    /// What it came to.
    pub outcome: Outcome,
    /// Where the person is to be found.
    pub to: Option<Uuid>,
    /// The evidence.
    pub words: String,
    opens: Option<(i16, NaiveDate)>,
}

impl Verified {
    /// A verification of the contract.
    ///
    /// # Errors
    /// Every violation.
    pub fn new(house: &House, request: &pb::VerifyHanddownRequest) -> Result<Self, Fault> {
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let outcome = Outcome::asked(request.outcome)
            .ok_or_else(|| "must be FOUND, NOT_FOUND, WRONG_AREA or LEFT_AREA".to_owned());
        let outcome = wrong.keep("outcome", outcome).unwrap_or(Outcome::Found);
        let to = wrong.keep("to_unit", parse::optional_name(UNITS, &request.to_unit)).flatten();
        match outcome {
            Outcome::WrongArea if to.is_none() && request.to_unit.is_empty() => {
                wrong.add("to_unit", "is required: where is the person to be found?");
            }
            Outcome::Found | Outcome::NotFound if to.is_some() => {
                wrong.add("to_unit", "is said only of WRONG_AREA and LEFT_AREA");
            }
            _ => {}
        }
        if outcome == Outcome::Found {
            wrong.keep("evidence", optional(&request.evidence, REASON).map(drop));
        } else {
            wrong.keep("evidence", parse::text(&request.evidence, REASON).map(drop));
        }
        let basis = i16::try_from(request.basis)
            .ok()
            .filter(|basis| *basis == 0 || BASES.contains(&i32::from(*basis)));
        let basis =
            wrong.keep("basis", basis.ok_or_else(|| "is none there is".to_owned())).unwrap_or_default();
        let opens = if basis == 0 {
            if !request.last_exposure_date.is_empty() {
                wrong.add("basis", "is required with a last exposure");
            }
            None
        } else {
            if outcome != Outcome::Found {
                wrong.add("basis", "is said only of FOUND");
            }
            let date = exposure(&request.last_exposure_date, house.clock.today());
            wrong.keep("last_exposure_date", date).map(|date| (basis, date))
        };
        wrong.refuse()?;
        Ok(Self { id, outcome, to, words: request.evidence.clone(), opens })
    }

    /// Whether it hands on or lets go: that is decided; who was found, or not, is a fact (H5).
    #[must_use]
    pub fn decides(&self) -> bool {
        matches!(self.outcome, Outcome::WrongArea | Outcome::LeftArea)
    }

    /// The observation that a person who was found is put under.
    #[must_use]
    pub fn opening(&self, person: Uuid) -> Option<Opening> {
        let (basis, last_exposure) = self.opens?;
        let (place, facility) = (Place::Home, String::new());
        Some(Opening { person, basis, last_exposure, place, facility, former: None })
    }
}
