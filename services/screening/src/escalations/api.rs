//! Escalations speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, pages, parse, server};
use chrono::{DateTime, Utc};
use proto::screening::{self as pb, escalation_service_server::EscalationService};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Escalation, Kind,
    store::{self, Page},
};
use crate::{
    DOMAIN,
    cases::parse::case_name,
    checkpoints::parse::checkpoint_name,
    enforcements::parse::enforcement_name,
    expected_lists::parse::expected_list_name,
    handdowns::parse::handdown_name,
    hands::parse::question_name,
    house::House,
    incidents::parse::incident_name,
    observations::parse::observation_name,
    persons::parse::{UNITS, person_name, unit_name},
    rechecks::parse::recheck_name,
    referrals::parse::referral_name,
    results::parse::result_name,
    supports::parse::support_name,
};

/// The handlers of [`EscalationService`].
#[derive(Clone, Debug)]
pub struct Escalations {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl EscalationService for Escalations {
    async fn list_escalations(
        &self,
        request: Request<pb::ListEscalationsRequest>,
    ) -> Result<Response<pb::ListEscalationsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }
}

impl Escalations {
    async fn list(
        &self,
        request: Request<pb::ListEscalationsRequest>,
    ) -> Result<pb::ListEscalationsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let holder = wrong.name("holder_unit", UNITS, &request.holder_unit);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListEscalations", &request);
        let first = (-1, DateTime::UNIX_EPOCH, Uuid::nil());
        let after = pager.key()?.map_or(Ok(first), |key| place(&key))?;
        self.house.jurisdiction.within(&caller, "escalations.read", holder)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let agrees = self.house.jurisdiction.sees(&caller, "hands.agree", holder);
        let mut found = store::list(&mut work, (holder, agrees), after, pager.limit()).await?;
        let next_page_token = pager
            .cut(&mut found, |one| format!("{} {} {}", one.rank, one.since.timestamp_micros(), one.subject));
        let escalations = found.iter().map(|one| self.shown(one)).collect();
        Ok(pb::ListEscalationsResponse { escalations, next_page_token })
    }

    fn shown(&self, escalation: &Escalation) -> pb::Escalation {
        let contact = self.house.called(escalation.unit, escalation.calls);
        let contact =
            contact.map(|contact| (contact.display_name, contact.official_phone)).unwrap_or_default();
        pb::Escalation {
            subject: subject_name(escalation.kind, escalation.subject),
            kind: escalation.kind.into(),
            person: escalation.person.map(person_name).unwrap_or_default(),
            responsible_unit: unit_name(escalation.unit),
            holder_unit: unit_name(escalation.holder),
            since_time: Some(parse::timestamp(escalation.since)),
            missed_in_a_row: escalation.missed.into(),
            contact_name: contact.0,
            contact_phone: contact.1,
        }
    }
}

/// The resource name of what a kind of escalation is about.
#[must_use]
pub fn subject_name(kind: i16, id: Uuid) -> String {
    match Kind::of(kind) {
        Some(Kind::Lost | Kind::ReadingMissed | Kind::ReleaseOverdue | Kind::ContactUndecided) | None => {
            observation_name(id)
        }
        Some(Kind::ReferralUnanswered | Kind::SuspicionUnreported) => referral_name(id),
        Some(Kind::UrgentHanddown | Kind::HanddownOverdue) => handdown_name(id),
        Some(Kind::ResultUnhandled) => result_name(id),
        Some(Kind::SupportOverdue) => support_name(id),
        Some(Kind::EnforcementOverdue) => enforcement_name(id),
        Some(Kind::CaseOverdue) => case_name(id),
        Some(Kind::IncidentOverdue) => incident_name(id),
        Some(Kind::HandsUnagreed) => question_name(id),
        Some(Kind::PersonUnobserved) => person_name(id),
        Some(Kind::ShiftMissing) => checkpoint_name(id),
        Some(Kind::RecheckOverdue) => recheck_name(id),
        Some(Kind::UnitMoved) => unit_name(id),
        Some(Kind::ListMissing) => expected_list_name(id),
    }
}

fn place(key: &str) -> Result<Page, Fault> {
    let mut parts = key.split(' ');
    let mut next = || parts.next().ok_or(Fault::PageToken);
    let rank = next()?.parse().map_err(|_| Fault::PageToken)?;
    let micros = next()?.parse().map_err(|_| Fault::PageToken)?;
    let since: Option<DateTime<Utc>> = DateTime::from_timestamp_micros(micros);
    Ok((rank, since.ok_or(Fault::PageToken)?, next()?.parse().map_err(|_| Fault::PageToken)?))
}
