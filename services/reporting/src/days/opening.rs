//! Opening: what is expected is fixed, from the tree of the date (D2). Part by part, each in a short
//! transaction; any number of replicas may open the same day at once, and one that stops in the middle is
//! gone on from.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chassis::{Fault, clock};
use chrono::NaiveDate;
use jurisdiction::Tree;
use sqlx::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Day, Plan, ReadTo, State, lock_key, parse::day_name, store};
use crate::{
    forms::{
        Figures, Form, Kind,
        schedule::{Schedule, Times},
        store as forms, value,
    },
    house::{House, not_open},
    reports::{
        Standing, chase,
        store::{self as reports, Changes},
    },
    rollups::{
        Cells,
        store::{self as totals, Deltas},
    },
};

/// How long an opening waits for the registry to be heard of.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens a form's day, or goes on with an opening, or finds that it is open.
///
/// # Errors
/// DAY_NOT_OPEN where the form is not asked for on the date.
pub async fn open(house: &House, form: Uuid, date: NaiveDate) -> Result<Day, Fault> {
    let mut connection = house.database.pool().acquire().await?;
    let day = match store::by_date(&mut connection, form, date).await? {
        Some(day) => day,
        None => {
            drop(connection);
            begin(house, form, date).await?
        }
    };
    if day.state > State::Opening {
        return Ok(day);
    }
    let mut connection = house.database.pool().acquire().await?;
    let plan = house.plan_of(&mut connection, day).await?;
    drop(connection);
    let before = last_said(house, &plan).await?;
    for part in plan.day.opened_parts..plan.day.parts {
        open_part(house, &plan, before.as_deref(), part).await?;
    }
    let mut connection = house.database.pool().acquire().await?;
    let day = store::by_id(&mut connection, plan.day.id).await?.ok_or(Fault::Conflict)?;
    tracing::info!(form = plan.form.key, %date, expected = day.expected, "the day is open");
    Ok(day)
}

/// Records the day with its tree and times.
async fn begin(house: &House, form_id: Uuid, date: NaiveDate) -> Result<Day, Fault> {
    let began = clock::wall();
    let deadline = Instant::now() + PATIENCE;
    let mut changed = house.jurisdiction.changed();
    let heard = || {
        let positions = house.jurisdiction.positions();
        positions.len() == 2 && positions.iter().all(|position| position.heard_at >= began)
    };
    // What the registry knew when the date began is known here once it was heard of since.
    while !heard() && Instant::now() < deadline {
        let _ = tokio::time::timeout(Duration::from_millis(100), changed.changed()).await;
    }
    let behind = !heard();
    let tree = house.jurisdiction.tree(date);
    store::make_partitions(house.database.pool(), date).await?;

    let mut work = house.database.begin(None).await?;
    let form = forms::on(&mut work, form_id, date).await?.filter(|form| form.is_asked_on(date));
    let form = form.ok_or_else(|| not_open(form_id, date))?;
    let owner = tree.place(form.owner).ok_or_else(|| not_open(form_id, date))?;
    let overridden = forms::overridden(&mut work, form_id, date).await?.and_then(|over| over.0);
    let schedule = overridden.as_ref().unwrap_or(&form.definition.schedule);
    let position = house.jurisdiction.positions().into_iter().next();
    let day = Day {
        id: Uuid::now_v7(),
        form: form_id,
        date,
        form_version: form.version,
        state: State::Opening,
        tree: store::keep_tree(&mut work, &tree).await?,
        times: schedule.on(date, house.clock.zone()),
        closed_slots: vec![],
        reminded: 0,
        expected: 0,
        // The owner's own, then each unit right below it.
        parts: 1 + i32::try_from(tree.children(owner).count()).unwrap_or(i32::MAX),
        opened_parts: 0,
        opened_at: house.clock.now(),
        closed_at: None,
        opened_on: position.map(read_to).unwrap_or_default(),
        opened_behind: behind,
        pending: 0,
        version: 1,
    };
    store::insert(&mut work, &day).await?;
    work.commit().await?;
    let mut connection = house.database.pool().acquire().await?;
    store::by_date(&mut connection, form_id, date).await?.ok_or(Fault::Conflict)
}

