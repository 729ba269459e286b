//! `rampart cases …`.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use proto::screening as pb;

use super::{
    access::Access,
    observations::named,
    pages, rechecks,
    reporting::{instant, request_id},
    units::resolve,
};
use crate::output::{self, Column, Style};

/// Persons who are, or may be, ill: classified by the edition in force, and reported by the clock.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Open the case of a person
    Open {
        /// persons/{uuid}
        person: String,
        #[command(flatten)]
        known: Known,
    },
    /// Show a case, what the definitions say of it, its clocks, and what befell it
    Get {
        /// cases/{uuid}
        case: String,
    },
    /// List cases, the oldest first
    List {
        /// Only of persons in the hands of this unit and of those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only in this state
        #[arg(long, value_enum)]
        state: Option<State>,
        /// What must be done now: those of which a clock runs, in due order
        #[arg(long)]
        today: bool,
        /// Only those with a clock that is past
        #[arg(long)]
        overdue: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Record what is known of a case
    Findings {
        /// cases/{uuid}
        case: String,
        #[command(flatten)]
        known: Known,
        /// There is no link after all
        #[arg(long, conflicts_with = "links")]
        no_link: bool,
        /// There is no sign after all
        #[arg(long, conflicts_with = "signs")]
        no_sign: bool,
        /// Where it is known from
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Record that a step was done
    Mark {
        /// cases/{uuid}
        case: String,
        /// Which
        #[arg(value_enum)]
        step: Step,
        /// When; now where it is not said
        #[arg(long, value_name = "INSTANT")]
        at: Option<DateTime<Utc>>,
    },
    /// Decide what a case is
    Classify {
        /// cases/{uuid}
        case: String,
        /// What it is
        #[arg(value_enum)]
        state: State,
        /// The positive result, results/{uuid}: for confirmed and asymptomatic
        #[arg(long, default_value = "", value_name = "RESULT")]
        result: String,
        /// When it was found to be so; now where it is not said
        #[arg(long, value_name = "INSTANT")]
        at: Option<DateTime<Utc>>,
        /// Where the case resided when it was found, with the first class: units/{uuid}, or an official code; later, with
        /// the state that it has, a correction
        #[arg(long, value_name = "UNIT")]
        counted: Option<String>,
        #[command(flatten)]
        better: Better,
        /// Decide although conditions are unmet
        #[arg(long = "override")]
        overriding: bool,
        /// Why: required for a step back and for an override
        #[arg(long, default_value = "", value_name = "TEXT")]
        reason: String,
    },
    /// Record how severe a case is
    Severity {
        /// cases/{uuid}
        case: String,
        /// How severe
        #[arg(value_enum)]
        severity: Severity,
        /// Since when; now where it is not said
        #[arg(long, value_name = "INSTANT")]
        at: Option<DateTime<Utc>>,
    },
    /// List who is to be looked at again after a discharge
    Rechecks(rechecks::ListArgs),
    /// Say what came of looking at somebody again
    Recheck(rechecks::RecordArgs),
    /// Count cases where they resided when they were found
    Count {
        /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        unit: String,
        /// The day; today where it is not said
        #[arg(long, default_value = "", value_name = "DATE")]
        date: String,
    },
}

/// What is known of a case.
#[derive(Debug, clap::Args)]
pub(crate) struct Known {
    /// What links the person to the epidemic within 14 days
    #[arg(long = "link", value_enum)]
    links: Vec<Link>,
    /// Clinical signs
    #[arg(long = "sign", value_enum)]
    signs: Vec<Sign>,
    /// The day of onset
    #[arg(long, default_value = "", value_name = "DATE")]
    onset: String,
}

/// What the ward states for a discharge.
#[derive(Debug, clap::Args)]
pub(crate) struct Better {
    /// For a discharge: since when the temperature has been normal
    #[arg(long, value_name = "INSTANT")]
    temperature_normal_since: Option<DateTime<Utc>>,
    /// For a discharge: when the respiratory signs were found better
    #[arg(long, value_name = "INSTANT")]
    respiratory_better: Option<DateTime<Utc>>,
    /// For a discharge: when the imaging was taken that shows it better
    #[arg(long, value_name = "INSTANT")]
    imaging_better: Option<DateTime<Utc>>,
}

impl Better {
    fn said(&self) -> Option<pb::DischargeStatements> {
        let at = |said: Option<DateTime<Utc>>| said.map(chassis::parse::timestamp);
        let said = pb::DischargeStatements {
            temperature_normal_since_time: at(self.temperature_normal_since),
            respiratory_better_time: at(self.respiratory_better),
            imaging_better_time: at(self.imaging_better),
        };
        Some(said).filter(|said| *said != pb::DischargeStatements::default())
    }
}

impl Known {
    fn links(&self) -> Vec<i32> {
        self.links.iter().map(|link| *link as i32 + 1).collect()
    }

    fn signs(&self) -> Vec<i32> {
        self.signs.iter().map(|sign| *sign as i32 + 1).collect()
    }
}

/// What links a person to the epidemic.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Link {
    /// Stayed in the area
    Stay,
    /// Contact with an infected person
    InfectedContact,
    /// Contact with somebody feverish from the area
    FebrileContact,
    /// Part of a cluster
    Cluster,
}

