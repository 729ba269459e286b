//! Hand-downs decide here: along which units a person goes, by when, and before whom silence is put.

pub mod address;
pub mod api;
pub mod ingest;
pub mod ops;
pub mod parse;
pub mod store;
pub mod verification;

use chrono::{DateTime, Days, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use jurisdiction::Tree;
use uuid::Uuid;

use crate::{
    escalations::Called,
    persons::Person,
    rules::day_start,
    schedules::{Clocks, TOWNSHIP},
};

/// Where lists come from: numbers as the contract has them.
pub const LISTS: std::ops::RangeInclusive<i32> = 1..=6;

/// How a hand-down stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum State {
    /// Gathered, to be sent.
    Created = 1,
    /// Sent, to be acknowledged.
    Sent = 2,
    /// Acknowledged, to be verified.
    Acknowledged = 3,
    /// Not found, to be found.
    NotFound = 4,
    /// Over.
    Closed = 5,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Created, Self::Sent, Self::Acknowledged, Self::NotFound, Self::Closed];

    /// The state of a number.
    #[must_use]
    pub fn of(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i16 == number)
    }
}

/// What a hand-down came to (H5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Outcome {
    /// Found.
    Found = 1,
    /// Not found.
    NotFound = 2,
    /// Lives elsewhere.
    WrongArea = 3,
    /// Has left.
    LeftArea = 4,
    /// Handed on to the next hop.
    PassedOn = 5,
    /// The person came into other hands.
    Overtaken = 6,
}

impl Outcome {
    /// The outcome of a number that verification may come to.
    #[must_use]
    pub fn asked(number: i32) -> Option<Self> {
        [Self::Found, Self::NotFound, Self::WrongArea, Self::LeftArea]
            .into_iter()
            .find(|outcome| *outcome as i32 == number)
    }
}

/// By what somebody outside the system has taken a person over (H6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Who.
    pub receiver: String,
    /// When.
    pub received_at: DateTime<Utc>,
    /// The number and title of the letter.
    pub letter: String,
}

/// One hop of a person's way.
#[derive(Clone, Debug)]
pub struct Handdown {
    /// The id.
    pub id: Uuid,
    /// The first hop.
    pub chain: Uuid,
    /// The person.
    pub person: Uuid,
    /// Whose hands the person is in.
    pub holder: Uuid,
    /// The first of those who are one.
    pub one: Uuid,
    /// The sender.
    pub from: Uuid,
    /// The receiver of this hop.
    pub to: Option<Uuid>,
    /// Where the chain is to end.
    pub last: Option<Uuid>,
    /// Whether it goes at once.
    pub urgent: bool,
    /// Whether the receiver said was closed since.
    pub readdressed: bool,
    /// How it stands.
    pub state: State,
    /// What it came to, as the contract numbers it.
    pub outcome: Option<i16>,
    /// Why, or the evidence.
    pub words: String,
    /// The next hop.
    pub next: Option<Uuid>,
    /// Minutes from acknowledging to verifying.
    pub verify_minutes: i32,
    /// Minutes of silence after which it goes on to the unit above the sender.
    pub step_minutes: i32,
    /// By when what is next must have happened.
    pub due_at: DateTime<Utc>,
    /// When it is next put before somebody.
    pub escalate_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who made it.
    pub created_by: String,
    /// When it was sent.
    pub sent_at: Option<DateTime<Utc>>,
    /// Who sent it.
    pub sent_by: String,
    /// When it was acknowledged.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// Who acknowledged it.
    pub acknowledged_by: String,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// Who said what it came to.
    pub verified_by: String,
    /// Who outside the system has the person now.
    pub receipt: Option<Receipt>,
}

impl Handdown {
    /// A hop that nobody has sent yet, of a person from whose hands it goes: the first, or the next after one.
    #[must_use]
    pub fn made(
        person: &Person,
        before: Option<&Self>,
        (by, now): (&str, DateTime<Utc>),
        (clocks, due_at): (&Clocks, DateTime<Utc>),
    ) -> Self {
        let id = Uuid::now_v7();
        Self {
            id,
            chain: before.map_or(id, |before| before.chain),
            person: person.id,
            holder: person.unit,
            one: person.same_as,
            from: person.unit,
            to: None,
            last: None,
            urgent: false,
            readdressed: false,
            state: State::Created,
            outcome: None,
            words: String::new(),
            next: None,
            verify_minutes: clocks.verify_minutes,
            step_minutes: clocks.step_minutes,
            due_at,
            escalate_at: Some(due_at),
            created_at: now,
            created_by: by.to_owned(),
            sent_at: None,
            sent_by: String::new(),
            acknowledged_at: None,
            acknowledged_by: String::new(),
            closed_at: None,
            verified_by: String::new(),
            receipt: None,
        }
    }

