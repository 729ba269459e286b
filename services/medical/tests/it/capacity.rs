//! Counts of beds: facts, taken in one by one whatever they say.

use proto::medical::{self as pb, count_result::Result as Came};
use tests::fields;
use tonic::{Code, Status};

use crate::ground::{Ground, count, on};

impl Ground {
    /// A ward of the first county's hospital, on the morning of 3 February.
    async fn isolation(&self) -> String {
        let county = &self.counties[0];
        let facility = self.hospital(county, "甲县人民医院", pb::Role::DesignatedHospital).await;
        self.sandbox.clock.advance_to(on(3, "08:00"));
        self.ward(&facility, "隔离病区", pb::BedClass::IsolationSingle).await.name
    }

    async fn history(&self, subject: &str, ward: &str) -> Result<Vec<pb::Figure>, Status> {
        let request = pb::ListCapacityRequest { ward: ward.to_owned(), ..Default::default() };
        Ok(self.medical(subject).capacity().list_capacity(request).await?.into_inner().figures)
    }

    async fn beds(&self, subject: &str, unit: &str) -> Result<Vec<pb::ClassBeds>, Status> {
        let request = pb::GetBedsRequest { unit: unit.to_owned(), ..Default::default() };
        Ok(self.medical(subject).capacity().get_beds(request).await?.into_inner().classes)
    }
}

#[tokio::test]
async fn d1_each_count_has_its_own_answer_and_nothing_is_assumed_to_be_zero() {
    let ground = Ground::build().await;
    let ward = ground.isolation().await;
    let good = count(&ward, on(3, "07:00"), (10, 8, 0));
    let other = pb::Count { occupied: Some(1), ..good.clone() };
    let counts = vec![
        pb::Count { staffed: None, ..count(&ward, on(3, "07:00"), (10, 8, 0)) },
        good.clone(),
        good.clone(),
        other.clone(),
        count("wards/00000000-0000-0000-0000-000000000007", on(3, "07:00"), (1, 1, 1)),
        count(&ward, on(3, "08:02"), (10, 8, 0)),
        pb::Count { event_id: "one".to_owned(), ..count(&ward, on(3, "07:00"), (10, -1, 10_001)) },
    ];
    let came = ground.send("health-0", counts).await;
    let words = |came: &Came| match came {
        Came::Accepted(_) => "accepted".to_owned(),
        Came::Duplicate(_) => "duplicate".to_owned(),
        Came::Refused(why) => format!("{} {}", why.reason, why.message),
    };
    let words: Vec<String> = came.iter().map(words).collect();
    assert!(words[0].starts_with("INVALID_ARGUMENT counts[0].staffed: is required"), "{}", words[0]);
    assert_eq!((words[1].as_str(), words[2].as_str()), ("accepted", "duplicate"));
    assert!(words[3].starts_with("EVENT_ID_REUSED counts[3]"), "{}", words[3]);
    assert!(words[4].starts_with("NOT_FOUND counts[4]"), "{}", words[4]);
    assert!(words[5].contains("counts[5].as_of_time: must not be in the future"), "{}", words[5]);
    for field in ["event_id", "staffed", "occupied"] {
        assert!(words[6].contains(&format!("counts[6].{field}")), "{}", words[6]);
    }
    assert_eq!(ground.seen(&ward).await.free, Some(8));
    let again = ground.send("health-0", vec![good, other]).await;
    assert!(matches!(again[..], [Came::Duplicate(_), Came::Refused(_)]), "{again:?}");
    assert_eq!(ground.history("health-0", &ward).await.expect("a list").len(), 1);
    let none = pb::IngestCapacityRequest::default();
    let none = ground.medical("health-0").capacity().ingest_capacity(none).await.expect_err("nothing sent");
    assert_eq!(fields(&none), ["counts"]);
}

