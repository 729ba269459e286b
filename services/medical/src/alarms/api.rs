//! Alarms speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, pages, parse, server};
use chrono::DateTime;
use proto::medical::{self as pb, alarm_service_server::AlarmService};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Alarm, Kind,
    store::{self, Place},
};
use crate::{
    DOMAIN,
    facilities::parse::facility_name,
    house::{House, UNITS, unit_name},
    phones::parse::phone_name,
    wards::parse::ward_name,
};

/// The handlers of [`AlarmService`].
#[derive(Clone, Debug)]
pub struct Alarms {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl AlarmService for Alarms {
    async fn list_alarms(
        &self,
        request: Request<pb::ListAlarmsRequest>,
    ) -> Result<Response<pb::ListAlarmsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }
}

impl Alarms {
    async fn list(&self, request: Request<pb::ListAlarmsRequest>) -> Result<pb::ListAlarmsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let holder = wrong.name("holder_unit", UNITS, &request.holder_unit);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListAlarms", &request);
        let first = (-1, DateTime::UNIX_EPOCH, Uuid::nil());
        let after = pager.key()?.map_or(Ok(first), |key| place(&key))?;
        self.house.jurisdiction.within(&caller, "alarms.read", holder)?;
        let at = (self.house.clock.today(), self.house.clock.now());
        let mut work = self.house.database.begin(deadline).await?;
        let mut found = store::list(&mut work, holder, at, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |alarm| {
            format!("{} {} {}", alarm.rank, alarm.since.timestamp_micros(), alarm.subject)
        });
        Ok(pb::ListAlarmsResponse {
            alarms: found.into_iter().map(|alarm| self.shown(alarm)).collect(),
            next_page_token,
        })
    }

    fn shown(&self, alarm: Alarm) -> pb::Alarm {
        let contact = self.house.answering(alarm.unit);
        let contact = contact.map(|contact| (contact.display_name, contact.official_phone));
        let (contact_name, contact_phone) = contact.unwrap_or_default();
        let subject = match Kind::of(alarm.kind) {
            Some(Kind::WardOverStaffed | Kind::CapacityUnknown) => ward_name(alarm.subject),
            Some(Kind::PhoneUnanswered) => phone_name(alarm.subject),
            Some(Kind::RoleBelowGrade | Kind::CodeUnconfirmed) | None => facility_name(alarm.subject),
        };
        pb::Alarm {
            subject,
            kind: alarm.kind.into(),
            facility: facility_name(alarm.facility),
            facility_display_name: alarm.facility_display_name,
            subject_display_name: alarm.subject_display_name,
            unit: unit_name(alarm.unit),
            since_time: Some(parse::timestamp(alarm.since)),
            contact_name,
            contact_phone,
        }
    }
}

fn place(key: &str) -> Result<Place, Fault> {
    let parts = key.split(' ').collect::<Vec<_>>();
    let [rank, micros, subject] = parts.as_slice() else { return Err(Fault::PageToken) };
    let since = micros.parse().ok().and_then(DateTime::from_timestamp_micros).ok_or(Fault::PageToken)?;
    let rank = rank.parse().map_err(|_| Fault::PageToken)?;
    Ok((rank, since, subject.parse().map_err(|_| Fault::PageToken)?))
}
