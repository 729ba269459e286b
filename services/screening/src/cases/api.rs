//! Cases speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, pages::Pager, parse, server};
use chrono::{DateTime, Days, Utc};
use proto::screening::{self as pb, case_service_server::CaseService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Case, Event, State, Step,
    classify::{Known, classify, sampled_on},
    deciding,
    ops::{self, Decision, Followed},
    parse::{self as contract, COLLECTION, case_name, misfit},
    store::{self, Note, Selection},
};
use crate::{
    DOMAIN, exposures, hands,
    house::House,
    incidents::parse::incident_name,
    observations::parse::optional,
    persons::{
        parse::{COLLECTION as PERSONS, REASON, UNITS, person_name},
        store as persons,
    },
    referrals,
    results::{self, parse::COLLECTION as RESULTS},
    rules::{RuleSet, day_start},
    worklists,
};

/// The handlers of [`CaseService`].
#[derive(Clone, Debug)]
pub struct Cases {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl CaseService for Cases {
    async fn open_case(
        &self,
        request: Request<pb::OpenCaseRequest>,
    ) -> Result<Response<pb::OpenCaseResponse>, Status> {
        server::reply(DOMAIN, self.open(request).await)
    }

    async fn get_case(
        &self,
        request: Request<pb::GetCaseRequest>,
    ) -> Result<Response<pb::GetCaseResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_cases(
        &self,
        request: Request<pb::ListCasesRequest>,
    ) -> Result<Response<pb::ListCasesResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn record_findings(
        &self,
        request: Request<pb::RecordFindingsRequest>,
    ) -> Result<Response<pb::RecordFindingsResponse>, Status> {
        server::reply(DOMAIN, self.findings(request).await)
    }

    async fn mark_case(
        &self,
        request: Request<pb::MarkCaseRequest>,
    ) -> Result<Response<pb::MarkCaseResponse>, Status> {
        server::reply(DOMAIN, self.mark(request).await)
    }

    async fn classify_case(
        &self,
        request: Request<pb::ClassifyCaseRequest>,
    ) -> Result<Response<pb::ClassifyCaseResponse>, Status> {
        server::reply(DOMAIN, self.classify(request).await)
    }

    async fn set_severity(
        &self,
        request: Request<pb::SetSeverityRequest>,
    ) -> Result<Response<pb::SetSeverityResponse>, Status> {
        server::reply(DOMAIN, self.severity(request).await)
    }

    async fn count_cases(
        &self,
        request: Request<pb::CountCasesRequest>,
    ) -> Result<Response<pb::CountCasesResponse>, Status> {
        server::reply(DOMAIN, self.count(request).await)
    }
}

impl Cases {
    async fn open(&self, request: Request<pb::OpenCaseRequest>) -> Result<pb::OpenCaseResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let said = request.case.as_ref().ok_or_else(|| Fault::invalid("case", "is required"))?;
        let mut wrong = Violations::default();
        let person = wrong.keep("case.person", parse::name(PERSONS, &said.person)).unwrap_or_default();
        let today = self.house.clock.today();
        let known = (&said.links[..], &said.signs[..], said.onset_date.as_str());
        let known = contract::said(&mut wrong, "case.", known, today);
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "OpenCase", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let absent = || Fault::NotFound(person_name(person));
        let one = persons::one(&mut work, person).await?.ok_or_else(absent)?;
        let everybody = persons::lock_same(&mut work, &self.house.keys, one).await?;
        let person = everybody.into_iter().find(|found| found.id == person).ok_or_else(absent)?;
        if !self.house.sees(&caller, "cases.write", person.unit) {
            return Err(absent());
        }
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        // The same whether there is a case elsewhere or not: nothing is shown to a second finder.
        if hands::store::is_asked(&mut work, person.id).await? {
            return Err(not_agreed(person.id));
        }
        let now = self.house.clock.now();
        let (case, known) = match store::lock_of_one(&mut work, one).await? {
            Some(known) if self.house.sees(&caller, "cases.write", known.unit) => (known, true),
            Some(_) => return Err(not_agreed(person.id)),
            None => {
                let results = results::store::of_one(&mut work, one).await?;
                let rules = RuleSet::on(today);
                let case = Case {
                    person: person.id,
                    unit: person.unit,
                    one,
                    links: known.links,
                    signs: known.signs,
                    onset_on: known.onset_on,
                    sampled_on: sampled_on(rules, &results, self.house.clock.zone()),
                    rules,
                    ..Case::blank(Uuid::now_v7(), now)
                };
                store::insert(&mut work, &case, caller.subject()).await?;
                let opened = Note::of(Event::Opened, &case, now, (caller.subject(), ""));
                store::note(&mut work, &case, opened, now).await?;
                referrals::ops::case_opened(&mut work, (one, case.unit)).await?;
                (case, false)
            }
        };
        let answer = pb::OpenCaseResponse { case: Some(self.shown(&case)), known };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn get(&self, request: Request<pb::GetCaseRequest>) -> Result<pb::GetCaseResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::name(COLLECTION, &request.name).map_err(|wrong| Fault::invalid("name", wrong))?;
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::get(&mut work, id).await?;
        let case = self.seen(&caller, "cases.read", id, found)?;
        let events = store::happened(&mut work, case.id).await?;
        let results = results::store::of_one(&mut work, case.one).await?;
        let known = Known { links: &case.links, signs: &case.signs, results: &results };
        let definition = classify(RuleSet::on(self.house.clock.today()), known);
        Ok(pb::GetCaseResponse {
            case: Some(self.shown(&case)),
            events: events.into_iter().map(contract::event).collect(),
            definition: definition as i32,
        })
    }

