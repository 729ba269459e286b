//! Wards: beds of one class, which are known for so long as a count is fresh.

use proto::medical as pb;
use tests::{fields, reason, request_id};
use tonic::{Code, Status};

use crate::ground::{Ground, count, on};

impl Ground {
    async fn wards(&self, subject: &str, request: pb::ListWardsRequest) -> Result<Vec<pb::Ward>, Status> {
        Ok(self.medical(subject).wards().list_wards(request).await?.into_inner().wards)
    }

    pub(crate) async fn update_ward(
        &self,
        subject: &str,
        ward: pb::Ward,
        mask: &[&str],
    ) -> Result<pb::Ward, Status> {
        let paths = mask.iter().map(|path| (*path).to_owned()).collect();
        let request = pb::UpdateWardRequest {
            request_id: request_id(),
            ward: Some(ward),
            update_mask: Some(prost_types::FieldMask { paths }),
        };
        Ok(self.medical(subject).wards().update_ward(request).await?.into_inner().ward.expect("a ward"))
    }

    pub(crate) async fn close_ward(&self, ward: &str, last: &str) -> Result<pb::Ward, Status> {
        let (name, end_date) = (ward.to_owned(), last.to_owned());
        let request = pb::CloseWardRequest { request_id: request_id(), name, end_date };
        Ok(self.medical("duty").wards().close_ward(request).await?.into_inner().ward.expect("a ward"))
    }
}

#[tokio::test]
async fn m10_the_beds_of_a_ward_are_unknown_before_the_first_count_and_past_the_hours_of_its_class() {
    let ground = Ground::build().await;
    let facility = ground.hospital(&ground.counties[0], "甲县人民医院", pb::Role::DesignatedHospital).await;
    ground.sandbox.clock.advance_to(on(3, "08:00"));
    let icu = ground.ward(&facility, "重症", pb::BedClass::Icu).await;
    assert_eq!((icu.figure.as_ref(), icu.free, icu.fresh_until_time), (None, None, None));
    assert!(ground.count(count(&icu.name, on(3, "07:30"), (8, 6, 4))).await.is_empty());
    let counted = ground.seen(&icu.name).await;
    assert_eq!(counted.free, Some(2), "two of the staffed ones");
    assert_eq!(counted.fresh_until_time, Some(chassis::parse::timestamp(on(3, "13:30"))), "six hours");
    let figure = counted.figure.expect("a figure");
    assert_eq!((figure.physical, figure.staffed, figure.occupied), (8, 6, 4));
    assert_eq!(figure.sent_by, "duty");
    ground.sandbox.clock.advance_to(on(3, "13:29"));
    assert_eq!(ground.seen(&icu.name).await.free, Some(2));
    ground.sandbox.clock.advance_to(on(3, "13:30"));
    let stale = ground.seen(&icu.name).await;
    assert_eq!((stale.free, stale.figure.is_some()), (None, true), "last known, and no bed");
}

#[tokio::test]
async fn beds_that_become_those_of_another_class_are_unknown_until_they_are_counted_anew() {
    let ground = Ground::build().await;
    let facility = ground.hospital(&ground.counties[0], "甲县人民医院", pb::Role::DesignatedHospital).await;
    ground.sandbox.clock.advance_to(on(3, "08:00"));
    let ward = ground.ward(&facility, "感染科", pb::BedClass::Observation).await;
    ground.count(count(&ward.name, on(3, "07:30"), (8, 8, 0))).await;
    let renamed = pb::Ward { display_name: "感染科一病区".to_owned(), ..ward.clone() };
    let renamed = ground.update_ward("health-0", renamed, &["display_name"]).await.expect("renamed");
    assert_eq!((renamed.display_name.as_str(), renamed.free), ("感染科一病区", Some(8)));
    let icu = pb::Ward { bed_class: pb::BedClass::Icu.into(), ..renamed };
    let icu = ground.update_ward("health-0", icu, &["bed_class"]).await.expect("another class");
    assert_eq!((icu.bed_class(), icu.figure.as_ref(), icu.free), (pb::BedClass::Icu, None, None));
    assert_eq!(ground.seen(&ward.name).await, icu);
    // What was counted of the other beds comes late.
    let late = ground.count(count(&ward.name, on(3, "07:45"), (8, 8, 1))).await;
    assert_eq!(late, [pb::CapacityMark::OutOfOrder]);
    assert_eq!(ground.seen(&ward.name).await.free, None);
    ground.sandbox.clock.advance_to(on(3, "08:30"));
    ground.count(count(&ward.name, on(3, "08:30"), (4, 4, 1))).await;
    assert_eq!(ground.seen(&ward.name).await.free, Some(3));
    let stale = ground.update_ward("duty", ward, &["display_name"]).await.expect_err("read before");
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
}

