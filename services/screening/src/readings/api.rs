//! Readings speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, damage::damage_of_text, pages, parse, server};
use chrono::DateTime;
use proto::screening::{self as pb, reading_service_server::ReadingService};
use tonic::{Code, Request, Response, Status, async_trait};

use super::{LARGEST, Reading, ingest, parse as contract, store};
use crate::{
    DOMAIN,
    house::House,
    observations::{
        Observation, State,
        pages::{EVERYTHING, key, place},
        parse::{COLLECTION, observation, observation_name},
        store::{self as observations, Due},
    },
    persons::parse::UNITS,
    referrals::parse::referral_name,
    worklists,
};

/// The handlers of [`ReadingService`].
#[derive(Clone, Debug)]
pub struct Readings {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl ReadingService for Readings {
    async fn ingest_readings(
        &self,
        request: Request<pb::IngestReadingsRequest>,
    ) -> Result<Response<pb::IngestReadingsResponse>, Status> {
        server::reply(DOMAIN, self.ingest(request).await)
    }

    async fn list_readings(
        &self,
        request: Request<pb::ListReadingsRequest>,
    ) -> Result<Response<pb::ListReadingsResponse>, Status> {
        server::reply(DOMAIN, self.readings(request).await)
    }

    async fn list_slots(
        &self,
        request: Request<pb::ListSlotsRequest>,
    ) -> Result<Response<pb::ListSlotsResponse>, Status> {
        server::reply(DOMAIN, self.slots(request).await)
    }

    async fn list_work(
        &self,
        request: Request<pb::ListWorkRequest>,
    ) -> Result<Response<pb::ListWorkResponse>, Status> {
        server::reply(DOMAIN, self.work(request).await)
    }
}

impl Readings {
    async fn ingest(
        &self,
        request: Request<pb::IngestReadingsRequest>,
    ) -> Result<pb::IngestReadingsResponse, Fault> {
        let (caller, _, request) = server::accept(request)?;
        parse::count(request.readings.len(), LARGEST).map_err(|wrong| Fault::invalid("readings", wrong))?;
        let now = self.house.clock.now();
        let mut results = Vec::with_capacity(request.readings.len());
        let mut sound: Vec<Reading> = Vec::with_capacity(request.readings.len());
        for (nth, said) in request.readings.iter().enumerate() {
            match contract::reading(said, now) {
                Ok(reading) => {
                    sound.push(reading);
                    results.push(None);
                }
                Err(wrong) => results.push(Some(refused(nth, wrong))),
            }
        }
        let mut taken = ingest::take_in(&self.house, &caller, &sound).await?.into_iter();
        let results = request.readings.into_iter().zip(results).map(|(said, result)| {
            let mut result = result.or_else(|| taken.next().map(shown));
            if let Some(pb::reading_result::Result::Accepted(accepted)) = &mut result {
                accepted.damaged_note = damage_of_text(&said.note).is_some();
            }
            pb::ReadingResult { event_id: said.event_id, result }
        });
        Ok(pb::IngestReadingsResponse { results: results.collect() })
    }

    async fn readings(
        &self,
        request: Request<pb::ListReadingsRequest>,
    ) -> Result<pb::ListReadingsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let id = wrong.optional_name("observation", COLLECTION, &request.observation);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let marks = wrong.keep("marks", contract::listed(&request.marks)).unwrap_or_default();
        if id.is_some() && (ancestor.is_some() || !request.marks.is_empty()) {
            wrong.add("observation", "is listed whole: leave ancestor_unit and marks out");
        }
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListReadings", &request);
        let after = worklists::after(&pager)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut kept = if let Some(id) = id {
            let observation = observations::get(&mut work, id).await?;
            self.house.observed(&caller, "observations.read", id, observation)?;
            store::list(&mut work, id, after, pager.limit()).await?
        } else {
            let units = self.house.units(&caller, "observations.read", ancestor)?;
            store::marked(&mut work, &units, &marks, after, pager.limit()).await?
        };
        let next_page_token = pager.cut(&mut kept, |kept| {
            let at = if id.is_some() { kept.reading.taken_at } else { kept.received_at };
            worklists::key((at, kept.reading.event))
        });
        let readings = kept.iter().map(contract::shown).collect();
        Ok(pb::ListReadingsResponse { readings, next_page_token })
    }

