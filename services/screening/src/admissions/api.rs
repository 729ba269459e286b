//! Admissions speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, pages::Pager, parse, server};
use proto::screening::{self as pb, admission_service_server::AdmissionService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Admission, Destination, ops,
    parse::{self as contract, Told},
    store,
};
use crate::{
    DOMAIN,
    house::House,
    persons::{
        Person,
        parse::{COLLECTION as PERSONS, UNITS, person_name},
        store as persons,
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
        let now = self.house.clock.now();
        let told = contract::admitted(request.admission.as_ref(), now)?;
        let claim = Claim::new(&caller, request_id, "RecordAdmission", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let person = self.locked(&mut work, &caller, told.person).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let of_him = self.told(&mut work, &person, &told).await?;
        let same = |one: &Admission| match one.admitted_at {
            Some(at) => at == told.at,
            None => one.discharged_at.is_some_and(|at| at >= told.at),
        };
        let of_him = of_him.into_iter().find(|one| !told.external.1.is_empty() || same(one));
        let known = of_him.as_ref().is_some_and(|one| one.admitted_at.is_some());
        let mut admission = of_him.unwrap_or_else(|| blank(&person, &told));
        if !known {
            admission.admitted_at = Some(told.at);
            caller.subject().clone_into(&mut admission.admitted_by);
            // What is told late changes nothing of where the person is now.
            let pair = (person.same_as, person.unit);
            let is_late =
                admission.discharged_at.is_some() || store::is_overtaken(&mut work, pair, told.at).await?;
            if !is_late {
                let taken = ops::take_in(&self.house, &mut work, &person, &told.facility, caller.subject());
                admission.referral = taken.await?;
            }
            store::keep(&mut work, &admission, now).await?;
        }
        let answer = pb::RecordAdmissionResponse { admission: Some(contract::admission(&admission)), known };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn discharge(
        &self,
        request: Request<pb::RecordDischargeRequest>,
    ) -> Result<pb::RecordDischargeResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let now = self.house.clock.now();
        let is_unit = |unit: Uuid| self.house.jurisdiction.standing(unit).is_some();
        let told = contract::discharged(request.admission.as_ref(), now, is_unit)?;
        let claim = Claim::new(&caller, request_id, "RecordDischarge", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let person = self.locked(&mut work, &caller, told.person).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let of_him = self.told(&mut work, &person, &told).await?;
        let same = |one: &Admission| {
            let is_open = one.discharged_at.is_none() && one.admitted_at.is_some_and(|at| at <= told.at);
            is_open || one.discharged_at == Some(told.at)
        };
        let of_him = of_him.into_iter().find(|one| !told.external.1.is_empty() || same(one));
        let known = of_him.as_ref().is_some_and(|one| one.discharged_at.is_some());
        let mut admission = of_him.unwrap_or_else(|| blank(&person, &told));
        if !known {
            let by = caller.subject();
            admission.discharged_at = Some(told.at);
            by.clone_into(&mut admission.discharged_by);
            admission.destination = Some(told.destination as i16);
            admission.home_unit = told.home_unit;
            let pair = (person.same_as, person.unit);
            let is_late = store::is_overtaken(&mut work, pair, told.at).await?;
            if told.destination == Destination::Home && !is_late {
                let (home, said) = ((told.facility.as_str(), told.home_unit), (by, told.at, request_id));
                admission.handdown = ops::let_go(&self.house, &mut work, &person, home, said).await?;
            }
            store::keep(&mut work, &admission, now).await?;
        }
        let answer = pb::RecordDischargeResponse { admission: Some(contract::admission(&admission)), known };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn list(
        &self,
        request: Request<pb::ListAdmissionsRequest>,
    ) -> Result<pb::ListAdmissionsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        let person = wrong.keep("person", parse::optional_name(PERSONS, &request.person)).flatten();
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListAdmissions", &request);
        let after = pager.after(&token)?;
        let units = self.house.units(&caller, "observations.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let one = match person {
            None => None,
            // Nobody, or nobody of his: nothing is listed either way.
            Some(person) => Some(persons::one(&mut work, person).await?.unwrap_or_default()),
        };
        let asked = (one, request.discharged);
        let mut found = store::list(&mut work, &units, asked, after, size + 1).await?;
        let next_page_token = pager.cut(&mut found, size, |admission| admission.id.to_string());
        let admissions = found.iter().map(contract::admission).collect();
        Ok(pb::ListAdmissionsResponse { admissions, next_page_token })
    }

    /// The person of what is told, locked with everybody who is the same.
    async fn locked(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Person, Fault> {
        let absent = || Fault::NotFound(person_name(id));
        let one = persons::one(connection, id).await?.ok_or_else(absent)?;
        let everybody = persons::lock_same(connection, &self.house.keys, one).await?;
        let person = everybody.into_iter().find(|person| person.id == id).ok_or_else(absent)?;
        let seen = self.house.sees(caller, "admissions.write", person.unit);
        if seen { Ok(person) } else { Err(absent()) }
    }

    /// What is known of the admission that is told: by its number, or those of the person at that facility without any.
    async fn told(
        &self,
        connection: &mut PgConnection,
        person: &Person,
        told: &Told,
    ) -> Result<Vec<Admission>, Fault> {
        if told.external.1.is_empty() {
            let mut all = store::lock_unnumbered(connection, person.same_as, person.unit).await?;
            all.retain(|one| one.facility == told.facility);
            return Ok(all);
        }
        match store::lock_external(connection, &told.external).await? {
            Some(one) if one.one == person.same_as => Ok(vec![one]),
            Some(_) => Err(Fault::invalid("admission.external_id", "is another admission's")),
            None => Ok(Vec::new()),
        }
    }
}

/// An admission of which nobody has told yet.
fn blank(person: &Person, told: &Told) -> Admission {
    Admission {
        id: Uuid::now_v7(),
        person: person.id,
        unit: person.unit,
        one: person.same_as,
        facility: told.facility.clone(),
        external: told.external.clone(),
        referral: None,
        admitted_at: None,
        admitted_by: String::new(),
        discharged_at: None,
        discharged_by: String::new(),
        destination: None,
        home_unit: None,
        handdown: None,
    }
}
