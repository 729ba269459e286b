//! Intake: whoever a unit finds is taken in, and whether they are known is found out inside.

use chassis::{Caller, Fault};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Details, FOLLOWED_WITHIN, Finding, Kind, Marked, Person, Purpose,
    parse::{Intake, born},
    store::{self, of_kinds},
};
use crate::{hands, house::House, incidents};

/// The most likely doubles that are suggested.
const DOUBLES: i64 = 10;

/// What became of an intake.
#[derive(Debug)]
pub struct TakenIn {
    /// The person, in the hands of the unit that found them.
    pub person: Person,
    /// Whether the person was in these hands before.
    pub known: bool,
    /// Who may be the same.
    pub doubles: Vec<Uuid>,
}

/// Takes in a person in the caller's transaction.
///
/// # Errors
/// Where the database fails; [`Fault::Conflict`] where the person is being changed.
pub async fn take_in(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    intake: Intake,
) -> Result<TakenIn, Fault> {
    born(&intake.details, "details", house.clock.today())?;
    let (keys, now) = (&house.keys, house.clock.now());
    let id = Uuid::now_v7();
    let mut said = intake.details.clone();
    if said.paper.number.is_empty() {
        // A local number, so that the person can be spoken of (I1).
        said.paper.number = format!("L-{}", &id.simple().to_string()[20..]).to_uppercase();
    }
    let marks = said.marks(keys, intake.unit);
    store::lock_marks(connection, &of_kinds(&marks, &[Kind::Paper, Kind::NamePhoneBirth])).await?;
    let mut everybody = Vec::new();
    while let Some(one) = known(house, connection, &marks, &said, None).await? {
        everybody = store::lock_same(connection, keys, one).await?;
        // Who was erased meanwhile is known no more (P2).
        everybody.retain(|person| person.erased_at.is_none());
        // Nobody: they were found to be another while they were waited for, or erased.
        if !everybody.is_empty() {
            break;
        }
    }
    let own = everybody.iter().find(|person| person.unit == intake.unit);
    let (person, is_known) = match own {
        Some(own) => (found_again(house, connection, own, &intake, said.clone(), now).await?, true),
        None => {
            let one = everybody.first().map(|person| person.same_as);
            let person = Person {
                id,
                same_as: one.unwrap_or(id),
                unit: intake.unit,
                present_unit: intake.present_unit,
                counted_unit: None,
                purpose: intake.purpose,
                delete_after: intake.purpose.delete_after(house.clock.today()),
                erased_at: None,
                follow_by: Some(now + FOLLOWED_WITHIN),
                details: said.clone(),
                version: 1,
                created_at: now,
                updated_at: now,
            };
            store::insert(connection, keys, (&person, &marks), caller.subject()).await?;
            if person.purpose == Purpose::Febrile {
                let of = (person.same_as, person.unit, person.present_unit);
                incidents::ops::detect_febrile(house, connection, of).await?;
            }
            if let Some(holding) = everybody.iter().find(|holding| holding.id == holding.same_as) {
                hands::store::ask(connection, holding, &person, now).await?;
            }
            (person, false)
        }
    };
    let finding = Finding {
        id: Uuid::now_v7(),
        person: person.id,
        unit: intake.finder,
        source: intake.source,
        entered_by: caller.subject().to_owned(),
        created_at: now,
        details: said,
    };
    store::add_finding(connection, keys, &finding).await?;
    let doubles = doubles(house, connection, caller, &marks, &person).await?;
    Ok(TakenIn { person, known: is_known, doubles })
}

/// Who this is found to be, if anybody; whoever is taken in by the same marks waits for this transaction.
///
/// # Errors
/// Where the database fails.
pub async fn known_as(
    house: &House,
    connection: &mut PgConnection,
    intake: &Intake,
) -> Result<Option<Uuid>, Fault> {
    let marks = intake.details.marks(&house.keys, intake.unit);
    store::lock_marks(connection, &of_kinds(&marks, &[Kind::Paper, Kind::NamePhoneBirth])).await?;
    known(house, connection, &marks, &intake.details, None).await
}

