//! Incidents speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, claims::Claim, pages, pages::Pager, parse, server};
use proto::screening::{self as pb, incident_service_server::IncidentService};
use tonic::{Request, Response, Status, async_trait};

use super::{
    parse::{self as contract, COLLECTION, incident_name},
    store,
};
use crate::{
    DOMAIN,
    cases::parse::instant,
    escalations::{self, Kind},
    house::House,
    persons::parse::UNITS,
};

/// The handlers of [`IncidentService`].
#[derive(Clone, Debug)]
pub struct Incidents {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl IncidentService for Incidents {
    async fn list_incidents(
        &self,
        request: Request<pb::ListIncidentsRequest>,
    ) -> Result<Response<pb::ListIncidentsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn report_incident(
        &self,
        request: Request<pb::ReportIncidentRequest>,
    ) -> Result<Response<pb::ReportIncidentResponse>, Status> {
        server::reply(DOMAIN, self.report(request).await)
    }
}

impl Incidents {
    async fn list(
        &self,
        request: Request<pb::ListIncidentsRequest>,
    ) -> Result<pb::ListIncidentsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListIncidents", &request);
        let after = pager.after(&token)?;
        let units = self.house.units(&caller, "incidents.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut found = store::list(&mut work, &units, request.unreported, after, size + 1).await?;
        let next_page_token = pager.cut(&mut found, size, |incident| incident.id.to_string());
        let incidents = found.iter().map(contract::incident).collect();
        Ok(pb::ListIncidentsResponse { incidents, next_page_token })
    }

    async fn report(
        &self,
        request: Request<pb::ReportIncidentRequest>,
    ) -> Result<pb::ReportIncidentResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let now = self.house.clock.now();
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let at = wrong.keep("report_time", instant(request.report_time, now)).unwrap_or(now);
        let grade = i16::try_from(request.grade).ok().filter(|grade| (0..=4).contains(grade));
        let grade = grade.ok_or_else(|| "must be 1 to 4, or 0 while it is ungraded".to_owned());
        let grade = wrong.keep("grade", grade).unwrap_or_default();
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "ReportIncident", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::lock(&mut work, id).await?;
        let seen = found.filter(|incident| self.house.sees(&caller, "incidents.report", incident.unit));
        let mut incident = seen.ok_or_else(|| Fault::NotFound(incident_name(id)))?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let is_graded_now = incident.grade == 0 && grade > 0;
        if incident.reported_at.is_some() && !is_graded_now {
            let name = incident_name(id);
            let words = "was reported";
            return Err(Fault::unmet("INCIDENT_REPORTED", name.clone(), words, vec![("incident", name)]));
        }
        if incident.reported_at.is_none() {
            (incident.reported_at, incident.reported_by) = (Some(at), caller.subject().to_owned());
        }
        incident.grade = grade;
        store::report(&mut work, &incident).await?;
        escalations::store::withdraw(&mut work, &[id], &[Kind::IncidentOverdue]).await?;
        let answer = pb::ReportIncidentResponse { incident: Some(contract::incident(&incident)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }
}
