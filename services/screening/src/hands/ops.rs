//! What is done with hands in the caller's transaction.

use chassis::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Assigning, Cause, MOST, Question, Sides,
    moves::{self, Move, TAKEN_OVER_WITHIN},
    store,
};
use crate::{
    cases::ops as cases,
    escalations::{self, Kind},
    handdowns::ops as handdowns,
    house::House,
    observations::{ops as observations, store::Sight},
    persons::{
        parse::{person_name, unit_name},
        store as persons,
    },
};

/// Says for the sides of a question that somebody stands above whose hands the person is in; when both have said the same,
/// the person is there. Answers the question as it stands.
///
/// # Errors
/// [`Fault::Invalid`] for a unit that is none of the two; where the database fails.
pub async fn say(
    house: &House,
    connection: &mut PgConnection,
    question: &Question,
    (sides, unit): (Sides, Uuid),
    by: &str,
) -> Result<Question, Fault> {
    // Who may not know the very unit says its county for it, and learns nothing by guessing units.
    let county = house.county(question.holding_unit);
    let holding = if question.is_open_to(sides) { question.holding_unit } else { county };
    let said = match unit {
        unit if unit == holding => question.clone().said(sides, question.holding_unit),
        unit if unit == question.finding_unit => question.clone().said(sides, unit),
        _ => None,
    };
    let either = [holding, question.finding_unit].map(unit_name).join(" or ");
    let mut said = said.ok_or_else(|| Fault::invalid("unit", format!("must be {either}")))?;
    if let Some(unit) = said.agreed() {
        let now = house.clock.now();
        said.settled_at = Some(now);
        let units = [said.holding_unit, said.finding_unit];
        let person = said.holding_person;
        persons::take_hands(connection, (person, &units), unit, (Cause::Agreed, by, now)).await?;
        store::follow_hands(connection, &said, unit).await?;
        observations::settle(house, connection, person, now).await?;
        cases::after_merge(house, connection, person, by).await?;
        handdowns::follow(house, connection, person, now).await?;
    }
    store::update(connection, &said).await?;
    Ok(said)
}

/// Notes, once the tree by which something in a unit's hands is seen has changed, which unit was moved below another one by
/// that: whoever stands there must take it over.
///
/// # Errors
/// Where the database fails.
pub async fn note_move(
    house: &House,
    connection: &mut PgConnection,
    (before, now): (&Sight, &Sight),
) -> Result<(), Fault> {
    let Some((unit, parent)) = moves::moved(&before.ancestors, &now.ancestors) else { return Ok(()) };
    // What a closed unit had stands with another one that is not above it, and is listed as that.
    let said = house.jurisdiction.parent(unit).filter(|(said, _)| *said == parent);
    let Some((_, moved_on)) = said else { return Ok(()) };
    if !store::moves::has_any(connection, before.unit).await? {
        return Ok(());
    }
    let noted_at = house.clock.now();
    let noted = Move {
        id: Uuid::now_v7(),
        unit,
        parent,
        moved_on,
        noted_at,
        deadline_at: noted_at + TAKEN_OVER_WITHIN,
        settled_at: None,
        settled_by: String::new(),
        reason: String::new(),
    };
    store::moves::note(connection, &noted).await
}

/// Writes that somebody takes over what a moved unit had, whose move is locked: it is put before nobody any more.
///
/// # Errors
/// Where the database fails.
pub async fn take_over(
    house: &House,
    connection: &mut PgConnection,
    taken: &mut Move,
    (by, reason): (&str, &str),
) -> Result<(), Fault> {
    taken.settled_at = Some(house.clock.now());
    by.clone_into(&mut taken.settled_by);
    reason.clone_into(&mut taken.reason);
    store::moves::settle(connection, taken).await?;
    escalations::store::withdraw(connection, &[taken.unit], &[Kind::UnitMoved]).await
}

/// Gives persons of a unit that is at work no more to another: those who are asked for, or as many as are given at
/// once. Says how many, and how many are left.
///
/// # Errors
/// [`Fault::NotFound`] for a person in other hands; where the database fails.
pub async fn assign(
    house: &House,
    connection: &mut PgConnection,
    asked: &Assigning,
    by: &str,
) -> Result<(i32, i32), Fault> {
    let now = house.clock.now();
    let (held, all) = persons::held(connection, asked.from, i64::try_from(MOST).unwrap_or(i64::MAX)).await?;
    let chosen = if asked.persons.is_empty() { &held } else { &asked.persons };
    let mut ones: Vec<(Uuid, Uuid)> = Vec::with_capacity(chosen.len());
    for person in chosen {
        let hands = persons::hands(connection, *person).await?.filter(|hands| hands.0 == asked.from);
        ones.push((hands.ok_or_else(|| Fault::NotFound(person_name(*person)))?.1, *person));
    }
    // Persons in one order, whoever is at it at once; everybody who is one goes together.
    ones.sort_unstable();
    ones.dedup_by_key(|one| one.0);
    for (one, _) in ones {
        persons::lock_same(connection, &house.keys, one).await?;
        let said = (Cause::Assigned, by, now);
        persons::take_hands(connection, (one, &[asked.from]), asked.to, said).await?;
        store::follow_person(connection, one, now).await?;
        observations::settle(house, connection, one, now).await?;
        cases::after_merge(house, connection, one, by).await?;
        handdowns::follow(house, connection, one, now).await?;
    }
    let (_, left) = persons::held(connection, asked.from, 1).await?;
    let assigned = i32::try_from(all - left).unwrap_or(i32::MAX);
    store::note_assignment(connection, asked, assigned, (by, now)).await?;
    Ok((assigned, i32::try_from(left).unwrap_or(i32::MAX)))
}
