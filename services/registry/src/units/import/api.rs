//! An import speaks here: gather, plan, apply.

use std::collections::{HashMap, HashSet};

use chassis::{Caller, Fault, Violations, claims::Claim, feed, parse, server};
use chrono::NaiveDate;
use proto::registry::{
    self as pb, import_effect::Kind, import_units_request::Part, import_units_response::Part as Answer,
};
use sqlx::PgConnection;
use tokio::sync::mpsc;
use tonic::{Request, Streaming};
use uuid::Uuid;

use super::{Known, MOST_ROWS, Plan, Problem, Row, plan, store};
use crate::{
    Moment, scope,
    scope::Ask,
    units::{
        Code, Level, NewUnit, Parent, TOPIC, api::Units, damaged_name, name, ops, parse as contract,
        store as units,
    },
};

/// How many units are made with one set of statements.
const CHUNK: usize = 1_000;

/// The header of an import, checked.
struct Header {
    request_id: Uuid,
    system: String,
    vintage: String,
    root: Uuid,
    effective: Option<NaiveDate>,
    dry_run: bool,
    keep_going: bool,
    accept_damaged: bool,
}

impl TryFrom<&pb::ImportHeader> for Header {
    type Error = Fault;

    fn try_from(header: &pb::ImportHeader) -> Result<Self, Fault> {
        let mut wrong = Violations::default();
        let request_id = wrong.keep("header.request_id", parse::uuid(&header.request_id));
        // A code that is sound lets system and vintage be judged alone.
        let probe = contract::code(&pb::UnitCode {
            system: header.system.clone(),
            vintage: header.vintage.clone(),
            code: "0".repeat(12),
        });
        if let Err(inner) = probe {
            wrong.nest("header", inner);
        }
        let root = wrong.keep("header.root_unit", parse::name(contract::COLLECTION, &header.root_unit));
        let effective = parse::optional_date(&header.effective_date);
        let effective = wrong.keep("header.effective_date", effective);
        wrong.refuse()?;
        Ok(Self {
            request_id: request_id.unwrap_or_default(),
            system: header.system.clone(),
            vintage: header.vintage.clone(),
            root: root.unwrap_or_default(),
            effective: effective.flatten(),
            dry_run: header.dry_run,
            keep_going: header.keep_going,
            accept_damaged: header.accept_damaged,
        })
    }
}

/// What has come in.
#[derive(Default)]
struct Gathered {
    rows: Vec<Row>,
    problems: Vec<Problem>,
    bad: HashSet<String>,
}

impl Gathered {
    fn count(&self) -> usize {
        self.rows.len() + self.problems.len()
    }

    fn take(&mut self, row: pb::ImportRow, header: &Header) {
        match checked(&row, header) {
            Ok(row) => self.rows.push(row),
            Err((reason, damaged)) => {
                self.bad.insert(row.code.clone());
                self.problems.push(Problem { line: row.line, code: row.code, reason, damaged });
            }
        }
    }
}

/// A row that is good by itself, or what is wrong with it and whether only its name looks damaged.
fn checked(row: &pb::ImportRow, header: &Header) -> Result<Row, (String, bool)> {
    let mut wrong = Vec::new();
    let level = i16::try_from(row.level).ok().and_then(Level::of);
    if level.is_none() {
        wrong.push("the level is none".to_owned());
    }
    let code = contract::code(&pb::UnitCode {
        system: header.system.clone(),
        vintage: header.vintage.clone(),
        code: row.code.clone(),
    });
    if let Err(violations) = code {
        wrong.extend(violations.into_inner().into_iter().map(|one| format!("code: {}", one.description)));
    }
    let sound = wrong.is_empty();
    // Damage is waved through where the sender says so; whatever else is wrong with a name never is.
    let damaged = damaged_name(&row.display_name);
    let named = match &damaged {
        Some(name) if header.accept_damaged => Ok(name.clone()),
        _ => name(&row.display_name),
    };
    let display_name = named.map_err(|reason| wrong.push(format!("name: {reason}"))).unwrap_or_default();
    match level {
        Some(level) if wrong.is_empty() => Ok(Row {
            line: row.line,
            level,
            code: row.code.clone(),
            display_name,
            parent_code: Some(row.parent_code.clone()).filter(|code| !code.is_empty()),
        }),
        _ => Err((wrong.join("; "), sound && damaged.is_some())),
    }
}

/// Where the answers go; a client that went away is noticed at the next one.
type Answers = mpsc::Sender<Result<pb::ImportUnitsResponse, tonic::Status>>;

async fn say(answers: &Answers, part: Answer) -> Result<(), Fault> {
    let message = pb::ImportUnitsResponse { part: Some(part) };
    answers.send(Ok(message)).await.map_err(|_| Fault::Unavailable("the client went away"))
}

