//! Two counties and a hospital or two: what most tests play on.

use chrono::{DateTime, Utc};
use proto::{medical as pb, registry};
use rampart::client::Medical;
use tests::{Sandbox, request_id, until};
use tonic::Status;

/// A city of two counties; the first has a town with a village.
pub(crate) struct Ground {
    pub(crate) sandbox: Sandbox,
    pub(crate) counties: Vec<String>,
    pub(crate) town: String,
    pub(crate) village: String,
}

/// An instant of February 2020 by the city's clock: the day and the time.
pub(crate) fn on(day: u32, time: &str) -> DateTime<Utc> {
    format!("2020-02-{day:02}T{time}:00+08:00").parse().expect("an instant")
}

impl Ground {
    /// Builds it: the city has the duty officer `duty`, county n the duty officer `duty-n` and the health officer
    /// `health-n`, the village the leader `leader`.
    pub(crate) async fn build() -> Self {
        let sandbox = Sandbox::start(&[tests::Part::Medical]).await;
        let mut counties = Vec::new();
        for county in ["甲县", "乙县"] {
            counties.push(sandbox.unit(&sandbox.root, registry::Level::County, county).await.name);
        }
        let town = sandbox.unit(&counties[0], registry::Level::Township, "东镇").await.name;
        let village = sandbox.unit(&town, registry::Level::Village, "一村").await.name;
        sandbox.appointed(&sandbox.root, registry::Office::DutyOfficer, "duty").await;
        for (nth, county) in counties.iter().enumerate() {
            sandbox.appointed(county, registry::Office::DutyOfficer, &format!("duty-{nth}")).await;
            sandbox.appointed(county, registry::Office::HealthOfficer, &format!("health-{nth}")).await;
        }
        sandbox.appointed(&village, registry::Office::Leader, "leader").await;
        let ground = Self { sandbox, counties, town, village };
        // The tree and the appointments come by feeds of their own.
        let of_village = ground.village.clone();
        until(async || ground.listed("leader", &of_village).await.ok()).await;
        ground
    }

    /// Medical as a subject.
    pub(crate) fn medical(&self, subject: &str) -> Medical {
        self.sandbox.medical_as(subject)
    }

    /// The facilities at and below a unit as a subject sees them.
    pub(crate) async fn listed(&self, subject: &str, unit: &str) -> Result<Vec<pb::Facility>, Status> {
        let request = pb::ListFacilitiesRequest { ancestor_unit: unit.to_owned(), ..Default::default() };
        Ok(self.medical(subject).facilities().list_facilities(request).await?.into_inner().facilities)
    }

    /// Enters a facility as a subject.
    pub(crate) async fn enter(&self, subject: &str, facility: pb::Facility) -> Result<pb::Facility, Status> {
        let request = pb::CreateFacilityRequest { request_id: request_id(), facility: Some(facility) };
        let made = self.medical(subject).facilities().create_facility(request).await?;
        Ok(made.into_inner().facility.expect("a facility"))
    }

    /// Enters a hospital of grade 2 A in a unit as the city's duty officer, with a role.
    pub(crate) async fn hospital(&self, unit: &str, name: &str, role: pb::Role) -> String {
        let made = self.enter("duty", hospital(unit, name)).await.expect("entered");
        self.grant("duty", &made.name, role).await.expect("granted").name
    }

    /// A facility as a subject sees it.
    pub(crate) async fn facility(&self, subject: &str, name: &str) -> Result<pb::Facility, Status> {
        let request = pb::GetFacilityRequest { name: name.to_owned() };
        let found = self.medical(subject).facilities().get_facility(request).await?;
        Ok(found.into_inner().facility.expect("a facility"))
    }

    /// Gives a facility a role from today on.
    pub(crate) async fn grant(
        &self,
        subject: &str,
        facility: &str,
        role: pb::Role,
    ) -> Result<pb::Facility, Status> {
        self.grant_on(subject, facility, role, ("", "")).await
    }

