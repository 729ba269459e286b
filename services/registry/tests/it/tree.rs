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
    Create { parent: prop::sample::Index, level: i32, day: i32 },
    Move { unit: prop::sample::Index, to: prop::sample::Index, day: i32 },
    Close { unit: prop::sample::Index, day: i32 },
}

fn step() -> impl Strategy<Value = Step> {
    use prop::sample::Index;
    let (county, grid) = (Level::County as i32, Level::Grid as i32);
    prop_oneof![
        5 => (any::<Index>(), county..=grid, 0..DAYS)
            .prop_map(|(parent, level, day)| Step::Create { parent, level, day }),
        4 => (any::<Index>(), any::<Index>(), 0..DAYS).prop_map(|(unit, to, day)| Step::Move { unit, to, day }),
        1 => (any::<Index>(), 0..DAYS).prop_map(|(unit, day)| Step::Close { unit, day }),
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

fn date(day: i32) -> String {
    format!("2020-02-{:02}", 3 + day)
}

/// Reads every day's tree, and checks that it is one.
async fn days(sql: &mut PgConnection) -> Days {
    let rows: Vec<(String, i32, Option<String>, String, i16, i64, i16)> = sqlx::query_as(
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
fn plainly_right(days: &Days, levels: &BTreeMap<String, i32>, unit: &str, to: &str, day: i32) -> bool {
    let stands = |name: &str| -> Vec<_> {
        (day..=DAYS).filter_map(|day| days.get(&(name.to_owned(), day))).cloned().collect()
    };
    let (own, target) = (stands(unit), stands(to));
    let still = |stands: &[Stand]| {
        stands.len() == usize::try_from(DAYS - day + 1).unwrap_or(0)
            && stands.iter().all(|stand| stand == &stands[0])
    };
    still(&own)
        && still(&target)
        && own[0].parent.is_some()
        && target[0].active
        && levels[to] < levels[unit]
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

async fn play(sandbox: &Sandbox, sql: &mut PgConnection, steps: Vec<Step>) {
    let mut units = vec![sandbox.root.clone()];
    let mut levels = BTreeMap::from([(sandbox.root.clone(), Level::City as i32)]);
    let mut before = days(sql).await;
    for step in steps {
        let said = format!("{step:?}");
        let answer = match &step {
            Step::Create { parent, level, day } => {
                let level = Level::try_from(*level).expect("a level");
                let above: &String = parent.get(&units);
                let unit = pb::NewUnit { start_date: date(*day), ..new_unit(above, level, "某地") };
                let request = pb::CreateUnitRequest { request_id: request_id(), unit: Some(unit) };
                let made = sandbox.registry().units().create_unit(request).await;
                made.map(|made| {
                    let made = made.into_inner().unit.expect("a unit");
                    levels.insert(made.name.clone(), made.level);
                    units.push(made.name);
                })
            }
            Step::Move { unit, to, day } => {
                let (name, parent_unit) = (unit.get(&units).clone(), to.get(&units).clone());
                let unit = pb::Unit { name, parent_unit, ..pb::Unit::default() };
                change(sandbox, unit, "parent_unit", *day).await
            }
            Step::Close { unit, day } => {
                let status = pb::UnitStatus::Closed.into();
                let unit = pb::Unit { name: unit.get(&units).clone(), status, ..pb::Unit::default() };
                change(sandbox, unit, "status", *day).await
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
            Step::Move { unit, to, day } => {
                let (unit, to) = (unit.get(&units), to.get(&units));
                assert!(
                    answer.is_ok() || !plainly_right(&before, &levels, unit, to, day),
                    "{said} is right and was refused: {answer:?}"
                );
                for ((name, on), stand) in &after {
                    let was = &before[&(name.clone(), *on)];
                    let moved = answer.is_ok() && name == unit && *on == day;
                    assert!(*on >= day || stand == was, "{said}: what was stays");
                    assert!(name == unit || stand.parent == was.parent, "{said}: {name} keeps its parent");
                    assert!(
                        !moved || stand.parent.as_ref() == Some(to),
                        "{said}: {name} stands where it was put"
                    );
                }
            }
            Step::Close { unit, day } => {
                let closed = after.get(&(unit.get(&units).clone(), day));
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
        let sandbox = runtime.block_on(Sandbox::start());
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
