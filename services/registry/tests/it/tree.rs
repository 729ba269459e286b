//! The tree against a simple model: whatever is created, moved and closed in whatever order, every day's
//! tree is a tree, and a change changes what it says and nothing else.

use std::collections::BTreeMap;

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use proto::registry::{self as pb, Level};
use registry::units::segment;
use sqlx::PgConnection;
use tests::{Sandbox, new_unit, request_id};
use tokio::runtime::Runtime;
use tonic::{Code, Status};

/// How many days the changes are about, from 3 February 2020 on.
const DAYS: i32 = 5;

/// A step; units are meant by their places in the list of those made so far.
#[derive(Clone, Debug)]
enum Step {
    Create { parent: prop::sample::Index, below: i32, day: i32 },
    Move { unit: prop::sample::Index, to: prop::sample::Index, wild: bool, day: i32 },
    Close { unit: prop::sample::Index, day: i32 },
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (index(), 0..=2, 0..DAYS).prop_map(|(parent, below, day)| Step::Create { parent, below, day }),
        // A wild move may be to any unit, one that stands lower too.
        6 => (index(), index(), prop::bool::weighted(0.2), 0..DAYS)
            .prop_map(|(unit, to, wild, day)| Step::Move { unit, to, wild, day }),
        1 => (index(), 0..DAYS).prop_map(|(unit, day)| Step::Close { unit, day }),
    ]
}

/// How a unit stands on a day.
#[derive(Clone, Debug, PartialEq)]
struct Stand {
    parent: Option<String>,
    path: String,
    active: bool,
}

/// Every unit on every day: by name and day.
type Days = BTreeMap<(String, i32), Stand>;

/// Unit, day, parent, path, status, ordinal and level.
type Row = (String, i32, Option<String>, String, i16, i64, i16);

fn date(day: i32) -> String {
    format!("2020-02-{:02}", 3 + day)
}

/// Reads every day's tree, and checks that it is one.
async fn days(sql: &mut PgConnection) -> Days {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT 'units/' || u.id, d.day, 'units/' || p.parent_id, p.path, s.status, u.ordinal, u.level
         FROM registry.unit u CROSS JOIN generate_series(0, $1) AS d(day)
         JOIN registry.unit_status s ON s.unit_id = u.id AND s.valid @> (date '2020-02-03' + d.day)
         LEFT JOIN registry.unit_place p ON p.unit_id = u.id AND p.valid @> (date '2020-02-03' + d.day)
         ORDER BY p.path",
    )
    .bind(DAYS)
    .fetch_all(sql)
    .await
    .expect("every unit has a place on every day of its life");
    let levels: BTreeMap<_, _> = rows.iter().map(|row| (row.0.clone(), row.6)).collect();
    let ordinals: BTreeMap<_, _> = rows.iter().map(|row| (row.0.clone(), row.5)).collect();
    let mut days = Days::new();
    for (unit, day, parent, path, status, _, _) in rows {
        let stand = Stand { parent, path, active: status == 1 };
        assert_eq!(days.insert((unit, day), stand), None, "one place a day");
    }
    for ((unit, day), stand) in &days {
        let above = stand.parent.as_ref().map(|parent| &days[&(parent.clone(), *day)]);
        let numbered = format!("{}{}", above.map_or("", |above| &above.path), segment(ordinals[unit]));
        assert_eq!(stand.path, numbered, "{unit} on day {day}: right below its parent, so in no cycle");
        assert!(
            above.is_none_or(|above| above.active || !stand.active),
            "{unit} below a closed one, day {day}"
        );
        let parent = stand.parent.as_ref().map_or(0, |parent| levels[parent]);
        assert!(parent < levels[unit], "{unit} below one of its level, day {day}");
    }
    days
}

/// Whether a move is plainly right: the target is at work on every day from then on and is never moved,
/// stands higher and not below the unit, and the unit's own place is not moved later either.
fn plainly_right(days: &Days, unit: &(String, i32), to: &(String, i32), day: i32) -> bool {
    let stands = |name: &str| -> Vec<_> {
        (day..=DAYS).filter_map(|day| days.get(&(name.to_owned(), day))).cloned().collect()
    };
    let (own, target) = (stands(&unit.0), stands(&to.0));
    let still = |stands: &[Stand]| {
        stands.len() == usize::try_from(DAYS - day + 1).unwrap_or(0)
            && stands.iter().all(|stand| stand == &stands[0])
    };
    still(&own)
        && still(&target)
        && own[0].parent.is_some()
        && target[0].active
        && to.1 < unit.1
        && !target[0].path.starts_with(&own[0].path)
}

async fn change(sandbox: &Sandbox, unit: pb::Unit, path: &str, day: i32) -> Result<(), Status> {
    let request = pb::UpdateUnitRequest {
        request_id: request_id(),
        unit: Some(unit),
        update_mask: Some(prost_types::FieldMask { paths: vec![path.to_owned()] }),
        effective_date: date(day),
        ..pb::UpdateUnitRequest::default()
    };
    sandbox.registry().units().update_unit(request).await.map(drop)
}

/// The units made so far, by name, and their levels. The root is the first.
struct Made(Vec<(String, i32)>);