#[tokio::test]
async fn a_ward_over_its_staffed_beds_is_taken_in_marked_and_put_before_the_county() {
    let ground = Ground::build().await;
    let ward = ground.isolation().await;
    // Ten nurses fell ill.
    let marks = ground.count(count(&ward, on(3, "08:00"), (10, 4, 9))).await;
    assert_eq!(marks, [pb::CapacityMark::OverStaffed]);
    assert_eq!(ground.seen(&ward).await.free, Some(0), "none is free, and none is owed");
    let alarms = ground.alarms(&ground.counties[0]).await;
    assert_eq!(alarms.len(), 1);
    assert_eq!(
        (alarms[0].kind(), &alarms[0].subject, alarms[0].subject_display_name.as_str()),
        (pb::AlarmKind::WardOverStaffed, &ward, "隔离病区")
    );
    let marks = ground.count(count(&ward, on(3, "08:00"), (10, 12, 11))).await;
    let both = [
        pb::CapacityMark::OverStaffed,
        pb::CapacityMark::OverPhysical,
        pb::CapacityMark::StaffedAbovePhysical,
    ];
    assert_eq!(marks, both, "there is no more staff than beds to lie in");
    let marks = ground.count(count(&ward, on(3, "08:00"), (10, 9, 9))).await;
    assert!(marks.is_empty());
    assert!(ground.alarmed(&ground.counties[0]).await.is_empty());
}

#[tokio::test]
async fn what_was_counted_last_counts_whatever_came_last() {
    let ground = Ground::build().await;
    let ward = ground.isolation().await;
    ground.count(count(&ward, on(3, "07:00"), (10, 8, 5))).await;
    let late = ground.count(count(&ward, on(3, "06:00"), (10, 8, 1))).await;
    assert_eq!(late, [pb::CapacityMark::OutOfOrder]);
    assert_eq!(ground.seen(&ward).await.free, Some(3));
    // Within one call, too.
    let counts = vec![count(&ward, on(3, "07:50"), (10, 8, 7)), count(&ward, on(3, "07:40"), (10, 8, 0))];
    let came = ground.send("duty", counts).await;
    let marks = |came: &Came| match came {
        Came::Accepted(accepted) => accepted.marks().collect::<Vec<_>>(),
        other => panic!("not taken in: {other:?}"),
    };
    assert_eq!(came.iter().map(marks).collect::<Vec<_>>(), [vec![], vec![pb::CapacityMark::OutOfOrder]]);
    assert_eq!(ground.seen(&ward).await.free, Some(1));
    let kept = ground.history("duty-0", &ward).await.expect("a list");
    let occupied: Vec<i32> = kept.iter().map(|figure| figure.occupied).collect();
    assert_eq!(occupied, [7, 0, 5, 1], "all are kept, the last counted first");
}

#[tokio::test]
async fn what_is_counted_after_the_last_day_is_taken_in_marked_and_in_no_sum() {
    let ground = Ground::build().await;
    let ward = ground.isolation().await;
    ground.close_ward(&ward, "2020-02-03").await.expect("closed");
    ground.sandbox.clock.advance_to(on(4, "08:00"));
    let marks = ground.count(count(&ward, on(4, "08:00"), (10, 8, 1))).await;
    assert_eq!(marks, [pb::CapacityMark::AfterClose]);
    assert!(ground.beds("duty-0", &ground.counties[0]).await.expect("sums").is_empty());
    assert!(ground.alarmed(&ground.counties[0]).await.is_empty());
}