    async fn list(&self, request: Request<pb::ListCasesRequest>) -> Result<pb::ListCasesResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        let person = wrong.keep("person", parse::optional_name(PERSONS, &request.person)).flatten();
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
        let pager = Pager::new(&self.house.database, &caller, "ListCases", &request);
        let after = if request.due_order { Uuid::nil() } else { pager.after(&token)? };
        let units = self.house.units(&caller, "cases.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let one = match person {
            None => None,
            // Nobody, or nobody of his: nothing is listed either way.
            Some(person) => Some(persons::one(&mut work, person).await?.unwrap_or_default()),
        };
        let overdue_at = request.overdue.then(|| self.house.clock.now());
        let asked = Selection { units: &units, state, one, overdue_at, after, limit: size + 1 };
        let (mut found, key): (_, fn(&Case) -> String) = if request.due_order {
            let found = store::due(&mut work, asked, worklists::after(&pager, &token)?).await?;
            (found, |case| worklists::key((case.due_at().unwrap_or_default(), case.id)))
        } else {
            (store::list(&mut work, asked).await?, |case| case.id.to_string())
        };
        let next_page_token = pager.cut(&mut found, size, key);
        let cases = found.iter().map(|case| self.shown(case)).collect();
        Ok(pb::ListCasesResponse { cases, next_page_token })
    }

    async fn findings(
        &self,
        request: Request<pb::RecordFindingsRequest>,
    ) -> Result<pb::RecordFindingsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let said = (&request.links[..], &request.signs[..], request.onset_date.as_str());
        let said = contract::said(&mut wrong, "", said, self.house.clock.today());
        for (clear, field, is_said) in [
            (request.clear_links, "links", !request.links.is_empty()),
            (request.clear_signs, "signs", !request.signs.is_empty()),
        ] {
            if clear && is_said {
                wrong.add(field, "there are none where they are cleared");
            }
        }
        wrong.keep("reason", parse::text(&request.reason, REASON).map(drop));
        wrong.refuse()?;
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
        let answer = pb::RecordFindingsResponse { case: Some(self.shown(&case)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn mark(&self, request: Request<pb::MarkCaseRequest>) -> Result<pb::MarkCaseResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let now = self.house.clock.now();
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let step = Step::of(request.step).ok_or_else(|| "is required: what was done?".to_owned());
        let step = wrong.keep("step", step).unwrap_or(Step::Reported);
        let at = wrong.keep("time", contract::instant(request.time, now)).unwrap_or(now);
        wrong.refuse()?;
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
        let answer = pb::MarkCaseResponse { case: Some(self.shown(&case)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn classify(
        &self,
        request: Request<pb::ClassifyCaseRequest>,
    ) -> Result<pb::ClassifyCaseResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let now = self.house.clock.now();
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let is_elsewhere = request.state() == pb::CaseState::ClinicallyDiagnosed;
        let to = i16::try_from(request.state).ok().and_then(State::of);
        if to.is_none() && !is_elsewhere {
            wrong.add("state", "is required: what is the case?");
        }
        let result = wrong.keep("result", parse::optional_name(RESULTS, &request.result)).flatten();
        let at = wrong.keep("time", contract::instant(request.time, now)).unwrap_or(now);
        let statements = contract::statements(&mut wrong, request.discharge.as_ref(), now);
        if request.discharge.is_some() && to != Some(State::Discharged) {
            wrong.add("discharge", "is stated for DISCHARGED only");
        }
        let counted = deciding::counted(&self.house, &mut wrong, &request.counted_unit);
        wrong.keep("reason", optional(&request.reason, REASON).map(drop));
        if request.r#override && request.reason.is_empty() {
            wrong.add("reason", "is required: why is it decided although conditions are unmet?");
        }
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "ClassifyCase", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let mut case = self.locked(&mut work, &caller, "cases.classify", id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let Some(to) = to else { return Err(contract::elsewhere(case.id)) };
        let recounted = counted.filter(|unit| *unit != case.counted_unit.unwrap_or(*unit));
        let followed = if let (true, Some(unit)) = (case.state == to, recounted) {
            if request.reason.is_empty() {
                return Err(Fault::invalid(
                    "reason",
                    "is required: where it is counted is a correction (R23)",
                ));
            }
            case.rules = RuleSet::on(self.house.clock.today());
            let said = (caller.subject(), request.reason.as_str());
            let incidents = ops::recount(&self.house, &mut work, &mut case, unit, said).await?;
            Followed { contacts: 0, incidents }
        } else if recounted.is_some() {
            return Err(misfit(&case, "is counted elsewhere: correct that with the state that it has (R23)"));
        } else {
            let asked = deciding::Asked { to, at, result, statements, request: &request };
            let unmet = deciding::decidable(&self.house, &mut work, &mut case, &asked).await?;
            let (unmet, by, words) = (&unmet[..], caller.subject(), request.reason.as_str());
            let decision = Decision { to, at, counted, statements, unmet, by, words };
            ops::decide(&self.house, &mut work, &mut case, decision).await?
        };
        case.version += 1;
        let answer = pb::ClassifyCaseResponse {
            case: Some(self.shown(&case)),
            contacts: i32::try_from(followed.contacts).unwrap_or(i32::MAX),
            incidents: followed.incidents.into_iter().map(incident_name).collect(),
        };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn severity(
        &self,
        request: Request<pb::SetSeverityRequest>,
    ) -> Result<pb::SetSeverityResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let severity = i16::try_from(request.severity).ok().filter(|severity| (1..=4).contains(severity));
        let severity = severity.ok_or_else(|| "is required: MILD, ORDINARY, SEVERE or CRITICAL".to_owned());
        let severity = wrong.keep("severity", severity).unwrap_or_default();
        let now = self.house.clock.now();
        let at = wrong.keep("time", contract::instant(request.time, now)).unwrap_or(now);
        wrong.refuse()?;
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
        let answer = pb::SetSeverityResponse { case: Some(self.shown(&case)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn count(&self, request: Request<pb::CountCasesRequest>) -> Result<pb::CountCasesResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let unit = wrong.keep("unit", parse::name(UNITS, &request.unit)).unwrap_or_default();
        let date = wrong.keep("date", parse::optional_date(&request.date)).flatten();
        wrong.refuse()?;
        let units = self.house.units(&caller, "cases.read", Some(unit))?;
        let (date, zone) = (date.unwrap_or_else(|| self.house.clock.today()), self.house.clock.zone());
        let day = (day_start(date, zone), day_start(date + Days::new(1), zone));
        let mut work = self.house.database.begin(deadline).await?;
        let by_unit = store::figures(&mut work, &units, day).await?.into_iter();
        let figures: store::Figures = by_unit.map(|(_, figures)| figures).sum();
        Ok(pb::CountCasesResponse {
            confirmed_new: figures.confirmed.0,
            confirmed_cumulative: figures.confirmed.1,
            suspected_current: figures.suspected,
            asymptomatic_current: figures.asymptomatic,
            severe_current: figures.severe.0,
            severe_cumulative: figures.severe.1,
            discharged_new: figures.discharged.0,
            discharged_cumulative: figures.discharged.1,
            died_new: figures.died.0,
            died_cumulative: figures.died.1,
        })
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

    /// A case that the caller has a permission to; any other is answered like an absent one.
    fn seen(&self, caller: &Caller, permission: &str, id: Uuid, found: Option<Case>) -> Result<Case, Fault> {
        let seen = found.filter(|case| self.house.sees(caller, permission, case.unit));
        seen.ok_or_else(|| Fault::NotFound(case_name(id)))
    }

    /// As [`Self::seen`], with everybody who is the same person locked, and the case.
    async fn locked(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        permission: &str,
        id: Uuid,
    ) -> Result<Case, Fault> {
        let found = store::get(connection, id).await?;
        let one = self.seen(caller, permission, id, found)?.one;
        persons::lock_same(connection, &self.house.keys, one).await?;
        let locked = store::lock_of_one(connection, one).await?;
        self.seen(caller, permission, id, locked)
    }

    fn shown(&self, case: &Case) -> pb::Case {
        contract::case(case, self.house.clock.now(), self.house.clock.zone())
    }
}

/// A person whom another unit holds.
fn not_agreed(person: Uuid) -> Fault {
    let name = person_name(person);
    let words = "another unit has the person: agree whose hands first (HandsService)";
    Fault::unmet("HANDS_NOT_AGREED", name.clone(), words, vec![("person", name)])
}