/// Takes in a list and answers until the summary.
///
/// # Errors
/// A malformed header, a root that is not the caller's, a code that another unit bears.
pub async fn import(
    units: &Units,
    request: Request<Streaming<pb::ImportUnitsRequest>>,
    answers: &Answers,
) -> Result<(), Fault> {
    let (caller, _, mut stream) = server::accept(request)?;
    let first = next(&mut stream).await?.and_then(|message| message.part);
    let Some(Part::Header(mut header_message)) = first else {
        return Err(Fault::invalid("header", "is required, as the first message"));
    };
    let header = Header::try_from(&header_message)?;
    header_message.request_id.clear();
    let ask = Ask::today("units.write", units.clock.today());
    let mut work = units.database.begin(None).await?;
    scope::allow(&mut work, &caller, ask, &[header.root]).await?;
    drop(work);

    let gathered = gather(&mut stream, &header, answers).await?;
    let claim =
        Claim::new(&caller, header.request_id, "ImportUnits", &digestible(&header_message, &gathered));
    let mut plan = preview(units, &header, &gathered).await?;
    let problems = report(&plan, &gathered, answers).await?;
    let mut summary = summary(&plan, &gathered, problems);
    if !header.dry_run && (problems == 0 || header.keep_going) {
        (plan, summary) = apply(units, &caller, &claim, &header, &gathered, summary).await?;
        tracing::info!(created = plan.create.len(), renamed = plan.rename.len(), "an import was applied");
    }
    say(answers, Answer::Summary(summary)).await
}

async fn next(
    stream: &mut Streaming<pb::ImportUnitsRequest>,
) -> Result<Option<pb::ImportUnitsRequest>, Fault> {
    stream.message().await.map_err(|_| Fault::Unavailable("the client went away"))
}

async fn gather(
    stream: &mut Streaming<pb::ImportUnitsRequest>,
    header: &Header,
    answers: &Answers,
) -> Result<Gathered, Fault> {
    let mut gathered = Gathered::default();
    while let Some(message) = next(stream).await? {
        let Some(Part::Rows(rows)) = message.part else {
            return Err(Fault::invalid("part", "must be rows, after the header"));
        };
        if rows.rows.len() > CHUNK || gathered.count() + rows.rows.len() > MOST_ROWS {
            let most = format!("must be at most {CHUNK} a message and {MOST_ROWS} in all");
            return Err(Fault::invalid("rows", most));
        }
        for row in rows.rows {
            gathered.take(row, header);
        }
        let received = i64::try_from(gathered.count()).unwrap_or(i64::MAX);
        say(answers, Answer::ReceivedRows(received)).await?;
    }
    Ok(gathered)
}

/// The import as one message, so that a repetition with other rows is told apart.
fn digestible(header: &pb::ImportHeader, gathered: &Gathered) -> pb::ImportRows {
    let header = pb::ImportRow { display_name: format!("{header:?}"), ..pb::ImportRow::default() };
    let good = gathered.rows.iter().map(|row| pb::ImportRow {
        line: row.line,
        level: row.level as i32,
        code: row.code.clone(),
        display_name: row.display_name.clone(),
        parent_code: row.parent_code.clone().unwrap_or_default(),
    });
    let bad = gathered.problems.iter().map(|problem| pb::ImportRow {
        line: problem.line,
        code: problem.code.clone(),
        display_name: problem.reason.clone(),
        ..pb::ImportRow::default()
    });
    pb::ImportRows { rows: std::iter::once(header).chain(good).chain(bad).collect() }
}

async fn preview(units: &Units, header: &Header, gathered: &Gathered) -> Result<Plan, Fault> {
    let mut work = units.database.snapshot().await?;
    planned(units, &mut work, header, gathered).await
}

async fn planned(
    units: &Units,
    connection: &mut PgConnection,
    header: &Header,
    gathered: &Gathered,
) -> Result<Plan, Fault> {
    let from = header.effective.unwrap_or_else(|| units.clock.today());
    let root = units::get(connection, &[(header.root, from)]).await?.pop();
    let root = root.ok_or_else(|| Fault::NotFound(contract::unit_name(header.root)))?;
    let known = store::known(connection, &root.path, &header.system, &header.vintage, from).await?;
    Ok(plan(gathered.rows.clone(), &gathered.bad, known, (root.id, root.level)))
}

