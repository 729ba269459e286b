//! Forms speak here.

use std::{collections::HashMap, sync::Arc};

use chassis::{Caller, Fault, Violations, claims::Claim, pages, pages::Pager, parse, parse::etag, server};
use chrono::{Days, NaiveDate};
use proto::reporting::{self as pb, form_service_server::FormService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Form, Kind,
    parse::{self as contract, CHANGEABLE, COLLECTION, form_name},
    store,
};
use crate::{DOMAIN, house::House};

/// The handlers of [`FormService`].
#[derive(Clone, Debug)]
pub struct Forms {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl FormService for Forms {
    async fn get_form(
        &self,
        request: Request<pb::GetFormRequest>,
    ) -> Result<Response<pb::GetFormResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_forms(
        &self,
        request: Request<pb::ListFormsRequest>,
    ) -> Result<Response<pb::ListFormsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn list_form_versions(
        &self,
        request: Request<pb::ListFormVersionsRequest>,
    ) -> Result<Response<pb::ListFormVersionsResponse>, Status> {
        server::reply(DOMAIN, self.list_versions(request).await)
    }

    async fn create_form(
        &self,
        request: Request<pb::CreateFormRequest>,
    ) -> Result<Response<pb::CreateFormResponse>, Status> {
        server::reply(DOMAIN, self.create(request).await)
    }

    async fn update_form(
        &self,
        request: Request<pb::UpdateFormRequest>,
    ) -> Result<Response<pb::UpdateFormResponse>, Status> {
        server::reply(DOMAIN, self.update(request).await)
    }
}

impl Forms {
    async fn get(&self, request: Request<pb::GetFormRequest>) -> Result<pb::GetFormResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let id = (!request.name.is_empty()).then(|| parse::name(COLLECTION, &request.name));
        let id = wrong.keep("name", id.transpose()).flatten();
        if request.name.is_empty() == request.key.is_empty() {
            wrong.add("name", "either this or key is required");
        }
        let as_of = wrong.keep("as_of", parse::optional_date(&request.as_of)).flatten();
        if request.version < 0 || (request.version > 0 && as_of.is_some()) {
            wrong.add("version", "must be positive, and not together with as_of");
        }
        wrong.refuse()?;
        let mut work = self.house.database.begin(deadline).await?;
        let absent =
            || Fault::NotFound(if id.is_some() { request.name.clone() } else { request.key.clone() });
        let id = match id {
            Some(id) => Some(id),
            None => store::of_key(&mut work, &request.key).await?,
        };
        let id = id.ok_or_else(absent)?;
        let form = if request.version > 0 {
            store::version(&mut work, id, request.version).await?
        } else {
            store::on(&mut work, id, as_of.unwrap_or_else(|| self.house.clock.today())).await?
        };
        let form = form.filter(|form| self.sees(&caller, form)).ok_or_else(absent)?;
        Ok(pb::GetFormResponse { form: Some(form.into()) })
    }

