//! Between the contract's schedules and ours.

use chassis::{Violations, parse::quoted};
use chrono::NaiveTime;
use proto::screening as pb;

use super::{Clocks, LEVELS};

/// The longest clock, in minutes: a week.
const LONGEST: i32 = 7 * 24 * 60;

fn minutes(minutes: i32) -> Result<i32, String> {
    if (1..=LONGEST).contains(&minutes) {
        return Ok(minutes);
    }
    Err(format!("must be 1 to {LONGEST} minutes, is {minutes}"))
}

/// Clocks of the contract; nothing where any is wrong.
pub fn clocks(wrong: &mut Violations, said: &[pb::Clocks]) -> Vec<Clocks> {
    let mut all: Vec<Clocks> = Vec::with_capacity(said.len());
    if said.is_empty() {
        wrong.add("clocks", "must be one for each level of senders that has not the usual one");
    }
    for (nth, said) in said.iter().enumerate() {
        let under = |field: &str| format!("clocks[{nth}].{field}");
        let level = i16::try_from(said.sender_level).ok().filter(|level| LEVELS.contains(level));
        let level = level.ok_or_else(|| "must be the number of a level, 1 to 6".to_owned());
        let level = wrong.keep(&under("sender_level"), level).unwrap_or_default();
        if all.iter().any(|other| other.sender_level == level) {
            wrong.add(under("sender_level"), "is there twice");
        }
        let clock = NaiveTime::parse_from_str(&said.send_by, "%H:%M");
        let clock = clock.map_err(|_| format!("must be HH:MM, is {}", quoted(&said.send_by)));
        let mut keep =
            |field: &str, value: i32| wrong.keep(&under(field), minutes(value)).unwrap_or_default();
        all.push(Clocks {
            sender_level: level,
            acknowledge_minutes: keep("acknowledge_minutes", said.acknowledge_minutes),
            urgent_minutes: keep("urgent_minutes", said.urgent_minutes),
            verify_minutes: keep("verify_minutes", said.verify_minutes),
            step_minutes: keep("step_minutes", said.step_minutes),
            send_by: wrong.keep(&under("send_by"), clock).unwrap_or_default(),
        });
    }
    all
}

/// Clocks as the contract has them.
#[must_use]
pub fn shown(clocks: &Clocks) -> pb::Clocks {
    pb::Clocks {
        sender_level: clocks.sender_level.into(),
        send_by: clocks.send_by.format("%H:%M").to_string(),
        acknowledge_minutes: clocks.acknowledge_minutes,
        urgent_minutes: clocks.urgent_minutes,
        verify_minutes: clocks.verify_minutes,
        step_minutes: clocks.step_minutes,
    }
}
