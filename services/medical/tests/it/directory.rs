//! The directory: public to every officer, a feed, and the nearest with a free bed that somebody knows of.

use proto::medical::{self as pb, watch_directory_response::Event};
use tests::{fields, reason};
use tonic::{Code, Status, Streaming};

use crate::ground::{Ground, count, hospital, on};

impl Ground {
    async fn directory(&self, subject: &str, name: &str) -> Result<Vec<pb::DirectoryEntry>, Status> {
        let request = pb::ListDirectoryRequest { unit_display_name: name.to_owned(), ..Default::default() };
        Ok(self.medical(subject).directory().list_directory(request).await?.into_inner().entries)
    }

    async fn find(&self, from: &str, class: pb::BedClass, beds: i32) -> pb::FindFacilitiesResponse {
        let request = pb::FindFacilitiesRequest {
            unit: from.to_owned(),
            role: pb::Role::DesignatedHospital.into(),
            bed_class: class.into(),
            beds,
            limit: 2,
        };
        self.medical("leader").directory().find_facilities(request).await.expect("an answer").into_inner()
    }

    /// A designated hospital in a unit with a ward of single rooms.
    async fn designated(&self, unit: &str, name: &str) -> (String, String) {
        let facility = self.hospital(unit, name, pb::Role::DesignatedHospital).await;
        let ward = self.ward(&facility, "隔离病区", pb::BedClass::IsolationSingle).await.name;
        (facility, ward)
    }
}

fn names(found: &[pb::FoundFacility]) -> Vec<(&str, i32, i32)> {
    let shown = found.iter().map(|one| {
        let entry = one.entry.as_ref().expect("an entry");
        (entry.display_name.as_str(), one.levels_up, one.free_beds)
    });
    shown.collect()
}

#[tokio::test]
async fn the_directory_of_a_county_is_public_to_every_officer_and_says_nothing_of_beds() {
    let ground = Ground::build().await;
    let facility = ground.hospital(&ground.town, "东镇卫生院", pb::Role::PrimaryCare).await;
    ground.hospital(&ground.counties[0], "甲县人民医院", pb::Role::FeverClinic).await;
    ground.hospital(&ground.counties[1], "乙县人民医院", pb::Role::FeverClinic).await;
    ground.phone(&facility, "0738-0000001", ("08:00", "17:30")).await;
    let entries = ground.directory("duty-1", "甲县").await.expect("public");
    let shown: Vec<_> = entries.iter().map(|entry| entry.display_name.as_str()).collect();
    assert_eq!(shown, ["东镇卫生院", "甲县人民医院"], "by name");
    let entry = &entries[0];
    assert_eq!((&entry.facility, &entry.county_unit), (&facility, &ground.counties[0]));
    assert_eq!(entry.unit_display_name, "甲县 / 东镇");
    assert_eq!(entry.roles().collect::<Vec<_>>(), [pb::Role::PrimaryCare]);
    let phone = &entry.phones[0];
    assert_eq!(
        (phone.number.as_str(), phone.open_time.as_str(), phone.unanswered),
        ("0738-0000001", "08:00", false)
    );
    assert_eq!(ground.directory("leader", "乙县").await.expect("public").len(), 1);
    assert_eq!(ground.directory("leader", "试点市").await.expect("public").len(), 3);
    assert_eq!(fields(&ground.directory("leader", "丙县").await.expect_err("none")), ["unit_display_name"]);
    assert_eq!(fields(&ground.directory("leader", "").await.expect_err("whose?")), ["unit"]);
    let unit = "units/00000000-0000-0000-0000-000000000007".to_owned();
    let request = pb::ListDirectoryRequest { unit, ..Default::default() };
    let none = ground.medical("leader").directory().list_directory(request).await.expect_err("none");
    assert_eq!(none.code(), Code::NotFound);
}

