//! Admissions speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, claims::Claim, pages, parse, server};
use proto::screening::{self as pb, admission_service_server::AdmissionService};
use tonic::{Request, Response, Status, async_trait};

use super::{ops, parse as contract, store};
use crate::{
    DOMAIN,
    house::House,
    persons::{
        parse::{COLLECTION as PERSONS, UNITS},
        seen,
    },
};

/// The handlers of [`AdmissionService`].
#[derive(Clone, Debug)]
pub struct Admissions {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl AdmissionService for Admissions {
    async fn record_admission(
        &self,
        request: Request<pb::RecordAdmissionRequest>,
    ) -> Result<Response<pb::RecordAdmissionResponse>, Status> {
        server::reply(DOMAIN, self.admit(request).await)
    }

    async fn record_discharge(
        &self,
        request: Request<pb::RecordDischargeRequest>,
    ) -> Result<Response<pb::RecordDischargeResponse>, Status> {
        server::reply(DOMAIN, self.discharge(request).await)
    }

    async fn list_admissions(
        &self,
        request: Request<pb::ListAdmissionsRequest>,
    ) -> Result<Response<pb::ListAdmissionsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }
}

impl Admissions {
    async fn admit(
        &self,
        request: Request<pb::RecordAdmissionRequest>,
    ) -> Result<pb::RecordAdmissionResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let told = contract::admitted(request.admission.as_ref(), self.house.clock.now())?;
        let claim = Claim::new(&caller, request_id, "RecordAdmission", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let (person, _) =
            seen::lock(&self.house, &mut work, &caller, "admissions.write", told.person).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let (admission, known) = ops::admit(&self.house, &mut work, &person, &told, caller.subject()).await?;
        let admission = Some(contract::admission(&admission));
        claim.commit(work, pb::RecordAdmissionResponse { admission, known }).await
    }

    async fn discharge(
        &self,
        request: Request<pb::RecordDischargeRequest>,
    ) -> Result<pb::RecordDischargeResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let is_unit = |unit| self.house.jurisdiction.standing(unit).is_some();
        let told = contract::discharged(request.admission.as_ref(), self.house.clock.now(), is_unit)?;
        let claim = Claim::new(&caller, request_id, "RecordDischarge", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let (person, _) =
            seen::lock(&self.house, &mut work, &caller, "admissions.write", told.person).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let said = (caller.subject(), request_id);
        let (admission, known) = ops::discharge(&self.house, &mut work, &person, &told, said).await?;
        let admission = Some(contract::admission(&admission));
        claim.commit(work, pb::RecordDischargeResponse { admission, known }).await
    }

    async fn list(
        &self,
        request: Request<pb::ListAdmissionsRequest>,
    ) -> Result<pb::ListAdmissionsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let person = wrong.optional_name("person", PERSONS, &request.person);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListAdmissions", &request);
        let after = pager.after()?;
        let units = self.house.units(&caller, "observations.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let asked = (seen::asked(&mut work, person).await?, request.discharged);
        let mut found = store::list(&mut work, &units, asked, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |admission| admission.id.to_string());
        let admissions = found.iter().map(contract::admission).collect();
        Ok(pb::ListAdmissionsResponse { admissions, next_page_token })
    }
}