    /// Sends it: it is to be acknowledged by then.
    pub fn send(&mut self, by: &str, now: DateTime<Utc>, due_at: DateTime<Utc>) {
        self.state = State::Sent;
        self.sent_at = Some(now);
        by.clone_into(&mut self.sent_by);
        self.wait(due_at);
    }

    /// Acknowledges it: it is to be verified.
    pub fn acknowledge(&mut self, by: &str, now: DateTime<Utc>) {
        self.state = State::Acknowledged;
        self.acknowledged_at = Some(now);
        by.clone_into(&mut self.acknowledged_by);
        self.wait(now + TimeDelta::minutes(self.verify_minutes.into()));
    }

    /// Notes what it came to; all but who was not found is over then.
    pub fn close(&mut self, outcome: Outcome, words: &str, by: &str, now: DateTime<Utc>) {
        self.outcome = Some(outcome as i16);
        words.clone_into(&mut self.words);
        by.clone_into(&mut self.verified_by);
        if outcome == Outcome::NotFound {
            self.state = State::NotFound;
            self.wait(now);
        } else {
            self.state = State::Closed;
            self.closed_at = Some(now);
            self.escalate_at = None;
        }
    }

    /// Whether the chain had come as far as a unit, where it was to end, and went on: to come there again it must
    /// begin anew.
    #[must_use]
    pub fn is_ended_at(&self, unit: Uuid) -> bool {
        let onward = [Outcome::WrongArea, Outcome::LeftArea, Outcome::PassedOn].map(|outcome| outcome as i16);
        let was_last = self.to == Some(unit)
            && (self.last == Some(unit) || self.outcome == Some(Outcome::WrongArea as i16));
        was_last
            && self.state == State::Closed
            && self.outcome.is_some_and(|outcome| onward.contains(&outcome))
    }

    fn wait(&mut self, due_at: DateTime<Utc>) {
        self.due_at = due_at;
        self.escalate_at = Some(due_at);
    }

    /// Before whom silence is put at an instant, and when it goes on (H6); nothing while there is time.
    #[must_use]
    pub fn silence(&self, now: DateTime<Utc>) -> Option<Silence> {
        if self.state == State::Closed || now < self.due_at {
            return None;
        }
        let step = TimeDelta::minutes(self.step_minutes.into());
        let day = TimeDelta::days(1);
        let receiver = self.to.unwrap_or(self.from);
        let none = TimeDelta::zero();
        let all = Called::Answering;
        // Each is so many levels above a unit, who is called, and from which instant on.
        let steps = match self.state {
            State::Created => {
                [(self.from, 0, all, none), (self.from, 1, all, step), (self.from, 2, all, day)]
            }
            State::Sent => [
                (receiver, 0, Called::Deputy, none),
                (receiver, 0, Called::Leader, step),
                (self.from, 1, all, step * 2),
            ],
            State::Acknowledged | State::Closed => {
                [(receiver, 0, all, none), (receiver, 1, all, day), (receiver, 2, all, day * 2)]
            }
            State::NotFound => {
                [(receiver, 1, all, none), (receiver, 2, all, day), (receiver, 3, all, day * 2)]
            }
        };
        let passed = steps.iter().filter(|step| self.due_at + step.3 <= now).count();
        let (unit, level, calls, _) = *steps.get(passed.checked_sub(1)?)?;
        Some(Silence { unit, level, calls, next_at: steps.get(passed).map(|step| self.due_at + step.3) })
    }
}

/// The hour to which, and from which, a station's list goes (H2).
const STATION_HOUR: u32 = 16;

/// The window of a station's list that says none: the 24 hours up to the 16:00 that is nearest (H2).
#[must_use]
pub fn station_window(now: DateTime<Utc>, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
    let local = now.with_timezone(&zone);
    let is_today = local.hour() + 12 >= STATION_HOUR;
    let end = local.date_naive() - Days::new(u64::from(!is_today));
    let at = |date: chrono::NaiveDate| day_start(date, zone) + TimeDelta::hours(STATION_HOUR.into());
    (at(end - Days::new(1)), at(end))
}

/// Before whom silence is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Whose silence.
    pub unit: Uuid,
    /// How many levels above it.
    pub level: i16,
    /// Who is to be called.
    pub calls: Called,
    /// When it goes on.
    pub next_at: Option<DateTime<Utc>>,
}

/// The receiver of the next hop on the way from one unit to another (H6): downwards city, county and township
/// in turn, then the unit itself; sideways its township, unless that is the sender's own. Nothing where one of
/// them is not in the tree, or both are the same.
#[must_use]
pub fn next_hop(tree: &Tree, from: Uuid, to: Uuid) -> Option<Uuid> {
    let (start, end) = (tree.place(from)?, tree.place(to)?);
    if start == end {
        return None;
    }
    let is_high = |place: &i32| tree.at(*place).is_some_and(|node| node.level <= TOWNSHIP);
    // From the receiver upwards, as far as a unit that the sender stands below.
    let way: Vec<i32> = tree.upwards(end).take_while(|place| !contains(tree, *place, start)).collect();
    let hop = if contains(tree, start, end) {
        way.iter().rev().find(|place| is_high(place))
    } else {
        way.iter().find(|place| is_high(place))
    };
    tree.at(*hop.unwrap_or(&end)).map(|node| node.id)
}

