//! The laws, proved over the API by every service.

use proto::{
    registry::{self, prove_offices_response::Part},
    reporting::{self as pb, prove_reports_response::Event},
    screening::{self as screened, prove_persons_response::Event as Proved},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::output;

/// How many exceptions of a kind are named in the summary; the document names all.
const NAMED: usize = 3;

/// Something about persons that breaks no law, and at which somebody must look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// What it is.
    pub finding: String,
    /// Where, from the county down.
    pub place: String,
    /// Who answers there.
    pub officer: String,
    /// Their official phone.
    pub phone: String,
    /// In words.
    pub words: String,
}

/// What the proofs came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Laws {
    /// Law 1, here of offices.
    pub offices: bool,
    /// The tree.
    pub tree: bool,
    /// Law 3.
    pub reports: bool,
    /// How many exceptions are listed and break nothing.
    pub listed: i64,
    /// Every exception that breaks a law, in words.
    pub broken: Vec<String>,
    /// Law 2.
    pub persons: bool,
    /// The exceptions about persons that break nothing.
    pub exceptions: Vec<Exception>,
    /// How many persons under observation, slots and readings were checked.
    pub watched: (i64, i64, i64),
    /// How many expectations, revisions and seals were checked.
    pub checked: (i64, i64, i64),
}

impl Laws {
    /// Whether all of them hold.
    #[must_use]
    pub fn hold(&self) -> bool {
        self.offices && self.tree && self.reports && self.persons
    }

    /// The lines of the summary.
    #[must_use]
    pub fn text(&self, when: &str) -> Vec<String> {
        let word = |holds: bool| if holds { "hold" } else { "BROKEN" };
        let (observations, slots, readings) = self.watched;
        let (expectations, revisions, seals) = self.checked;
        let verdict = format!(
            "laws          {when}: offices {}, tree {}, persons {}, reports {}: {observations} observations, {slots} slots, {readings} readings, {expectations} expectations, {revisions} revisions and {seals} seals checked, {} exceptions listed",
            word(self.offices),
            word(self.tree),
            word(self.persons),
            word(self.reports),
            self.listed
        );
        let broken = self.broken.iter().map(|broken| format!("BROKEN        {broken}"));
        std::iter::once(verdict).chain(broken).collect()
    }

    /// The exceptions about persons by kind, some of each by name.
    #[must_use]
    pub fn named(&self) -> Vec<String> {
        let mut kinds: Vec<&str> = self.exceptions.iter().map(|one| one.finding.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut lines = Vec::new();
        for kind in kinds {
            let of: Vec<&Exception> = self.exceptions.iter().filter(|one| one.finding == kind).collect();
            lines.push(format!("exceptions    {} {kind}", of.len()));
            lines.extend(of.iter().take(NAMED).map(|one| {
                format!("              {}: {}, {}; {}", one.place, one.officer, one.phone, one.words)
            }));
        }
        lines
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> Value {
        json!({"offices": self.offices, "tree": self.tree, "persons": self.persons, "reports": self.reports,
               "exceptions_listed": self.listed, "exceptions_of_persons": self.exceptions, "broken": self.broken})
    }
}

/// Proves everything.
///
/// # Errors
/// A refusal, or a proof without a verdict.
pub async fn prove(stage: &Stage) -> anyhow::Result<Laws> {
    let mut laws = Laws::default();
    let request = registry::ProveOfficesRequest::default();
    let mut stream = stage.registry.proofs().prove_offices(request).await?.into_inner();
    let mut concluded = false;
    while let Some(message) = stream.message().await? {
        match message.part {
            Some(Part::Exception(one)) if one.broken => {
                laws.broken.push(format!("{} {}", one.finding().as_str_name(), one.display_name));
            }
            Some(Part::Verdict(verdict)) => {
                (laws.offices, laws.tree) = (verdict.offices_broken == 0, verdict.tree_broken == 0);
                laws.listed += verdict.listed;
                concluded = true;
            }
            _ => {}
        }
    }
    anyhow::ensure!(concluded, "the registry ended its proof without a verdict");
    let request = pb::ProveReportsRequest::default();
    let mut stream = stage.reporting.proofs().prove_reports(request).await?.into_inner();
    while let Some(message) = stream.message().await? {
        match message.event {
            Some(Event::Exception(one)) if one.breaks_the_law => {
                laws.broken.push(format!(
                    "{} {}: {}",
                    one.finding().as_str_name(),
                    one.display_name,
                    one.description
                ));
            }
            Some(Event::Verdict(verdict)) => {
                laws.reports = verdict.holds;
                laws.listed += verdict.listed;
                laws.checked = (verdict.expectations, verdict.revisions, verdict.seals);
                return prove_persons(stage, laws).await;
            }
            _ => {}
        }
    }
    anyhow::bail!("reporting ended its proof without a verdict")
}

/// Proves law 2.
async fn prove_persons(stage: &Stage, mut laws: Laws) -> anyhow::Result<Laws> {
    let screening = stage.screening_as("city-duty")?;
    let request = screened::ProvePersonsRequest {
        start_date: super::stage::DATE.to_owned(),
        as_of_date: String::new(),
    };
    let mut stream = screening.proofs().prove_persons(request).await?.into_inner();
    while let Some(message) = stream.message().await? {
        match message.event {
            Some(Proved::Exception(one)) if one.breaks_the_law => {
                laws.broken.push(format!(
                    "{} {}: {}",
                    one.finding().as_str_name(),
                    one.display_name,
                    one.description
                ));
            }
            Some(Proved::Exception(one)) => {
                let finding = one.finding();
                laws.exceptions.push(Exception {
                    finding: output::word(finding.as_str_name(), "PERSON_FINDING_").replace('_', " "),
                    place: one.display_name,
                    officer: one.contact_name,
                    phone: one.contact_phone,
                    words: one.description,
                });
            }
            Some(Proved::Verdict(verdict)) => {
                laws.persons = verdict.holds;
                laws.listed += verdict.listed;
                laws.watched = (verdict.open + verdict.ended, verdict.slots, verdict.readings);
                return Ok(laws);
            }
            _ => {}
        }
    }
    anyhow::bail!("screening ended its proof without a verdict")
}