/// Says every problem and every effect; answers how many problems there are.
async fn report(plan: &Plan, gathered: &Gathered, answers: &Answers) -> Result<usize, Fault> {
    let mut problems: Vec<&Problem> = gathered.problems.iter().chain(&plan.problems).collect();
    problems.sort_by_key(|problem| problem.line);
    for problem in &problems {
        let problem = pb::ImportProblem {
            line: problem.line,
            code: problem.code.clone(),
            reason: problem.reason.clone(),
            damaged: problem.damaged,
        };
        say(answers, Answer::Problem(problem)).await?;
    }
    let of_row = |kind: Kind, row: &Row, former: &str| pb::ImportEffect {
        kind: kind.into(),
        line: row.line,
        code: row.code.clone(),
        display_name: row.display_name.clone(),
        former_name: former.to_owned(),
    };
    let absent = |unit: &Known| pb::ImportEffect {
        kind: Kind::Absent.into(),
        line: 0,
        code: unit.code.clone(),
        display_name: unit.display_name.clone(),
        former_name: String::new(),
    };
    let effects = plan
        .create
        .iter()
        .map(|row| of_row(Kind::New, row, ""))
        .chain(plan.rename.iter().map(|(_, row, former)| of_row(Kind::Renamed, row, former)))
        .chain(plan.elsewhere.iter().map(|row| of_row(Kind::Elsewhere, row, "")))
        .chain(plan.absent.iter().map(absent));
    for effect in effects {
        say(answers, Answer::Effect(effect)).await?;
    }
    Ok(problems.len())
}

fn summary(plan: &Plan, gathered: &Gathered, problems: usize) -> pb::ImportSummary {
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    pb::ImportSummary {
        applied: false,
        rows: count(gathered.count()),
        problems: count(problems),
        created: count(plan.create.len()),
        renamed: count(plan.rename.len()),
        recoded: count(plan.recode.len()),
        unchanged: count(plan.unchanged),
        absent: count(plan.absent.len()),
        elsewhere: count(plan.elsewhere.len()),
    }
}

/// Applies an import in one transaction: the plan is made again under the tree's lock.
async fn apply(
    units: &Units,
    caller: &Caller,
    claim: &Claim,
    header: &Header,
    gathered: &Gathered,
    previewed: pb::ImportSummary,
) -> Result<(Plan, pb::ImportSummary), Fault> {
    let longest = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    let mut work = units.database.begin(Some(longest)).await?;
    units::lock_tree(&mut work, true).await?;
    let ask = Ask::today("units.write", units.clock.today());
    scope::allow(&mut work, caller, ask, &[header.root]).await?;
    if let Some(answer) = claim.replay::<pb::ImportSummary>(&mut work).await? {
        return Ok((Plan::default(), answer));
    }
    let plan = planned(units, &mut work, header, gathered).await?;
    let problems = usize::try_from(previewed.problems).unwrap_or(usize::MAX);
    if gathered.problems.len() + plan.problems.len() > problems && !header.keep_going {
        return Err(Fault::Conflict);
    }
    write(units, &mut work, header, &plan).await?;
    let mut summary = summary(&plan, gathered, gathered.problems.len() + plan.problems.len());
    summary.applied = true;
    claim.answer(&mut work, &summary).await?;
    work.commit().await?;
    Ok((plan, summary))
}

async fn write(
    units: &Units,
    connection: &mut PgConnection,
    header: &Header,
    plan: &Plan,
) -> Result<(), Fault> {
    let moment = Moment::of(&units.clock);
    let from = header.effective.unwrap_or(moment.today);
    let code = |code: &str| Code {
        system: header.system.clone(),
        vintage: header.vintage.clone(),
        code: code.to_owned(),
    };
    let mut made: HashMap<String, Uuid> = plan.units.clone();
    for rows in plan.create.chunks(CHUNK) {
        let mut earlier: HashMap<&str, usize> = HashMap::new();
        let mut batch = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let above = row.parent_code.as_deref();
            let parent = match above {
                None => Parent::Unit(header.root),
                Some(code) => match (made.get(code), earlier.get(code)) {
                    (Some(unit), _) => Parent::Unit(*unit),
                    (None, Some(item)) => Parent::Earlier(*item),
                    (None, None) => return Err(Fault::internal("a row before the one above it")),
                },
            };
            earlier.insert(&row.code, index);
            batch.push(NewUnit {
                display_name: row.display_name.clone(),
                level: row.level,
                parent,
                codes: vec![code(&row.code)],
                external_ids: Vec::new(),
                start_date: Some(from),
            });
        }
        let ids = ops::create(connection, batch, moment).await?;
        made.extend(rows.iter().map(|row| row.code.clone()).zip(ids.into_iter().map(|(id, _)| id)));
    }
    for (unit, row, _) in &plan.rename {
        units::rename(connection, *unit, from, &row.display_name).await?;
        units::touch(connection, *unit, moment.now).await?;
    }
    let recoded = plan.recode.iter().map(|(unit, text)| (*unit, from, code(text)));
    store::recode(connection, recoded.collect(), moment.now).await?;
    let renamed = plan.rename.iter().map(|(unit, _, _)| *unit);
    let changed: Vec<Uuid> = plan.recode.iter().map(|(unit, _)| *unit).chain(renamed).collect();
    feed::note(connection, TOPIC, &changed).await
}
