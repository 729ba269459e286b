//! The laws, proved over the API by every service.

use proto::{
    registry::{self, prove_offices_response::Part},
    reporting::{self as pb, prove_reports_response::Event},
    screening::{self as screened, prove_persons_response::Event as Proved},
};

use super::stage::Stage;

/// What the proofs came to.
#[derive(Clone, Debug, Default)]
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
