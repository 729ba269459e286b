//! `rampart prove`: the laws on the live data. Every service proves its own; here their streams become
//! one list and one verdict.

use std::{collections::BTreeMap, process::ExitCode};

use chrono::{DateTime, FixedOffset, NaiveDate};
use proto::{
    registry::{self as pb, prove_offices_response::Part},
    reporting as rp,
    reporting::prove_reports_response::Event,
};

use super::{EXIT_FOUND, access::Access, prove_persons, reporting as shared};
use crate::output::{self, Column, Style};

const ABOUT: &str = "\
Every exception is listed by name, and every law with its verdict at the end of the list; \
progress goes to standard error. A vacant office that a duty officer above answers for is \
listed and breaks no law; neither do missing and returned reports, nor persons who are lost. Offices \
and the tree are checked at one instant, reports for every day that was opened, or those of --form, --from \
and --until; persons under observation now, and with --from those whose observation ended since.

Example:
  rampart prove --law reports --form grid-day --from 2020-02-01 --until 2020-02-03 --output csv

Exit codes:
  0   every law holds
  1   a law is broken
  2   nothing is proved: refused, or a service cannot be reached";

/// Flags of `rampart prove`.
#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT)]
pub(crate) struct Args {
    /// Only this law; may be repeated [default: every law]
    #[arg(long = "law", value_enum, value_name = "LAW")]
    laws: Vec<Law>,
    /// Offices and the tree at this instant, such as 2020-02-03T08:00:00+08:00, or at the end of this date; persons at the
    /// end of its date; now where not said
    #[arg(long, value_name = "DATE|INSTANT", value_parser = instant_or_date)]
    as_of: Option<DateTime<FixedOffset>>,
    /// Reports only of this form: forms/{uuid}, or its key
    #[arg(long, value_name = "FORM")]
    form: Option<String>,
    /// Reports only from this business date on; persons also where they were let go since
    #[arg(long, value_name = "DATE")]
    from: Option<NaiveDate>,
    /// Reports only up to and with this business date
    #[arg(long, value_name = "DATE")]
    until: Option<NaiveDate>,
}

/// An instant, or the last one of a date in China.
fn instant_or_date(text: &str) -> Result<DateTime<FixedOffset>, String> {
    let date = text.parse::<NaiveDate>().ok().and_then(|date| {
        let end = date.and_hms_opt(23, 59, 59)?;
        end.and_local_timezone(FixedOffset::east_opt(8 * 60 * 60)?).single()
    });
    let instant = date.map_or_else(|| DateTime::parse_from_rfc3339(text), Ok);
    instant.map_err(|_| "must be a date, or an instant with its offset".to_owned())
}

/// The laws, each proved by the service that keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Law {
    /// Every place has somebody who answers for it
    Places,
    /// What is expected was reported, excused or is missing, and the sums are right
    Reports,
    /// Every person under observation is in one pair of hands
    Persons,
}

const COLUMNS: &[Column] = &[
    Column { key: "law", en: "Law", zh: "规则" },
    Column { key: "result", en: "Result", zh: "结果" },
    Column { key: "broken", en: "Broken", zh: "违反" },
    Column { key: "day", en: "Day", zh: "业务日" },
    Column { key: "unit", en: "Unit", zh: "单位" },
    Column { key: "display_name", en: "Place", zh: "名称" },
    Column { key: "office", en: "Office", zh: "职务" },
    Column { key: "answering", en: "Answers", zh: "负责人" },
    Column { key: "official_phone", en: "Phone", zh: "电话" },
    Column { key: "detail", en: "Detail", zh: "说明" },
];

/// What the services' proofs come to.
#[derive(Default)]
pub(super) struct Proof {
    pub(super) exceptions: Vec<Vec<String>>,
    pub(super) verdicts: Vec<Vec<String>>,
    pub(super) broken: bool,
}

impl Proof {
    /// Notes the verdict on one law.
    pub(super) fn conclude(&mut self, law: &str, breaches: i64, detail: String) {
        let broken = breaches > 0;
        self.broken |= broken;
        let result = if broken { "broken" } else { "kept" };
        let mut row = vec![law.to_owned(), result.to_owned(), broken.to_string()];
        row.resize(COLUMNS.len() - 1, String::new());
        row.push(detail);
        self.verdicts.push(row);
    }
}

