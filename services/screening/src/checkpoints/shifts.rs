//! Shifts that are over: each is noted when it ends, so that one of which nothing was said is put before somebody.

use chassis::Fault;
use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;

use super::{Checkpoint, Shift, store};
use crate::house::House;

/// How many checkpoints are looked at in one transaction.
const AT_ONCE: i64 = 500;

/// Notes every shift that is over now, of the checkpoints of which one is.
///
/// # Errors
/// Where the database fails.
pub async fn end(house: &House) -> Result<(), Fault> {
    let (now, zone) = (house.clock.now(), house.clock.zone());
    let mut work = house.database.begin(None).await?;
    for (checkpoint, since) in store::ending(&mut work, now, AT_ONCE).await? {
        let (over, next) = over(&checkpoint, since, now, zone);
        store::end(&mut work, checkpoint.id, &over, next).await?;
    }
    work.commit().await?;
    Ok(())
}

/// The shifts that end from an instant to another, and when the one after them ends.
fn over(
    checkpoint: &Checkpoint,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
    zone: Tz,
) -> (Vec<Shift>, Option<DateTime<Utc>>) {
    let date = |instant: DateTime<Utc>| instant.with_timezone(&zone).date_naive();
    // A shift that ends with a day belongs to the day before.
    let first = checkpoint.starts_on.max(date(since) - Days::new(1));
    let last = date(now).max(checkpoint.starts_on) + Days::new(1);
    let days = first.iter_days().take_while(|day| *day <= last);
    let mut over = Vec::new();
    for shift in days.flat_map(|day| checkpoint.shifts_on(day, zone)).filter(|shift| shift.1 >= since) {
        if shift.1 > now {
            return (over, Some(shift.1));
        }
        over.push(shift);
    }
    (over, None)
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, TimeDelta};
    use chrono_tz::Asia::Shanghai;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    proptest! {
        #[test]
        fn d1_every_shift_of_the_plan_is_noted_once_however_often_is_looked(
            days in 1_u64..4, count in 1_i16..6, hours in proptest::collection::vec(1_i64..30, 1..20),
        ) {
            let starts_on: NaiveDate = "2020-02-28".parse().expect("a date");
            let checkpoint = Checkpoint {
                id: Uuid::nil(),
                unit: Uuid::nil(),
                kind: 4,
                display_name: String::new(),
                starts_on,
                ends_on: Some(starts_on + Days::new(days - 1)),
                shifts_a_day: count,
                changes: vec![(starts_on + Days::new(1), 2)],
                created_at: DateTime::UNIX_EPOCH,
                version: 1,
            };
            let all: Vec<Shift> = (0..days).flat_map(|day| checkpoint.shifts_on(starts_on + Days::new(day), Shanghai)).collect();
            let mut now = all[0].0;
            let (mut noted, mut next) = (Vec::new(), Some(DateTime::UNIX_EPOCH));
            for hours in hours {
                now += TimeDelta::hours(hours);
                if let Some(since) = next.filter(|next| *next <= now) {
                    let (over, after) = over(&checkpoint, since, now, Shanghai);
                    noted.extend(over);
                    next = after;
                }
            }
            let ended: Vec<Shift> = all.into_iter().filter(|shift| shift.1 <= now).collect();
            prop_assert_eq!(noted, ended);
        }
    }
}