#[tokio::test]
async fn m6_an_entry_has_the_roles_of_today_and_comes_in_pages_by_name() {
    let ground = Ground::build().await;
    let county = ground.counties[0].clone();
    for name in ["丙医院", "乙医院", "甲医院"] {
        ground.enter("duty-0", hospital(&county, name)).await.expect("entered");
    }
    let request = |page_token: String| pb::ListDirectoryRequest {
        unit: county.clone(),
        page_size: 2,
        page_token,
        ..Default::default()
    };
    let mut directory = ground.medical("duty-1").directory();
    let first = directory.list_directory(request(String::new())).await.expect("a page").into_inner();
    let rest = directory.list_directory(request(first.next_page_token.clone())).await.expect("a page");
    let all = [first.entries, rest.into_inner().entries].concat();
    let shown: Vec<_> = all.iter().map(|entry| entry.display_name.as_str()).collect();
    assert_eq!(shown, ["丙医院", "乙医院", "甲医院"]);
    let to_come = ("2020-02-05", "2020-02-06");
    ground.grant_on("duty-0", &all[0].facility, pb::Role::FeverClinic, to_come).await.expect("granted");
    let request = pb::ListDirectoryRequest {
        unit: county.clone(),
        role: pb::Role::FeverClinic.into(),
        ..Default::default()
    };
    let of = async |request: &pb::ListDirectoryRequest| {
        ground
            .medical("leader")
            .directory()
            .list_directory(request.clone())
            .await
            .expect("a list")
            .into_inner()
    };
    assert!(of(&request).await.entries.is_empty());
    ground.sandbox.clock.advance_to(on(6, "23:59"));
    assert_eq!(of(&request).await.entries.len(), 1);
    ground.sandbox.clock.advance_to(on(7, "00:00"));
    assert!(of(&request).await.entries.is_empty());
}

/// The next message that is no sign of life: what it carries, and its token.
async fn next(stream: &mut Streaming<pb::WatchDirectoryResponse>) -> (Event, String) {
    loop {
        let message = stream.message().await.expect("a message").expect("not the end");
        match message.event.expect("an event") {
            Event::Heartbeat(_) => {}
            event => return (event, message.token),
        }
    }
}

fn entry((event, _): (Event, String)) -> pb::DirectoryEntry {
    match event {
        Event::Entry(entry) => entry,
        other => panic!("no entry: {other:?}"),
    }
}

#[tokio::test]
async fn the_feed_begins_with_every_entry_and_goes_on_with_what_changes_also_by_the_calendar() {
    let ground = Ground::build().await;
    let facility = ground.hospital(&ground.counties[1], "乙县人民医院", pb::Role::FeverClinic).await;
    let mut directory = ground.medical("health-0").directory();
    let mut stream =
        directory.watch_directory(pb::WatchDirectoryRequest::default()).await.expect("a stream").into_inner();
    assert_eq!(entry(next(&mut stream).await).facility, facility, "a neighbour's entry is public");
    let (end, token) = next(&mut stream).await;
    assert_eq!(end, Event::SnapshotEnd(pb::DirectorySnapshotEnd { entries: 1 }));
    let days = ("2020-02-04", "2020-02-04");
    ground.grant_on("duty-1", &facility, pb::Role::Laboratory, days).await.expect("granted");
    assert_eq!(entry(next(&mut stream).await).roles().count(), 1, "not yet");
    ground.sandbox.clock.advance_to(on(4, "00:00"));
    assert_eq!(entry(next(&mut stream).await).roles().count(), 2, "it has begun");
    ground.sandbox.clock.advance_to(on(5, "00:00"));
    assert_eq!(entry(next(&mut stream).await).roles().count(), 1, "it has ended");
    let phone = ground.phone(&facility, "0738-0000002", ("", "")).await;
    assert_eq!(entry(next(&mut stream).await).phones[0].phone, phone.name);
    ground.close(&facility, "2020-02-05").await.expect("closed");
    assert_eq!(entry(next(&mut stream).await).facility, facility, "open to its last day");
    ground.sandbox.clock.advance_to(on(6, "00:00"));
    let gone = Event::Gone(pb::DirectoryGone { facility: facility.clone() });
    assert_eq!(next(&mut stream).await.0, gone);
    // Whoever was away resumes, and hears of what there is now.
    let request = pb::WatchDirectoryRequest { start_token: token };
    let mut resumed = directory.watch_directory(request).await.expect("a stream").into_inner();
    assert_eq!(next(&mut resumed).await.0, gone);
    let request = pb::WatchDirectoryRequest { start_token: "stale".to_owned() };
    let refused = match directory.watch_directory(request).await {
        Err(status) => status,
        Ok(stream) => stream.into_inner().message().await.expect_err("no token"),
    };
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::OutOfRange, "CHANGE_TOKEN_EXPIRED"));
    let denied =
        ground.medical("leader").directory().watch_directory(pb::WatchDirectoryRequest::default()).await;
    assert_eq!(denied.expect_err("who reads does not follow").code(), Code::PermissionDenied);
}

