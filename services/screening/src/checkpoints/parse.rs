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
    let shifts_a_day = wrong.keep("checkpoint.shifts_a_day", shifts(said.shifts_a_day));
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
        changes: Vec::new(),
        created_at: now,
        version: 1,
    })
}

fn shifts(said: i32) -> Result<i16, String> {
    match said {
        0 => Ok(USUAL_SHIFTS),
        count if SHIFTS.contains(&count) => i16::try_from(count).map_err(|error| error.to_string()),
        count => Err(format!("must be 1 to 6, is {count}")),
    }
}

/// What may be changed of a checkpoint.
const CHANGEABLE: [&str; 3] = ["display_name", "end_date", "shifts_a_day"];

/// Which checkpoint an update is of, and the version that was read.
///
/// # Errors
/// A name that is none, an empty or unknown mask.
pub fn update(request: &pb::UpdateCheckpointRequest) -> Result<(Uuid, String), Fault> {
    let said = request.checkpoint.as_ref().ok_or_else(|| Fault::invalid("checkpoint", "is required"))?;
    let mut wrong = Violations::default();
    let id = wrong.name("checkpoint.name", COLLECTION, &said.name);
    let _ = parse::mask(&mut wrong, request.update_mask.as_ref(), &CHANGEABLE);
    wrong.refuse()?;
    Ok((id, said.etag.clone()))
}

/// A checkpoint after an update; a change of the shifts holds from tomorrow on.
///
/// # Errors
/// Every violation.
pub fn updated(
    request: &pb::UpdateCheckpointRequest,
    known: &Checkpoint,
    today: NaiveDate,
) -> Result<Checkpoint, Fault> {
    let said = request.checkpoint.as_ref().ok_or_else(|| Fault::invalid("checkpoint", "is required"))?;
    let mut wrong = Violations::default();
    let asked = parse::mask(&mut wrong, request.update_mask.as_ref(), &CHANGEABLE);
    let mut checkpoint = known.clone();
    if asked("display_name") {
        let name = wrong.keep("checkpoint.display_name", parse::text(&said.display_name, 100));
        name.unwrap_or_default().trim().clone_into(&mut checkpoint.display_name);
    }
    if asked("end_date") {
        checkpoint.ends_on =
            wrong.keep("checkpoint.end_date", parse::optional_date(&said.end_date)).flatten();
        if checkpoint.ends_on.is_some_and(|last| last < checkpoint.starts_on) {
            wrong.add(
                "checkpoint.end_date",
                format!("must not be before its first day, {}", checkpoint.starts_on),
            );
        }
    }
    if asked("shifts_a_day") {
        let count = wrong.keep("checkpoint.shifts_a_day", shifts(said.shifts_a_day));
        let tomorrow = today + chrono::Days::new(1);
        checkpoint.change_shifts(count.unwrap_or_default(), tomorrow.max(checkpoint.starts_on));
    }
    wrong.refuse()?;
    Ok(checkpoint)
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
        shifts_a_day: checkpoint.shifts_said().into(),
        create_time: Some(parse::timestamp(checkpoint.created_at)),
        etag: parse::etag(checkpoint.version),
    }
}

/// A shift as the contract has it.
#[must_use]
pub fn shift(
    (starts_at, ends_at): (DateTime<Utc>, DateTime<Utc>),
    tally: &Tally,
    outside_plan: bool,
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
        tested: tally.tested,
        positive: tally.positive,
        untested: tally.untested,
        outside_plan,
    }
}
