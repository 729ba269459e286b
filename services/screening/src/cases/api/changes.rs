//! What is found of a case, done about it and decided of it.

use chassis::{Fault, claims::Claim, parse, server};
use chrono::{DateTime, Utc};
use proto::screening as pb;
use sqlx::PgConnection;
use tonic::Request;

use super::Cases;
use crate::{
    cases::{
        Case, Event, deciding, ops,
        parse::{self as contract, misfit},
        store::{self, Note},
    },
    exposures,
    incidents::parse::incident_name,
};

impl Cases {
    pub(super) async fn findings(
        &self,
        request: Request<pb::RecordFindingsRequest>,
    ) -> Result<pb::RecordFindingsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (id, said) = contract::findings(&request, self.house.clock.today())?;
        let claim = Claim::new(&caller, request_id, "RecordFindings", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let mut case = self.locked(&mut work, &caller, "cases.write", id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if request.clear_links || !said.links.is_empty() {
            case.links = said.links;
        }
        if request.clear_signs || !said.signs.is_empty() {
            case.signs = said.signs;
        }
        case.onset_on = said.onset_on.or(case.onset_on);
        let said = (caller.subject(), request.reason.as_str());
        self.write(&mut work, &mut case, (Event::Findings, self.house.clock.now()), said).await?;
        if case.state.is_ill() {
            // An earlier onset brings contacts into the window (R10).
            exposures::ops::reassess(&self.house, &mut work, case.one, caller.subject()).await?;
        }
        claim.commit(work, pb::RecordFindingsResponse { case: Some(self.shown(&case)) }).await
    }

    pub(super) async fn mark(
        &self,
        request: Request<pb::MarkCaseRequest>,
    ) -> Result<pb::MarkCaseResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let now = self.house.clock.now();
        let (id, step, at) = contract::marked(&request, now)?;
        let claim = Claim::new(&caller, request_id, "MarkCase", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let mut case = self.locked(&mut work, &caller, "cases.write", id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let is_found = case.found_at().is_some();
        if !case.mark(step, at) {
            if !is_found {
                return Err(misfit(&case, "nothing was found that is to be reported"));
            }
            let words = "must not be before the case was found, nor an audit before the report";
            return Err(Fault::invalid("time", words));
        }
        let words = format!("{step:?} at {}", at.to_rfc3339());
        self.write(&mut work, &mut case, (Event::Marked, at), (caller.subject(), &words)).await?;
        ops::settle_clocks(&self.house, &mut work, &case, now).await?;
        claim.commit(work, pb::MarkCaseResponse { case: Some(self.shown(&case)) }).await
    }

    pub(super) async fn classify(
        &self,
        request: Request<pb::ClassifyCaseRequest>,
    ) -> Result<pb::ClassifyCaseResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let asked = deciding::asked(&self.house, &request)?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "ClassifyCase", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let mut case = self.locked(&mut work, &caller, "cases.classify", asked.id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let followed = deciding::decide(&self.house, &mut work, &mut case, &asked, caller.subject()).await?;
        case.version += 1;
        let answer = pb::ClassifyCaseResponse {
            case: Some(self.shown(&case)),
            contacts: i32::try_from(followed.contacts).unwrap_or(i32::MAX),
            incidents: followed.incidents.into_iter().map(incident_name).collect(),
        };
        claim.commit(work, answer).await
    }

    pub(super) async fn severity(
        &self,
        request: Request<pb::SetSeverityRequest>,
    ) -> Result<pb::SetSeverityResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let now = self.house.clock.now();
        let (id, severity, at) = contract::severity(&request, now)?;
        let claim = Claim::new(&caller, request_id, "SetSeverity", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let mut case = self.locked(&mut work, &caller, "cases.write", id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        // What is said late of an earlier time is noted, and how it is now stays.
        let last = store::severity_since(&mut work, case.id, at).await?;
        case.severity = severity;
        let said = (caller.subject(), "");
        store::note(&mut work, &case, Note::of(Event::Severity, &case, at, said), now).await?;
        case.severity = last.unwrap_or(severity);
        store::update(&mut work, &case).await?;
        case.version += 1;
        claim.commit(work, pb::SetSeverityResponse { case: Some(self.shown(&case)) }).await
    }

    /// Writes a change of a case that is no decision, and notes it with when it was so.
    async fn write(
        &self,
        connection: &mut PgConnection,
        case: &mut Case,
        (event, at): (Event, DateTime<Utc>),
        said: (&str, &str),
    ) -> Result<(), Fault> {
        store::update(connection, case).await?;
        case.version += 1;
        store::note(connection, case, Note::of(event, case, at, said), self.house.clock.now()).await
    }
}
