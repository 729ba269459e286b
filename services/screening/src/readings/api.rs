//! Readings speak here.

use std::{collections::HashMap, sync::Arc};

use chassis::{Fault, Violations, damage::damage_of_text, pages, pages::Pager, parse, server};
use chrono::{DateTime, Utc};
use proto::screening::{self as pb, reading_service_server::ReadingService};
use tonic::{Code, Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{LARGEST, Reading, ingest, parse as contract, store};
use crate::{
    DOMAIN,
    house::House,
    observations::{
        Observation, State,
        pages::{EVERYTHING, key, place},
        parse::{COLLECTION, observation, observation_name},
        store as observations,
    },
    persons::parse::UNITS,
    referrals::parse::referral_name,
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
        if !(1..=LARGEST).contains(&request.readings.len()) {
            let words = format!("must be 1 to {LARGEST}, are {}", request.readings.len());
            return Err(Fault::invalid("readings", words));
        }
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
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let id = wrong.keep("observation", parse::optional_name(COLLECTION, &request.observation)).flatten();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        let marks = wrong.keep("marks", contract::listed(&request.marks)).unwrap_or_default();
        if id.is_some() && (ancestor.is_some() || !request.marks.is_empty()) {
            wrong.add("observation", "is listed whole: leave ancestor_unit and marks out");
        }
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListReadings", &request);
        let (micros, event) = pager.place(&token)?;
        let after = if micros.is_empty() { DateTime::UNIX_EPOCH } else { instant(&micros)? };
        let mut work = self.house.database.begin(deadline).await?;
        let mut kept = if let Some(id) = id {
            let observation = observations::get(&mut work, id).await?;
            self.house.observed(&caller, "observations.read", id, observation)?;
            store::list(&mut work, id, (after, event), size + 1).await?
        } else {
            let units = self.house.units(&caller, "observations.read", ancestor)?;
            store::marked(&mut work, &units, &marks, (after, event), size + 1).await?
        };
        let next_page_token = pager.cut(&mut kept, size, |kept| {
            let at = if id.is_some() { kept.reading.taken_at } else { kept.received_at };
            format!("{} {}", at.timestamp_micros(), kept.reading.event)
        });
        let readings = kept.iter().map(contract::shown).collect();
        Ok(pb::ListReadingsResponse { readings, next_page_token })
    }

    async fn slots(&self, request: Request<pb::ListSlotsRequest>) -> Result<pb::ListSlotsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let (id, size) = of(&request.observation, request.page_size)?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListSlots", &request);
        let after = pager.key(&token)?.map_or(Ok(DateTime::UNIX_EPOCH), |key| instant(&key))?;
        let mut work = self.house.database.begin(deadline).await?;
        let observation = observations::get(&mut work, id).await?;
        self.house.observed(&caller, "observations.read", id, observation)?;
        let mut slots = store::slots(&mut work, id, after, size + 1).await?;
        let next_page_token =
            pager.cut(&mut slots, size, |slot| slot.opens_at.timestamp_micros().to_string());
        let now = self.house.clock.now();
        let slots = slots.iter().map(|slot| contract::slot(slot, now)).collect();
        Ok(pb::ListSlotsResponse { slots, next_page_token })
    }

    async fn work(&self, request: Request<pb::ListWorkRequest>) -> Result<pb::ListWorkResponse, Fault> {
        let (caller, _, mut request) = server::accept(request)?;
        let now = self.house.clock.now();
        let mut wrong = Violations::default();
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListWork", &request);
        let after = pager.key(&token)?.map(|key| place(&key)).transpose()?;
        let units = self.house.tops(&caller, "observations.read", ancestor)?;
        let (from, to) = EVERYTHING;
        // Two statements, each of one state: no transaction.
        let mut work = self.house.database.pool().acquire().await?;
        let mut found = observations::list(&mut work, &units, after.unwrap_or(from), to, size + 1).await?;
        let next_page_token = pager.cut(&mut found, size, key);
        let ids: Vec<Uuid> = found.iter().map(|observation| observation.id).collect();
        let due = store::due(&mut work, &ids, now).await?;
        let due: HashMap<Uuid, store::Due> = due.into_iter().map(|due| (due.observation, due)).collect();
        let sees = |found: &&Observation| self.house.sees(&caller, "observations.read", found.unit);
        let work = found.iter().filter(sees).filter_map(|found| {
            let due = due.get(&found.id)?;
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

/// The observation and the page's size of a request.
fn of(name: &str, page_size: i32) -> Result<(Uuid, i64), Fault> {
    let mut wrong = Violations::default();
    let id = wrong.keep("observation", parse::name(COLLECTION, name)).unwrap_or_default();
    let size = wrong.keep("page_size", pages::size(page_size)).unwrap_or_default();
    wrong.refuse()?;
    Ok((id, size))
}

fn instant(micros: &str) -> Result<DateTime<Utc>, Fault> {
    let micros = micros.parse().map_err(|_| Fault::PageToken)?;
    DateTime::from_timestamp_micros(micros).ok_or(Fault::PageToken)
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