/// Proves the laws, service by service.
pub(crate) async fn run(args: &Args, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut proof = Proof::default();
    let asked = |law: Law| args.laws.is_empty() || args.laws.contains(&law);
    if asked(Law::Places) {
        registry(args, access, &mut proof).await?;
    }
    if asked(Law::Reports) {
        reporting(args, access, &mut proof).await?;
    }
    if asked(Law::Persons) {
        let as_of = args.as_of.map(|as_of| as_of.date_naive());
        prove_persons::prove((args.from, as_of), access, &mut proof).await?;
    }
    let rows: Vec<_> = proof.exceptions.into_iter().chain(proof.verdicts).collect();
    style.rows(COLUMNS, &rows)?;
    Ok(if proof.broken { ExitCode::from(EXIT_FOUND) } else { ExitCode::SUCCESS })
}

/// The laws of places: offices and the tree.
async fn registry(args: &Args, access: &Access, proof: &mut Proof) -> anyhow::Result<()> {
    let request =
        pb::ProveOfficesRequest { as_of: args.as_of.map(|as_of| chassis::parse::timestamp(as_of.to_utc())) };
    let mut stream = access.registry()?.proofs().prove_offices(request).await?.into_inner();
    while let Some(message) = stream.message().await? {
        match message.part {
            Some(Part::Progress(progress)) => say(&progress),
            Some(Part::Exception(exception)) => proof.exceptions.push(row(exception)),
            Some(Part::Verdict(verdict)) => {
                conclude(&verdict, proof);
                return Ok(());
            }
            None => {}
        }
    }
    anyhow::bail!("the registry ended its proof without a verdict: nothing is proved")
}

fn say(progress: &pb::ProofProgress) {
    let counts = progress.counts.unwrap_or_default();
    output::say(&format!(
        "registry {}/{} {}: {} units, {} offices: {} in full, {} acting, {} by default, {} unanswered",
        progress.done,
        progress.total,
        progress.display_name,
        counts.units,
        counts.offices,
        counts.held_in_full,
        counts.held_acting,
        counts.answered_by_default,
        counts.unanswered,
    ));
}

fn conclude(verdict: &pb::RegistryVerdict, proof: &mut Proof) {
    let counts = verdict.counts.unwrap_or_default();
    let offices = format!(
        "{} offices: {} in full, {} acting, {} by default, {} unanswered",
        counts.offices,
        counts.held_in_full,
        counts.held_acting,
        counts.answered_by_default,
        counts.unanswered,
    );
    proof.conclude("offices", verdict.offices_broken, offices);
    proof.conclude("tree", verdict.tree_broken, format!("{} units at work", counts.units));
    let as_of = verdict.as_of.and_then(|time| chassis::parse::instant(time).ok());
    let elapsed = verdict.elapsed.and_then(|time| std::time::Duration::try_from(time).ok());
    output::say(&format!(
        "registry: {} as of {} in {:.1?}, feed {} to {} of epoch {}",
        if verdict.kept { "the laws hold" } else { "a law is BROKEN" },
        as_of.map(|instant| instant.to_rfc3339()).unwrap_or_default(),
        elapsed.unwrap_or_default(),
        verdict.start_token,
        verdict.end_token,
        verdict.epoch,
    ));
}

fn row(exception: pb::RegistryException) -> Vec<String> {
    let word = |text: &str, prefix: &str| output::word(text, prefix);
    let law = word(exception.law().as_str_name(), "REGISTRY_LAW_");
    let result = word(exception.finding().as_str_name(), "REGISTRY_FINDING_");
    let office = match exception.office() {
        pb::Office::Unspecified => String::new(),
        office => word(office.as_str_name(), "OFFICE_"),
    };
    let mut detail = exception.related.join(" ");
    let answering = exception.answering.unwrap_or_default();
    if !answering.unit_display_name.is_empty() {
        detail = format!("answered for at {}", answering.unit_display_name);
    }
    vec![
        law,
        result,
        exception.broken.to_string(),
        String::new(),
        exception.unit,
        exception.display_name,
        office,
        answering.display_name,
        answering.official_phone,
        detail,
    ]
}