/// How far a feed was followed, as it is remembered.
#[must_use]
pub fn read_to(position: jurisdiction::Position) -> ReadTo {
    ReadTo { feed: position.feed.to_owned(), token: position.token, heard_at: position.heard_at }
}

/// The day before that the form was asked on, if any of its fields is a stock.
async fn last_said(house: &House, plan: &Plan) -> Result<Option<Arc<Plan>>, Fault> {
    if !plan.form.definition.fields.iter().any(|field| field.kind == Kind::Stock) {
        return Ok(None);
    }
    let mut connection = house.database.pool().acquire().await?;
    let selection = store::Selection {
        form: Some(plan.form.id),
        state: None,
        start: None,
        end: Some(plan.day.date),
        after: None,
        limit: 1,
    };
    match store::list(&mut connection, &selection).await?.pop() {
        Some(day) => house.plan_of(&mut connection, day).await.map(Some),
        None => Ok(None),
    }
}

/// Writes the expectations and totals of one part, unless that was done.
async fn open_part(house: &House, plan: &Plan, before: Option<&Plan>, part: i32) -> Result<(), Fault> {
    let owner = plan.owner();
    let (first, end) = match part {
        0 => (owner, owner + 1),
        _ => {
            let nth = plan.tree.children(owner).nth(usize::try_from(part - 1).unwrap_or(usize::MAX));
            let place = nth.ok_or_else(|| Fault::internal("a part that is not there"))?;
            (place, plan.tree.at(place).map_or(place, |node| node.end))
        }
    };
    let mut work = house.database.begin(None).await?;
    store::lock(&mut work, &[lock_key(plan.day.id)], true).await?;
    let now = store::by_id(&mut work, plan.day.id).await?.ok_or(Fault::Conflict)?;
    if now.opened_parts != part {
        return Ok(());
    }
    let places: Vec<i32> = plan.reporting().filter(|place| (first..end).contains(place)).collect();
    let known = last_known(&mut work, plan, before, &places).await?;
    let slots = i16::try_from(plan.day.times.slots.len()).unwrap_or(i16::MAX);
    let mut expected = Vec::with_capacity(places.len());
    let mut sums: Deltas = plan
        .kept()
        .filter(|place| (first..end).contains(place))
        .map(|place| (place, Cells::none(plan.columns())))
        .collect();
    let mut above = Deltas::new();
    for place in places {
        let unit = plan.tree.at(place).map(|node| node.id).unwrap_or_default();
        let figures = known.get(&unit).cloned().unwrap_or_default();
        let cells = Cells::of(&Standing::awaited(figures.clone()), plan.columns());
        for slot in 0..slots {
            for kept in plan.kept_above(place) {
                let totals = if (first..end).contains(&kept) { &mut sums } else { &mut above };
                totals.entry(kept).or_insert_with(|| Cells::none(plan.columns())).add(&cells.0);
            }
            expected.push((place, slot, figures.clone()));
        }
    }
    reports::insert(&mut work, plan, &expected).await?;
    totals::insert(&mut work, plan, &sums).await?;
    reports::write(&mut work, plan, Changes::of_totals(&above)).await?;
    let count = i64::try_from(expected.len()).unwrap_or(i64::MAX);
    store::part_opened(&mut work, plan.day.id, count).await?;
    work.commit().await?;
    Ok(())
}