    async fn list(&self, request: Request<pb::ListFormsRequest>) -> Result<pb::ListFormsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let owner =
            (!request.owner_unit.is_empty()).then(|| parse::name(contract::UNITS, &request.owner_unit));
        let owner = wrong.keep("owner_unit", owner.transpose()).flatten();
        let as_of = wrong.keep("as_of", parse::optional_date(&request.as_of)).flatten();
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListForms", &request);
        let after = pager.key(&token)?.unwrap_or_default();
        let date = as_of.unwrap_or_else(|| self.house.clock.today());
        let mut work = self.house.database.begin(deadline).await?;
        let mut forms = Vec::new();
        for id in store::after(&mut work, &after, owner).await? {
            let form = store::on(&mut work, id, date).await?;
            let form = form.filter(|form| self.sees(&caller, form));
            forms.extend(form.filter(|form| request.show_ended || form.is_asked_on(date)));
            if i64::try_from(forms.len()).unwrap_or(i64::MAX) > size {
                break;
            }
        }
        let next_page_token = pager.cut(&mut forms, size, |form| form.key.clone());
        Ok(pb::ListFormsResponse { forms: forms.into_iter().map(Into::into).collect(), next_page_token })
    }

    async fn list_versions(
        &self,
        request: Request<pb::ListFormVersionsRequest>,
    ) -> Result<pb::ListFormVersionsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListFormVersions", &request);
        let before = pager.key(&token)?.map(|key| key.parse()).transpose().map_err(|_| Fault::PageToken)?;
        let mut work = self.house.database.begin(deadline).await?;
        let mut forms = Vec::new();
        for number in store::versions_before(&mut work, id, before.unwrap_or(i32::MAX), size + 1).await? {
            forms
                .extend(store::version(&mut work, id, number).await?.filter(|form| self.sees(&caller, form)));
        }
        if forms.is_empty() {
            return Err(Fault::NotFound(form_name(id)));
        }
        let next_page_token = pager.cut(&mut forms, size, |form| form.version.to_string());
        let forms = forms.into_iter().map(Into::into).collect();
        Ok(pb::ListFormVersionsResponse { forms, next_page_token })
    }

    async fn create(&self, request: Request<pb::CreateFormRequest>) -> Result<pb::CreateFormResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let new = contract::create(request.form.as_ref())?;
        let claim = Claim::new(&caller, request_id, "CreateForm", &request);
        let (now, today) = (self.house.clock.now(), self.house.clock.today());
        let owner = new.owner.or_else(|| Some(self.house.jurisdiction.today().at(0)?.id));
        let owner =
            owner.ok_or(Fault::Unavailable("the registry has not been heard of yet; repeat the call"))?;
        self.own(&caller, owner)?;
        let columns = new.definition.fields.iter().map(|field| field.key.clone()).collect();
        let form = Form {
            id: Uuid::now_v7(),
            key: new.key,
            owner,
            level: new.level,
            columns,
            balance_as_of: None,
            version: 1,
            start: new.start.unwrap_or(today),
            end: new.end,
            definition: new.definition,
            created_at: now,
            recorded_at: now,
        };
        let mut work = self.house.database.begin(deadline).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        store::insert(&mut work, &form).await?;
        let answer = pb::CreateFormResponse { form: Some(form.into()) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn update(&self, request: Request<pb::UpdateFormRequest>) -> Result<pb::UpdateFormResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let new = request.form.clone().ok_or_else(|| Fault::invalid("form", "is required"))?;
        let mut wrong = Violations::default();
        let id = wrong.keep("form.name", parse::name(COLLECTION, &new.name)).unwrap_or_default();
        let asks = parse::mask(&mut wrong, request.update_mask.as_ref(), CHANGEABLE);
        let from = wrong.keep("effective_date", parse::optional_date(&request.effective_date)).flatten();
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "UpdateForm", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let absent = || Fault::NotFound(form_name(id));
        let last = store::lock(&mut work, id).await?.ok_or_else(absent)?;
        let present = store::version(&mut work, id, last).await?.ok_or_else(absent)?;
        self.own(&caller, present.owner).map_err(|_| absent())?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if !request.etag.is_empty() && request.etag != etag(last.into()) {
            return Err(Fault::EtagMismatch(etag(last.into())));
        }
        let (definition, end) = contract::changed(present.clone().into(), &new, asks)?;
        let start = self.start(&mut work, &present, from).await?;
        let mut form = Form {
            version: last + 1,
            start,
            end,
            definition,
            recorded_at: self.house.clock.now(),
            ..present.clone()
        };
        let kinds = store::kinds(&mut work, id).await?;
        settle(&mut form, &kinds)?;
        store::insert_version(&mut work, &form).await?;
        let answer = pb::UpdateFormResponse { form: Some(form.into()) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        self.house.plans.forget();
        Ok(answer)
    }

    /// From when a new version holds: a date that has no day yet.
    async fn start(
        &self,
        connection: &mut PgConnection,
        present: &Form,
        asked: Option<NaiveDate>,
    ) -> Result<NaiveDate, Fault> {
        let last = store::last_day(connection, present.id).await?;
        let free = last.map_or(present.start, |last| (last + Days::new(1)).max(present.start));
        match asked {
            None => Ok(free),
            Some(asked) if asked >= free => Ok(asked),
            Some(asked) => Err(Fault::unmet(
                "DAY_OPENED",
                form_name(present.id),
                format!(
                    "the days up to {free} are open, or an earlier version holds from then: choose {free} or later"
                ),
                vec![("business_date", asked.to_string())],
            )),
        }
    }

    fn own(&self, caller: &Caller, owner: Uuid) -> Result<(), Fault> {
        self.house.within(caller, "forms.write", owner)
    }

    /// Every officer of the owner's subtree sees the form, as does everyone above it.
    fn sees(&self, caller: &Caller, form: &Form) -> bool {
        let tree = self.house.jurisdiction.today();
        let scopes = caller.scopes("forms.read");
        scopes.iter().any(|scope| tree.contains(*scope, form.owner) || tree.contains(form.owner, *scope))
    }
}

/// Gives every field of a new version its column: the one it had, or a new one at the end. A key keeps
/// the kind that it had in any version.
fn settle(form: &mut Form, kinds: &HashMap<String, Kind>) -> Result<(), Fault> {
    let mut wrong = Violations::default();
    for (at, field) in form.definition.fields.iter_mut().enumerate() {
        let known = form.columns.iter().position(|column| *column == field.key);
        if kinds.get(&field.key).is_some_and(|before| *before != field.kind) {
            wrong.add(format!("form.fields[{at}].kind"), "a key keeps its kind over all versions");
        }
        field.column = known.unwrap_or(form.columns.len());
        if known.is_none() {
            form.columns.push(field.key.clone());
        }
    }
    wrong.refuse()
}
