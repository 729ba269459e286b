//! Days speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use chrono::NaiveDate;
use proto::reporting::{self as pb, day_service_server::DayService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Day, Plan, State, closing, opening,
    parse::{self as contract, COLLECTION, day_name},
    sealing::{self, Asked},
    store::{self, Selection},
};
use crate::{
    DOMAIN,
    forms::{
        parse::{COLLECTION as FORMS, UNITS, form_name, schedule},
        store as forms,
    },
    house::House,
    rollups::store as totals,
    seals::store as seals,
};

/// The longest reason or remark.
const TEXT: usize = 500;

/// The most differences of a tree that an answer lists.
const DIFFERENCES: usize = 1_000;

/// The handlers of [`DayService`].
#[derive(Clone, Debug)]
pub struct Days {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl DayService for Days {
    async fn open_day(
        &self,
        request: Request<pb::OpenDayRequest>,
    ) -> Result<Response<pb::OpenDayResponse>, Status> {
        server::reply(DOMAIN, self.open(request).await)
    }

    async fn get_day(
        &self,
        request: Request<pb::GetDayRequest>,
    ) -> Result<Response<pb::GetDayResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_days(
        &self,
        request: Request<pb::ListDaysRequest>,
    ) -> Result<Response<pb::ListDaysResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn override_day(
        &self,
        request: Request<pb::OverrideDayRequest>,
    ) -> Result<Response<pb::OverrideDayResponse>, Status> {
        server::reply(DOMAIN, self.change_times(request).await)
    }

    async fn close_day(
        &self,
        request: Request<pb::CloseDayRequest>,
    ) -> Result<Response<pb::CloseDayResponse>, Status> {
        server::reply(DOMAIN, self.close(request).await)
    }

    async fn sign_off_day(
        &self,
        request: Request<pb::SignOffDayRequest>,
    ) -> Result<Response<pb::SignOffDayResponse>, Status> {
        server::reply(DOMAIN, self.sign(request).await)
    }

    async fn seal_day(
        &self,
        request: Request<pb::SealDayRequest>,
    ) -> Result<Response<pb::SealDayResponse>, Status> {
        server::reply(DOMAIN, self.seal(request).await)
    }
}

impl Days {
    /// Opening goes on in transactions of its own and is idempotent by itself: the request_id is looked up
    /// before and claimed after.
    async fn open(&self, request: Request<pb::OpenDayRequest>) -> Result<pb::OpenDayResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (form, date) = form_and_date(&request.form, &request.business_date)?;
        let claim = Claim::new(&caller, request_id, "OpenDay", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let known = forms::on(&mut work, form, date).await?;
        let known = known.ok_or_else(|| Fault::NotFound(form_name(form)))?;
        self.house
            .jurisdiction
            .within(&caller, "days.open", known.owner)
            .map_err(|_| Fault::NotFound(form_name(form)))?;
        if date > self.house.clock.today() {
            return Err(Fault::unmet(
                "DAY_NOT_BEGUN",
                form_name(form),
                format!("{date} has not begun; it is {} in the city", self.house.clock.today()),
                vec![("business_date", date.to_string())],
            ));
        }
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        drop(work);
        let day = opening::open(&self.house, form, date).await?;
        let mut work = self.house.database.begin(deadline).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let plan = self.seen(&mut work, &caller, "days.read", day.id).await?;
        let answer = pb::OpenDayResponse { day: Some(self.whole(&mut work, &caller, &plan).await?) };
        claim.commit(work, answer).await
    }

    async fn get(&self, request: Request<pb::GetDayRequest>) -> Result<pb::GetDayResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let mut work = self.house.database.begin(deadline).await?;
        let id = if request.name.is_empty() {
            let (form, date) = form_and_date(&request.form, &request.business_date)?;
            self.house.plan(&mut work, form, date).await?.day.id
        } else {
            parse::name(COLLECTION, &request.name).map_err(|wrong| Fault::invalid("name", wrong))?
        };
        let plan = self.seen(&mut work, &caller, "days.read", id).await?;
        Ok(pb::GetDayResponse { day: Some(self.whole(&mut work, &caller, &plan).await?) })
    }

