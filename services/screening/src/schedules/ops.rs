//! What is in force at a unit on a date: what command centres have said of their areas stands above the usual. Whoever makes
//! a decision keeps the rules that it is made by (V1).

use chassis::Fault;
use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Clocks, LEVELS, Level, level_of,
    store::{self, Set},
    terms_of, weeks_of,
};
use crate::{
    house::House,
    rules::{Ordered, RuleSet, Terms},
};

/// The rules in force at a unit on a date: the editions of the plans (V1), and the response level of the nearest area at or
/// above it, else Hunan's (E1).
///
/// # Errors
/// Where the database fails.
pub async fn rules(
    house: &House,
    connection: &mut PgConnection,
    unit: Uuid,
    date: NaiveDate,
) -> Result<RuleSet, Fault> {
    Ok(level(connection, &house.sight(unit).ancestors, date).await?.0)
}

/// The rules in force in the nearest of some areas, and who has said the response level, where anybody has.
///
/// # Errors
/// Where the database fails.
pub async fn level(
    connection: &mut PgConnection,
    areas: &[Uuid],
    date: NaiveDate,
) -> Result<(RuleSet, Option<Level>), Fault> {
    let usual = RuleSet::on(date);
    let said = store::levels(connection, areas, date).await?;
    let said = level_of(areas, &said).cloned();
    let response_level = said.as_ref().map_or(usual.response_level, |said| said.level);
    Ok((RuleSet { response_level, ..usual }, said))
}

/// By what a person in a unit's hands is observed from today on, who is observed for a reason as the contract numbers it:
/// the terms of the nearest area at or above it at the response level in force there, else the usual ones (R12, R16).
///
/// # Errors
/// Where the database fails.
pub async fn ordered(
    house: &House,
    connection: &mut PgConnection,
    unit: Uuid,
    basis: i16,
) -> Result<Ordered, Fault> {
    let (areas, today) = (house.sight(unit).ancestors, house.clock.today());
    let (rules, _) = level(connection, &areas, today).await?;
    let set = store::terms(connection, &areas, rules.response_level, today).await?;
    let terms = terms_of(&areas, &set, basis).map_or(Terms::USUAL, |found| found.terms);
    Ok(Ordered { rules, terms })
}

/// In which weeks after a discharge a person in a unit's hands is looked at again (R16): those of the nearest area at or above
/// it that has said some at the response level in force there, else the usual ones.
///
/// # Errors
/// Where the database fails.
pub async fn recheck_weeks(
    house: &House,
    connection: &mut PgConnection,
    unit: Uuid,
) -> Result<Vec<i16>, Fault> {
    let (areas, today) = (house.sight(unit).ancestors, house.clock.today());
    let (rules, _) = level(connection, &areas, today).await?;
    let set = store::terms(connection, &areas, rules.response_level, today).await?;
    Ok(weeks_of(&areas, &set).to_vec())
}

/// The clocks of every level of senders at a unit on a date: for each what the nearest area at or above it has
/// set, else the usual ones.
///
/// # Errors
/// Where the database fails.
pub async fn in_force(
    house: &House,
    connection: &mut PgConnection,
    unit: Uuid,
    date: NaiveDate,
) -> Result<Vec<(Clocks, Option<Set>)>, Fault> {
    let areas = house.sight(unit).ancestors;
    let rules = rules(house, connection, unit, date).await?;
    let set = store::in_force(connection, &areas, rules.response_level, date).await?;
    let of_level = |level: i16| {
        let nearest = areas
            .iter()
            .find_map(|area| set.iter().find(|set| set.area == *area && set.clocks.sender_level == level));
        nearest.map_or_else(|| (Clocks::usual(level), None), |set| (set.clocks, Some(*set)))
    };
    Ok(LEVELS.map(of_level).collect())
}

/// The clocks of a unit as a sender, today.
///
/// # Errors
/// Where the database fails.
pub async fn of_sender(house: &House, connection: &mut PgConnection, unit: Uuid) -> Result<Clocks, Fault> {
    let standing = house.jurisdiction.standing(unit).unwrap_or(unit);
    let level = house.jurisdiction.today().node(standing).map_or(0, |node| node.level);
    let all = in_force(house, connection, standing, house.clock.today()).await?;
    let own = all.into_iter().find(|(clocks, _)| clocks.sender_level == level);
    Ok(own.map_or_else(|| Clocks::usual(level), |(clocks, _)| clocks))
}
