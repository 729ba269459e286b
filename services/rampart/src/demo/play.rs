//! The whole play, step by step. Every step may be repeated: what was done is found or recognised by its
//! request_id, so that a run goes on from where another stopped.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use proto::{registry, reporting as pb};

use super::{
    bulletins, days, epidemic, follow_up,
    forms::{self, EPIDEMIC_DAY, Forms, GRID_DAY},
    grids,
    journal::{Journal, Told},
    laws,
    laws::Laws,
    officers, order13,
    persons::{self, Persons},
    send::{self, Sent},
    stage::{DATE, Stage},
    tree::{Official, Town},
    units,
    walk::Tree,
    week,
};
use crate::{client, output};

/// The step of the journal that has the persons of 3 February.
const PERSONS: &str = "persons of 3 February";

/// What was played, and what it came to.
#[derive(Debug)]
pub struct Outcome {
    /// The tree.
    pub tree: Tree,
    /// How many appointments are in force.
    pub appointments: usize,
    /// Required offices that nobody holds.
    pub vacancies: Vec<registry::Vacancy>,
    /// How long until the relieved leader was refused at the registry and at reporting; nothing where a run that was
    /// cut off replaced them.
    pub refused_after: Option<(Duration, Duration)>,
    /// The reports of the grids in time; nothing where a run that was cut off sent them.
    pub sent: Option<Sent>,
    /// How many of the missing were chased.
    pub chased: usize,
    /// The report that was returned and came back.
    pub returned: pb::Report,
    /// The report that came after the close, and the one that was corrected.
    pub after: (pb::Report, pb::Report),
    /// The grids that have not reported, with whom to call: on a later run without the one that came after.
    pub missing: Vec<pb::MissingReport>,
    /// The grid day's totals as sealed first: the city, its counties, and their towns.
    pub grid_day: Vec<pb::Rollup>,
    /// The grid day's total of the city as sealed last, after what came later.
    pub amended: Option<pb::Rollup>,
    /// The epidemic day's totals as sealed: the city, its counties, and their towns.
    pub epidemic_day: Vec<pb::Rollup>,
    /// How many figures of the epidemic day are others than the registers have, and how many of them are unexplained.
    pub differences: (usize, usize),
    /// The seals of both forms: key and seal.
    pub seals: Vec<(&'static str, pb::Seal)>,
    /// What was done for persons on 3 February, and what it came to.
    pub persons: Told,
    /// What the proofs came to on the morning of 4 February.
    pub morning: Laws,
    /// The persons of the week to 11 February.
    pub week: Told,
    /// The afternoon of Order No. 13.
    pub order13: Told,
    /// What the proofs came to at the end.
    pub laws: Laws,
    /// How many bulletins were kept.
    pub bulletins: usize,
    /// How long it took.
    pub took: Duration,
}

/// Plays the day, and for persons the week, in a city of these towns; bulletins are kept in a folder.
///
/// # Errors
/// A refusal.
pub async fn play(
    stage: &Stage,
    (towns, official): (&[Town], &Official),
    journal: &Journal,
    folder: &Path,
) -> anyhow::Result<Outcome> {
    let began = Instant::now();
    units::build(&stage.registry, towns, official).await?;
    officers::fill(&stage.registry).await?;
    let tree = Tree::read(&stage.registry).await?;
    output::say("3 February 00:00: the forms are asked for, and their days open");
    let forms = forms::ensure(stage).await?;
    for form in [&forms.grid_day, &forms.epidemic_day] {
        days::wait(stage, form, DATE, pb::DayState::Open).await?;
    }
    let plan = grids::plan(&tree, &forms.grid_day)?;
    if days::played(stage, &forms.epidemic_day).await?.state() < pb::DayState::Sealed {
        epidemic::balances(stage, &tree, &forms.epidemic_day).await?;
    }

    output::say("09:00: a leader is replaced");
    stage.advance(540);
    let refused_after = journal.once("hand-over", async {
        Ok(match officers::replace_leader(&stage.registry).await? {
            Some(former) => Some(refused(stage, &former, &forms.grid_day).await?),
            None => None,
        })
    });
    let refused_after = refused_after.await?;

    // What an earlier run has played to the end is not asked for again: by now it is another day's.
    let told: Option<Told> = journal.read(PERSONS)?;
    let mut persons = match &told {
        Some(_) => None,
        None => Some(persons::morning(stage, &tree).await?),
    };

    let (sent, returned) = grid_day(stage, &tree, &plan, &forms).await?;
    let sent: Option<Sent> = journal.once("reports in time", async { Ok(sent) }).await?;
    // As the day was closed; one of them reports the morning after.
    let missing = days::missing(&stage.reporting, &forms.grid_day).await?;

    if let Some(persons) = &mut persons {
        persons::evening::read(stage, &tree, persons).await?;
    }

    output::say(
        "4 February 00:20: the health side enters every town, the counties agree, and the city seals",
    );
    stage.advance(1_460);
    if let Some(persons) = &mut persons {
        persons::evening::figures(stage, &tree, persons).await?;
    }
    if days::played(stage, &forms.epidemic_day).await?.state() < pb::DayState::Sealed {
        epidemic::enter(stage, &tree, &forms.epidemic_day).await?;
        stage.advance(1_480);
        epidemic::agree_and_seal(stage, &tree, &forms.epidemic_day).await?;
    }

    output::say("08:00: one grid reports after all, and one is corrected");
    stage.advance(1_920);
    let after = follow_up::after_the_seal(stage, &forms.grid_day, &tree, &plan).await?;
    if days::played(stage, &forms.grid_day).await?.pending_amendments > 0 {
        let amend = ("amend the grid day", "一处补报，一处订正", super::stage::DATE_AFTER);
        days::seal(stage, (&forms.grid_day, &tree.city.unit), amend).await?;
    }
    stage.advance(1_980);
    let persons = at_nine(stage, &tree, journal, (told, persons)).await?;
    let morning = journal.once("laws of 4 February", laws::prove(stage)).await?;
    let week = week::play(stage, &tree, journal).await?;
    let order13 = order13::play(stage, &tree, journal).await?;
    output::say("19:30: proving that nothing fell through");
    let laws = laws::prove(stage).await?;
    let seals = seals(stage, &forms).await?;
    let mut kept = 0;
    for (key, seal) in &seals {
        kept += bulletins::keep(stage, seal, key, folder).await?;
    }
    Ok(Outcome {
        differences: epidemic::differences(stage, &forms.epidemic_day).await?,
        appointments: officers::count(&stage.registry).await?,
        vacancies: client::vacancies(&stage.registry, String::new()).await?,
        refused_after,
        sent,
        chased: missing.iter().filter(|one| one.chased > 0).count(),
        returned,
        after,
        missing,
        grid_day: sealed(stage, &tree, &forms.grid_day).await?,
        amended: amended(stage, &tree, &forms.grid_day, &seals).await?,
        epidemic_day: sealed(stage, &tree, &forms.epidemic_day).await?,
        seals,
        persons,
        morning,
        week,
        order13,
        laws,
        bulletins: kept,
        took: began.elapsed(),
        tree,
    })
}

/// What 3 February came to for persons, as it is seen the morning after.
async fn at_nine(
    stage: &Stage,
    tree: &Tree,
    journal: &Journal,
    (told, persons): (Option<Told>, Option<Persons>),
) -> anyhow::Result<Told> {
    if let Some(told) = told {
        return Ok(told);
    }
    let mut persons = persons.unwrap_or_default();
    persons::evening::look(stage, tree, &mut persons).await?;
    output::say("09:00: proving that nothing fell through");
    let told = Told { text: persons.text(), document: persons.document() };
    journal.keep(PERSONS, &told)?;
    Ok(told)
}

/// The day of the grids, to its seal: answers what was sent in time, and the report that was returned.
async fn grid_day(
    stage: &Stage,
    tree: &Tree,
    plan: &grids::Plan,
    forms: &Forms,
) -> anyhow::Result<(Option<Sent>, pb::Report)> {
    let form = &forms.grid_day;
    let officer = stage.reporting_as("city-duty")?;
    if days::played(stage, form).await?.state() >= pb::DayState::Sealed {
        let absurd = tree.grids.get(plan.absurd).map(|grid| grid.unit.clone()).unwrap_or_default();
        return Ok((None, days::report_of(&officer, form, &absurd).await?));
    }
    output::say("15:00: the grids report, each reporter under their own name");
    stage.advance(900);
    let sent = send::measured(stage, &plan.on_time, (form, &tree.city.unit)).await?;
    send::all(stage, &plan.proxies, "reports by phone and on paper").await?;
    let returned = follow_up::return_absurd(stage, form, tree, plan).await?;
    output::say("16:30: the late ones, and those who are chased");
    stage.advance(990);
    follow_up::chase(stage, form, tree).await?;
    send::all(stage, &plan.late, "late reports").await?;
    output::say("17:00: what has not come is missing; the city seals the grids' day");
    stage.advance(1_020);
    days::wait(stage, form, DATE, pb::DayState::Closed).await?;
    days::seal(stage, (form, &tree.city.unit), ("seal the grid day", "", DATE)).await?;
    Ok((Some(sent), returned))
}

/// How long it takes until a relieved officer is refused at both services.
async fn refused(stage: &Stage, former: &str, form: &str) -> anyhow::Result<(Duration, Duration)> {
    let began = Instant::now();
    let registry = stage.registry_as(former)?;
    let reporting = stage.reporting_as(former)?;
    let patience = Duration::from_secs(10);
    while registry.units().list_units(registry::ListUnitsRequest::default()).await.is_ok() {
        anyhow::ensure!(began.elapsed() < patience, "the registry still lets a relieved leader in");
    }
    let at_registry = began.elapsed();
    let day = || pb::GetDayRequest {
        form: form.to_owned(),
        business_date: DATE.to_owned(),
        ..pb::GetDayRequest::default()
    };
    while reporting.days().get_day(day()).await.is_ok() {
        anyhow::ensure!(began.elapsed() < patience, "reporting still lets a relieved leader in");
    }
    Ok((at_registry, began.elapsed()))
}

async fn seals(stage: &Stage, forms: &Forms) -> anyhow::Result<Vec<(&'static str, pb::Seal)>> {
    let mut seals = Vec::new();
    for (key, form) in [(EPIDEMIC_DAY, &forms.epidemic_day), (GRID_DAY, &forms.grid_day)] {
        let day = days::played(stage, form).await?;
        seals.extend(day.seals.into_iter().map(|seal| (key, seal)));
    }
    Ok(seals)
}

/// The city's total as sealed last.
async fn amended(
    stage: &Stage,
    tree: &Tree,
    form: &str,
    seals: &[(&'static str, pb::Seal)],
) -> anyhow::Result<Option<pb::Rollup>> {
    let last = seals.iter().rfind(|(key, _)| *key == GRID_DAY).map_or(0, |(_, seal)| seal.number);
    let request = pb::GetRollupRequest {
        form: form.to_owned(),
        business_date: DATE.to_owned(),
        unit: tree.city.unit.clone(),
        seal: last,
    };
    Ok(stage.reporting.rollups().get_rollup(request).await?.into_inner().rollup)
}

/// The totals of the city, its counties and their towns as sealed first.
async fn sealed(stage: &Stage, tree: &Tree, form: &str) -> anyhow::Result<Vec<pb::Rollup>> {
    let request = pb::GetRollupRequest {
        form: form.to_owned(),
        business_date: DATE.to_owned(),
        unit: tree.city.unit.clone(),
        seal: 1,
    };
    let city = stage.reporting.rollups().get_rollup(request).await?.into_inner().rollup;
    let mut all: Vec<pb::Rollup> = city.into_iter().collect();
    let parents = std::iter::once(&tree.city).chain(&tree.counties);
    for parent in parents {
        let request = pb::ListRollupsRequest {
            form: form.to_owned(),
            business_date: DATE.to_owned(),
            parent_unit: parent.unit.clone(),
            seal: 1,
            page_size: 1_000,
            ..pb::ListRollupsRequest::default()
        };
        all.extend(stage.reporting.rollups().list_rollups(request).await?.into_inner().rollups);
    }
    Ok(all)
}
