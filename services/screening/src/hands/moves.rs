//! Units that were moved decide here: what was in their hands is listed until whoever stands at or above the new parent has
//! taken it over. Who answers for it stays the same; what may fall through is that nobody above knows what there is.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

/// How long taking over may take before it is put before the unit above the new parent, too: usual, not read [K].
pub const TAKEN_OVER_WITHIN: TimeDelta = TimeDelta::days(1);

/// A unit that stands below another one than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The id.
    pub id: Uuid,
    /// The unit.
    pub unit: Uuid,
    /// Below which it stands now.
    pub parent: Uuid,
    /// Since when.
    pub moved_on: NaiveDate,
    /// When it was noted here: whatever began by then is to be taken over.
    pub noted_at: DateTime<Utc>,
    /// Until when it must be taken over.
    pub deadline_at: DateTime<Utc>,
    /// When it was taken over, or overtaken by another move.
    pub settled_at: Option<DateTime<Utc>>,
    /// Who took it over; nobody where another move overtook it.
    pub settled_by: String,
    /// Why, in words.
    pub reason: String,
}

/// Of the ways upwards from one unit, before and now, the unit on them that stands below another one now, and that one;
/// nothing where something only came above what nothing stood above.
#[must_use]
pub fn moved(before: &[Uuid], now: &[Uuid]) -> Option<(Uuid, Uuid)> {
    let alike = before.iter().zip(now).take_while(|(before, now)| before == now).count();
    let unit = now.get(alike.checked_sub(1)?)?;
    before.get(alike).and(now.get(alike)).map(|parent| (*unit, *parent))
}

/// The last of some moves of a unit or of one above it that concerns what began at an instant.
pub fn concerning(
    moves: &[Move],
    upwards: impl Iterator<Item = Uuid>,
    began_at: DateTime<Utc>,
) -> Option<&Move> {
    let of = |unit: Uuid| moves.iter().find(|one| one.unit == unit && began_at <= one.noted_at);
    upwards.filter_map(of).max_by_key(|one| (one.noted_at, one.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_that_was_moved_is_the_last_up_to_which_the_ways_are_alike() {
        let [grid, village, town, other, county] = [1, 2, 3, 4, 5].map(Uuid::from_u128);
        let before = [grid, village, town, county];
        assert_eq!(moved(&before, &[grid, village, other, county]), Some((village, other)));
        assert_eq!(moved(&before, &[grid, other, town, county]), Some((grid, other)));
        assert_eq!(
            moved(&before, &[grid, village, county]),
            Some((village, county)),
            "right below the county"
        );
        assert_eq!(moved(&before, &before), None);
        assert_eq!(moved(&[grid, village], &before), None, "nothing stood above it before");
        assert_eq!(moved(&[], &before), None);
    }

    #[test]
    fn what_began_after_a_move_was_noted_was_never_the_old_parent_s() {
        let at = |hour| DateTime::UNIX_EPOCH + TimeDelta::hours(hour);
        let one = |unit: u128, hour| Move {
            id: Uuid::from_u128(unit),
            unit: Uuid::from_u128(unit),
            parent: Uuid::nil(),
            moved_on: NaiveDate::MIN,
            noted_at: at(hour),
            deadline_at: at(hour) + TAKEN_OVER_WITHIN,
            settled_at: None,
            settled_by: String::new(),
            reason: String::new(),
        };
        let moves = [one(2, 1), one(3, 5)];
        let found = |began| {
            let upwards = [1, 2, 3].map(Uuid::from_u128).into_iter();
            concerning(&moves, upwards, at(began)).map(|one| one.unit.as_u128())
        };
        assert_eq!((found(1), found(2), found(6)), (Some(3), Some(3), None));
        assert_eq!(concerning(&moves, [Uuid::nil()].into_iter(), at(0)), None);
    }
}
