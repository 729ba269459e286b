//! Checkpoints speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use chrono::Days;
use proto::screening::{self as pb, checkpoint_service_server::CheckpointService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Checkpoint,
    parse::{self as contract, COLLECTION, checkpoint_name},
    store,
};
use crate::{DOMAIN, house::House, persons::parse::UNITS, rules::day_start};

/// The handlers of [`CheckpointService`].
#[derive(Clone, Debug)]
pub struct Checkpoints {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl CheckpointService for Checkpoints {
    async fn create_checkpoint(
        &self,
        request: Request<pb::CreateCheckpointRequest>,
    ) -> Result<Response<pb::CreateCheckpointResponse>, Status> {
        server::reply(DOMAIN, self.create(request).await)
    }

    async fn get_checkpoint(
        &self,
        request: Request<pb::GetCheckpointRequest>,
    ) -> Result<Response<pb::GetCheckpointResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_checkpoints(
        &self,
        request: Request<pb::ListCheckpointsRequest>,
    ) -> Result<Response<pb::ListCheckpointsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn update_checkpoint(
        &self,
        request: Request<pb::UpdateCheckpointRequest>,
    ) -> Result<Response<pb::UpdateCheckpointResponse>, Status> {
        server::reply(DOMAIN, self.update(request).await)
    }

    async fn close_checkpoint(
        &self,
        request: Request<pb::CloseCheckpointRequest>,
    ) -> Result<Response<pb::CloseCheckpointResponse>, Status> {
        server::reply(DOMAIN, self.close(request).await)
    }

    async fn get_shifts(
        &self,
        request: Request<pb::GetShiftsRequest>,
    ) -> Result<Response<pb::GetShiftsResponse>, Status> {
        server::reply(DOMAIN, self.shifts(request).await)
    }

    async fn say_nil_shift(
        &self,
        request: Request<pb::SayNilShiftRequest>,
    ) -> Result<Response<pb::SayNilShiftResponse>, Status> {
        server::reply(DOMAIN, self.say_nil(request).await)
    }
}

impl Checkpoints {
    async fn create(
        &self,
        request: Request<pb::CreateCheckpointRequest>,
    ) -> Result<pb::CreateCheckpointResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (today, now) = (self.house.clock.today(), self.house.clock.now());
        let checkpoint = contract::setting_up(request.checkpoint.as_ref(), today, now)?;
        let claim = Claim::new(&caller, request_id, "CreateCheckpoint", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.house.jurisdiction.within(&caller, "checkpoints.write", checkpoint.unit)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        store::insert(&mut work, &checkpoint, caller.subject()).await?;
        claim
            .commit(
                work,
                pb::CreateCheckpointResponse { checkpoint: Some(contract::checkpoint(&checkpoint)) },
            )
            .await
    }

    async fn get(
        &self,
        request: Request<pb::GetCheckpointRequest>,
    ) -> Result<pb::GetCheckpointResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.house.database.begin(deadline).await?;
        let checkpoint = self.seen(&mut work, &caller, "checkpoints.read", id).await?;
        Ok(pb::GetCheckpointResponse { checkpoint: Some(contract::checkpoint(&checkpoint)) })
    }

    async fn list(
        &self,
        request: Request<pb::ListCheckpointsRequest>,
    ) -> Result<pb::ListCheckpointsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListCheckpoints", &request);
        let after = pager.after()?;
        let units = self.house.units(&caller, "checkpoints.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut found = store::list(&mut work, &units, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |checkpoint| checkpoint.id.to_string());
        let checkpoints = found.iter().map(contract::checkpoint).collect();
        Ok(pb::ListCheckpointsResponse { checkpoints, next_page_token })
    }