    /// A day with all that the caller may see of it.
    async fn whole(&self, work: &mut PgConnection, caller: &Caller, plan: &Plan) -> Result<pb::Day, Fault> {
        let id = plan.day.id;
        let visible = self.house.visible(caller, "days.read", plan);
        let mut day = contract::day(&plan.day);
        let over = forms::overridden(work, plan.form.id, plan.day.date).await?;
        day.r#override = over.and_then(contract::day_override);
        let mut differences = store::differences(work, id).await?;
        // A unit that is not in the day's tree is nobody's below its owner.
        let sees = |unit: Uuid| {
            plan.tree
                .place(unit)
                .map_or_else(|| visible.contains(plan.owner()), |place| visible.contains(place))
        };
        differences.retain(|difference| sees(difference.0));
        day.difference_count = i64::try_from(differences.len()).unwrap_or(i64::MAX);
        day.differences = differences.into_iter().take(DIFFERENCES).map(contract::difference).collect();
        let signed = seals::sign_offs(work, id).await?;
        let totals = totals::totals(work, plan, &sealing::signing(plan)).await?;
        day.sign_offs = contract::sign_offs(plan, &signed, &totals, |place| visible.contains(place));
        let seals = seals::seals(work, &[id], None).await?;
        day.seals = seals.iter().map(contract::seal).collect();
        Ok(day)
    }