/// What is known of the stocks of some units from the day before (D8).
async fn last_known(
    connection: &mut sqlx::PgConnection,
    plan: &Plan,
    before: Option<&Plan>,
    places: &[i32],
) -> Result<HashMap<Uuid, Figures>, Fault> {
    let Some(before) = before else { return Ok(HashMap::new()) };
    let units: Vec<Uuid> = places.iter().filter_map(|place| Some(plan.tree.at(*place)?.id)).collect();
    let mut known: HashMap<Uuid, Figures> = HashMap::new();
    for (unit, said, last_known) in reports::said(connection, before, &units).await? {
        let figures = known.entry(unit).or_insert_with(|| vec![None; plan.columns()]);
        for field in plan.form.definition.fields.iter().filter(|field| field.kind == Kind::Stock) {
            // Of several slots the last that says it counts; where none does, what was known before.
            let said = value(&said, field.column);
            let figure = said.or(figures[field.column]).or_else(|| value(&last_known, field.column));
            figures[field.column] = figure;
        }
    }
    Ok(known)
}

/// Compares an open day with its date's tree as it is now: lists what came out different, and excuses
/// what was closed that day, with the reason.
///
/// # Errors
/// Where the database fails.
pub async fn compare(house: &House, plan: &Plan, now: &Tree) -> Result<(), Fault> {
    if now.digest() == plan.tree.digest() {
        return Ok(());
    }
    let at = house.clock.now();
    let mut found = Vec::new();
    let mut closed = Vec::new();
    for place in plan.reporting() {
        let Some(node) = plan.tree.at(place) else { continue };
        let parent = |tree: &Tree, id| {
            let parent = tree.node(id)?.parent?;
            Some(tree.at(parent)?.id)
        };
        if now.place(node.id).is_none() {
            found.push((node.id, 2, node.display_name.clone(), at));
            closed.push((node.id, place));
        } else if parent(now, node.id) != parent(&plan.tree, node.id) {
            found.push((node.id, 3, node.display_name.clone(), at));
        }
    }
    let new = now.nodes().iter().filter(|node| {
        node.level == plan.form.level
            && plan.tree.place(node.id).is_none()
            && now.contains(plan.form.owner, node.id)
    });
    found.extend(new.map(|node| (node.id, 1, node.display_name.clone(), at)));
    if found.is_empty() {
        return Ok(());
    }
    let mut work = house.database.begin(None).await?;
    store::lock(&mut work, &[lock_key(plan.day.id)], true).await?;
    let day = store::by_id(&mut work, plan.day.id).await?.ok_or(Fault::Conflict)?;
    let noted = store::note_differences(&mut work, plan.day.id, &found).await?;
    closed.retain(|(unit, _)| noted.contains(&(*unit, 2)));
    if day.state == State::Open && !closed.is_empty() {
        let plan = house.plan_of(&mut work, day).await?;
        let places: Vec<i32> = closed.into_iter().map(|(_, place)| place).collect();
        chase::excuse_places(&mut work, &plan, &places, None, "the unit was closed that day").await?;
    }
    work.commit().await?;
    Ok(())
}

/// Gives a day that is open the times of another schedule, or of the form's own again.
///
/// # Errors
/// DAY_CLOSED; [`Fault::Invalid`] for other slots than the day was opened with; where the database fails.
pub async fn reschedule(
    house: &House,
    connection: &mut PgConnection,
    form: &Form,
    date: NaiveDate,
    schedule: Option<&Schedule>,
) -> Result<(), Fault> {
    let Some(day) = store::by_date(connection, form.id, date).await? else { return Ok(()) };
    store::lock(connection, &[lock_key(day.id)], true).await?;
    let day = store::by_id(connection, day.id).await?.ok_or(Fault::Conflict)?;
    if day.state >= State::Closed {
        let (name, state) = (day_name(day.id), day.state.word().to_owned());
        let words = "is closed, and its times with it";
        return Err(Fault::unmet("DAY_CLOSED", name, words, vec![("state", state)]));
    }
    let times = schedule.unwrap_or(&form.definition.schedule).on(date, house.clock.zone());
    let keys = |times: &Times| times.slots.iter().map(|slot| slot.key.clone()).collect::<Vec<_>>();
    if keys(&times) != keys(&day.times) {
        return Err(Fault::invalid("schedule.slots", "must be the slots that the day was opened with"));
    }
    store::set_times(connection, day.id, &times).await
}