    /// Gives a facility a role from a date to another.
    pub(crate) async fn grant_on(
        &self,
        subject: &str,
        facility: &str,
        role: pb::Role,
        (since, until): (&str, &str),
    ) -> Result<pb::Facility, Status> {
        let request = pb::GrantRoleRequest {
            request_id: request_id(),
            facility: facility.to_owned(),
            role: role.into(),
            start_date: since.to_owned(),
            end_date: until.to_owned(),
            order: "湘卫函〔2020〕样例".to_owned(),
        };
        let granted = self.medical(subject).facilities().grant_role(request).await?;
        Ok(granted.into_inner().facility.expect("a facility"))
    }

    /// Closes a facility after a date.
    pub(crate) async fn close(&self, facility: &str, last: &str) -> Result<pb::Facility, Status> {
        let (name, end_date) = (facility.to_owned(), last.to_owned());
        let request = pb::CloseFacilityRequest { request_id: request_id(), name, end_date };
        let closed = self.medical("duty").facilities().close_facility(request).await?;
        Ok(closed.into_inner().facility.expect("a facility"))
    }

    /// Sets up a ward of a facility as the city's duty officer.
    pub(crate) async fn ward(&self, facility: &str, name: &str, class: pb::BedClass) -> pb::Ward {
        let ward = pb::Ward {
            facility: facility.to_owned(),
            display_name: name.to_owned(),
            bed_class: class.into(),
            ..Default::default()
        };
        let request = pb::CreateWardRequest { request_id: request_id(), ward: Some(ward) };
        let made = self.medical("duty").wards().create_ward(request).await.expect("set up");
        made.into_inner().ward.expect("a ward")
    }

    /// A ward as the city's duty officer sees it.
    pub(crate) async fn seen(&self, ward: &str) -> pb::Ward {
        let request = pb::GetWardRequest { name: ward.to_owned() };
        let found = self.medical("duty").wards().get_ward(request).await.expect("a ward");
        found.into_inner().ward.expect("a ward")
    }

    /// Sends counts as a subject.
    pub(crate) async fn send(&self, subject: &str, counts: Vec<pb::Count>) -> Vec<pb::count_result::Result> {
        let request = pb::IngestCapacityRequest { counts };
        let answer = self.medical(subject).capacity().ingest_capacity(request).await.expect("an answer");
        answer.into_inner().results.into_iter().map(|result| result.result.expect("a result")).collect()
    }

    /// Sends one count as the city's duty officer, which is taken in; answers its marks.
    pub(crate) async fn count(&self, count: pb::Count) -> Vec<pb::CapacityMark> {
        match self.send("duty", vec![count]).await.remove(0) {
            pb::count_result::Result::Accepted(accepted) => accepted.marks().collect(),
            other => panic!("not taken in: {other:?}"),
        }
    }

    /// What is put before a unit, as the city's duty officer reads it.
    pub(crate) async fn alarms(&self, holder: &str) -> Vec<pb::Alarm> {
        let request = pb::ListAlarmsRequest { holder_unit: holder.to_owned(), ..Default::default() };
        let answer = self.medical("duty").alarms().list_alarms(request).await.expect("a digest");
        answer.into_inner().alarms
    }

    /// The kinds of what is put before a unit.
    pub(crate) async fn alarmed(&self, holder: &str) -> Vec<pb::AlarmKind> {
        self.alarms(holder).await.iter().map(pb::Alarm::kind).collect()
    }
}

/// What is said of a county hospital.
pub(crate) fn hospital(unit: &str, name: &str) -> pb::Facility {
    pb::Facility {
        display_name: name.to_owned(),
        grade: pb::FacilityGrade::TwoA.into(),
        ownership: pb::Ownership::Public.into(),
        unit: unit.to_owned(),
        address: "样例路一号".to_owned(),
        ..Default::default()
    }
}

/// A count of a ward: physical, staffed, occupied.
pub(crate) fn count(ward: &str, at: DateTime<Utc>, beds: (i32, i32, i32)) -> pb::Count {
    pb::Count {
        event_id: request_id(),
        ward: ward.to_owned(),
        as_of_time: Some(chassis::parse::timestamp(at)),
        physical: Some(beds.0),
        staffed: Some(beds.1),
        occupied: Some(beds.2),
    }
}
