//! Schedules of the contract, checked.

use chassis::Violations;
use proto::reporting as pb;

use super::{label, slug};
use crate::forms::{
    Label,
    schedule::{Schedule, Slot},
};

/// Checks a schedule under a path.
pub fn schedule(wrong: &mut Violations, path: &str, asked: &pb::Schedule) -> Option<Schedule> {
    let mut inner = Violations::default();
    let minutes = -2_880..=7_200;
    let minute = |inner: &mut Violations, path: &str, value: i32| {
        if !minutes.contains(&value) {
            inner.add(path, "must be a minute from -2880 to 7200");
        }
    };
    minute(&mut inner, "window_start_minutes", asked.window_start_minutes);
    minute(&mut inner, "window_end_minutes", asked.window_end_minutes);
    if asked.window_end_minutes <= asked.window_start_minutes {
        inner.add("window_end_minutes", "must be after the start");
    }
    if asked.slots.is_empty() || asked.slots.len() > 24 {
        inner.add("slots", format!("must be 1 to 24, are {}", asked.slots.len()));
    }
    let mut slots: Vec<Slot> = Vec::with_capacity(asked.slots.len());
    for (at, slot) in asked.slots.iter().enumerate() {
        let mut own = Violations::default();
        let many = asked.slots.len() > 1;
        if many || !slot.key.is_empty() {
            own.keep("key", slug(&slot.key, 16).map(drop));
        }
        if slots.iter().any(|other| other.key == slot.key) {
            own.add("key", "must be unique in the schedule");
        }
        let label = if many || slot.label.is_some() {
            label(&mut own, "label", slot.label.as_ref())
        } else {
            Label::default()
        };
        if many && (slot.window_start_minutes.is_none() || slot.window_end_minutes.is_none()) {
            own.add("window_start_minutes", "and window_end_minutes are required of several slots");
        }
        let window_start = slot.window_start_minutes.unwrap_or(asked.window_start_minutes);
        let window_end = slot.window_end_minutes.unwrap_or(asked.window_end_minutes);
        if window_start >= window_end
            || window_start < asked.window_start_minutes
            || window_end > asked.window_end_minutes
        {
            own.add(
                "window_end_minutes",
                "the slot's window must lie within the form's, its end after its start",
            );
        }
        if slots.iter().any(|other| other.window_start < window_end && window_start < other.window_end) {
            own.add("window_start_minutes", "the windows of slots must not overlap");
        }
        for (path, value) in
            [("deadline_minutes", slot.deadline_minutes), ("hard_close_minutes", slot.hard_close_minutes)]
        {
            minute(&mut own, path, value);
        }
        if !(0..=1_440).contains(&slot.grace_minutes) {
            own.add("grace_minutes", "must be 0 to 1440");
        }
        if slot.hard_close_minutes < slot.deadline_minutes.saturating_add(slot.grace_minutes) {
            own.add("hard_close_minutes", "must not be before deadline and grace");
        }
        if slots.last().is_some_and(|last| slot.deadline_minutes < last.deadline) {
            own.add("deadline_minutes", "slots stand in the order of their deadlines");
        }
        if slot.reminder_minutes.len() > 8 || slot.reminder_minutes.iter().any(|m| !(1..=1_440).contains(m)) {
            own.add("reminder_minutes", "must be at most 8, each 1 to 1440");
        }
        inner.nest(&format!("slots[{at}]"), own);
        let mut reminders = slot.reminder_minutes.clone();
        reminders.sort_unstable_by(|a, b| b.cmp(a));
        slots.push(Slot {
            key: slot.key.clone(),
            label,
            window_start,
            window_end,
            deadline: slot.deadline_minutes,
            grace: slot.grace_minutes,
            hard_close: slot.hard_close_minutes,
            reminders,
        });
    }
    if let Some(seal) = asked.seal_minutes {
        minute(&mut inner, "seal_minutes", seal);
        if slots.iter().any(|slot| slot.hard_close > seal) {
            inner.add("seal_minutes", "must not be before the last hard close");
        }
    }
    let good = inner.is_empty();
    wrong.nest(path, inner);
    good.then(|| Schedule {
        window_start: asked.window_start_minutes,
        window_end: asked.window_end_minutes,
        cut_off: asked.cut_off_minutes.unwrap_or(asked.window_end_minutes),
        slots,
        seal: asked.seal_minutes,
    })
}
