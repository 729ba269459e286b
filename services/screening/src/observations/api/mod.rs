//! Observations speak here; what changes one that is open stands in [`changes`].

mod changes;

use std::sync::Arc;

use chassis::{Fault, Violations, claims::Claim, pages, parse, server};
use proto::screening::{self as pb, observation_service_server::ObservationService};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Observation, ops,
    pages::{key, place, range},
    parse::{self as contract, COLLECTION},
    store,
};
use crate::{
    DOMAIN,
    feeds::{self, Stream},
    house::House,
    persons::{
        parse::{COLLECTION as PERSONS, UNITS, person_name},
        store as persons,
    },
};

/// The handlers of [`ObservationService`].
#[derive(Clone, Debug)]
pub struct Observations {
    /// What all handlers share.
    pub house: Arc<House>,
}

/// Handlers that answer with the observation as changed.
macro_rules! answers {
    ($self:ident, $request:ident, $change:ident, $response:ident) => {{
        let observation = $self.$change($request).await.map(Some);
        server::reply(DOMAIN, observation.map(|observation| pb::$response { observation }))
    }};
}

#[async_trait]
impl ObservationService for Observations {
    async fn open_observation(
        &self,
        request: Request<pb::OpenObservationRequest>,
    ) -> Result<Response<pb::OpenObservationResponse>, Status> {
        server::reply(DOMAIN, self.open(request).await)
    }

    async fn get_observation(
        &self,
        request: Request<pb::GetObservationRequest>,
    ) -> Result<Response<pb::GetObservationResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_observations(
        &self,
        request: Request<pb::ListObservationsRequest>,
    ) -> Result<Response<pb::ListObservationsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    type WatchObservationsStream = Stream<pb::WatchObservationsResponse>;

    async fn watch_observations(
        &self,
        request: Request<pb::WatchObservationsRequest>,
    ) -> Result<Response<Self::WatchObservationsStream>, Status> {
        Ok(feeds::watch(self, request, |request| request.start_token))
    }

    async fn extend_observation(
        &self,
        request: Request<pb::ExtendObservationRequest>,
    ) -> Result<Response<pb::ExtendObservationResponse>, Status> {
        answers!(self, request, extend, ExtendObservationResponse)
    }

    async fn shorten_observation(
        &self,
        request: Request<pb::ShortenObservationRequest>,
    ) -> Result<Response<pb::ShortenObservationResponse>, Status> {
        answers!(self, request, shorten, ShortenObservationResponse)
    }

    async fn move_observation(
        &self,
        request: Request<pb::MoveObservationRequest>,
    ) -> Result<Response<pb::MoveObservationResponse>, Status> {
        answers!(self, request, relocate, MoveObservationResponse)
    }

    async fn lose_observation(
        &self,
        request: Request<pb::LoseObservationRequest>,
    ) -> Result<Response<pb::LoseObservationResponse>, Status> {
        answers!(self, request, lose, LoseObservationResponse)
    }

    async fn find_observation(
        &self,
        request: Request<pb::FindObservationRequest>,
    ) -> Result<Response<pb::FindObservationResponse>, Status> {
        answers!(self, request, find, FindObservationResponse)
    }

    async fn release_observation(
        &self,
        request: Request<pb::ReleaseObservationRequest>,
    ) -> Result<Response<pb::ReleaseObservationResponse>, Status> {
        answers!(self, request, release, ReleaseObservationResponse)
    }

    async fn end_observation(
        &self,
        request: Request<pb::EndObservationRequest>,
    ) -> Result<Response<pb::EndObservationResponse>, Status> {
        answers!(self, request, end, EndObservationResponse)
    }
}

impl Observations {
    async fn open(
        &self,
        request: Request<pb::OpenObservationRequest>,
    ) -> Result<pb::OpenObservationResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let opening = contract::opening(&request, self.house.clock.today())?;
        let claim = Claim::new(&caller, request_id, "OpenObservation", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let (found, name) = (persons::hands(&mut work, opening.person).await?, person_name(opening.person));
        self.house.jurisdiction.seen(&caller, "observations.write", found, |(unit, _)| *unit, name)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let (observation, known) = ops::open(&self.house, &mut work, &caller, opening).await?;
        let observation = Some(contract::observation(&observation, self.house.clock.now()));
        claim.commit(work, pb::OpenObservationResponse { observation, known }).await
    }

    async fn get(
        &self,
        request: Request<pb::GetObservationRequest>,
    ) -> Result<pb::GetObservationResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.house.database.begin(deadline).await?;
        let observation = store::get(&mut work, id).await?;
        let observation = self.house.observed(&caller, "observations.read", id, observation)?;
        let events = store::happened(&mut work, id).await?.into_iter().map(contract::event).collect();
        let observation = Some(contract::observation(&observation, self.house.clock.now()));
        Ok(pb::GetObservationResponse { observation, events })
    }

    async fn list(
        &self,
        request: Request<pb::ListObservationsRequest>,
    ) -> Result<pb::ListObservationsResponse, Fault> {
        let (caller, _, mut request) = server::accept(request)?;
        let now = self.house.clock.now();
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let person = wrong.optional_name("person", PERSONS, &request.person);
        let range = wrong.keep("state", range(request.state, now));
        wrong.refuse()?;
        let Some((from, to)) = range else { return Err(Fault::internal("what is wrong was not said")) };
        let pager = page.of(&self.house.database, &caller, "ListObservations", &request);
        let after = pager.key()?.map(|key| place(&key)).transpose()?;
        // One statement: no transaction.
        let mut work = self.house.database.pool().acquire().await?;
        let mut found = if let Some(person) = person {
            let after = after.map_or(Uuid::nil(), |after| after.2);
            store::of_person(&mut work, person, after, pager.limit()).await?
        } else {
            let units = self.house.tops(&caller, "observations.read", ancestor)?;
            store::list(&mut work, &units, after.unwrap_or(from), to, pager.limit()).await?
        };
        let next_page_token = pager.cut(&mut found, key);
        let sees =
            |found: &&Observation| self.house.jurisdiction.sees(&caller, "observations.read", found.unit);
        let observations = found.iter().filter(sees).map(|found| contract::observation(found, now)).collect();
        Ok(pb::ListObservationsResponse { observations, next_page_token })
    }
}