/// Who else a person is found to be by what is known of them now, if anybody; whoever is taken in by the same marks
/// waits for this transaction.
///
/// # Errors
/// Where the database fails.
pub async fn known_besides(
    house: &House,
    connection: &mut PgConnection,
    person: &Person,
    marks: &[Marked],
) -> Result<Option<Uuid>, Fault> {
    store::lock_marks(connection, &of_kinds(marks, &[Kind::Paper, Kind::NamePhoneBirth])).await?;
    known(house, connection, marks, &person.details, Some(person.same_as)).await
}

/// The person who this is, besides one: by the paper, else by name with phone and date of birth unless the papers say
/// that these are two.
async fn known(
    house: &House,
    connection: &mut PgConnection,
    marks: &[Marked],
    said: &Details,
    besides: Option<Uuid>,
) -> Result<Option<Uuid>, Fault> {
    let is_other = |one: &Uuid| Some(*one) != besides;
    let by_paper = store::found(connection, &of_kinds(marks, &[Kind::Paper]), DOUBLES).await?;
    if let Some(one) = by_paper.into_iter().find(is_other) {
        return Ok(Some(one));
    }
    let by_name = store::found(connection, &of_kinds(marks, &[Kind::NamePhoneBirth]), DOUBLES).await?;
    for one in by_name.into_iter().filter(is_other) {
        let everybody = store::same(connection, &house.keys, one).await?;
        if !everybody.iter().any(|person| person.details.is_contradicted_by(said)) {
            return Ok(Some(one));
        }
    }
    Ok(None)
}

/// Adds to a person what the unit that has them found now.
async fn found_again(
    house: &House,
    connection: &mut PgConnection,
    own: &Person,
    intake: &Intake,
    mut said: Details,
    now: DateTime<Utc>,
) -> Result<Person, Fault> {
    if intake.details.paper.number.is_empty() {
        said.paper.number.clear();
    }
    let mut person = own.clone();
    person.details = person.details.with(said);
    person.present_unit = intake.present_unit.or(person.present_unit);
    // Needed again, and so kept for as long again (P2); who is kept without a date stays so.
    let kept = person.delete_after.zip(intake.purpose.delete_after(house.clock.today()));
    person.delete_after = kept.map(|(known, now)| known.max(now)).or(person.delete_after);
    let marks = person.details.marks(&house.keys, person.unit);
    if !store::update(connection, &house.keys, &person, &marks, now).await? {
        return Err(Fault::Conflict);
    }
    if person.details.present_place != own.details.present_place {
        incidents::ops::placed(house, connection, &[(person.same_as, person.unit)]).await?;
    }
    if person.follow_by.is_none() {
        store::follow_by(connection, person.id, now + FOLLOWED_WITHIN).await?;
    }
    let changed = store::get(connection, &house.keys, &[person.id]).await?.pop();
    changed.ok_or(Fault::Conflict)
}

/// Who may be the same, as far as the caller may see them.
///
/// # Errors
/// Where the database fails.
pub async fn doubles(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    marks: &[Marked],
    person: &Person,
) -> Result<Vec<Uuid>, Fault> {
    let kinds = [Kind::NamePhoneBirth, Kind::NameBirth, Kind::NamePhone];
    let likely = store::found(connection, &of_kinds(marks, &kinds), DOUBLES).await?;
    let likely: Vec<Uuid> = likely.into_iter().filter(|one| *one != person.same_as).collect();
    let likely = store::get(connection, &house.keys, &likely).await?;
    let visible =
        likely.into_iter().filter(|other| house.jurisdiction.sees(caller, "persons.read", other.unit));
    Ok(visible.map(|other| other.id).collect())
}
