//! Forms speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use proto::reporting::{self as pb, form_service_server::FormService};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Form, ops,
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
        let id = wrong.optional_name("name", COLLECTION, &request.name);
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
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let owner = wrong.optional_name("owner_unit", contract::UNITS, &request.owner_unit);
        let as_of = wrong.keep("as_of", parse::optional_date(&request.as_of)).flatten();
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListForms", &request);
        let after = pager.key()?.unwrap_or_default();
        let date = as_of.unwrap_or_else(|| self.house.clock.today());
        let mut work = self.house.database.begin(deadline).await?;
        let mut forms = Vec::new();
        for id in store::after(&mut work, &after, owner).await? {
            let form = store::on(&mut work, id, date).await?;
            let form = form.filter(|form| self.sees(&caller, form));
            forms.extend(form.filter(|form| request.show_ended || form.is_asked_on(date)));
            if pager.missing(forms.len()) <= 0 {
                break;
            }
        }
        let next_page_token = pager.cut(&mut forms, |form| form.key.clone());
        Ok(pb::ListFormsResponse { forms: forms.into_iter().map(Into::into).collect(), next_page_token })
    }

    async fn list_versions(
        &self,
        request: Request<pb::ListFormVersionsRequest>,
    ) -> Result<pb::ListFormVersionsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let id = wrong.name("name", COLLECTION, &request.name);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListFormVersions", &request);
        let before = pager.value()?.unwrap_or(i32::MAX);
        let mut work = self.house.database.begin(deadline).await?;
        let mut forms = Vec::new();
        for number in store::versions_before(&mut work, id, before, pager.limit()).await? {
            forms
                .extend(store::version(&mut work, id, number).await?.filter(|form| self.sees(&caller, form)));
        }
        if forms.is_empty() {
            return Err(Fault::NotFound(form_name(id)));
        }
        let next_page_token = pager.cut(&mut forms, |form| form.version.to_string());
        let forms = forms.into_iter().map(Into::into).collect();
        Ok(pb::ListFormVersionsResponse { forms, next_page_token })
    }

    async fn create(&self, request: Request<pb::CreateFormRequest>) -> Result<pb::CreateFormResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let new = contract::create(request.form.as_ref())?;
        let claim = Claim::new(&caller, request_id, "CreateForm", &request);
        let owner = new.owner.or_else(|| Some(self.house.jurisdiction.today().at(0)?.id));
        let owner =
            owner.ok_or(Fault::Unavailable("the registry has not been heard of yet; repeat the call"))?;
        self.own(&caller, owner)?;
        let form = new.form(owner, self.house.clock.today(), self.house.clock.now());
        let mut work = self.house.database.begin(deadline).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        store::insert(&mut work, &form).await?;
        claim.commit(work, pb::CreateFormResponse { form: Some(form.into()) }).await
    }

    async fn update(&self, request: Request<pb::UpdateFormRequest>) -> Result<pb::UpdateFormResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let new = request.form.clone().ok_or_else(|| Fault::invalid("form", "is required"))?;
        let mut wrong = Violations::default();
        let id = wrong.name("form.name", COLLECTION, &new.name);
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
        parse::unchanged(&request.etag, last.into())?;
        let changed = contract::changed(present.clone().into(), &new, asks)?;
        let form = ops::change(&self.house, &mut work, present, changed, from).await?;
        let answer = claim.commit(work, pb::UpdateFormResponse { form: Some(form.into()) }).await?;
        self.house.plans.forget();
        Ok(answer)
    }

    fn own(&self, caller: &Caller, owner: Uuid) -> Result<(), Fault> {
        self.house.jurisdiction.within(caller, "forms.write", owner)
    }

    /// Every officer of the owner's subtree sees the form, as does everyone above it.
    fn sees(&self, caller: &Caller, form: &Form) -> bool {
        let tree = self.house.jurisdiction.today();
        let scopes = caller.scopes("forms.read");
        scopes.iter().any(|scope| tree.contains(*scope, form.owner) || tree.contains(form.owner, *scope))
    }
}
