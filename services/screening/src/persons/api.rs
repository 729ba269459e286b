//! Persons speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, parse::etag, server};
use proto::screening::{self as pb, person_service_server::PersonService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Person, Purpose, intake, ops, paper_marks,
    parse::{self as contract, COLLECTION, Intake, REASON, UNITS, person_name},
    phone_marks,
    store::{self, Selection},
};
use crate::{DOMAIN, house::House, incidents, keyring::Mark, observations::ops as observations, worklists};

/// The handlers of [`PersonService`].
#[derive(Clone, Debug)]
pub struct Persons {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl PersonService for Persons {
    async fn intake_person(
        &self,
        request: Request<pb::IntakePersonRequest>,
    ) -> Result<Response<pb::IntakePersonResponse>, Status> {
        server::reply(DOMAIN, self.intake(request).await)
    }

    async fn get_person(
        &self,
        request: Request<pb::GetPersonRequest>,
    ) -> Result<Response<pb::GetPersonResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_persons(
        &self,
        request: Request<pb::ListPersonsRequest>,
    ) -> Result<Response<pb::ListPersonsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn update_person(
        &self,
        request: Request<pb::UpdatePersonRequest>,
    ) -> Result<Response<pb::UpdatePersonResponse>, Status> {
        server::reply(DOMAIN, self.update(request).await)
    }

    async fn reveal_person(
        &self,
        request: Request<pb::RevealPersonRequest>,
    ) -> Result<Response<pb::RevealPersonResponse>, Status> {
        server::reply(DOMAIN, self.reveal(request).await)
    }

    async fn merge_persons(
        &self,
        request: Request<pb::MergePersonsRequest>,
    ) -> Result<Response<pb::MergePersonsResponse>, Status> {
        server::reply(DOMAIN, self.merge(request).await)
    }

    async fn waive_follow_up(
        &self,
        request: Request<pb::WaiveFollowUpRequest>,
    ) -> Result<Response<pb::WaiveFollowUpResponse>, Status> {
        server::reply(DOMAIN, self.waive(request).await)
    }

    async fn list_accesses(
        &self,
        request: Request<pb::ListAccessesRequest>,
    ) -> Result<Response<pb::ListAccessesResponse>, Status> {
        server::reply(DOMAIN, self.accesses(request).await)
    }
}

impl Persons {
    async fn intake(
        &self,
        request: Request<pb::IntakePersonRequest>,
    ) -> Result<pb::IntakePersonResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut intake = Intake::try_from(&request)?;
        contract::born(&intake.details, "person.details", self.house.clock.today())?;
        let claim = Claim::new(&caller, request_id, "IntakePerson", &request);
        let mut work = self.house.database.begin(deadline).await?;
        intake.unit = self.house.taking(&caller, "persons.write", intake.finder)?;
        let readdressed = intake.unit != intake.finder;
        let answer = match claim.replay::<pb::IntakePersonResponse>(&mut work).await? {
            Some(answer) => answer,
            None => {
                let taken = intake::take_in(&self.house, &mut work, &caller, intake).await?;
                let answer = pb::IntakePersonResponse {
                    person: Some(named(&taken.person)),
                    known: taken.known,
                    likely_doubles: taken.doubles.into_iter().map(person_name).collect(),
                    readdressed,
                };
                claim.answer(&mut work, &answer).await?;
                answer
            }
        };
        let person = match self.again(&mut work, &caller, answer.person.as_ref()).await {
            // Taken in from who holds an office at a closed unit, into hands that are not his.
            Err(Fault::NotFound(_)) if readdressed => self.masked(&mut work, answer.person.as_ref()).await?,
            person => Some(person?),
        };
        work.commit().await?;
        Ok(pb::IntakePersonResponse { person, ..answer })
    }