/// The law of reports: what is expected was reported, excused or is missing, and the sums are right.
async fn reporting(args: &Args, access: &Access, proof: &mut Proof) -> anyhow::Result<()> {
    let reporting = access.reporting()?;
    let form = match &args.form {
        Some(form) => shared::form(&reporting, form, args.until).await?.name,
        None => String::new(),
    };
    let request = rp::ProveReportsRequest {
        form,
        start_date: args.from.map(|date| date.to_string()).unwrap_or_default(),
        end_date: args.until.map(shared::after).unwrap_or_default(),
    };
    let mut stream = reporting.proofs().prove_reports(request).await?.into_inner();
    let (mut days, mut found) = (BTreeMap::new(), Vec::new());
    while let Some(message) = stream.message().await? {
        match message.event {
            Some(Event::Progress(progress)) => {
                output::say(&format!(
                    "reporting {} {} {}: {} expectations, {} revisions",
                    progress.form_key,
                    progress.business_date,
                    progress.display_name,
                    progress.expectations,
                    progress.revisions,
                ));
                let day = format!("{} {}", progress.form_key, progress.business_date);
                days.insert(progress.day, day);
            }
            Some(Event::Exception(exception)) => found.push(exception),
            Some(Event::Verdict(verdict)) => {
                // People know a day by its form and date, which progress says.
                proof.exceptions.extend(found.into_iter().map(|exception| report(exception, &days)));
                conclude_reports(&verdict, proof);
                return Ok(());
            }
            None => {}
        }
    }
    anyhow::bail!("reporting ended its proof without a verdict: nothing is proved")
}

fn conclude_reports(verdict: &rp::ProofVerdict, proof: &mut Proof) {
    let counts = format!(
        "{} days, {} expectations, {} revisions read, {} totals and {} seals recomputed, {} to look at",
        verdict.days, verdict.expectations, verdict.revisions, verdict.totals, verdict.seals, verdict.listed,
    );
    // A verdict that does not hold is believed, whatever its counts.
    let broken = if verdict.holds { verdict.broken } else { verdict.broken.max(1) };
    proof.conclude("reports", broken, counts);
    let read_to = verdict.read_to.clone().unwrap_or_default();
    output::say(&format!(
        "reporting: {} in {:.1?}, on the feed {} read to {}, heard of at {}; totals are kept up to the {}",
        if broken == 0 { "the law holds" } else { "the law is BROKEN" },
        std::time::Duration::from_millis(u64::try_from(verdict.milliseconds).unwrap_or_default()),
        read_to.feed,
        read_to.token,
        shared::instant(read_to.hear_time),
        shared::level(verdict.totals_level()),
    ));
}

fn report(exception: rp::ProofException, days: &BTreeMap<String, String>) -> Vec<String> {
    let finding = output::word(exception.finding().as_str_name(), "PROOF_FINDING_");
    let day = days.get(&exception.day).cloned().unwrap_or(exception.day);
    vec![
        "reports".to_owned(),
        finding,
        exception.breaks_the_law.to_string(),
        day,
        exception.unit,
        exception.display_name,
        String::new(),
        String::new(),
        String::new(),
        exception.description,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_of_is_a_date_or_an_instant() {
        let of = |text| instant_or_date(text).map(|instant| instant.to_rfc3339());
        assert_eq!(of("2020-02-03").as_deref(), Ok("2020-02-03T23:59:59+08:00"));
        assert_eq!(of("2020-02-03T08:00:00+08:00").as_deref(), Ok("2020-02-03T08:00:00+08:00"));
        assert!(of("yesterday").is_err());
    }

    #[test]
    fn one_broken_law_is_enough() {
        let mut proof = Proof::default();
        let mut verdict = pb::RegistryVerdict { kept: true, listed: 2, ..pb::RegistryVerdict::default() };
        conclude(&verdict, &mut proof);
        assert!(!proof.broken, "what is only listed breaks nothing");
        (verdict.kept, verdict.tree_broken) = (false, 1);
        conclude(&verdict, &mut proof);
        assert!(proof.broken);
        assert!(proof.verdicts.iter().all(|row| row.len() == COLUMNS.len()));
        assert_eq!(row(pb::RegistryException::default()).len(), COLUMNS.len());
    }

    #[test]
    fn a_broken_law_of_reports_is_enough() {
        let mut proof = Proof::default();
        let listed = rp::ProofVerdict { holds: true, listed: 3, ..rp::ProofVerdict::default() };
        conclude_reports(&listed, &mut proof);
        assert!(!proof.broken, "missing reports are listed and break nothing");
        conclude_reports(&rp::ProofVerdict { holds: false, ..listed }, &mut proof);
        assert!(proof.broken);
        let days = BTreeMap::from([("days/1".to_owned(), "grid-day 2020-02-03".to_owned())]);
        let exception = rp::ProofException { day: "days/1".to_owned(), ..rp::ProofException::default() };
        let row = report(exception, &days);
        assert_eq!((row.len(), row[3].as_str()), (COLUMNS.len(), "grid-day 2020-02-03"));
    }
}
