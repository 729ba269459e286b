//! Bulletins speak here.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chassis::{Fault, parse, server};
use proto::reporting::{self as pb, bulletin_service_server::BulletinService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Amendment, Source, Template, document,
    render::{self, Language},
};
use crate::{
    DOMAIN,
    days::{Plan, parse::SEALS},
    house::House,
    reports::{Revision, RevisionKind, differences, parse::by_key, store as reports},
    seals::{Seal, part_of, store as seals},
};

/// What reading needs.
const PERMISSION: &str = "bulletins.read";

/// The handlers of [`BulletinService`].
#[derive(Clone, Debug)]
pub struct Bulletins {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl BulletinService for Bulletins {
    async fn get_bulletin(
        &self,
        request: Request<pb::GetBulletinRequest>,
    ) -> Result<Response<pb::GetBulletinResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }
}

impl Bulletins {
    async fn get(&self, request: Request<pb::GetBulletinRequest>) -> Result<pb::GetBulletinResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::name(SEALS, &request.seal).map_err(|wrong| Fault::invalid("seal", wrong))?;
        let absent = || Fault::NotFound(request.seal.clone());
        let mut work = self.house.database.begin(deadline).await?;
        let seal = seals::seals(&mut work, &[], Some(id)).await?.pop().ok_or_else(absent)?;
        let plan = self.house.plan_by_id(&mut work, seal.day).await?.ok_or_else(absent)?;
        if !self.house.visible(&caller, PERMISSION, &plan).contains(plan.owner()) {
            return Err(absent());
        }
        let earlier = seals::seals(&mut work, &[seal.day], None).await?;
        let earlier = earlier.into_iter().rfind(|one| one.number + 1 == seal.number);
        let totals = seals::totals(&mut work, id, None).await?;
        let before = match &earlier {
            Some(earlier) => Some(seals::totals(&mut work, earlier.id, None).await?),
            None => None,
        };
        let codes = codes(&plan, seals::parts(&mut work, id).await?);
        let missing =
            codes.iter().filter(|(_, code)| matches!(code, 0 | -2)).map(|((place, _), _)| *place).collect();
        let amendments = match &earlier {
            Some(earlier) => amendments(&mut work, &plan, &seal, earlier, &codes).await?,
            None => vec![],
        };
        let zone = self.house.clock.zone();
        let source = Source {
            plan: &plan,
            zone,
            seal: &seal,
            totals: &totals,
            before: before.as_ref(),
            missing,
            amendments,
        };
        let template = match request.template() {
            pb::Template::Public => Template::Public,
            pb::Template::Internal | pb::Template::Unspecified => Template::Internal,
        };
        let language = match request.language() {
            pb::Language::En => Language::En,
            pb::Language::Zh | pb::Language::Unspecified => Language::Zh,
        };
        let document = document(source, template);
        let (content, media_type) = match request.format() {
            pb::Format::Text | pb::Format::Unspecified => {
                (render::text(&document, language)?, "text/plain; charset=utf-8")
            }
            pb::Format::Html => (render::html(&document, language)?, "text/html; charset=utf-8"),
            pb::Format::Csv => (render::csv(&document)?, "text/csv; charset=utf-8"),
            pb::Format::Json => (render::json(&document)?, "application/json"),
        };
        Ok(pb::GetBulletinResponse { content, media_type: media_type.to_owned(), digest: document.digest })
    }
}

/// What a seal contains of each expectation, by place and slot.
fn codes(plan: &Plan, parts: BTreeMap<i32, Vec<i32>>) -> BTreeMap<(i32, i16), i32> {
    let slots = i16::try_from(plan.day.times.slots.len()).unwrap_or(i16::MAX);
    let mut rest: HashMap<i32, std::vec::IntoIter<i32>> =
        parts.into_iter().map(|(place, codes)| (place, codes.into_iter())).collect();
    let keys = plan.reporting().flat_map(|place| (0..slots).map(move |slot| (place, slot)));
    keys.filter_map(|key| Some((key, rest.get_mut(&part_of(plan, key.0))?.next()?))).collect()
}

/// What a seal has and the one before has not.
async fn amendments(
    connection: &mut PgConnection,
    plan: &Plan,
    seal: &Seal,
    earlier: &Seal,
    codes_now: &BTreeMap<(i32, i16), i32>,
) -> Result<Vec<Amendment>, Fault> {
    let before = codes(plan, seals::parts(connection, earlier.id).await?);
    let mut amendments = Vec::new();
    for (key, code) in codes_now {
        let old = before.get(key).copied().unwrap_or_default();
        if old == *code {
            continue;
        }
        let all = reports::revisions(connection, plan, key.0, key.0 + 1).await?;
        let of = |number: i32| -> Option<&Revision> {
            all.iter().find(|(at, revision)| at == key && revision.number == number).map(|(_, one)| one)
        };
        let figures = |number: i32| of(number).map(|one| one.figures.clone()).unwrap_or_default();
        let revision = of(*code);
        let kind = match revision.map(|one| one.kind) {
            Some(RevisionKind::Correction) => "correction",
            Some(_) => "after close",
            None => "excused",
        };
        let announced = revision.and_then(|one| one.announce_date).unwrap_or(seal.bulletin_date);
        amendments.push(Amendment {
            unit: plan.tree.full_name(key.0),
            kind,
            differences: by_key(&plan.form, &differences(&figures(old), &figures(*code))),
            business_date: plan.day.date.to_string(),
            announce_date: announced.to_string(),
            reason: revision.map(|one| one.reason.clone()).unwrap_or_default(),
        });
    }
    Ok(amendments)
}