impl Made {
    async fn create(&mut self, sandbox: &Sandbox, above: usize, level: i32, day: i32) -> Result<(), Status> {
        let level = Level::try_from(level.min(Level::Grid as i32)).expect("a level");
        let unit = pb::NewUnit { start_date: date(day), ..new_unit(&self.0[above].0, level, "某地") };
        let request = pb::CreateUnitRequest { request_id: request_id(), unit: Some(unit) };
        let made = sandbox.registry().units().create_unit(request).await?.into_inner();
        self.0.push((made.unit.expect("a unit").name, level.into()));
        Ok(())
    }

    /// Where a unit is moved to: to one that stands higher, unless the move is wild.
    fn target(&self, unit: &(String, i32), to: prop::sample::Index, wild: bool) -> (String, i32) {
        let fit = self.0.iter().filter(|one| wild || one.1 < unit.1);
        let fit: Vec<_> = fit.collect();
        if fit.is_empty() { self.0[0].clone() } else { (*to.get(&fit)).clone() }
    }
}

async fn play(sandbox: &Sandbox, sql: &mut PgConnection, steps: Vec<Step>) {
    let mut made = Made(vec![(sandbox.root.clone(), Level::City as i32)]);
    for (above, level) in [(0, 3), (0, 3), (1, 4), (2, 4), (3, 5), (4, 5), (5, 6)] {
        made.create(sandbox, above, level, 0).await.expect("a small tree to begin with");
    }
    let mut before = days(sql).await;
    for step in steps {
        let said = format!("{step:?}");
        // The root is left alone: below a closed root there is nothing to try.
        let pick = |index: &prop::sample::Index| index.get(&made.0[1..]).clone();
        let answer = match &step {
            Step::Create { parent, below, day } => {
                let above = parent.index(made.0.len());
                let level = made.0[above].1 + below;
                made.create(sandbox, above, level, *day).await
            }
            Step::Move { unit, to, wild, day } => {
                let unit = pick(unit);
                let (parent_unit, _) = made.target(&unit, *to, *wild);
                let moved = pb::Unit { name: unit.0.clone(), parent_unit, ..pb::Unit::default() };
                change(sandbox, moved, "parent_unit", *day).await
            }
            Step::Close { unit, day } => {
                let status = pb::UnitStatus::Closed.into();
                let closed = pb::Unit { name: pick(unit).0, status, ..pb::Unit::default() };
                change(sandbox, closed, "status", *day).await
            }
        };
        let after = days(sql).await;
        if let Err(refused) = &answer {
            assert!(matches!(refused.code(), Code::FailedPrecondition | Code::NotFound), "{said}: {refused}");
            assert_eq!(after, before, "{said}: what is refused changes nothing");
        }
        match step {
            Step::Create { .. } => {
                let kept = after.iter().filter(|(key, _)| before.contains_key(key));
                assert!(kept.eq(before.iter()), "{said}: a new unit changes no other");
            }
            Step::Move { unit, to, wild, day } => {
                let unit = unit.get(&made.0[1..]);
                let to = made.target(unit, to, wild);
                assert!(
                    answer.is_ok() || !plainly_right(&before, unit, &to, day),
                    "{said} is right and was refused: {answer:?}"
                );
                // A move holds until the next one of the unit itself, whatever moves above it.
                let stays = |on: i32| before.get(&(unit.0.clone(), on)).map(|stand| &stand.parent);
                let holds =
                    (day..=DAYS).take_while(|on| stays(*on).is_some_and(|was| Some(was) == stays(day)));
                let holds = day..day + i32::try_from(holds.count()).unwrap();
                for ((name, on), stand) in &after {
                    let was = &before[&(name.clone(), *on)];
                    let moved = answer.is_ok() && *name == unit.0 && holds.contains(on);
                    assert!(*on >= day || stand == was, "{said}: what was stays");
                    assert!(*name == unit.0 || stand.parent == was.parent, "{said}: {name} keeps its parent");
                    assert!(
                        !moved || stand.parent.as_ref() == Some(&to.0),
                        "{said}: {name} stands where it was put"
                    );
                }
            }
            Step::Close { unit, day } => {
                let closed = after.get(&(unit.get(&made.0[1..]).0.clone(), day));
                assert!(answer.is_err() || closed.is_some_and(|stand| !stand.active), "{said}");
            }
        }
        before = after;
    }
}

#[test]
fn whatever_happens_to_a_tree_it_stays_one_on_every_day() {
    let runtime = Runtime::new().expect("a runtime");
    let config = Config { cases: 12, failure_persistence: None, max_shrink_iters: 40, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[3; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let played = runner.run(&prop::collection::vec(step(), 10..40), |steps| {
        let sandbox = runtime.block_on(Sandbox::start(&[]));
        let told = format!("{steps:?}");
        let run = std::panic::AssertUnwindSafe(|| {
            runtime.block_on(async {
                let mut sql = sandbox.sql().await;
                play(&sandbox, &mut sql, steps).await;
            });
        });
        std::panic::catch_unwind(run).map_err(|cause| {
            let words = cause.downcast_ref::<String>().cloned().unwrap_or_default();
            TestCaseError::fail(format!("{words}\n{told}"))
        })
    });
    if let Err(error) = played {
        panic!("{error}");
    }
}