#[tokio::test]
async fn a_wards_name_is_its_own_in_its_facility_and_a_closed_one_leaves_the_lists() {
    let ground = Ground::build().await;
    let facility = ground.hospital(&ground.counties[0], "甲县人民医院", pb::Role::DesignatedHospital).await;
    let ward = ground.ward(&facility, "一病区", pb::BedClass::IsolationShared).await;
    let create = |ward: pb::Ward| pb::CreateWardRequest { request_id: request_id(), ward: Some(ward) };
    let mut wards = ground.medical("duty-0").wards();
    let twice = wards.create_ward(create(ward.clone())).await.expect_err("the name is taken");
    assert_eq!((twice.code(), reason(&twice).as_str()), (Code::AlreadyExists, "WARD_EXISTS"));
    let wrong = wards.create_ward(create(pb::Ward::default())).await.expect_err("malformed");
    assert_eq!(fields(&wrong), ["ward.facility", "ward.display_name", "ward.bed_class"]);
    let past = ground.close_ward(&ward.name, "2020-02-02").await.expect_err("past");
    assert_eq!(fields(&past), ["end_date"]);
    ground.close_ward(&ward.name, "2020-02-03").await.expect("closed");
    ground.ward(&facility, "一病区", pb::BedClass::IsolationShared).await;
    ground.sandbox.clock.advance_to(on(4, "00:00"));
    let of = |closed| pb::ListWardsRequest { facility: facility.clone(), closed, ..Default::default() };
    assert_eq!(ground.wards("duty-0", of(false)).await.expect("a list").len(), 1);
    assert_eq!(ground.wards("duty-0", of(true)).await.expect("a list").len(), 2);
    let again = ground.close_ward(&ward.name, "2020-12-31").await.expect_err("it would open again");
    assert_eq!((again.code(), reason(&again).as_str()), (Code::FailedPrecondition, "WARD_CLOSED"));
    ground.close(&facility, "2020-02-04").await.expect("closed");
    let none = wards.create_ward(create(pb::Ward { display_name: "二病区".to_owned(), ..ward })).await;
    assert_eq!(reason(&none.expect_err("closing")), "FACILITY_CLOSED");
    ground.sandbox.clock.advance_to(on(5, "00:00"));
    let again = ground.close(&facility, "2020-12-31").await.expect_err("it would open again");
    assert_eq!(reason(&again), "FACILITY_CLOSED");
}

#[tokio::test]
async fn what_is_counted_by_a_clock_that_is_ahead_or_in_a_facility_that_closed_is_no_refusal_and_no_free_bed()
{
    let ground = Ground::build().await;
    let facility = ground.hospital(&ground.counties[0], "甲县人民医院", pb::Role::DesignatedHospital).await;
    ground.sandbox.clock.advance_to(on(3, "08:00"));
    let ward = ground.ward(&facility, "一病区", pb::BedClass::IsolationShared).await;
    assert!(ground.count(count(&ward.name, on(3, "08:01"), (8, 6, 4))).await.is_empty(), "a minute ahead");
    assert_eq!(ground.seen(&ward.name).await.free, Some(2));
    ground.close(&facility, "2020-02-03").await.expect("closed");
    ground.sandbox.clock.advance_to(on(4, "00:00"));
    assert_eq!(ground.seen(&ward.name).await.free, None, "its beds count no more");
}

#[tokio::test]
async fn a_neighbour_reads_no_ward_and_changes_none() {
    let ground = Ground::build().await;
    let facility = ground.hospital(&ground.counties[0], "甲县人民医院", pb::Role::DesignatedHospital).await;
    let ward = ground.ward(&facility, "一病区", pb::BedClass::IsolationShared).await;
    let all = pb::ListWardsRequest::default();
    assert!(ground.wards("duty-1", all.clone()).await.expect("a list").is_empty());
    assert_eq!(ground.wards("health-0", all).await.expect("a list").len(), 1);
    let of = pb::ListWardsRequest { facility, ..Default::default() };
    assert!(ground.wards("duty-1", of).await.expect("a list").is_empty(), "as if there were none");
    let get = pb::GetWardRequest { name: ward.name.clone() };
    let far = ground.medical("duty-1").wards().get_ward(get).await.expect_err("another's");
    assert_eq!(far.code(), Code::NotFound);
    let far = ground.update_ward("duty-1", ward, &["display_name"]).await.expect_err("another's");
    assert_eq!(far.code(), Code::NotFound);
}