    async fn list(&self, request: Request<pb::ListDaysRequest>) -> Result<pb::ListDaysResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let form = wrong.optional_name("form", FORMS, &request.form);
        let start = wrong.keep("start_date", parse::optional_date(&request.start_date)).flatten();
        let end = wrong.keep("end_date", parse::optional_date(&request.end_date)).flatten();
        let state = i16::try_from(request.state).unwrap_or(-1);
        if state != 0 && State::of(state).is_none() {
            wrong.add("state", "is no state of a day");
        }
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListDays", &request);
        let after = pager.pair()?;
        let selection = Selection {
            form,
            state: Some(state).filter(|state| *state != 0),
            start,
            end,
            after,
            limit: pager.limit(),
        };
        let mut work = self.house.database.begin(deadline).await?;
        let mut days = store::list(&mut work, &selection).await?;
        let next_page_token = pager.cut(&mut days, |day| format!("{} {}", day.date, day.id));
        let days = self.shown(&mut work, &caller, days).await?;
        Ok(pb::ListDaysResponse { days, next_page_token })
    }

    /// Those of the days that some part of is the caller's to see, each with its last seal.
    async fn shown(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        days: Vec<Day>,
    ) -> Result<Vec<pb::Day>, Fault> {
        let ids: Vec<Uuid> = days.iter().map(|day| day.id).collect();
        let seals = seals::seals(connection, &ids, None).await?;
        let mut shown = Vec::with_capacity(days.len());
        for day in days {
            let plan = self.house.plan_of(connection, day).await?;
            if self.house.visible(caller, "days.read", &plan).is_empty() {
                continue;
            }
            let last = seals.iter().rfind(|seal| seal.day == plan.day.id).map(contract::seal);
            shown.push(pb::Day { seals: last.into_iter().collect(), ..contract::day(&plan.day) });
        }
        Ok(shown)
    }

    async fn change_times(
        &self,
        request: Request<pb::OverrideDayRequest>,
    ) -> Result<pb::OverrideDayResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (form_id, date) = form_and_date(&request.form, &request.business_date)?;
        let mut wrong = Violations::default();
        wrong.text("reason", &request.reason, TEXT);
        let asked = request.schedule.as_ref().map(|asked| schedule(&mut wrong, "schedule", asked));
        wrong.refuse()?;
        let asked = asked.flatten();
        let claim = Claim::new(&caller, request_id, "OverrideDay", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let absent = || Fault::NotFound(form_name(form_id));
        let form = forms::on(&mut work, form_id, date).await?.ok_or_else(absent)?;
        self.house.jurisdiction.within(&caller, "days.open", form.owner).map_err(|_| absent())?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        opening::reschedule(&self.house, &mut work, &form, date, asked.as_ref()).await?;
        let over = (asked, request.reason.clone(), caller.subject().to_owned(), self.house.clock.now());
        forms::override_day(&mut work, form_id, date, &over).await?;
        let day = store::by_date(&mut work, form_id, date).await?;
        claim
            .commit(
                work,
                pb::OverrideDayResponse {
                    r#override: contract::day_override(over),
                    day: day.as_ref().map(contract::day),
                },
            )
            .await
    }

    async fn close(&self, request: Request<pb::CloseDayRequest>) -> Result<pb::CloseDayResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let claim = Claim::new(&caller, request_id, "CloseDay", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let plan = self.owned(&mut work, &caller, "days.open", id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        closing::close(&self.house, &mut work, id, true).await?;
        // Not kept for others before it is committed.
        let day = store::by_id(&mut work, id).await?.ok_or(Fault::Conflict)?;
        let plan = Plan { day, ..(*plan).clone() };
        let answer = pb::CloseDayResponse { day: Some(self.whole(&mut work, &caller, &plan).await?) };
        claim.commit(work, answer).await
    }

    async fn sign(&self, request: Request<pb::SignOffDayRequest>) -> Result<pb::SignOffDayResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let unit = wrong.name("unit", UNITS, &request.unit);
        if request.figures_etag.is_empty() {
            wrong.add("figures_etag", "is required: the etag of the roll-up that is agreed to");
        }
        wrong.optional_text("note", &request.note, TEXT);
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "SignOffDay", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let plan = self.seen(&mut work, &caller, "days.read", id).await?;
        let place = self.house.place(&caller, "days.sign", &plan, unit)?;
        sealing::signs(&plan, place)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let said = (caller.subject(), request.figures_etag.as_str(), request.note);
        let (signed, total) = sealing::sign(&self.house, &mut work, &plan, place, said).await?;
        let sign_off =
            contract::sign_offs(&plan, &[signed], &[(place, total)].into(), |other| other == place).pop();
        let outstanding = sealing::outstanding(&mut work, &plan).await?.len();
        claim
            .commit(
                work,
                pb::SignOffDayResponse {
                    sign_off,
                    outstanding: i32::try_from(outstanding).unwrap_or(i32::MAX),
                    level: plan.form.definition.sign_off_level.unwrap_or_default().into(),
                },
            )
            .await
    }

    async fn seal(&self, request: Request<pb::SealDayRequest>) -> Result<pb::SealDayResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let date = wrong.keep("bulletin_date", parse::optional_date(&request.bulletin_date)).flatten();
        let publish_at = wrong.keep("publish_time", request.publish_time.map(parse::instant).transpose());
        wrong.optional_text("reason", &request.reason, TEXT);
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "SealDay", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.owned(&mut work, &caller, "days.seal", id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let asked = Asked {
            by: caller.subject().to_owned(),
            figures_etag: request.figures_etag,
            without_sign_offs: request.without_sign_offs,
            reason: request.reason,
            bulletin_date: date,
            publish_at: publish_at.flatten(),
        };
        let seal = sealing::seal(&self.house, &mut work, id, asked).await?;
        claim.commit(work, pb::SealDayResponse { seal: Some(contract::seal(&seal)) }).await
    }

    /// A day that some part of is the caller's to see.
    async fn seen(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        permission: &str,
        id: Uuid,
    ) -> Result<Arc<Plan>, Fault> {
        let plan = self.house.plan_by_id(connection, id).await?;
        let plan = plan.filter(|plan| !self.house.visible(caller, permission, plan).is_empty());
        plan.ok_or_else(|| Fault::NotFound(day_name(id)))
    }

    /// A day whose form's owner is the caller's to decide for.
    async fn owned(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        permission: &str,
        id: Uuid,
    ) -> Result<Arc<Plan>, Fault> {
        let plan = self.house.plan_by_id(connection, id).await?;
        let plan = plan.filter(|plan| self.house.visible(caller, permission, plan).contains(plan.owner()));
        plan.ok_or_else(|| Fault::NotFound(day_name(id)))
    }
}

fn form_and_date(form: &str, date: &str) -> Result<(Uuid, NaiveDate), Fault> {
    let mut wrong = Violations::default();
    let form = wrong.name("form", FORMS, form);
    let date = wrong.keep("business_date", parse::date(date)).unwrap_or_default();
    wrong.refuse()?;
    Ok((form, date))
}