    async fn slots(&self, request: Request<pb::ListSlotsRequest>) -> Result<pb::ListSlotsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let id = wrong.name("observation", COLLECTION, &request.observation);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListSlots", &request);
        let after = pager.value()?.map_or(Ok(DateTime::UNIX_EPOCH), worklists::instant)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let observation = observations::get(&mut work, id).await?;
        self.house.observed(&caller, "observations.read", id, observation)?;
        let mut slots = store::slots(&mut work, id, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut slots, |slot| slot.opens_at.timestamp_micros().to_string());
        let now = self.house.clock.now();
        let slots = slots.iter().map(|slot| contract::slot(slot, now)).collect();
        Ok(pb::ListSlotsResponse { slots, next_page_token })
    }

    async fn work(&self, request: Request<pb::ListWorkRequest>) -> Result<pb::ListWorkResponse, Fault> {
        let (caller, _, mut request) = server::accept(request)?;
        let now = self.house.clock.now();
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListWork", &request);
        let after = pager.key()?.map(|key| place(&key)).transpose()?;
        let units = self.house.tops(&caller, "observations.read", ancestor)?;
        // One statement: no transaction.
        let mut work = self.house.database.pool().acquire().await?;
        let after = after.unwrap_or(EVERYTHING.0);
        let mut found = observations::work(&mut work, &units, after, now, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |(found, _)| key(found));
        let sees = |found: &&(Observation, Due)| {
            self.house.jurisdiction.sees(&caller, "observations.read", found.0.unit)
        };
        let work = found.iter().filter(sees).filter_map(|(found, due)| {
            let is_due = due.slot.is_some() || due.missed > 0 || found.state(now) != State::Active;
            is_due.then(|| pb::Work {
                observation: Some(observation(found, now)),
                slot: due.slot.map(|slot| contract::slot(&slot, now)),
                missed_in_a_row: due.missed.into(),
            })
        });
        Ok(pb::ListWorkResponse { work: work.collect(), next_page_token })
    }
}

fn refused(nth: usize, wrong: Violations) -> pb::reading_result::Result {
    let under = format!("readings[{nth}]");
    let words =
        wrong.into_inner().into_iter().map(|one| format!("{under}.{}: {}", one.field, one.description));
    pb::reading_result::Result::Refused(pb::RefusedReading {
        code: Code::InvalidArgument.into(),
        reason: "INVALID_ARGUMENT".to_owned(),
        message: words.collect::<Vec<_>>().join("; "),
    })
}

fn shown(result: ingest::Result) -> pb::reading_result::Result {
    match result {
        ingest::Result::Accepted(outcome, marks, referral) => {
            pb::reading_result::Result::Accepted(pb::AcceptedReading {
                outcome: contract::number(Some(outcome)),
                marks: marks.into_iter().map(|mark| mark as i32).collect(),
                referral: referral.map(referral_name).unwrap_or_default(),
                damaged_note: false,
            })
        }
        ingest::Result::Duplicate => pb::reading_result::Result::Duplicate(pb::DuplicateReading {}),
        ingest::Result::Reused => pb::reading_result::Result::Refused(pb::RefusedReading {
            code: Code::InvalidArgument.into(),
            reason: "EVENT_ID_REUSED".to_owned(),
            message: "another reading was taken in with this event_id: give each reading one of its own"
                .to_owned(),
        }),
        ingest::Result::Absent(id) => pb::reading_result::Result::Refused(pb::RefusedReading {
            code: Code::NotFound.into(),
            reason: "NOT_FOUND".to_owned(),
            message: format!("{} does not exist, or is not yours to see", observation_name(id)),
        }),
    }
}