#[tokio::test]
async fn d8_a_sum_has_fresh_figures_only_and_says_what_is_unknown_beside_them() {
    let ground = Ground::build().await;
    let ward = ground.isolation().await;
    let facility = ground.seen(&ward).await.facility;
    let single = pb::BedClass::IsolationSingle;
    let over = ground.ward(&facility, "二病区", single).await.name;
    let silent = ground.ward(&facility, "三病区", single).await.name;
    let far = ground.hospital(&ground.counties[1], "乙县人民医院", pb::Role::DesignatedHospital).await;
    let far = ground.ward(&far, "隔离病区", single).await.name;
    ground.count(count(&silent, on(3, "07:00"), (6, 6, 0))).await;
    ground.sandbox.clock.advance_to(on(3, "19:00"));
    for (ward, beds) in [(&ward, (10, 8, 5)), (&over, (4, 3, 4)), (&far, (2, 2, 0))] {
        ground.count(count(ward, on(3, "18:30"), beds)).await;
    }
    let sums = ground.beds("duty-0", &ground.counties[0]).await.expect("sums");
    assert_eq!(sums.len(), 1);
    let sum = &sums[0];
    assert_eq!((sum.bed_class(), sum.wards, sum.unknown_wards), (single, 2, 1));
    assert_eq!((sum.physical, sum.staffed, sum.occupied), (14, 11, 9));
    assert_eq!((sum.free, sum.over_staffed_wards), (3, 1), "none is free for another's being over");
    assert_eq!(sum.unknown_physical, 6, "last known");
    assert_eq!(sum.oldest_time, Some(chassis::parse::timestamp(on(3, "18:30"))));
    let city = ground.beds("duty", &ground.sandbox.root).await.expect("sums");
    assert_eq!((city[0].wards, city[0].free), (3, 5));
    let request = pb::GetBedsRequest { facility, ..Default::default() };
    let mut capacity = ground.medical("duty-1").capacity();
    let far = capacity.get_beds(request).await.expect_err("another's");
    assert_eq!(far.code(), Code::NotFound);
    let neither = capacity.get_beds(pb::GetBedsRequest::default()).await.expect_err("of what?");
    assert_eq!(fields(&neither), ["unit"]);
}

#[tokio::test]
async fn a_neighbour_tells_of_no_ward_and_reads_no_count() {
    let ground = Ground::build().await;
    let ward = ground.isolation().await;
    let came = ground.send("duty-1", vec![count(&ward, on(3, "07:00"), (10, 8, 5))]).await;
    let [Came::Refused(why)] = &came[..] else { panic!("{came:?}") };
    assert_eq!(why.reason, "NOT_FOUND");
    assert_eq!(ground.seen(&ward).await.figure, None);
    assert_eq!(ground.history("duty-1", &ward).await.expect_err("another's").code(), Code::NotFound);
    assert_eq!(
        ground.beds("duty-1", &ground.counties[0]).await.expect_err("another's").code(),
        Code::NotFound
    );
}

#[tokio::test]
async fn a_batch_that_is_sent_twice_at_once_is_taken_in_once() {
    let ground = Ground::build().await;
    let ward = ground.isolation().await;
    let counts: Vec<pb::Count> =
        (0..20).map(|nth| count(&ward, on(3, &format!("07:{nth:02}")), (30, 30, nth))).collect();
    let sent = futures::future::join_all((0..4).map(|_| ground.send("duty", counts.clone()))).await;
    let accepted = sent.iter().flatten().filter(|came| matches!(came, Came::Accepted(_))).count();
    let duplicates = sent.iter().flatten().filter(|came| matches!(came, Came::Duplicate(_))).count();
    assert_eq!((accepted, duplicates), (20, 60));
    assert_eq!(ground.seen(&ward).await.free, Some(11));
    assert_eq!(ground.history("duty", &ward).await.expect("a list").len(), 20);
}

#[tokio::test]
async fn counts_come_in_pages_the_last_counted_first() {
    let ground = Ground::build().await;
    let ward = ground.isolation().await;
    for hour in ["05:00", "07:00", "06:00"] {
        ground.count(count(&ward, on(3, hour), (10, 8, 5))).await;
    }
    let mut request = pb::ListCapacityRequest { ward, page_size: 2, page_token: String::new() };
    let mut capacity = ground.medical("duty").capacity();
    let first = capacity.list_capacity(request.clone()).await.expect("a page").into_inner();
    request.page_token = first.next_page_token;
    let rest = capacity.list_capacity(request).await.expect("a page").into_inner();
    let all = [first.figures, rest.figures].concat();
    let times: Vec<_> = all.iter().map(|figure| figure.as_of_time).collect();
    assert_eq!(times, ["07:00", "06:00", "05:00"].map(|hour| Some(chassis::parse::timestamp(on(3, hour)))));
    assert_eq!(rest.next_page_token, "");
}
