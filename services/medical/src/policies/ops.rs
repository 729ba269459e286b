//! What counts where, for whoever decides by it.

use std::collections::HashMap;

use chassis::Fault;
use chrono::TimeDelta;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Kind, Set, in_force, store};
use crate::{
    facilities,
    house::House,
    wards::{self, BedClass},
};

/// For how long a count of a class counts at a unit (M10).
#[must_use]
pub fn figure_counts(house: &House, set: &[Set], unit: Uuid, class: i16) -> TimeDelta {
    let class = BedClass::of(class.into()).unwrap_or(BedClass::Icu);
    let areas = house.sight(unit).ancestors;
    TimeDelta::hours(in_force(set, &areas, Kind::FigureHours(class)).0.into())
}

/// After how many failed calls a phone of a facility is marked.
///
/// # Errors
/// Where the database fails.
pub async fn failed_calls(
    house: &House,
    connection: &mut PgConnection,
    facility: Uuid,
) -> Result<i32, Fault> {
    let set = store::all(connection).await?;
    let facility = facilities::store::some(connection, &[facility]).await?.pop();
    let areas = facility.map(|facility| house.sight(facility.unit).ancestors).unwrap_or_default();
    Ok(in_force(&set, &areas, Kind::FailedCalls).0)
}

/// Writes anew until when the counts of wards are fresh, of the facilities that an area sees, or of all: by what counts
/// where they stand now. Only what is otherwise is written.
///
/// # Errors
/// Where the database fails.
pub async fn refresh(house: &House, connection: &mut PgConnection, area: Option<Uuid>) -> Result<(), Fault> {
    let counted = wards::store::counted(connection, area).await?;
    let set = store::all(connection).await?;
    let mut hours: HashMap<(Uuid, i16), TimeDelta> = HashMap::new();
    let mut changed = Vec::new();
    for ward in counted {
        let counts = hours
            .entry((ward.unit, ward.bed_class))
            .or_insert_with(|| figure_counts(house, &set, ward.unit, ward.bed_class));
        let stale_at = ward.since + *counts;
        if stale_at != ward.stale_at {
            changed.push(wards::store::Counted { stale_at, ..ward });
        }
    }
    if changed.is_empty() { Ok(()) } else { wards::store::refresh(connection, &changed).await }
}