/// A clinical sign.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Sign {
    /// Fever or respiratory symptoms
    Fever,
    /// Imaging
    Imaging,
    /// White cells normal or low
    WhiteCells,
}

/// A step.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Step {
    /// Reported directly: within 2 hours
    Reported,
    /// Audited: within 2 hours of the report
    Audited,
    /// Investigated: within 24 hours of the report
    Investigated,
    /// Isolated
    Isolated,
    /// Treated
    Treated,
}

/// How severe a case is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Severity {
    /// Mild
    Mild,
    /// Ordinary
    Ordinary,
    /// Severe
    Severe,
    /// Critical
    Critical,
}

/// What a case is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum State {
    /// Looked at
    Observed,
    /// Suspected
    Suspected,
    /// Confirmed
    Confirmed,
    /// Positive without symptoms
    Asymptomatic,
    /// No case
    Cleared,
    /// Suspected, and excluded
    Excluded,
    /// Discharged
    Discharged,
    /// Followed up after discharge
    FollowUpDone,
    /// In hospital again
    Readmitted,
    /// Asymptomatic, and released
    Released,
    /// Died
    Died,
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Case", zh: "编号" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "responsible_unit", en: "Whose", zh: "责任单位" },
    Column { key: "state", en: "State", zh: "分类" },
    Column { key: "severity", en: "Severity", zh: "病情" },
    Column { key: "onset", en: "Onset", zh: "发病" },
    Column { key: "found", en: "Found", zh: "发现" },
    Column { key: "counted_unit", en: "Counted at", zh: "统计单位" },
    Column { key: "overdue", en: "Overdue", zh: "超时" },
];

const CLOCKS: &[Column] = &[
    Column { key: "step", en: "Step", zh: "环节" },
    Column { key: "class", en: "Of", zh: "报告类别" },
    Column { key: "deadline", en: "Do by", zh: "时限" },
    Column { key: "done", en: "Done", zh: "完成" },
    Column { key: "late", en: "Late", zh: "超时" },
];

const EVENTS: &[Column] = &[
    Column { key: "time", en: "Recorded", zh: "记录时间" },
    Column { key: "stated", en: "As of", zh: "认定时间" },
    Column { key: "kind", en: "What", zh: "事件" },
    Column { key: "before", en: "Before", zh: "原分类" },
    Column { key: "after", en: "After", zh: "新分类" },
    Column { key: "said_by", en: "Who", zh: "操作人" },
    Column { key: "words", en: "Why", zh: "说明" },
];

const FIGURES: &[Column] = &[
    Column { key: "confirmed_new", en: "Confirmed, new", zh: "新增确诊" },
    Column { key: "confirmed_cumulative", en: "Confirmed", zh: "累计确诊" },
    Column { key: "suspected_current", en: "Suspected", zh: "现有疑似" },
    Column { key: "asymptomatic_current", en: "Asymptomatic", zh: "现有无症状" },
    Column { key: "severe_current", en: "Severe", zh: "现有重症" },
    Column { key: "severe_cumulative", en: "Severe, ever", zh: "累计重症" },
    Column { key: "discharged_new", en: "Discharged, new", zh: "新增出院" },
    Column { key: "discharged_cumulative", en: "Discharged", zh: "累计出院" },
    Column { key: "died_new", en: "Died, new", zh: "新增死亡" },
    Column { key: "died_cumulative", en: "Died", zh: "累计死亡" },
];

fn state(state: pb::CaseState) -> String {
    output::word(state.as_str_name(), "CASE_STATE_")
}

fn step(clock: &pb::CaseClock) -> String {
    output::word(clock.step().as_str_name(), "CASE_STEP_")
}

fn row(case: &pb::Case) -> Vec<String> {
    let overdue = case.clocks.iter().filter(|clock| clock.late && clock.done_time.is_none());
    vec![
        case.name.clone(),
        case.person.clone(),
        case.responsible_unit.clone(),
        state(case.state()),
        output::word(case.severity().as_str_name(), "SEVERITY_"),
        case.onset_date.clone(),
        instant(case.found_time),
        case.counted_unit.clone(),
        overdue.map(step).collect::<Vec<_>>().join(" "),
    ]
}

