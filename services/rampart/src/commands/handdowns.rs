//! `rampart handdowns …`.

use std::{fs::File, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use proto::screening::{self as pb, handdown_result::Result as Answer};

use super::{
    EXIT_FOUND,
    access::Access,
    batches::{self, Came},
    expected_lists,
    observations::{Place, named},
    pages,
    reporting::{instant, request_id},
    units::resolve,
};
use crate::{
    client::Screening,
    handdowns_file,
    output::{self, Column, Style},
};

/// Persons handed along units until somebody has gone and found them.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Hand a person down from the unit whose hands they are in
    Create {
        /// persons/{uuid}
        person: String,
        /// The lowest known unit: units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        to: String,
        /// Goes at once: febrile, or from the epidemic area
        #[arg(long)]
        urgent: bool,
    },
    /// Take in a list: CSV with the columns event_id, display_name, paper_type, paper_number, phone, address, place,
    /// to_unit, urgent; only the first two must be there. Sending a file again is safe
    Import {
        /// The file
        file: PathBuf,
        /// The unit that hands the list down
        #[arg(long, value_name = "UNIT")]
        from: String,
        /// Where the list comes from
        #[arg(long, value_enum)]
        list: List,
        /// The list's own number or title
        #[arg(long, default_value = "", value_name = "TEXT")]
        reference: String,
        /// Who sent it: the station, the bureau; by it an expected list is known
        #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
        sent_by: String,
        /// The first instant that the list covers, such as 2020-02-10T16:00:00+08:00
        #[arg(long, value_name = "INSTANT")]
        since: Option<DateTime<Utc>>,
        /// The first instant that it does not cover any more
        #[arg(long, value_name = "INSTANT")]
        until: Option<DateTime<Utc>>,
        #[command(flatten)]
        damages: batches::Damages,
    },
    /// List open hand-downs, the oldest first
    List {
        /// Only from or to this unit and those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only those that come to it
        #[arg(long)]
        incoming: bool,
        /// Only those that go from it
        #[arg(long)]
        outgoing: bool,
        /// What must be done now, in due order
        #[arg(long)]
        today: bool,
        /// Only those past their clock
        #[arg(long)]
        overdue: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show a hand-down, the lists that named the person, and every hop
    Get {
        /// handdowns/{uuid}
        handdown: String,
    },
    /// Send what a unit has gathered
    Send {
        /// The sender
        unit: String,
    },
    /// Take persons over: from then on they are in the receiver's hands
    Acknowledge {
        /// handdowns/{uuid}
        #[arg(required = true, num_args = 1..=100)]
        handdowns: Vec<String>,
    },
    /// Say another receiver
    Redirect {
        /// handdowns/{uuid}
        handdown: String,
        /// The lowest known unit
        #[arg(long, value_name = "UNIT")]
        to: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Record what on-the-ground verification came to
    Verify {
        /// handdowns/{uuid}
        handdown: String,
        /// What it came to
        #[arg(value_enum)]
        outcome: Outcome,
        /// Where the person is to be found
        #[arg(long, value_name = "UNIT")]
        to: Option<String>,
        /// Who said so, when, by which letter
        #[arg(long, default_value = "", value_name = "TEXT")]
        evidence: String,
        /// Of who has left to outside: who there has the person now
        #[arg(long, value_name = "TEXT", requires_all = ["received_at", "letter"])]
        receiver: Option<String>,
        /// Since when, such as 2020-02-11T17:40:00+08:00
        #[arg(long, value_name = "INSTANT", requires = "receiver")]
        received_at: Option<DateTime<Utc>>,
        /// By which letter
        #[arg(long, value_name = "TEXT", requires = "receiver")]
        letter: Option<String>,
        /// Put a returnee who was found under observation: the day of leaving the area or arriving
        #[arg(long, value_name = "DATE")]
        observe_since: Option<String>,
        /// Where they are observed; at home where it is not said
        #[arg(long, value_enum, requires = "observe_since")]
        place: Option<Place>,
        /// The facility's official name
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT", requires = "place")]
        facility: String,
    },
    /// Lists that units are to receive every day by an hour, and whether they came
    #[command(subcommand)]
    Expected(expected_lists::Command),
    /// Show, or with --set change, by when hand-downs must be sent, acknowledged and verified
    Schedule {
        /// The unit
        unit: String,
        /// On which date, or from which on; today where it is not said
        #[arg(long, default_value = "", value_name = "DATE")]
        date: String,
        /// For which response level, 1 to 4, clocks are set
        #[arg(long, default_value_t = 1, value_name = "N")]
        response_level: i32,
        /// Clocks: LEVEL=SEND_BY,ACKNOWLEDGE,URGENT,VERIFY,STEP, such as county=17:00,60,15,1440,30, in minutes but for
        /// the first; a level that is left out has the usual ones
        #[arg(long = "set", value_name = "CLOCKS", value_parser = set_clocks, requires = "date")]
        clocks: Vec<pb::Clocks>,
    },
}

/// The clocks of one level of senders.
fn set_clocks(text: &str) -> Result<pb::Clocks, String> {
    let wrong = || format!("{text:?} is none such as county=17:00,60,15,1440,30");
    let (level, clocks) = text.split_once('=').ok_or_else(wrong)?;
    let level = proto::registry::Level::from_str_name(&format!("LEVEL_{}", level.trim().to_uppercase()));
    let clocks: Vec<&str> = clocks.split(',').map(str::trim).collect();
    let [send_by, minutes @ ..] = &clocks[..] else { return Err(wrong()) };
    let minutes: Vec<i32> = minutes.iter().map_while(|one| one.parse().ok()).collect();
    let [acknowledge_minutes, urgent_minutes, verify_minutes, step_minutes] = minutes[..] else {
        return Err(wrong());
    };
    Ok(pb::Clocks {
        sender_level: level.ok_or_else(wrong)?.into(),
        send_by: (*send_by).to_owned(),
        acknowledge_minutes,
        urgent_minutes,
        verify_minutes,
        step_minutes,
    })
}

/// Where a list comes from.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum List {
    /// The police
    Police,
    /// The telecoms
    Telecom,
    /// A station
    Station,
    /// A highway toll post
    Toll,
    /// A unit itself
    Unit,
    /// Elsewhere
    Other,
}

/// What verification came to.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Outcome {
    /// Found
    Found,
    /// Not found: stays open before the unit above
    NotFound,
    /// Lives elsewhere: the next hand-down goes there
    WrongArea,
    /// Has left: to a unit, or outside with evidence
    LeftArea,
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Hand-down", zh: "编号" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "from_unit", en: "From", zh: "移交单位" },
    Column { key: "to_unit", en: "To", zh: "接收单位" },
    Column { key: "final_unit", en: "In the end to", zh: "最终单位" },
    Column { key: "urgent", en: "Urgent", zh: "紧急" },
    Column { key: "state", en: "State", zh: "状态" },
    Column { key: "outcome", en: "Outcome", zh: "结果" },
    Column { key: "due", en: "Due", zh: "时限" },
    Column { key: "words", en: "Words", zh: "说明" },
    Column { key: "receiver", en: "Outside to", zh: "外地接收" },
];