#[tokio::test]
async fn m10_the_nearest_with_free_beds_by_fresh_figures_comes_first_and_the_unknown_apart() {
    let ground = Ground::build().await;
    ground.sandbox.clock.advance_to(on(3, "08:00"));
    let single = pb::BedClass::IsolationSingle;
    let (_, town) = ground.designated(&ground.town, "东镇医院").await;
    let (_, county) = ground.designated(&ground.counties[0], "甲县人民医院").await;
    let (_, near) = ground.designated(&ground.counties[0], "甲县第二医院").await;
    let (_, far) = ground.designated(&ground.counties[1], "乙县人民医院").await;
    let found = ground.find(&ground.village, single, 1).await;
    assert!(found.facilities.is_empty(), "nobody has counted a bed yet");
    assert_eq!(names(&found.unknown), [("东镇医院", 1, 0), ("甲县人民医院", 2, 0)]);
    for (ward, beds) in [(&town, (9, 9, 9)), (&county, (9, 6, 4)), (&near, (9, 9, 4)), (&far, (90, 90, 0))] {
        assert!(ground.count(count(ward, on(3, "08:00"), beds)).await.is_empty());
    }
    let found = ground.find(&ground.village, single, 1).await;
    assert_eq!(
        names(&found.facilities),
        [("甲县第二医院", 2, 5), ("甲县人民医院", 2, 2)],
        "the nearest, the most first"
    );
    assert_eq!(found.facilities[0].as_of_time, Some(chassis::parse::timestamp(on(3, "08:00"))));
    assert!(found.unknown.is_empty(), "full is known");
    let found = ground.find(&ground.village, single, 5).await;
    assert_eq!(names(&found.facilities), [("甲县第二医院", 2, 5), ("乙县人民医院", 3, 90)]);
    let none = ground.find(&ground.village, pb::BedClass::Icu, 1).await;
    assert!(none.facilities.is_empty() && none.unknown.is_empty(), "nobody has such a ward");
    // Twelve hours later the morning's figures are no beds.
    ground.sandbox.clock.advance_to(on(3, "20:00"));
    ground.count(count(&far, on(3, "20:00"), (90, 90, 89))).await;
    let found = ground.find(&ground.village, single, 1).await;
    assert_eq!(names(&found.facilities), [("乙县人民医院", 3, 1)]);
    assert_eq!(names(&found.unknown), [("东镇医院", 1, 0), ("甲县人民医院", 2, 0)], "to be phoned");
}

#[tokio::test]
async fn the_nearest_is_asked_for_well_formed_and_from_a_unit_that_there_is() {
    let ground = Ground::build().await;
    let ask = async |request: pb::FindFacilitiesRequest| {
        ground.medical("leader").directory().find_facilities(request).await
    };
    let wrong = pb::FindFacilitiesRequest { beds: 3, limit: 51, ..Default::default() };
    assert_eq!(fields(&ask(wrong).await.expect_err("malformed")), ["unit", "role", "beds", "limit"]);
    let role = pb::Role::FeverClinic.into();
    let unit = "units/00000000-0000-0000-0000-000000000007".to_owned();
    let none = ask(pb::FindFacilitiesRequest { unit, role, ..Default::default() }).await;
    assert_eq!(none.expect_err("no such unit").code(), Code::NotFound);
    let clinic = ground.hospital(&ground.counties[1], "乙县人民医院", pb::Role::FeverClinic).await;
    let unit = ground.village.clone();
    let found = ask(pb::FindFacilitiesRequest { unit, role, ..Default::default() }).await.expect("found");
    let found = found.into_inner().facilities;
    assert_eq!(
        found[0].entry.as_ref().expect("an entry").facility,
        clinic,
        "for a clinic no bed need be free"
    );
    assert_eq!(found[0].levels_up, 3);
}
