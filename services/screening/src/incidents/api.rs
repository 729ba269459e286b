//! Incidents speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, claims::Claim, pages, parse, server};
use proto::screening::{self as pb, incident_service_server::IncidentService};
use tonic::{Request, Response, Status, async_trait};

use super::{
    parse::{self as contract, incident_name},
    store,
};
use crate::{
    DOMAIN,
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
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListIncidents", &request);
        let after = pager.after()?;
        let units = self.house.units(&caller, "incidents.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut found =
            store::list(&mut work, &self.house.keys, (&units, request.unreported), after, pager.limit())
                .await?;
        let next_page_token = pager.cut(&mut found, |incident| incident.id.to_string());
        let incidents = found.iter().map(contract::incident).collect();
        Ok(pb::ListIncidentsResponse { incidents, next_page_token })
    }

    async fn report(
        &self,
        request: Request<pb::ReportIncidentRequest>,
    ) -> Result<pb::ReportIncidentResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (id, at, grade) = contract::reported(&request, self.house.clock.now())?;
        let claim = Claim::new(&caller, request_id, "ReportIncident", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::lock(&mut work, &self.house.keys, id).await?;
        let name = incident_name(id);
        let mut incident =
            self.house.jurisdiction.seen(&caller, "incidents.report", found, |one| one.unit, name.clone())?;
        if let Some(answer) = claim.replay::<pb::ReportIncidentResponse>(&mut work).await? {
            let place = incident.place.clone();
            let incident = answer.incident.map(|kept| pb::Incident { place, ..kept });
            return Ok(pb::ReportIncidentResponse { incident });
        }
        let is_graded_now = incident.grade == 0 && grade > 0;
        if incident.reported_at.is_some() && !is_graded_now {
            return Err(Fault::unfit("INCIDENT_REPORTED", ("incident", name), "was reported"));
        }
        if incident.reported_at.is_none() {
            (incident.reported_at, incident.reported_by) = (Some(at), caller.subject().to_owned());
        }
        incident.grade = grade;
        store::report(&mut work, &incident).await?;
        escalations::store::withdraw(&mut work, &[id], &[Kind::IncidentOverdue]).await?;
        let incident = contract::incident(&incident);
        // An answer that is kept says nothing of where anybody was.
        let kept = pb::Incident { place: String::new(), ..incident.clone() };
        claim.commit(work, pb::ReportIncidentResponse { incident: Some(kept) }).await?;
        Ok(pb::ReportIncidentResponse { incident: Some(incident) })
    }
}
