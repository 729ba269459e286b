//! Hand-downs speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, pages::Pager, parse, server};
use proto::screening::{self as pb, handdown_service_server::HanddownService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Handdown, Outcome, State,
    ingest::{self, Item, LARGEST},
    ops,
    parse::{self as contract, COLLECTION, misfit},
    station_window,
    store::{self, Selection, Source},
    verification::Verified,
};
use crate::{
    DOMAIN,
    house::House,
    observations::{self, Ending, parse::observation_name},
    persons::{
        FOLLOWED_WITHIN,
        parse::{COLLECTION as PERSONS, REASON, UNITS, person_name, unit_name},
        store as persons,
    },
    schedules, worklists,
};

/// The most hand-downs that are acknowledged at once.
const AT_ONCE: usize = 100;

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
        let id = wrong.keep("person", parse::name(PERSONS, &request.person)).unwrap_or_default();
        let to = wrong.keep("to_unit", parse::name(UNITS, &request.to_unit)).unwrap_or_default();
        let now = self.house.clock.now();
        let source = contract::source(&mut wrong, request.source.as_ref(), caller.subject(), now);
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "CreateHanddown", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let absent = || Fault::NotFound(person_name(id));
        let one = persons::one(&mut work, id).await?.ok_or_else(absent)?;
        let everybody = persons::lock_same(&mut work, &self.house.keys, one).await?;
        let person = everybody.into_iter().find(|person| person.id == id).ok_or_else(absent)?;
        if !self.house.sees(&caller, "handdowns.write", person.unit) {
            return Err(absent());
        }
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let open = store::lock_open(&mut work, one).await?;
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
        let answer = pb::CreateHanddownResponse { handdown: Some(contract::handdown(&handdown)), known };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn ingest(
        &self,
        request: Request<pb::IngestHanddownsRequest>,
    ) -> Result<pb::IngestHanddownsResponse, Fault> {
        let (caller, _, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let from = wrong.keep("from_unit", parse::name(UNITS, &request.from_unit)).unwrap_or_default();
        let now = self.house.clock.now();
        let mut source = contract::source(&mut wrong, request.source.as_ref(), caller.subject(), now);
        if !(1..=LARGEST).contains(&request.items.len()) {
            wrong.add("items", format!("must be 1 to {LARGEST}, are {}", request.items.len()));
        }
        wrong.refuse()?;
        let from = self.house.taking(&caller, "handdowns.write", from)?;
        let from_unit = unit_name(from);
        if source.kind == pb::ListKind::Station as i16 && source.window_starts_at.is_none() {
            let (starts_at, ends_at) = station_window(now, self.house.clock.zone());
            (source.window_starts_at, source.window_ends_at) = (Some(starts_at), Some(ends_at));
        }
        let gap = self.gap(from, &source).await?;
        let mut results = Vec::with_capacity(request.items.len());
        for (nth, item) in request.items.iter().enumerate() {
            let taken = match Item::new(item, &from_unit, &source.reference) {
                Ok(item) => ingest::take_in(&self.house, &caller, item, &source).await,
                Err(fault) => Err(fault),
            };
            let result = Some(contract::result((nth, item), taken)?);
            results.push(pb::HanddownResult { event_id: item.event_id.clone(), result });
        }
        Ok(pb::IngestHanddownsResponse { results, from_unit, gap })
    }

    /// The hours between the window of a list and those that the same unit sent of its kind before.
    async fn gap(&self, from: Uuid, source: &Source) -> Result<Option<pb::WindowGap>, Fault> {
        let Some(starts_at) = source.window_starts_at else { return Ok(None) };
        let mut work = self.house.database.begin(None).await?;
        let before = store::covered_before(&mut work, (from, source.kind), starts_at).await?;
        Ok(before.filter(|before| *before < starts_at).map(|before| pb::WindowGap {
            start_time: Some(parse::timestamp(before)),
            end_time: Some(parse::timestamp(starts_at)),
        }))
    }

    async fn get(&self, request: Request<pb::GetHanddownRequest>) -> Result<pb::GetHanddownResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::name(COLLECTION, &request.name).map_err(|wrong| Fault::invalid("name", wrong))?;
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
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        let state = match request.state {
            0 => None,
            number => {
                let state = i16::try_from(number).ok().and_then(State::of);
                wrong.keep("state", state.ok_or_else(|| "is none there is".to_owned()))
            }
        };
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListHanddowns", &request);
        let after = if request.due_order { Uuid::nil() } else { pager.after(&token)? };
        let units = self.house.units(&caller, "handdowns.read", ancestor)?;
        let both = request.incoming == request.outgoing;
        let side = |asked: bool| if both || asked { &units[..] } else { &[] };
        let selection = Selection {
            to: side(request.incoming),
            from: side(request.outgoing),
            state,
            overdue_at: request.overdue.then(|| self.house.clock.now()),
            after,
            limit: size + 1,
        };
        let mut work = self.house.database.begin(deadline).await?;
        let (mut found, key): (_, fn(&Handdown) -> String) = if request.due_order {
            let found = store::due(&mut work, selection, worklists::after(&pager, &token)?).await?;
            (found, |handdown| worklists::key((handdown.due_at, handdown.id)))
        } else {
            (store::list(&mut work, selection).await?, |handdown| handdown.id.to_string())
        };
        let next_page_token = pager.cut(&mut found, size, key);
        let handdowns = found.iter().map(contract::handdown).collect();
        Ok(pb::ListHanddownsResponse { handdowns, next_page_token })
    }

    async fn send(
        &self,
        request: Request<pb::SendHanddownsRequest>,
    ) -> Result<pb::SendHanddownsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let unit = parse::name(UNITS, &request.from_unit);
        let unit = unit.map_err(|wrong| Fault::invalid("from_unit", wrong))?;
        let claim = Claim::new(&caller, request_id, "SendHanddowns", &request);
        let mut work = self.house.database.begin(deadline).await?;
        if !self.house.sees(&caller, "handdowns.write", unit) {
            return Err(Fault::NotFound(unit_name(unit)));
        }
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let now = self.house.clock.now();
        let clocks = schedules::api::of_sender(&self.house, &mut work, unit).await?;
        let mut answer = pb::SendHanddownsResponse::default();
        for mut gathered in store::gathered(&mut work, unit).await? {
            if gathered.to.is_none() {
                answer.unaddressed += 1;
                continue;
            }
            gathered.send(caller.subject(), now, clocks.acknowledge_due(now, gathered.urgent));
            ops::withdraw(&mut work, &gathered).await?;
            store::update(&mut work, &gathered).await?;
            answer.sent += 1;
        }
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn acknowledge(
        &self,
        request: Request<pb::AcknowledgeHanddownsRequest>,
    ) -> Result<pb::AcknowledgeHanddownsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        if !(1..=AT_ONCE).contains(&request.names.len()) {
            wrong.add("names", format!("must be 1 to {AT_ONCE}, are {}", request.names.len()));
        }
        let names = request.names.iter().enumerate();
        let ids =
            names.map(|(nth, name)| wrong.keep(&format!("names[{nth}]"), parse::name(COLLECTION, name)));
        let ids: Vec<Uuid> = ids.collect::<Vec<_>>().into_iter().flatten().collect();
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "AcknowledgeHanddowns", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let mut seen = Vec::with_capacity(ids.len());
        for id in ids {
            let handdown = store::get(&mut work, id).await?;
            let may = |handdown: &Handdown| {
                handdown.to.is_some_and(|to| self.house.sees(&caller, "handdowns.acknowledge", to))
            };
            seen.push(handdown.filter(may).ok_or_else(|| ops::absent(id))?);
        }
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        // Persons in one order, whoever is at it at once.
        let mut order: Vec<&Handdown> = seen.iter().collect();
        order.sort_unstable_by_key(|handdown| (handdown.one, handdown.id));
        for seen in order {
            let (_, mut handdown) = ops::lock(&self.house, &mut work, seen).await?;
            match handdown.state {
                State::Created => return Err(misfit(&handdown, "the sender has not sent it yet")),
                State::Sent => {
                    ops::take_over(&self.house, &mut work, &mut handdown, caller.subject()).await?;
                }
                State::Acknowledged | State::NotFound | State::Closed => {}
            }
        }
        let mut handdowns = Vec::with_capacity(seen.len());
        for seen in &seen {
            handdowns.extend(store::get(&mut work, seen.id).await?.as_ref().map(contract::handdown));
        }
        let answer = pb::AcknowledgeHanddownsResponse { handdowns };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn redirect(
        &self,
        request: Request<pb::RedirectHanddownRequest>,
    ) -> Result<pb::RedirectHanddownResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let to = wrong.keep("to_unit", parse::name(UNITS, &request.to_unit)).unwrap_or_default();
        wrong.keep("reason", parse::text(&request.reason, REASON).map(drop));
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "RedirectHanddown", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let seen = self.held(&mut work, &caller, "handdowns.write", id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let (_, mut handdown) = ops::lock(&self.house, &mut work, &seen).await?;
        let by = caller.subject();
        let changed = match handdown.state {
            State::Created => {
                ops::address(&self.house, &mut work, &mut handdown, to).await?;
                request.reason.clone_into(&mut handdown.words);
                if handdown.urgent {
                    ops::withdraw(&mut work, &handdown).await?;
                    ops::hurry(&self.house, &mut work, &mut handdown, by).await?;
                }
                store::update(&mut work, &handdown).await?;
                handdown
            }
            State::Acknowledged | State::NotFound => {
                let onward = (to, Outcome::PassedOn, request.reason.as_str());
                ops::pass_on(&self.house, &mut work, &mut handdown, onward, by).await?
            }
            State::Sent => return Err(misfit(&handdown, "the receiver must acknowledge it first")),
            State::Closed => return Err(misfit(&handdown, "hand the person down anew")),
        };
        let answer = pb::RedirectHanddownResponse { handdown: Some(contract::handdown(&changed)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn verify(
        &self,
        request: Request<pb::VerifyHanddownRequest>,
    ) -> Result<pb::VerifyHanddownResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let verified = Verified::new(&self.house, &request)?;
        if verified.decides() {
            self.house.jurisdiction.fresh()?;
        }
        let claim = Claim::new(&caller, request_id, "VerifyHanddown", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let seen = self.held(&mut work, &caller, "handdowns.verify", verified.id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let (_, mut handdown) = ops::lock(&self.house, &mut work, &seen).await?;
        let leaves = verified.outcome == Outcome::LeftArea && verified.to.is_none();
        match handdown.state {
            State::Created if leaves => {}
            State::Created => return Err(misfit(&handdown, "it is verified where it was acknowledged")),
            State::Sent => return Err(misfit(&handdown, "the receiver must acknowledge it first")),
            State::Closed => return Err(misfit(&handdown, "hand the person down anew")),
            State::Acknowledged | State::NotFound => {}
        }
        let (by, now) = (caller.subject(), self.house.clock.now());
        let mut answer = pb::VerifyHanddownResponse::default();
        if let Some(to) = verified.to {
            let onward = (to, verified.outcome, verified.words.as_str());
            let next = ops::pass_on(&self.house, &mut work, &mut handdown, onward, by).await?;
            answer.next = Some(contract::handdown(&next));
        } else {
            handdown.close(verified.outcome, &verified.words, by, now);
            ops::withdraw(&mut work, &handdown).await?;
            store::update(&mut work, &handdown).await?;
        }
        if leaves {
            self.let_go(&mut work, &handdown, by).await?;
        }
        answer.observation = match verified.opening(handdown.person) {
            Some(opening) => {
                let opened = observations::ops::open(&self.house, &mut work, &caller, opening).await?;
                observation_name(opened.0.id)
            }
            None => ops::observed(&mut work, &handdown).await?.map(observation_name).unwrap_or_default(),
        };
        if verified.outcome == Outcome::Found && answer.observation.is_empty() {
            // Found, and nobody observes them yet: that is the receiver's to do from now on.
            persons::follow_by(&mut work, handdown.person, now + FOLLOWED_WITHIN).await?;
        }
        answer.handdown = Some(contract::handdown(&handdown));
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    /// Ends the observation of a person who has left to a place outside (R13: transferred, by the evidence).
    async fn let_go(&self, work: &mut PgConnection, handdown: &Handdown, by: &str) -> Result<(), Fault> {
        let now = self.house.clock.now();
        let open = observations::store::lock_open(work, handdown.one).await?;
        for mut own in open.into_iter().filter(|open| open.unit == handdown.holder) {
            observations::ops::decide(&mut own, Ending::Transferred, &handdown.words, by, now);
            observations::ops::end(&self.house, work, &own, now).await?;
        }
        observations::ops::followed(work, handdown.one, handdown.holder).await
    }

    fn sees(&self, caller: &Caller, permission: &str, handdown: &Handdown) -> bool {
        let sides = [Some(handdown.from), handdown.to].into_iter().flatten();
        sides.into_iter().any(|unit| self.house.sees(caller, permission, unit))
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

    /// A hand-down whose person is in hands that the caller stands above.
    async fn held(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        permission: &str,
        id: Uuid,
    ) -> Result<Handdown, Fault> {
        let found = self.seen(connection, caller, permission, id).await?;
        let holds = if found.state <= State::Sent { Some(found.from) } else { found.to };
        let sees = |unit: Uuid| self.house.sees(caller, permission, unit);
        if holds.is_some_and(sees) {
            return Ok(found);
        }
        Err(misfit(&found, "the other side has the person: ask them"))
    }
}
