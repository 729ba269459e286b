//! `rampart today` and `rampart chase`: what must be done now, and what others have not done, whatever it is about.

mod tasks;

use std::process::ExitCode;

use prost_types::Timestamp;
use proto::screening as pb;
use tonic::{Code, Status};

use super::{access::Access, observations::named, pages, reporting::instant, units::resolve};
use tasks::{
    cases, dangling, enforcements, handdowns, incidents, lists, moves, persons, questions, rechecks,
    referrals, results, supports, sweeps, undecided, work,
};

use crate::output::{self, Column, Style};

/// What a grid leader, or whoever stands above, must do now.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE: there and below; all you may see where not said
    #[arg(long, value_name = "UNIT")]
    below: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

/// What is put before a unit, since those below have not done it.
#[derive(Debug, clap::Args)]
pub(crate) struct ChaseArgs {
    /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
    pub(crate) unit: String,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: usize,
}

const WORK: &[Column] = &[
    Column { key: "due", en: "Due", zh: "时限" },
    Column { key: "what", en: "What", zh: "事项" },
    Column { key: "subject", en: "About", zh: "编号" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "unit", en: "Whose", zh: "责任单位" },
    Column { key: "more", en: "More", zh: "说明" },
];

const DIGEST: &[Column] = &[
    Column { key: "kind", en: "What", zh: "事项" },
    Column { key: "since", en: "Since", zh: "起于" },
    Column { key: "missed", en: "Missed in a row", zh: "连续漏测" },
    Column { key: "subject", en: "About", zh: "编号" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "responsible_unit", en: "In the hands of", zh: "责任单位" },
    Column { key: "contact", en: "Whom to phone", zh: "联系人" },
    Column { key: "phone", en: "Phone", zh: "电话" },
];

/// Something that must be done.
#[derive(Debug, Default)]
struct Task {
    /// By when; what has no hour comes last.
    due: Option<Timestamp>,
    what: &'static str,
    subject: String,
    person: String,
    unit: String,
    more: String,
}

impl Task {
    /// The order of a worklist.
    fn place(&self) -> (bool, i64, i32, &str) {
        let due = self.due.unwrap_or_default();
        (self.due.is_none(), due.seconds, due.nanos, &self.subject)
    }

    fn row(self) -> Vec<String> {
        let Self { due, what, subject, person, unit, more } = self;
        vec![instant(due), what.to_owned(), subject, person, unit, more]
    }
}

/// Prints what must be done now in units, whatever it is about, in due order.
pub(crate) async fn today(args: Args, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let screening = access.screening()?;
    let below = named(args.below, access).await?;
    let mut tasks = permitted(work(&screening, &below, args.limit).await)?;
    tasks.extend(permitted(persons(&screening, &below, args.limit, |_| true).await)?);
    tasks.extend(permitted(dangling(&screening, &below, args.limit).await)?);
    tasks.extend(permitted(undecided(&screening, &below, args.limit).await)?);
    tasks.extend(permitted(handdowns(&screening, &below, args.limit).await)?);
    tasks.extend(permitted(lists(&screening, &below, args.limit).await)?);
    tasks.extend(permitted(referrals(&screening, &below, args.limit).await)?);
    tasks.extend(permitted(results(&screening, &below, args.limit).await)?);
    tasks.extend(permitted(cases(&screening, &below, args.limit).await)?);
    tasks.extend(permitted(rechecks(&screening, &below, args.limit).await)?);
    tasks.extend(permitted(incidents(&screening, &below, args.limit).await)?);
    if below.is_empty() {
        tasks.extend(permitted(questions(&screening, args.limit).await)?);
    }
    tasks.extend(permitted(moves(&screening, &below, args.limit).await)?);
    tasks.extend(permitted(supports(&screening, &below, args.limit).await)?);
    tasks.extend(permitted(enforcements(&screening, &below, args.limit).await)?);
    tasks.extend(permitted(sweeps(&screening, &below, args.limit).await)?);
    print(tasks, args.limit, style)
}

/// Prints what must be done about contacts: whom nobody follows up, whose index is not known, whom somebody must decide on.
pub(super) async fn contacts(
    below: Option<String>,
    limit: usize,
    access: &Access,
    style: Style,
) -> anyhow::Result<ExitCode> {
    let screening = access.screening()?;
    let below = named(below, access).await?;
    let mut tasks =
        persons(&screening, &below, limit, |person| person.purpose() == pb::Purpose::Contact).await?;
    tasks.extend(dangling(&screening, &below, limit).await?);
    tasks.extend(permitted(undecided(&screening, &below, limit).await)?);
    print(tasks, limit, style)
}

/// Prints how far a unit is in sweeps that are not done there.
pub(super) async fn sweeps_to_do(
    unit: Option<String>,
    limit: usize,
    access: &Access,
    style: Style,
) -> anyhow::Result<ExitCode> {
    let unit = named(unit, access).await?;
    let tasks = sweeps(&access.screening()?, &unit, limit).await?;
    print(tasks, limit, style)
}

/// Prints tasks in due order.
fn print(mut tasks: Vec<Task>, limit: usize, style: Style) -> anyhow::Result<ExitCode> {
    tasks.sort_by(|one, other| one.place().cmp(&other.place()));
    tasks.truncate(limit);
    style.rows(WORK, &tasks.into_iter().map(Task::row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// What an office may not look at is nothing to do for it.
fn permitted(found: anyhow::Result<Vec<Task>>) -> anyhow::Result<Vec<Task>> {
    let denied = |error: &anyhow::Error| {
        error.downcast_ref::<Status>().is_some_and(|status| status.code() == Code::PermissionDenied)
    };
    match found {
        Err(error) if denied(&error) => Ok(Vec::new()),
        found => found,
    }
}

/// Prints what is put before a unit, the most dangerous and then the oldest first.
pub(crate) async fn chase(args: ChaseArgs, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut request = pb::ListEscalationsRequest {
        holder_unit: resolve(access, &args.unit).await?,
        page_size: pages::size(args.limit),
        page_token: String::new(),
    };
    let mut escalations = access.screening()?.escalations();
    let all = pages::up_to(args.limit, async |page_token| {
        request.page_token = page_token;
        let page = escalations.list_escalations(request.clone()).await?.into_inner();
        Ok((page.escalations, page.next_page_token))
    })
    .await?;
    let row = |one: pb::Escalation| {
        vec![
            output::word(one.kind().as_str_name(), "ESCALATION_KIND_"),
            instant(one.since_time),
            one.missed_in_a_row.to_string(),
            one.subject,
            one.person,
            one.responsible_unit,
            one.contact_name,
            one.contact_phone,
        ]
    };
    style.rows(DIGEST, &all.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