/// Runs a command on cases.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut cases = access.screening()?.cases();
    let request_id = request_id();
    let found: Vec<pb::Case> = match command {
        Command::Open { person, known } => {
            let (links, signs, onset_date) = (known.links(), known.signs(), known.onset);
            let case = Some(pb::Case { person, links, signs, onset_date, ..pb::Case::default() });
            let opened = cases.open_case(pb::OpenCaseRequest { request_id, case }).await?.into_inner();
            if opened.known {
                output::say("the person has this case already; nothing was changed");
            }
            opened.case.into_iter().collect()
        }
        Command::Get { case } => {
            let shown = cases.get_case(pb::GetCaseRequest { name: case }).await?.into_inner();
            return get(shown, style);
        }
        Command::List { below, state, today, overdue, limit } => {
            let mut request = pb::ListCasesRequest {
                ancestor_unit: named(below, access).await?,
                state: state.map_or(0, |state| state as i32 + 1),
                person: String::new(),
                overdue,
                due_order: today,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = cases.list_cases(request.clone()).await?.into_inner();
                Ok((page.cases, page.next_page_token))
            })
            .await?
        }
        Command::Findings { case, known, no_link, no_sign, reason } => {
            let request = pb::RecordFindingsRequest {
                request_id,
                name: case,
                links: known.links(),
                signs: known.signs(),
                onset_date: known.onset,
                reason,
                clear_links: no_link,
                clear_signs: no_sign,
            };
            cases.record_findings(request).await?.into_inner().case.into_iter().collect()
        }
        Command::Mark { case, step, at } => {
            let (step, time) = (step as i32 + 1, at.map(chassis::parse::timestamp));
            let request = pb::MarkCaseRequest { request_id, name: case, step, time };
            cases.mark_case(request).await?.into_inner().case.into_iter().collect()
        }
        Command::Classify { case, state, result, at, counted, better, overriding, reason } => {
            let counted_unit = match counted {
                Some(unit) => resolve(access, &unit).await?,
                None => String::new(),
            };
            let request = pb::ClassifyCaseRequest {
                request_id,
                name: case,
                state: state as i32 + 1,
                result,
                time: at.map(chassis::parse::timestamp),
                r#override: overriding,
                reason,
                discharge: better.said(),
                counted_unit,
            };
            let decided = cases.classify_case(request).await?.into_inner();
            if decided.contacts > 0 {
                output::say(&format!("{} contacts are under observation by it", decided.contacts));
            }
            for incident in &decided.incidents {
                output::say(&format!("to be reported within 2 hours: {incident}"));
            }
            decided.case.into_iter().collect()
        }
        Command::Severity { case, severity, at } => {
            let (severity, time) = (severity as i32 + 1, at.map(chassis::parse::timestamp));
            let request = pb::SetSeverityRequest { request_id, name: case, severity, time };
            cases.set_severity(request).await?.into_inner().case.into_iter().collect()
        }
        Command::Rechecks(args) => return rechecks::list(args, access, style).await,
        Command::Recheck(args) => return rechecks::record(args, access, style).await,
        Command::Count { unit, date } => {
            let request = pb::CountCasesRequest { unit: resolve(access, &unit).await?, date };
            let figures = cases.count_cases(request).await?.into_inner();
            let counts = [
                figures.confirmed_new,
                figures.confirmed_cumulative,
                figures.suspected_current,
                figures.asymptomatic_current,
                figures.severe_current,
                figures.severe_cumulative,
                figures.discharged_new,
                figures.discharged_cumulative,
                figures.died_new,
                figures.died_cumulative,
            ];
            style.rows(FIGURES, &[counts.map(|count| count.to_string()).to_vec()])?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    style.rows(COLUMNS, &found.iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

fn get(shown: pb::GetCaseResponse, style: Style) -> anyhow::Result<ExitCode> {
    let definition = state(shown.definition());
    let case = shown.case.unwrap_or_default();
    let clocks: Vec<Vec<String>> = case
        .clocks
        .iter()
        .map(|clock| {
            let late = if clock.late { "late".to_owned() } else { String::new() };
            let class = Some(clock.reported_class()).filter(|class| *class != pb::CaseState::Unspecified);
            let class = class.map(state).unwrap_or_default();
            vec![step(clock), class, instant(clock.deadline_time), instant(clock.done_time), late]
        })
        .collect();
    style.rows(COLUMNS, &[row(&case)])?;
    output::say(&format!("by what is known, the definitions in force say: {definition}"));
    style.rows(CLOCKS, &clocks)?;
    let events = shown.events.into_iter().map(|event| {
        let kind = output::word(event.kind().as_str_name(), "CASE_EVENT_KIND_");
        let (before, after) = (state(event.before()), state(event.after()));
        vec![instant(event.time), instant(event.stated_time), kind, before, after, event.said_by, event.words]
    });
    style.rows(EVENTS, &events.collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