const SOURCES: &[Column] = &[
    Column { key: "kind", en: "List", zh: "来源" },
    Column { key: "reference", en: "Number", zh: "文号" },
    Column { key: "sent_by", en: "From", zh: "报送单位" },
    Column { key: "since", en: "From", zh: "起" },
    Column { key: "until", en: "To", zh: "止" },
    Column { key: "received", en: "Received", zh: "接收时间" },
    Column { key: "entered_by", en: "Who", zh: "录入人" },
];

const CLOCKS: &[Column] = &[
    Column { key: "sender_level", en: "Sender", zh: "移交层级" },
    Column { key: "send_by", en: "Sent by", zh: "下发时限" },
    Column { key: "acknowledge", en: "Acknowledged within min", zh: "签收分钟" },
    Column { key: "urgent", en: "Urgent within min", zh: "紧急签收分钟" },
    Column { key: "verify", en: "Verified within min", zh: "核查分钟" },
    Column { key: "step", en: "Silence goes on after min", zh: "升级分钟" },
];

fn row(handdown: pb::Handdown) -> Vec<String> {
    let outcome = match handdown.outcome() {
        pb::HanddownOutcome::Unspecified => String::new(),
        outcome => output::word(outcome.as_str_name(), "HANDDOWN_OUTCOME_"),
    };
    vec![
        handdown.name.clone(),
        handdown.person.clone(),
        handdown.from_unit.clone(),
        handdown.to_unit.clone(),
        handdown.final_unit.clone(),
        if handdown.urgent { "yes".to_owned() } else { String::new() },
        output::word(handdown.state().as_str_name(), "HANDDOWN_STATE_"),
        outcome,
        instant(handdown.due_time),
        handdown.words,
        handdown.receipt.as_ref().map(receipt).unwrap_or_default(),
    ]
}