/// Whether a place is another, or stands below it.
fn contains(tree: &Tree, outer: i32, inner: i32) -> bool {
    tree.at(outer).is_some_and(|node| outer <= inner && inner < node.end)
}

#[cfg(test)]
mod tests {
    use jurisdiction::tree::Seed;
    use proptest::prelude::*;

    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    /// A city of two counties of two townships of two villages of two grids.
    fn tree() -> Tree {
        let seed = |number: u128, level: i16, parent: Option<u128>| Seed {
            id: id(number),
            level,
            ordinal: i64::try_from(number).expect("small"),
            display_name: number.to_string(),
            parent: parent.map(id),
        };
        let mut seeds = vec![seed(1, 2, None)];
        for number in 2..32_u128 {
            let level = i16::try_from(number.ilog2()).expect("small") + 2;
            seeds.push(seed(number, level, Some(number / 2)));
        }
        Tree::build(seeds)
    }

    /// The units that a person goes along, the last being where the way ends.
    fn way(from: u128, to: u128) -> Vec<u128> {
        let tree = tree();
        let hops = std::iter::successors(Some(id(from)), |at| next_hop(&tree, *at, id(to)));
        hops.skip(1).map(|unit| unit.as_u128()).collect()
    }

    #[test]
    fn h6_never_straight_to_a_grid_past_its_township() {
        assert_eq!(way(1, 16), [2, 4, 16], "city, county, township, grid");
        assert_eq!(way(2, 8), [4, 8]);
        assert_eq!(way(4, 16), [16], "by its own township straight");
        assert_eq!(way(16, 17), [17], "within a village");
        assert_eq!(way(16, 31), [7, 31], "sideways by the township");
        assert_eq!(way(16, 3), [3], "to a county itself");
        assert_eq!(way(16, 2), [2], "upwards");
        assert_eq!(way(16, 16), [0_u128; 0]);
    }

    fn handdown(state: State) -> Handdown {
        let at = DateTime::UNIX_EPOCH;
        Handdown {
            id: id(1),
            chain: id(1),
            person: id(2),
            holder: id(3),
            one: id(2),
            from: id(3),
            to: Some(id(4)),
            last: Some(id(4)),
            urgent: false,
            readdressed: false,
            state,
            outcome: None,
            words: String::new(),
            next: None,
            verify_minutes: 60,
            step_minutes: 30,
            due_at: at,
            escalate_at: None,
            created_at: at,
            created_by: String::new(),
            sent_at: None,
            sent_by: String::new(),
            acknowledged_at: None,
            acknowledged_by: String::new(),
            closed_at: None,
            verified_by: String::new(),
            receipt: None,
        }
    }

    #[test]
    fn h6_silence_goes_to_the_receiver_then_to_the_unit_above_the_sender() {
        let sent = handdown(State::Sent);
        let after = |minutes| sent.silence(sent.due_at + TimeDelta::minutes(minutes));
        assert_eq!(after(-1), None, "there is time");
        let called = |minutes| after(minutes).map(|silence| (silence.unit, silence.level, silence.calls));
        assert_eq!(called(0), Some((id(4), 0, Called::Deputy)));
        assert_eq!(called(30), Some((id(4), 0, Called::Leader)));
        let last = after(60).expect("silence");
        assert_eq!((last.unit, last.level, last.next_at), (id(3), 1, None));
        let not_found = handdown(State::NotFound);
        assert_eq!(not_found.silence(not_found.due_at).map(|silence| silence.level), Some(1));
        assert_eq!(handdown(State::Closed).silence(sent.due_at + TimeDelta::days(9)), None);
    }

    proptest! {
        #[test]
        fn every_way_ends_where_it_is_to_end(from in 1_u128..32, to in 1_u128..32) {
            let way = way(from, to);
            prop_assert!(way.len() <= 4);
            prop_assert_eq!(way.last().copied().unwrap_or(to), to);
        }

        #[test]
        fn silence_never_goes_back(minutes in proptest::collection::vec(0_i64..5_000, 2), state in 1_i16..5) {
            let handdown = handdown(State::of(state).expect("a state"));
            let (early, late) = (minutes[0].min(minutes[1]), minutes[0].max(minutes[1]));
            let [early, late] = [early, late].map(|minutes| {
                handdown.silence(handdown.due_at + TimeDelta::minutes(minutes)).expect("silence")
            });
            prop_assert!(early.next_at.is_none() <= late.next_at.is_none());
            if early.unit == late.unit {
                prop_assert!(early.level <= late.level);
            }
        }
    }
}
