//! Between the contract's checkpoints and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, NaiveDate, Utc};
use proto::screening as pb;
use uuid::Uuid;

use super::{Checkpoint, KINDS, SHIFTS, Tally, USUAL_SHIFTS, shift_state};
use crate::persons::parse::{UNITS, unit_name};

/// The collection of checkpoints' names.
pub const COLLECTION: &str = "checkpoints";

/// The resource name of a checkpoint.
#[must_use]
pub fn checkpoint_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// A checkpoint that is to be set up.
///
/// # Errors
/// Every violation.
pub fn setting_up(
    said: Option<&pb::Checkpoint>,
    today: NaiveDate,
    now: DateTime<Utc>,
) -> Result<Checkpoint, Fault> {
    let said = said.ok_or_else(|| Fault::invalid("checkpoint", "is required"))?;
    let mut wrong = Violations::default();
    let display_name = wrong.keep("checkpoint.display_name", parse::text(&said.display_name, 100));
    let kind = i16::try_from(said.kind).ok().filter(|kind| KINDS.contains(&i32::from(*kind)));
    let kind = kind.ok_or_else(|| "is required: where does it stand?".to_owned());
    let kind = wrong.keep("checkpoint.kind", kind);
    let unit = wrong.keep("checkpoint.responsible_unit", parse::name(UNITS, &said.responsible_unit));
    let starts_on = wrong.keep("checkpoint.start_date", parse::optional_date(&said.start_date)).flatten();
    let starts_on = starts_on.unwrap_or(today);
    let ends_on = wrong.keep("checkpoint.end_date", parse::optional_date(&said.end_date)).flatten();
    if ends_on.is_some_and(|last| last < starts_on) {
        wrong.add("checkpoint.end_date", "must not be before start_date");
    }
    let shifts = match said.shifts_a_day {
        0 => Ok(USUAL_SHIFTS),
        count if SHIFTS.contains(&count) => i16::try_from(count).map_err(|error| error.to_string()),
        count => Err(format!("must be 1 to 6, is {count}")),
    };
    let shifts_a_day = wrong.keep("checkpoint.shifts_a_day", shifts);
    wrong.refuse()?;
    let (Some(display_name), Some(kind), Some(unit), Some(shifts_a_day)) =
        (display_name, kind, unit, shifts_a_day)
    else {
        return Err(Fault::internal("what is wrong was not said"));
    };
    let display_name = display_name.trim().to_owned();
    Ok(Checkpoint {
        id: Uuid::now_v7(),
        unit,
        kind,
        display_name,
        starts_on,
        ends_on,
        shifts_a_day,
        created_at: now,
    })
}

/// A checkpoint as the contract has it.
#[must_use]
pub fn checkpoint(checkpoint: &Checkpoint) -> pb::Checkpoint {
    pb::Checkpoint {
        name: checkpoint_name(checkpoint.id),
        display_name: checkpoint.display_name.clone(),
        kind: checkpoint.kind.into(),
        responsible_unit: unit_name(checkpoint.unit),
        start_date: checkpoint.starts_on.to_string(),
        end_date: checkpoint.ends_on.map(|date| date.to_string()).unwrap_or_default(),
        shifts_a_day: checkpoint.shifts_a_day.into(),
        create_time: Some(parse::timestamp(checkpoint.created_at)),
    }
}

/// A shift as the contract has it.
#[must_use]
pub fn shift(
    (starts_at, ends_at): (DateTime<Utc>, DateTime<Utc>),
    tally: &Tally,
    now: DateTime<Utc>,
) -> pb::Shift {
    pb::Shift {
        start_time: Some(parse::timestamp(starts_at)),
        end_time: Some(parse::timestamp(ends_at)),
        state: shift_state(tally, ends_at, now) as i32,
        passed: tally.passed,
        from_outside: tally.from_outside,
        from_area: tally.from_area,
        febrile: tally.febrile,
        sent_down: tally.sent_down,
        nil_by: tally.nil_by.clone().unwrap_or_default(),
    }
}