fn receipt(receipt: &pb::Receipt) -> String {
    format!("{}, {}, {}", receipt.receiver, instant(receipt.receive_time), receipt.letter)
}

/// Runs a command on hand-downs.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let screening = access.screening()?;
    let mut handdowns = screening.handdowns();
    let found = match command {
        Command::Create { person, to, urgent } => {
            let to_unit = resolve(access, &to).await?;
            let request_id = request_id();
            let request = pb::CreateHanddownRequest { request_id, person, to_unit, urgent, source: None };
            handdowns.create_handdown(request).await?.into_inner().handdown.into_iter().collect()
        }
        Command::Import { file, from, list, reference, sent_by, since, until, damages } => {
            let source = pb::HanddownSource {
                kind: list as i32 + 1,
                reference,
                source_name: sent_by,
                window_start_time: since.map(chassis::parse::timestamp),
                window_end_time: until.map(chassis::parse::timestamp),
                ..pb::HanddownSource::default()
            };
            let from_unit = resolve(access, &from).await?;
            return import(&screening, (file, damages), (from_unit, source), style).await;
        }
        Command::List { below, incoming, outgoing, today, overdue, limit } => {
            let mut request = pb::ListHanddownsRequest {
                ancestor_unit: named(below, access).await?,
                incoming,
                outgoing,
                overdue,
                due_order: today,
                page_size: pages::size(limit),
                ..pb::ListHanddownsRequest::default()
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = handdowns.list_handdowns(request.clone()).await?.into_inner();
                Ok((page.handdowns, page.next_page_token))
            })
            .await?
        }
        Command::Get { handdown } => {
            let request = pb::GetHanddownRequest { name: handdown };
            let shown = handdowns.get_handdown(request).await?.into_inner();
            let seen: Vec<_> = shown.sources.iter().filter_map(|source| source.passage.clone()).collect();
            style.rows(SOURCES, &shown.sources.into_iter().map(source).collect::<Vec<_>>())?;
            if !seen.is_empty() {
                style.rows(SEEN, &seen.into_iter().map(facts).collect::<Vec<_>>())?;
            }
            shown.hops
        }
        Command::Send { unit } => {
            let from_unit = resolve(access, &unit).await?;
            let request = pb::SendHanddownsRequest { request_id: request_id(), from_unit };
            let sent = handdowns.send_handdowns(request).await?.into_inner();
            output::say(&format!("{} sent; {} have no receiver yet", sent.sent, sent.unaddressed));
            let stays = sent.unaddressed > 0;
            return Ok(if stays { ExitCode::from(EXIT_FOUND) } else { ExitCode::SUCCESS });
        }
        Command::Acknowledge { handdowns: names } => {
            let request = pb::AcknowledgeHanddownsRequest { request_id: request_id(), names };
            handdowns.acknowledge_handdowns(request).await?.into_inner().handdowns
        }
        Command::Redirect { handdown, to, reason } => {
            let to_unit = resolve(access, &to).await?;
            let request =
                pb::RedirectHanddownRequest { request_id: request_id(), name: handdown, to_unit, reason };
            handdowns.redirect_handdown(request).await?.into_inner().handdown.into_iter().collect()
        }
        Command::Verify {
            handdown,
            outcome,
            to,
            evidence,
            receiver,
            received_at,
            letter,
            observe_since,
            place,
            facility,
        } => {
            let receipt = receiver.map(|receiver| pb::Receipt {
                receiver,
                receive_time: received_at.map(chassis::parse::timestamp),
                letter: letter.unwrap_or_default(),
            });
            let basis = if observe_since.is_some() { pb::Basis::Returnee } else { pb::Basis::Unspecified };
            let request = pb::VerifyHanddownRequest {
                request_id: request_id(),
                name: handdown,
                outcome: outcome as i32 + 1,
                to_unit: named(to, access).await?,
                evidence,
                basis: basis.into(),
                last_exposure_date: observe_since.unwrap_or_default(),
                place: place.map_or(pb::Place::Unspecified, pb::Place::from).into(),
                facility,
                receipt,
            };
            let verified = handdowns.verify_handdown(request).await?.into_inner();
            if !verified.observation.is_empty() {
                output::say(&format!("under observation: {}", verified.observation));
            }
            verified.handdown.into_iter().chain(verified.next).collect()
        }
        Command::Expected(command) => return expected_lists::run(command, access, style).await,
        Command::Schedule { unit, date, response_level, clocks: set } => {
            let unit = resolve(access, &unit).await?;
            let found = if set.is_empty() {
                let request = pb::GetScheduleRequest { unit, date };
                screening.schedules().get_schedule(request).await?.into_inner().clocks
            } else {
                let request = pb::SetScheduleRequest {
                    request_id: request_id(),
                    area_unit: unit,
                    response_level,
                    effective_date: date,
                    clocks: set,
                };
                screening.schedules().set_schedule(request).await?.into_inner().clocks
            };
            style.rows(CLOCKS, &found.iter().map(clocks).collect::<Vec<_>>())?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

const SEEN: &[Column] = &[
    Column { key: "passed", en: "Passed", zh: "通过时间" },
    Column { key: "from_outside", en: "From outside", zh: "省外" },
    Column { key: "from_area", en: "From the area", zh: "疫区" },
    Column { key: "test", en: "Test", zh: "检测" },
    Column { key: "temperature", en: "Temperature", zh: "体温" },
    Column { key: "origin", en: "From where", zh: "出发地" },
    Column { key: "party", en: "Vehicle", zh: "车次" },
    Column { key: "seat", en: "Seat", zh: "座位" },
];

fn facts(facts: pb::PassageFacts) -> Vec<String> {
    let test = match (facts.untested, facts.masked, facts.test()) {
        (true, ..) => "untested".to_owned(),
        (_, true, _) => "masked".to_owned(),
        (.., pb::TestResult::Unspecified) => String::new(),
        (.., test) => output::word(test.as_str_name(), "TEST_RESULT_"),
    };
    let temperature = if facts.temperature > 0.0 { facts.temperature.to_string() } else { String::new() };
    let [outside, area] = [facts.from_outside, facts.from_area].map(|is_so| if is_so { "yes" } else { "no" });
    let passed = instant(facts.pass_time);
    vec![
        passed,
        outside.to_owned(),
        area.to_owned(),
        test,
        temperature,
        facts.origin,
        facts.party,
        facts.seat,
    ]
}

fn source(source: pb::HanddownSource) -> Vec<String> {
    vec![
        output::word(source.kind().as_str_name(), "LIST_KIND_"),
        source.reference.clone(),
        source.source_name.clone(),
        instant(source.window_start_time),
        instant(source.window_end_time),
        instant(source.receive_time),
        source.entered_by,
    ]
}

fn clocks(clocks: &pb::Clocks) -> Vec<String> {
    let level = proto::registry::Level::try_from(clocks.sender_level).unwrap_or_default();
    vec![
        output::word(level.as_str_name(), "LEVEL_"),
        clocks.send_by.clone(),
        clocks.acknowledge_minutes.to_string(),
        clocks.urgent_minutes.to_string(),
        clocks.verify_minutes.to_string(),
        clocks.step_minutes.to_string(),
    ]
}

/// Imports a list; answers 1 where lines are refused.
async fn import(
    screening: &Screening,
    (file, damages): (PathBuf, batches::Damages),
    (from_unit, source): (String, pb::HanddownSource),
    style: Style,
) -> anyhow::Result<ExitCode> {
    let shown = file.display();
    let reader = File::open(&file).with_context(|| format!("opening {shown}"))?;
    let read = handdowns_file::read(reader).with_context(|| format!("reading {shown}"))?;
    let lines = match batches::accepted(read, damages, style)? {
        Ok(lines) => lines,
        Err(code) => return Ok(code),
    };
    batches::send(lines, ("persons", handdowns_file::BATCH), style, async |items| {
        let (from_unit, source) = (from_unit.clone(), Some(source.clone()));
        let request = pb::IngestHanddownsRequest { from_unit, source, items };
        let answer = screening.handdowns().ingest_handdowns(request).await?.into_inner();
        Ok(answer.results.into_iter().map(came).collect())
    })
    .await
}

fn came(result: pb::HanddownResult) -> (String, Came) {
    let came = match result.result {
        Some(Answer::Accepted(_) | Answer::Duplicate(_)) => Came::Taken,
        Some(Answer::Refused(why)) => Came::Refused(why.reason, why.message),
        None => Came::unanswered(),
    };
    (result.event_id, came)
}
