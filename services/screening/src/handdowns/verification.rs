//! What on-the-ground verification says (H5), between the contract and us, and what follows from it.

use chassis::{Caller, Fault, Violations};
use chrono::NaiveDate;
use proto::screening as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Handdown, Outcome, Receipt, State, ops,
    parse::{COLLECTION, misfit, receipt},
    store,
};
use crate::{
    house::House,
    observations::{
        self, BASES, Ending, Place,
        ops::Opening,
        parse::{Placed, exposure, place},
    },
    persons::{
        FOLLOWED_WITHIN,
        parse::{REASON, UNITS},
        store as persons,
    },
    rechecks,
};

/// What a verification says.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Which hand-down.
    pub id: Uuid,
    outcome: Outcome,
    to: Option<Uuid>,
    words: String,
    opens: Option<(i16, NaiveDate)>,
    /// Where who was found is observed; nothing where it is not said.
    placed: Option<Placed>,
    /// Who outside has the person now.
    receipt: Option<Receipt>,
}

impl Verified {
    /// A verification of the contract.
    ///
    /// # Errors
    /// Every violation.
    pub fn new(house: &House, request: &pb::VerifyHanddownRequest) -> Result<Self, Fault> {
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let outcome = Outcome::asked(request.outcome)
            .ok_or_else(|| "must be FOUND, NOT_FOUND, WRONG_AREA or LEFT_AREA".to_owned());
        let outcome = wrong.keep("outcome", outcome).unwrap_or(Outcome::Found);
        let to = wrong.optional_name("to_unit", UNITS, &request.to_unit);
        match outcome {
            Outcome::WrongArea if to.is_none() && request.to_unit.is_empty() => {
                wrong.add("to_unit", "is required: where is the person to be found?");
            }
            Outcome::Found | Outcome::NotFound if to.is_some() => {
                wrong.add("to_unit", "is said only of WRONG_AREA and LEFT_AREA");
            }
            _ => {}
        }
        // Who lets go to outside says to whom (H6): words may be added.
        let is_outside = outcome == Outcome::LeftArea && request.to_unit.is_empty();
        let receipt = if is_outside {
            receipt(&mut wrong, request.receipt.as_ref(), house.clock.now())
        } else {
            if request.receipt.is_some() {
                wrong.add("receipt", "is said only of who has left to outside");
            }
            None
        };
        if outcome == Outcome::Found || is_outside {
            wrong.optional_text("evidence", &request.evidence, REASON);
        } else {
            wrong.text("evidence", &request.evidence, REASON);
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
        let (place, facility) = place(&mut wrong, "", request.place, &request.facility);
        let placed = (request.place != 0).then_some(Placed { place, facility, home_unit: None });
        if basis == 0 && placed.is_some() {
            wrong.add("place", "is said only with a basis");
        }
        if placed.is_none() && !request.facility.is_empty() {
            wrong.add("facility", "is said only with a place");
        }
        wrong.refuse()?;
        Ok(Self { id, outcome, to, words: request.evidence.clone(), opens, placed, receipt })
    }

    /// Whether it hands on or lets go: that is decided; who was found, or not, is a fact (H5).
    #[must_use]
    pub fn decides(&self) -> bool {
        matches!(self.outcome, Outcome::WrongArea | Outcome::LeftArea)
    }

    /// The words; of who has left to outside without any, those of the receipt.
    fn said(&self, house: &House) -> String {
        let Some(receipt) = self.receipt.as_ref().filter(|_| self.words.is_empty()) else {
            return self.words.clone();
        };
        let received = receipt.received_at.with_timezone(&house.clock.zone()).format("%Y-%m-%d %H:%M");
        format!("{}, {received}, {}", receipt.receiver, receipt.letter)
    }

    /// The observation that a person who was found is put under.
    fn opening(&self, person: Uuid) -> Option<Opening> {
        let (basis, last_exposure) = self.opens?;
        let placed = self.placed.clone().map(|placed| (placed.place, placed.facility));
        let (place, facility) = placed.unwrap_or((Place::Home, String::new()));
        Some(Opening { person, basis, last_exposure, place, facility, former: None })
    }
    /// Closes a hand-down, which is locked, as it was verified: begins the next hop where the person is to be found
    /// elsewhere, and puts who was found under observation where that is asked. Answers the next hop, and the open
    /// observation of the person.
    ///
    /// # Errors
    /// [`Fault::Precondition`] where it may not be verified now; where the database fails.
    pub async fn close(
        &self,
        house: &House,
        connection: &mut PgConnection,
        caller: &Caller,
        handdown: &mut Handdown,
    ) -> Result<(Option<Handdown>, Option<Uuid>), Fault> {
        let leaves = self.outcome == Outcome::LeftArea && self.to.is_none();
        match handdown.state {
            State::Created if leaves => {}
            State::Created => return Err(misfit(handdown, "it is verified where it was acknowledged")),
            State::Sent => return Err(misfit(handdown, "the receiver must acknowledge it first")),
            State::Closed => return Err(misfit(handdown, "hand the person down anew")),
            State::Acknowledged | State::NotFound => {}
        }
        let (by, now) = (caller.subject(), house.clock.now());
        let mut next = None;
        if let Some(to) = self.to {
            let onward = (to, self.outcome, self.words.as_str());
            next = Some(ops::pass_on(house, connection, handdown, onward, by).await?);
        } else {
            handdown.receipt.clone_from(&self.receipt);
            handdown.close(self.outcome, &self.said(house), by, now);
            ops::withdraw(connection, handdown).await?;
            store::update(connection, handdown).await?;
        }
        if leaves {
            let_go(house, connection, handdown, by).await?;
        }
        let observation = match self.opening(handdown.person) {
            Some(opening) => Some(self.open(house, connection, caller, opening).await?),
            None => ops::observed(connection, handdown).await?,
        };
        if self.outcome == Outcome::Found && observation.is_none() {
            // Found, and nobody observes them yet: that is the receiver's to do from now on.
            persons::follow_by(connection, handdown.person, now + FOLLOWED_WITHIN).await?;
        }
        Ok((next, observation))
    }

    /// Puts who was found under observation; who is observed already is moved where another place is said.
    async fn open(
        &self,
        house: &House,
        connection: &mut PgConnection,
        caller: &Caller,
        opening: Opening,
    ) -> Result<Uuid, Fault> {
        let (mut observation, known) = observations::ops::open(house, connection, caller, opening).await?;
        let other = |placed: &&Placed| {
            (placed.place as i16, placed.facility.as_str())
                != (observation.place, observation.facility.as_str())
        };
        if let Some(placed) = self.placed.as_ref().filter(|_| known).filter(other) {
            let person = persons::get(connection, &house.keys, &[observation.person]).await?;
            let (both, said) = ((&mut observation, &person[..]), (caller.subject(), self.id));
            observations::ops::relocate(house, connection, both, placed.clone(), said).await?;
        }
        Ok(observation.id)
    }
}

/// Ends the observation of a person who has left to a place outside (R13: transferred, by the evidence).
async fn let_go(
    house: &House,
    connection: &mut PgConnection,
    handdown: &Handdown,
    by: &str,
) -> Result<(), Fault> {
    let now = house.clock.now();
    let open = observations::store::lock_open(connection, handdown.one).await?;
    for mut own in open.into_iter().filter(|open| open.unit == handdown.holder) {
        observations::ops::decide(&mut own, Ending::Transferred, &handdown.words, by, now);
        observations::ops::end(house, connection, &own, now).await?;
    }
    let (of, said) = ((handdown.one, handdown.holder), (by, handdown.words.as_str(), now));
    rechecks::ops::settle(connection, of, rechecks::Outcome::Left, said).await?;
    observations::ops::followed(connection, handdown.one, handdown.holder).await
}
