//! Hand-downs speak here; what takes one on stands in [`hops`].

mod hops;

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use prost::Message as _;
use proto::screening::{self as pb, handdown_service_server::HanddownService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Handdown, State,
    ingest::{self, Item, LARGEST, Taken},
    ops,
    parse::{self as contract, COLLECTION},
    station_window,
    store::{self, Selection, Source},
};
use crate::{
    DOMAIN,
    events::Sent,
    expected_lists,
    house::House,
    persons::{
        parse::{COLLECTION as PERSONS, UNITS, person_name, unit_name},
        seen, store as persons,
    },
    worklists::After,
};

/// The handlers of [`HanddownService`].
#[derive(Clone, Debug)]
pub struct Handdowns {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl HanddownService for Handdowns {
    async fn create_handdown(
        &self,
        request: Request<pb::CreateHanddownRequest>,
    ) -> Result<Response<pb::CreateHanddownResponse>, Status> {
        server::reply(DOMAIN, self.create(request).await)
    }

    async fn ingest_handdowns(
        &self,
        request: Request<pb::IngestHanddownsRequest>,
    ) -> Result<Response<pb::IngestHanddownsResponse>, Status> {
        server::reply(DOMAIN, self.ingest(request).await)
    }

    async fn get_handdown(
        &self,
        request: Request<pb::GetHanddownRequest>,
    ) -> Result<Response<pb::GetHanddownResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_handdowns(
        &self,
        request: Request<pb::ListHanddownsRequest>,
    ) -> Result<Response<pb::ListHanddownsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn send_handdowns(
        &self,
        request: Request<pb::SendHanddownsRequest>,
    ) -> Result<Response<pb::SendHanddownsResponse>, Status> {
        server::reply(DOMAIN, self.send(request).await)
    }

    async fn acknowledge_handdowns(
        &self,
        request: Request<pb::AcknowledgeHanddownsRequest>,
    ) -> Result<Response<pb::AcknowledgeHanddownsResponse>, Status> {
        server::reply(DOMAIN, self.acknowledge(request).await)
    }

    async fn redirect_handdown(
        &self,
        request: Request<pb::RedirectHanddownRequest>,
    ) -> Result<Response<pb::RedirectHanddownResponse>, Status> {
        server::reply(DOMAIN, self.redirect(request).await)
    }

    async fn verify_handdown(
        &self,
        request: Request<pb::VerifyHanddownRequest>,
    ) -> Result<Response<pb::VerifyHanddownResponse>, Status> {
        server::reply(DOMAIN, self.verify(request).await)
    }
}

impl Handdowns {
    async fn create(
        &self,
        request: Request<pb::CreateHanddownRequest>,
    ) -> Result<pb::CreateHanddownResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("person", PERSONS, &request.person);
        let to = wrong.name("to_unit", UNITS, &request.to_unit);
        let now = self.house.clock.now();
        let source = contract::source(&mut wrong, request.source.as_ref(), caller.subject(), now);
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "CreateHanddown", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let (person, _) = seen::lock(&self.house, &mut work, &caller, "handdowns.write", id).await?;
        // Where persons go on to is decided, and for those of a closed unit by who stands above it.
        let name = person_name(id);
        let person = self.house.jurisdiction.seen(
            &caller,
            "handdowns.write",
            Some(person),
            |person| person.unit,
            name,
        )?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let open = store::lock_open(&mut work, person.same_as).await?;
        let open = open.into_iter().find(|open| open.person == id);
        let (handdown, known) = match open {
            Some(open) => (open, true),
            None => {
                let asked = (Some(to), request.urgent, None);
                (ops::begin(&self.house, &mut work, &person, asked, caller.subject()).await?, false)
            }
        };
        let item = (handdown.chain, person.unit, request_id);
        store::add_source(&mut work, &self.house.keys, item, &source).await?;
        claim
            .commit(work, pb::CreateHanddownResponse { handdown: Some(contract::handdown(&handdown)), known })
            .await
    }

