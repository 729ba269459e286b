//! Appointments speak here.

use chassis::{Clock, Database, Fault, Violations, claims::Claim, pages, parse, server, watching::Watching};
use proto::registry::{self as pb, appointment_service_server::AppointmentService};
use sqlx::PgConnection;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Contact, ops,
    parse::{self as contract, HandOver, Relief, optional_instant},
    store::{self, Selection},
    watch,
};
use crate::{
    DOMAIN, Moment,
    officers::parse::COLLECTION as OFFICERS,
    scope,
    scope::Ask,
    units::{
        contains,
        parse::{COLLECTION as UNITS, unit_name},
    },
};

/// The handlers of [`AppointmentService`].
#[derive(Clone, Debug)]
pub struct Appointments {
    /// The registry's database.
    pub database: Database,
    /// What time it is.
    pub clock: Clock,
    /// What watches need.
    pub watching: Watching,
}

#[async_trait]
impl AppointmentService for Appointments {
    async fn list_appointments(
        &self,
        request: Request<pb::ListAppointmentsRequest>,
    ) -> Result<Response<pb::ListAppointmentsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn appoint(
        &self,
        request: Request<pb::AppointRequest>,
    ) -> Result<Response<pb::AppointResponse>, Status> {
        server::reply(DOMAIN, self.appoint_one(request).await)
    }

    async fn batch_appoint(
        &self,
        request: Request<pb::BatchAppointRequest>,
    ) -> Result<Response<pb::BatchAppointResponse>, Status> {
        server::reply(DOMAIN, self.appoint_many(request).await)
    }

    async fn relieve(
        &self,
        request: Request<pb::RelieveRequest>,
    ) -> Result<Response<pb::RelieveResponse>, Status> {
        server::reply(DOMAIN, self.end(request).await)
    }

    async fn hand_over(
        &self,
        request: Request<pb::HandOverRequest>,
    ) -> Result<Response<pb::HandOverResponse>, Status> {
        server::reply(DOMAIN, self.replace(request).await)
    }

    async fn list_vacancies(
        &self,
        request: Request<pb::ListVacanciesRequest>,
    ) -> Result<Response<pb::ListVacanciesResponse>, Status> {
        server::reply(DOMAIN, self.vacancies(request).await)
    }

    async fn get_answering(
        &self,
        request: Request<pb::GetAnsweringRequest>,
    ) -> Result<Response<pb::GetAnsweringResponse>, Status> {
        server::reply(DOMAIN, self.answering(request).await)
    }

    type WatchAppointmentsStream = ReceiverStream<Result<pb::WatchAppointmentsResponse, Status>>;

    async fn watch_appointments(
        &self,
        request: Request<pb::WatchAppointmentsRequest>,
    ) -> Result<Response<Self::WatchAppointmentsStream>, Status> {
        let appointments = self.clone();
        Ok(server::stream(
            DOMAIN,
            |messages| async move { watch::watch(&appointments, request, &messages).await },
        ))
    }
}

impl Appointments {
    async fn list(
        &self,
        request: Request<pb::ListAppointmentsRequest>,
    ) -> Result<pb::ListAppointmentsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let unit = wrong.optional_name("unit", UNITS, &request.unit);
        let officer = wrong.optional_name("officer", OFFICERS, &request.officer);
        let office = Some(request.office).filter(|office| *office != 0);
        let office = wrong.keep("office", office.map(contract::office).transpose()).flatten();
        let at = wrong.keep("as_of", optional_instant(request.as_of)).flatten();
        if unit.is_some() && !request.ancestor_unit.is_empty() {
            wrong.add("ancestor_unit", "must be empty where a unit is said");
        }
        wrong.refuse()?;
        let pager = page.of(&self.database, &caller, "ListAppointments", &request);
        let after: (String, Uuid) = pager.pair()?.unwrap_or_default();