    async fn get(&self, request: Request<pb::GetPersonRequest>) -> Result<pb::GetPersonResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.house.database.begin(deadline).await?;
        let person = self.visible(&mut work, &caller, "persons.read", id).await?;
        let person = self.shown(&mut work, &caller, vec![person]).await?.pop();
        work.commit().await?;
        Ok(pb::GetPersonResponse { person })
    }

    async fn list(&self, request: Request<pb::ListPersonsRequest>) -> Result<pb::ListPersonsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        let purpose = match request.purpose {
            0 => None,
            number => {
                let purpose = Purpose::of(number).ok_or_else(|| "is none there is".to_owned());
                wrong.keep("purpose", purpose).map(|purpose| purpose as i16)
            }
        };
        let paper = wrong.keep("paper.number", contract::paper(request.paper.as_ref())).unwrap_or_default();
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListPersons", &request);
        let (after, unfollowed) = if request.unfollowed {
            (Uuid::nil(), Some(worklists::after(&pager)?))
        } else {
            (pager.after()?, None)
        };
        let units = self.house.units(&caller, "persons.read", ancestor)?;
        let keys = &self.house.keys;
        let hashes = |marks: Vec<Mark>| marks.into_iter().map(|mark| mark.hash).collect::<Vec<_>>();
        let paper = (!paper.number.is_empty()).then(|| {
            // A local number is one of each unit's own.
            hashes(units.iter().flat_map(|unit| paper_marks(keys, &paper, *unit)).collect())
        });
        let phone = (!request.phone.is_empty()).then(|| hashes(phone_marks(keys, &request.phone)));
        let marks = [paper, phone];
        let selection = Selection {
            units: &units,
            purpose,
            marks,
            unfollowed,
            damaged: request.damaged,
            after,
            limit: pager.limit(),
        };
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut persons = store::list(&mut work, keys, &selection).await?;
        let next_page_token = pager.cut(&mut persons, |person| match person.follow_by {
            Some(by) if request.unfollowed => worklists::key((by, person.id)),
            _ => person.id.to_string(),
        });
        let persons = self.shown(&mut work, &caller, persons).await?;
        work.commit().await?;
        Ok(pb::ListPersonsResponse { persons, next_page_token })
    }

    async fn update(
        &self,
        request: Request<pb::UpdatePersonRequest>,
    ) -> Result<pb::UpdatePersonResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (id, read) = contract::update(&request)?;
        let claim = Claim::new(&caller, request_id, "UpdatePerson", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let mut person = self.visible(&mut work, &caller, "persons.write", id).await?;
        if let Some(answer) = claim.replay::<pb::UpdatePersonResponse>(&mut work).await? {
            let person = Some(self.again(&mut work, &caller, answer.person.as_ref()).await?);
            work.commit().await?;
            return Ok(pb::UpdatePersonResponse { person, ..answer });
        }
        unerased(&person)?;
        if read.is_some_and(|read| read != etag(person.version)) {
            return Err(Fault::EtagMismatch(etag(person.version)));
        }
        let place_before = person.details.present_place.clone();
        (person.details, person.present_unit) = contract::updated(&request, &person)?;
        contract::born(&person.details, "person.details", self.house.clock.today())?;
        let marks = person.details.marks(&self.house.keys, person.unit);
        let other = intake::known_besides(&self.house, &mut work, &person, &marks).await?;
        if let Some(other) = other {
            ops::lock(&self.house, &mut work, [person.same_as, other]).await?;
        }
        if !store::update(&mut work, &self.house.keys, &person, &marks, self.house.clock.now()).await? {
            return Err(Fault::Conflict);
        }
        if let Some(other) = other {
            ops::join_inside(&self.house, &mut work, [person.same_as, other], caller.subject()).await?;
        }
        let changed = store::get(&mut work, &self.house.keys, &[id]).await?;
        let now_known = changed.first().ok_or(Fault::Conflict)?;
        if now_known.details.present_place != place_before {
            let at = [(now_known.same_as, now_known.unit)];
            incidents::ops::placed(&self.house, &mut work, &at).await?;
        }
        let doubles = intake::doubles(&self.house, &mut work, &caller, &marks, now_known).await?;
        let answer = pb::UpdatePersonResponse {
            person: Some(named(now_known)),
            likely_doubles: doubles.into_iter().map(person_name).collect(),
        };
        claim.answer(&mut work, &answer).await?;
        let person = self.shown(&mut work, &caller, changed).await?.pop();
        work.commit().await?;
        Ok(pb::UpdatePersonResponse { person, ..answer })
    }

    async fn reveal(
        &self,
        request: Request<pb::RevealPersonRequest>,
    ) -> Result<pb::RevealPersonResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        wrong.keep("reason", parse::text(&request.reason, REASON).map(drop));
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "RevealPerson", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let person = self.visible(&mut work, &caller, "persons.reveal", id).await?;
        let everybody = store::same(&mut work, &self.house.keys, person.same_as).await?;
        // Of who was erased nothing is seen, and so nothing noted.
        let visible = everybody.iter().filter(|other| {
            other.erased_at.is_none() && self.house.jurisdiction.sees(&caller, "persons.reveal", other.unit)
        });
        let visible: Vec<Uuid> = visible.map(|other| other.id).collect();
        let findings = store::findings(&mut work, &self.house.keys, &visible).await?;
        // Whoever repeats the call sees again, and what there is now: each time is noted (P4).
        let now = self.house.clock.now();
        store::note_access(&mut work, &visible, caller.subject(), &request.reason, now).await?;
        if claim.replay::<pb::RevealPersonResponse>(&mut work).await?.is_none() {
            // Nothing of what is shown is kept.
            claim.answer(&mut work, &pb::RevealPersonResponse::default()).await?;
        }
        let mut whole = contract::person(&person, false);
        whole.same_as = self.same_as(&mut work, &caller, &person).await?;
        work.commit().await?;
        let findings = findings.iter().map(contract::finding).collect();
        Ok(pb::RevealPersonResponse { person: Some(whole), findings })
    }

    async fn merge(
        &self,
        request: Request<pb::MergePersonsRequest>,
    ) -> Result<pb::MergePersonsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let kept = wrong.keep("kept", parse::name(COLLECTION, &request.kept)).unwrap_or_default();
        let merged = wrong.keep("merged", parse::name(COLLECTION, &request.merged)).unwrap_or_default();
        if wrong.is_empty() && kept == merged {
            wrong.add("merged", "must be another person than kept");
        }
        wrong.keep("reason", parse::text(&request.reason, REASON).map(drop));
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "MergePersons", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let kept = self.visible(&mut work, &caller, "persons.merge", kept).await?;
        let merged = self.visible(&mut work, &caller, "persons.merge", merged).await?;
        if claim.replay::<pb::MergePersonsResponse>(&mut work).await?.is_none() {
            unerased(&kept)?;
            unerased(&merged)?;
            let ones = (kept.same_as, merged.same_as);
            ops::join(&self.house, &mut work, &caller, ones, &request.reason).await?;
            let answer = pb::MergePersonsResponse { person: Some(named(&kept)) };
            claim.answer(&mut work, &answer).await?;
        }
        let kept = store::get(&mut work, &self.house.keys, &[kept.id]).await?;
        let person = self.shown(&mut work, &caller, kept).await?.pop();
        work.commit().await?;
        Ok(pb::MergePersonsResponse { person })
    }

    async fn waive(
        &self,
        request: Request<pb::WaiveFollowUpRequest>,
    ) -> Result<pb::WaiveFollowUpResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        wrong.keep("reason", parse::text(&request.reason, REASON).map(drop));
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "WaiveFollowUp", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let person = self.visible(&mut work, &caller, "observations.end", id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        store::lock_same(&mut work, &self.house.keys, person.same_as).await?;
        if !store::is_unfollowed(&mut work, id).await? {
            let name = person_name(id);
            let words = "waits for nobody: who is observed is released, and a hand-down is verified";
            return Err(Fault::unmet("PERSON_FOLLOWED", name.clone(), words, vec![("person", name)]));
        }
        let said = (request.reason.as_str(), caller.subject(), self.house.clock.now());
        store::waive(&mut work, id, said).await?;
        observations::followed(&mut work, person.same_as, person.unit).await?;
        claim.commit(work, pb::WaiveFollowUpResponse {}).await
    }

    async fn accesses(
        &self,
        request: Request<pb::ListAccessesRequest>,
    ) -> Result<pb::ListAccessesResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let id = wrong.keep("person", parse::name(COLLECTION, &request.person)).unwrap_or_default();
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListAccesses", &request);
        let before = pager.key()?.map_or(Ok(Uuid::max()), |key| key.parse());
        let before = before.map_err(|_| Fault::PageToken)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        self.visible(&mut work, &caller, "persons.reveal", id).await?;
        let mut accesses = store::accesses(&mut work, id, before, pager.limit()).await?;
        let next_page_token = pager.cut(&mut accesses, |access| access.0.to_string());
        let accesses = accesses.into_iter().map(|(_, subject, reason, at)| pb::Access {
            subject,
            time: Some(parse::timestamp(at)),
            reason,
        });
        Ok(pb::ListAccessesResponse { accesses: accesses.collect(), next_page_token })
    }

    /// A person in the hands of a unit at or below which the caller has a permission; any other is answered
    /// like an absent one.
    async fn visible(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        permission: &str,
        id: Uuid,
    ) -> Result<Person, Fault> {
        let person = store::get(connection, &self.house.keys, &[id]).await?.pop();
        let person = person.filter(|person| self.house.jurisdiction.sees(caller, permission, person.unit));
        person.ok_or_else(|| Fault::NotFound(person_name(id)))
    }

    /// Persons as the caller may see them: whole, and noted so, where they are in his own hands (P6).
    async fn shown(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        persons: Vec<Person>,
    ) -> Result<Vec<pb::Person>, Fault> {
        let mut shown = Vec::with_capacity(persons.len());
        let mut whole = Vec::new();
        for person in persons {
            let is_own = self.house.has_in_hand(caller, "persons.hold", person.unit);
            let mut message = contract::person(&person, !is_own);
            message.same_as = self.same_as(connection, caller, &person).await?;
            if is_own && person.erased_at.is_none() {
                whole.push(person.id);
            }
            shown.push(message);
        }
        if !whole.is_empty() {
            let now = self.house.clock.now();
            store::note_access(connection, &whole, caller.subject(), "", now).await?;
        }
        Ok(shown)
    }

    /// The name of the person whom this one was found to be, where the caller may see that one.
    async fn same_as(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        person: &Person,
    ) -> Result<String, Fault> {
        if person.same_as == person.id {
            return Ok(String::new());
        }
        match self.visible(connection, caller, "persons.read", person.same_as).await {
            Ok(other) => Ok(person_name(other.id)),
            Err(Fault::NotFound(_)) => Ok(String::new()),
            Err(fault) => Err(fault),
        }
    }

    /// A person of an answer that was kept, masked, whoever's hands they are in.
    async fn masked(
        &self,
        connection: &mut PgConnection,
        kept: Option<&pb::Person>,
    ) -> Result<Option<pb::Person>, Fault> {
        let id = id_of(kept)?;
        let person = store::get(connection, &self.house.keys, &[id]).await?.pop();
        Ok(person.map(|person| contract::person(&person, true)))
    }

    /// A person of an answer that was kept, as the caller may see them now.
    async fn again(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        kept: Option<&pb::Person>,
    ) -> Result<pb::Person, Fault> {
        let person = self.visible(connection, caller, "persons.write", id_of(kept)?).await?;
        let shown = self.shown(connection, caller, vec![person]).await?.pop();
        shown.ok_or(Fault::Conflict)
    }
}

/// A person as an answer is kept for repetitions: the name alone. What is known may be erased before the answer is.
fn named(person: &Person) -> pb::Person {
    pb::Person { name: person_name(person.id), ..pb::Person::default() }
}

/// The id of a person of an answer that was kept.
fn id_of(kept: Option<&pb::Person>) -> Result<Uuid, Fault> {
    let name = kept.map(|person| person.name.as_str()).unwrap_or_default();
    parse::name(COLLECTION, name).map_err(Fault::internal)
}

/// Refuses to say anything of who was erased (P2): nobody knows any more who that is.
fn unerased(person: &Person) -> Result<(), Fault> {
    if person.erased_at.is_none() {
        return Ok(());
    }
    let name = person_name(person.id);
    let words = "was erased: take the person in anew";
    Err(Fault::unmet("PERSON_ERASED", name.clone(), words, vec![("person", name)]))
}