    async fn ingest(
        &self,
        request: Request<pb::IngestHanddownsRequest>,
    ) -> Result<pb::IngestHanddownsResponse, Fault> {
        let (caller, _, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let said = wrong.name("from_unit", UNITS, &request.from_unit);
        let now = self.house.clock.now();
        let mut source = contract::source(&mut wrong, request.source.as_ref(), caller.subject(), now);
        wrong.keep("items", parse::count(request.items.len(), LARGEST));
        wrong.refuse()?;
        let from = self.house.taking(&caller, "handdowns.write", said)?;
        let from_unit = unit_name(from);
        if source.kind == pb::ListKind::Station as i16 && source.window_starts_at.is_none() {
            let (starts_at, ends_at) = station_window(now, self.house.clock.zone());
            (source.window_starts_at, source.window_ends_at) = (Some(starts_at), Some(ends_at));
        }
        let gap = self.gap(from, &source).await?;
        let mut results = Vec::with_capacity(request.items.len());
        let (mut new, mut again) = (false, false);
        for (nth, item) in request.items.iter().enumerate() {
            let taken = match Item::new(item, &from_unit, &source.reference) {
                Ok(parsed) => {
                    let sent = Sent::new(parsed.event, &item.encode_to_vec());
                    ingest::take_in(&self.house, &caller, (parsed, &sent), &source).await
                }
                Err(fault) => Err(fault),
            };
            new |= matches!(taken, Ok(Taken::In(..)));
            again |= matches!(taken, Ok(Taken::Before(_)));
            let result = Some(contract::result((nth, item), taken)?);
            results.push(pb::HanddownResult { event_id: item.event_id.clone(), result });
        }
        // Of a list that was sent before nobody knows which day's it is, unless it says so.
        let says_when = source.window_starts_at.is_some() || source.window_ends_at.is_some();
        if new || (again && says_when) {
            let mut work = self.house.database.begin(None).await?;
            expected_lists::ops::receive(&mut work, (from, said), &source).await?;
            work.commit().await?;
        }
        Ok(pb::IngestHanddownsResponse { results, from_unit, gap })
    }

    /// The hours between the window of a list and those that the same unit sent of its kind before, or of which it was said that
    /// there is none.
    async fn gap(&self, from: Uuid, source: &Source) -> Result<Option<pb::WindowGap>, Fault> {
        let Some(starts_at) = source.window_starts_at else { return Ok(None) };
        let mut work = self.house.database.begin(None).await?;
        let before = store::covered_before(&mut work, (from, source.kind), starts_at).await?;
        let nil = expected_lists::ops::nil_before(&mut work, from, source, starts_at).await?;
        Ok(before.max(nil).filter(|before| *before < starts_at).map(|before| pb::WindowGap {
            start_time: Some(parse::timestamp(before)),
            end_time: Some(parse::timestamp(starts_at)),
        }))
    }

    async fn get(&self, request: Request<pb::GetHanddownRequest>) -> Result<pb::GetHanddownResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.house.database.begin(deadline).await?;
        let handdown = self.seen(&mut work, &caller, "handdowns.read", id).await?;
        let sources = store::sources(&mut work, &self.house.keys, handdown.chain).await?;
        let hops = store::hops(&mut work, handdown.chain).await?;
        let hops = hops.iter().filter(|hop| self.sees(&caller, "handdowns.read", hop));
        // As the person's own values: whole, and noted so, where the person is in the caller's hands (P6).
        let is_own = self.house.has_in_hand(&caller, "persons.hold", handdown.holder);
        if is_own && sources.iter().any(|source| source.facts.is_some()) {
            let now = self.house.clock.now();
            persons::note_access(&mut work, &[handdown.person], caller.subject(), "", now).await?;
            work.commit().await?;
        }
        Ok(pb::GetHanddownResponse {
            sources: sources.iter().map(|source| contract::shown_source(source, !is_own)).collect(),
            hops: hops.map(contract::handdown).collect(),
            handdown: Some(contract::handdown(&handdown)),
        })
    }

    async fn list(
        &self,
        request: Request<pb::ListHanddownsRequest>,
    ) -> Result<pb::ListHanddownsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let state = wrong.choice("state", request.state, |state| State::of(state.try_into().ok()?));
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListHanddowns", &request);
        let after = After::of(&pager, request.due_order)?;
        let units = self.house.units(&caller, "handdowns.read", ancestor)?;
        let both = request.incoming == request.outgoing;
        let side = |asked: bool| if both || asked { &units[..] } else { &[] };
        let (to, from) = (side(request.incoming), side(request.outgoing));
        let overdue_at = request.overdue.then(|| self.house.clock.now());
        let selection = Selection { to, from, state, overdue_at, after, limit: pager.limit() };
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut found = store::list(&mut work, selection).await?;
        let key = |handdown: &Handdown| after.key(Some(handdown.due_at), handdown.id);
        let next_page_token = pager.cut(&mut found, key);
        let handdowns = found.iter().map(contract::handdown).collect();
        Ok(pb::ListHanddownsResponse { handdowns, next_page_token })
    }

    fn sees(&self, caller: &Caller, permission: &str, handdown: &Handdown) -> bool {
        let sides = [Some(handdown.from), handdown.to].into_iter().flatten();
        sides.into_iter().any(|unit| self.house.jurisdiction.sees(caller, permission, unit))
    }

    /// A hand-down that the caller stands above one side of.
    async fn seen(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        permission: &str,
        id: Uuid,
    ) -> Result<Handdown, Fault> {
        let found = store::get(connection, id).await?;
        found.filter(|found| self.sees(caller, permission, found)).ok_or_else(|| ops::absent(id))
    }
}