        let moment = Moment::of(&self.clock);
        let ask = Ask::today("appointments.read", moment.today);
        let mut work = self.database.begin(deadline).await?;
        let above = if request.unit.is_empty() { &request.ancestor_unit } else { &request.unit };
        let ranges = scope::below(&mut work, &caller, ask, above).await?;
        let selection = Selection {
            ranges: &ranges,
            unit,
            officer,
            office,
            at: Some(at.unwrap_or(moment.now)).filter(|_| !request.show_all),
            after: (&after.0, after.1),
            today: moment.today,
            limit: pager.limit(),
        };
        let mut appointments = store::list(&mut work, &selection).await?;
        let next_page_token = pager.cut(&mut appointments, |one| format!("{} {}", one.path, one.id));
        let appointments = appointments.into_iter().map(Into::into).collect();
        Ok(pb::ListAppointmentsResponse { appointments, next_page_token })
    }

    async fn appoint_one(&self, request: Request<pb::AppointRequest>) -> Result<pb::AppointResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let appointment = contract::appoint(&request)?;
        let claim = Claim::new(&caller, request_id, "Appoint", &request);
        let mut work = self.database.begin(deadline).await?;
        scope::allow(&mut work, &caller, self.write(), &[appointment.unit]).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let made = ops::appoint(&mut work, &caller, vec![appointment], Moment::of(&self.clock)).await?;
        let answer = pb::AppointResponse { appointment: self.read(&mut work, &made).await?.pop() };
        claim.commit(work, answer).await
    }

    async fn appoint_many(
        &self,
        request: Request<pb::BatchAppointRequest>,
    ) -> Result<pb::BatchAppointResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let appointments = contract::batch(&request)?;
        let claim = Claim::new(&caller, request_id, "BatchAppoint", &request);
        let mut work = self.database.begin(deadline).await?;
        let units: Vec<Uuid> = appointments.iter().map(|one| one.unit).collect();
        scope::allow(&mut work, &caller, self.write(), &units).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let made = ops::appoint(&mut work, &caller, appointments, Moment::of(&self.clock)).await?;
        let answer = pb::BatchAppointResponse { appointments: self.read(&mut work, &made).await? };
        claim.commit(work, answer).await
    }

    async fn end(&self, request: Request<pb::RelieveRequest>) -> Result<pb::RelieveResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let relief = Relief::try_from(&request)?;
        let claim = Claim::new(&caller, request_id, "Relieve", &request);
        let moment = Moment::of(&self.clock);
        let mut work = self.database.begin(deadline).await?;
        let appointment = ops::in_hand(&mut work, &caller, relief.id, moment).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let ended = ops::relieve(&mut work, appointment, &relief, moment).await?;
        claim.commit(work, pb::RelieveResponse { appointment: Some(ended.into()) }).await
    }

    async fn replace(&self, request: Request<pb::HandOverRequest>) -> Result<pb::HandOverResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let hand_over = HandOver::try_from(&request)?;
        let claim = Claim::new(&caller, request_id, "HandOver", &request);
        let moment = Moment::of(&self.clock);
        let mut work = self.database.begin(deadline).await?;
        let former = ops::in_hand(&mut work, &caller, hand_over.relief.id, moment).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let done = ops::hand_over(&mut work, &caller, former, &hand_over, moment).await?;
        let answer = pb::HandOverResponse {
            former: self.read(&mut work, &[done.former]).await?.pop(),
            successor: self.read(&mut work, &[done.successor]).await?.pop(),
            overlap: self.read(&mut work, done.overlap.as_slice()).await?.pop(),
        };
        claim.commit(work, answer).await
    }

    async fn vacancies(
        &self,
        request: Request<pb::ListVacanciesRequest>,
    ) -> Result<pb::ListVacanciesResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let at = wrong.keep("as_of", optional_instant(request.as_of)).flatten();
        wrong.refuse()?;
        let pager = page.of(&self.database, &caller, "ListVacancies", &request);
        let key = pager.key()?.unwrap_or_default();
        let (path, office) = key.split_once(' ').unwrap_or_default();

        let moment = Moment::of(&self.clock);
        let ask = Ask::today("appointments.read", moment.today);
        let mut work = self.database.begin(deadline).await?;
        let ranges = scope::below(&mut work, &caller, ask, &request.ancestor_unit).await?;
        let at = at.unwrap_or(moment.now);
        let mut vacancies = Vec::new();
        for range in ranges.iter().filter(|range| path <= range.as_str() || contains(range, path)) {
            let missing = pager.missing(vacancies.len());
            if missing <= 0 {
                break;
            }
            let found = store::vacancies(&mut work, range, (path, office), at, moment.today, missing);
            vacancies.extend(found.await?);
        }
        let next_page_token = pager.cut(&mut vacancies, |one| format!("{} {}", one.path, one.office.word()));
        let vacancies = vacancies.into_iter().map(Into::into).collect();
        Ok(pb::ListVacanciesResponse { vacancies, next_page_token })
    }

    /// Official contacts are visible to every officer: no scope here.
    async fn answering(
        &self,
        request: Request<pb::GetAnsweringRequest>,
    ) -> Result<pb::GetAnsweringResponse, Fault> {
        let (_, deadline, request) = server::accept(request)?;
        let unit = parse::name(UNITS, &request.unit).map_err(|wrong| Fault::invalid("unit", wrong))?;
        let moment = Moment::of(&self.clock);
        let mut work = self.database.begin(deadline).await?;
        let found = store::answering(&mut work, unit, moment.now, moment.today).await?;
        let (display_name, contacts) = found.ok_or_else(|| Fault::NotFound(unit_name(unit)))?;
        let here: Vec<Contact> = contacts.iter().filter(|contact| contact.unit == unit).cloned().collect();
        let nearest = contacts.first().map(|contact| contact.unit);
        let above = || contacts.iter().filter(|contact| Some(contact.unit) == nearest).take(1).cloned();
        let contacts = if here.is_empty() { above().collect() } else { here };
        let contacts = contacts.into_iter().map(Into::into).collect();
        Ok(pb::GetAnsweringResponse { display_name, contacts })
    }

    fn write(&self) -> Ask {
        Ask::today("appointments.write", self.clock.today())
    }

    async fn read(
        &self,
        connection: &mut PgConnection,
        appointments: &[Uuid],
    ) -> Result<Vec<pb::Appointment>, Fault> {
        let found = store::get(connection, appointments, self.clock.today()).await?;
        Ok(found.into_iter().map(Into::into).collect())
    }
}