    async fn update(
        &self,
        request: Request<pb::UpdateCheckpointRequest>,
    ) -> Result<pb::UpdateCheckpointResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (id, read) = contract::update(&request)?;
        let claim = Claim::new(&caller, request_id, "UpdateCheckpoint", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let known = self.locked(&mut work, &caller, id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        parse::unchanged(&read, known.version)?;
        let changed = contract::updated(&request, &known, self.house.clock.today())?;
        let changed = self.change(&mut work, changed).await?;
        claim
            .commit(work, pb::UpdateCheckpointResponse { checkpoint: Some(contract::checkpoint(&changed)) })
            .await
    }

    async fn close(
        &self,
        request: Request<pb::CloseCheckpointRequest>,
    ) -> Result<pb::CloseCheckpointResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let last = wrong.keep("end_date", parse::date(&request.end_date)).unwrap_or_default();
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "CloseCheckpoint", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let checkpoint = self.locked(&mut work, &caller, id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if last < checkpoint.starts_on {
            let words = format!("must not be before its first day, {}", checkpoint.starts_on);
            return Err(Fault::invalid("end_date", words));
        }
        let checkpoint = self.change(&mut work, Checkpoint { ends_on: Some(last), ..checkpoint }).await?;
        claim
            .commit(work, pb::CloseCheckpointResponse { checkpoint: Some(contract::checkpoint(&checkpoint)) })
            .await
    }

    async fn shifts(&self, request: Request<pb::GetShiftsRequest>) -> Result<pb::GetShiftsResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let id = wrong.name("checkpoint", COLLECTION, &request.checkpoint);
        let date = wrong.keep("date", parse::optional_date(&request.date)).flatten();
        wrong.refuse()?;
        let mut work = self.house.database.begin(deadline).await?;
        let checkpoint = self.seen(&mut work, &caller, "checkpoints.read", id).await?;
        let (now, zone) = (self.house.clock.now(), self.house.clock.zone());
        let date = date.unwrap_or_else(|| self.house.clock.today());
        let (from, to) = (day_start(date, zone), day_start(date + Days::new(1), zone));
        let tallies = store::tallies(&mut work, id, from, to).await?;
        let shifts = checkpoint.told_on(date, zone, tallies).into_iter();
        let shown = shifts.map(|(shift, tally, is_other)| contract::shift(shift, &tally, is_other, now));
        Ok(pb::GetShiftsResponse { shifts: shown.collect() })
    }

    async fn say_nil(
        &self,
        request: Request<pb::SayNilShiftRequest>,
    ) -> Result<pb::SayNilShiftResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("checkpoint", COLLECTION, &request.checkpoint);
        let time = request.time.ok_or_else(|| "is required: an instant of the shift".to_owned());
        let time = wrong.keep("time", time.and_then(parse::instant)).unwrap_or_default();
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "SayNilShift", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let checkpoint = self.seen(&mut work, &caller, "passages.write", id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let (now, zone) = (self.house.clock.now(), self.house.clock.zone());
        let shift = checkpoint.nil_at(time, now, zone).map_err(|wrong| Fault::invalid("time", wrong))?;
        store::say_nil(&mut work, id, shift.0, (caller.subject(), now)).await?;
        let mut tallies = store::tallies(&mut work, id, shift.0, shift.1).await?;
        let tally = tallies.remove(&shift.0).unwrap_or_default();
        if tally.passed > 0 {
            let words = format!("{} have passed in that shift", tally.passed);
            return Err(Fault::unfit("SHIFT_NOT_NIL", ("checkpoint", checkpoint_name(id)), words));
        }
        claim
            .commit(work, pb::SayNilShiftResponse { shift: Some(contract::shift(shift, &tally, false, now)) })
            .await
    }

    /// Writes a checkpoint, which is locked, as it is from now on.
    async fn change(
        &self,
        connection: &mut PgConnection,
        checkpoint: Checkpoint,
    ) -> Result<Checkpoint, Fault> {
        let after = checkpoint.ends_on.map(|last| day_start(last + Days::new(1), self.house.clock.zone()));
        store::update(connection, &checkpoint, after).await?;
        Ok(Checkpoint { version: checkpoint.version + 1, ..checkpoint })
    }

    /// A checkpoint that the caller may change, locked.
    async fn locked(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Checkpoint, Fault> {
        let found = store::lock(connection, id).await?;
        self.house.jurisdiction.seen(
            caller,
            "checkpoints.write",
            found,
            |found| found.unit,
            checkpoint_name(id),
        )
    }

    /// A checkpoint that the caller stands above.
    async fn seen(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        permission: &str,
        id: Uuid,
    ) -> Result<Checkpoint, Fault> {
        let found = store::some(connection, &[id]).await?.pop();
        self.house.jurisdiction.seen(caller, permission, found, |found| found.unit, checkpoint_name(id))
    }
}
