//! Facilities: dated roles, and what is irregular taken in, marked and listed.

use proto::medical as pb;
use tests::{fields, reason, request_id};
use tonic::{Code, Status};

use crate::ground::{Ground, hospital, on};

impl Ground {
    async fn update(
        &self,
        subject: &str,
        facility: pb::Facility,
        mask: &[&str],
    ) -> Result<pb::Facility, Status> {
        let paths = mask.iter().map(|path| (*path).to_owned()).collect();
        let request = pb::UpdateFacilityRequest {
            request_id: request_id(),
            facility: Some(facility),
            update_mask: Some(prost_types::FieldMask { paths }),
        };
        let changed = self.medical(subject).facilities().update_facility(request).await?;
        Ok(changed.into_inner().facility.expect("a facility"))
    }

    async fn end(&self, facility: &str, role: pb::Role, last: &str) -> Result<pb::Facility, Status> {
        let request = pb::EndRoleRequest {
            request_id: request_id(),
            facility: facility.to_owned(),
            role: role.into(),
            end_date: last.to_owned(),
        };
        let ended = self.medical("duty").facilities().end_role(request).await?;
        Ok(ended.into_inner().facility.expect("a facility"))
    }
}

#[tokio::test]
async fn a_facility_is_entered_once_and_its_name_is_its_own_in_its_unit() {
    let ground = Ground::build().await;
    let facility = Some(hospital(&ground.counties[0], "甲县人民医院"));
    let request = pb::CreateFacilityRequest { request_id: request_id(), facility };
    let mut facilities = ground.medical("duty-0").facilities();
    let made = facilities.create_facility(request.clone()).await.expect("entered").into_inner();
    let again = facilities.create_facility(request).await.expect("the same").into_inner();
    assert_eq!(again, made);
    let made = made.facility.expect("a facility");
    assert_eq!(ground.facility("health-0", &made.name).await.expect("one"), made);
    let twice = ground.enter("health-0", hospital(&ground.counties[0], "甲县人民医院")).await;
    let twice = twice.expect_err("the name is taken");
    assert_eq!((twice.code(), reason(&twice).as_str()), (Code::AlreadyExists, "FACILITY_EXISTS"));
    ground.enter("duty-0", hospital(&ground.town, "甲县人民医院")).await.expect("another unit's");
    ground.close(&made.name, "2020-02-03").await.expect("closed");
    ground.enter("duty-0", hospital(&ground.counties[0], "甲县人民医院")).await.expect("the name is free");
}

#[tokio::test]
async fn what_is_malformed_is_refused_with_every_violation() {
    let ground = Ground::build().await;
    let wrong = pb::Facility {
        display_name: " ".to_owned(),
        unit: "villages/1".to_owned(),
        organisation_code: "91110000101623741O".to_owned(),
        ..Default::default()
    };
    let refused = ground.enter("duty-0", wrong).await.expect_err("malformed");
    let named = ["display_name", "grade", "ownership", "unit", "organisation_code"];
    assert_eq!(fields(&refused), named.map(|field| format!("facility.{field}")));
    let none = ground.enter("duty-0", hospital("units/00000000-0000-0000-0000-000000000007", "无")).await;
    assert_eq!(none.expect_err("no such unit").code(), Code::NotFound);
}

#[tokio::test]
async fn i8_a_code_that_fails_its_check_is_taken_in_marked_and_listed_until_it_is_compared() {
    let ground = Ground::build().await;
    let code = |code: &str| pb::Facility {
        organisation_code: code.to_owned(),
        ..hospital(&ground.counties[0], "甲县人民医院")
    };
    let made = ground.enter("duty-0", code("91110000101623741X")).await.expect("taken in");
    assert_eq!(made.marks().collect::<Vec<_>>(), [pb::FacilityMark::CodeFails]);
    let listed = ground.alarms(&ground.counties[0]).await;
    let listed: Vec<_> = listed.iter().map(|alarm| (alarm.kind(), &alarm.subject)).collect();
    assert_eq!(listed, [(pb::AlarmKind::CodeUnconfirmed, &made.name)]);
    let confirmed = pb::Facility { organisation_code_confirmed: true, ..made.clone() };
    let confirmed = ground.update("duty-0", confirmed, &["organisation_code_confirmed"]).await;
    assert_eq!(confirmed.expect("compared").marks().count(), 0);
    assert!(ground.alarmed(&ground.counties[0]).await.is_empty());
    let other = pb::Facility { etag: String::new(), ..code("91110000101623741W") };
    let other = pb::Facility { name: made.name.clone(), ..other };
    let other = ground.update("duty-0", other, &["organisation_code"]).await.expect("another code");
    assert_eq!(other.marks().collect::<Vec<_>>(), [pb::FacilityMark::CodeFails], "nobody has compared that");
    let valid = pb::Facility { organisation_code: "91110000101623741K".to_owned(), ..other };
    let valid = ground.update("duty-0", valid, &["organisation_code"]).await.expect("a valid code");
    assert_eq!(valid.marks().count(), 0);
}

#[tokio::test]
async fn m6_a_fever_clinic_below_grade_2_is_granted_marked_and_put_before_the_county() {
    let ground = Ground::build().await;
    let small = pb::Facility {
        grade: pb::FacilityGrade::OneA.into(),
        ..hospital(&ground.town, "东镇中心卫生院")
    };
    let small = ground.enter("duty-0", small).await.expect("entered");
    ground.grant("health-0", &small.name, pb::Role::PrimaryCare).await.expect("granted");
    assert!(ground.alarmed(&ground.counties[0]).await.is_empty());
    let granted = ground.grant("health-0", &small.name, pb::Role::FeverClinic).await.expect("granted");
    assert_eq!(granted.marks().collect::<Vec<_>>(), [pb::FacilityMark::FeverClinicBelowGrade]);
    let alarms = ground.alarms(&ground.counties[0]).await;
    assert_eq!(alarms.len(), 1);
    assert_eq!((alarms[0].kind(), &alarms[0].subject), (pb::AlarmKind::RoleBelowGrade, &small.name));
    assert_eq!(alarms[0].contact_name, "样例 duty-0", "who answers for the town");
    assert!(ground.alarmed(&ground.town).await.is_empty(), "it is the county's to see to");
    let raised = pb::Facility { grade: pb::FacilityGrade::TwoC.into(), ..small.clone() };
    let raised = ground.update("duty-0", raised, &["grade"]).await.expect("raised");
    assert_eq!(raised.marks().count(), 0);
    assert!(ground.alarmed(&ground.counties[0]).await.is_empty());
}

#[tokio::test]
async fn m6_roles_are_dated_and_of_one_kind_no_two_at_once() {
    let ground = Ground::build().await;
    let name = ground.enter("duty-0", hospital(&ground.counties[0], "甲县人民医院")).await.expect("one").name;
    let role = pb::Role::DesignatedHospital;
    let of = async |since: &str, until: &str| ground.grant_on("duty-0", &name, role, (since, until)).await;
    of("2020-02-10", "2020-02-20").await.expect("granted");
    for (since, until) in [("", ""), ("2020-02-20", "2020-02-21"), ("2020-02-01", "2020-02-10")] {
        let refused = of(since, until).await.expect_err("on some of these days it is one");
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "ROLE_EXISTS"));
    }
    of("2020-02-01", "2020-02-09").await.expect("apart");
    let backwards = of("2020-03-02", "2020-03-01").await.expect_err("ends before it begins");
    assert_eq!(fields(&backwards), ["end_date"]);
    let found = of("2020-02-21", "").await.expect("apart");
    let days: Vec<_> =
        found.roles.iter().map(|role| (role.start_date.as_str(), role.end_date.as_str())).collect();
    assert_eq!(days, [("2020-02-01", "2020-02-09"), ("2020-02-10", "2020-02-20"), ("2020-02-21", "")]);
    assert_eq!(found.roles[0].granted_by, "duty-0");
    // Who has the role is asked of a day.
    let request = pb::ListFacilitiesRequest { role: role.into(), ..Default::default() };
    let mut facilities = ground.medical("duty-0").facilities();
    let listed = facilities.list_facilities(request.clone()).await.expect("a list").into_inner();
    assert_eq!(listed.facilities.len(), 1);
    ground.end(&name, role, "2020-02-02").await.expect("ended before today");
    let listed = facilities.list_facilities(request).await.expect("a list").into_inner();
    assert!(listed.facilities.is_empty());
}

#[tokio::test]
async fn m6_a_role_ends_after_a_day_or_is_taken_back_before_it_began() {
    let ground = Ground::build().await;
    let name = ground.hospital(&ground.counties[0], "甲县人民医院", pb::Role::FeverClinic).await;
    let ended = ground.end(&name, pb::Role::FeverClinic, "2020-02-05").await.expect("ended");
    assert_eq!(ended.roles[0].end_date, "2020-02-05");
    let none = ground.end(&name, pb::Role::FeverClinic, "2020-02-06").await.expect_err("none then");
    assert_eq!((none.code(), reason(&none).as_str()), (Code::FailedPrecondition, "ROLE_NOT_HELD"));
    let days = ("2020-02-10", "");
    ground.grant_on("duty-0", &name, pb::Role::FeverClinic, days).await.expect("to come");
    let back = ground.end(&name, pb::Role::FeverClinic, "2020-02-07").await.expect("taken back");
    assert_eq!(back.roles.len(), 1);
    ground.sandbox.clock.advance_to(on(12, "08:00"));
    let had = ground.end(&name, pb::Role::FeverClinic, "2020-02-02").await;
    assert_eq!(reason(&had.expect_err("what has been had stays")), "ROLE_NOT_HELD");
}

#[tokio::test]
async fn a_neighbour_reads_no_facility_and_changes_none() {
    let ground = Ground::build().await;
    let name = ground.hospital(&ground.town, "东镇卫生院", pb::Role::PrimaryCare).await;
    let mine = ground.facility("duty-0", &name).await.expect("seen from above");
    assert!(ground.listed("duty-1", "").await.expect("a list").is_empty());
    let far = [
        ground.facility("duty-1", &name).await.err(),
        ground.facility("leader", &name).await.err(),
        ground.listed("duty-1", &ground.counties[0]).await.err(),
        ground.grant("duty-1", &name, pb::Role::FeverClinic).await.err(),
        ground.update("duty-1", mine.clone(), &["address"]).await.err(),
        ground.enter("duty-1", hospital(&ground.town, "另一家")).await.err(),
        // Nor is one's own given to a neighbour.
        ground
            .update("duty-0", pb::Facility { unit: ground.counties[1].clone(), ..mine }, &["unit"])
            .await
            .err(),
    ];
    let codes: Vec<_> = far.into_iter().map(|status| status.map(|status| status.code())).collect();
    assert_eq!(codes, [Some(Code::NotFound); 7]);
    let denied = ground.grant("leader", &name, pb::Role::FeverClinic).await.expect_err("no office of his");
    assert_eq!(denied.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn an_update_changes_what_its_mask_says_and_an_old_etag_is_refused() {
    let ground = Ground::build().await;
    let made = ground.enter("duty-0", hospital(&ground.counties[0], "甲县医院")).await.expect("entered");
    let said = pb::Facility {
        display_name: "甲县人民医院".to_owned(),
        address: "不说".to_owned(),
        unit: ground.town.clone(),
        ..made.clone()
    };
    let changed = ground.update("duty-0", said.clone(), &["display_name", "unit"]).await.expect("changed");
    assert_eq!((changed.display_name.as_str(), &changed.unit), ("甲县人民医院", &ground.town));
    assert_eq!(changed.address, made.address);
    let stale = ground.update("duty-0", said, &["address"]).await.expect_err("read before");
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    let none = ground.update("duty-0", changed.clone(), &[]).await.expect_err("no mask");
    assert_eq!(fields(&none), ["update_mask"]);
    let empty = pb::Facility { name: changed.name.clone(), ..Default::default() };
    let empty = ground.update("duty-0", empty, &["*"]).await.expect_err("all of it");
    assert_eq!(
        fields(&empty),
        ["facility.display_name", "facility.grade", "facility.ownership", "facility.unit"]
    );
}

#[tokio::test]
async fn a_closed_facility_leaves_the_lists_and_takes_nothing_new() {
    let ground = Ground::build().await;
    let name = ground.hospital(&ground.counties[0], "甲县人民医院", pb::Role::FeverClinic).await;
    let days = ("2020-03-01", "");
    ground.grant_on("duty-0", &name, pb::Role::DesignatedHospital, days).await.expect("to come");
    assert_eq!(fields(&ground.close(&name, "2020-02-02").await.expect_err("past")), ["end_date"]);
    let closed = ground.close(&name, "2020-02-04").await.expect("closed");
    let roles: Vec<_> = closed.roles.iter().map(|role| (role.role(), role.end_date.as_str())).collect();
    assert_eq!(roles, [(pb::Role::FeverClinic, "2020-02-04")], "its roles end with it");
    let refused = ground.grant("duty-0", &name, pb::Role::Laboratory).await.expect_err("closing");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "FACILITY_CLOSED"));
    assert_eq!(ground.listed("duty-0", "").await.expect("a list").len(), 1, "open to its last day");
    ground.sandbox.clock.advance_to(on(5, "00:00"));
    assert!(ground.listed("duty-0", "").await.expect("a list").is_empty());
    let request = pb::ListFacilitiesRequest { closed: true, ..Default::default() };
    let all = ground.medical("duty-0").facilities().list_facilities(request).await.expect("a list");
    assert_eq!(all.into_inner().facilities.len(), 1);
}

#[tokio::test]
async fn a_list_comes_in_pages_and_a_page_token_is_one_callers() {
    let ground = Ground::build().await;
    for nth in 0..3 {
        ground.enter("duty-0", hospital(&ground.town, &format!("卫生院{nth}"))).await.expect("entered");
    }
    let mut request = pb::ListFacilitiesRequest { page_size: 2, ..Default::default() };
    let mut facilities = ground.medical("duty-0").facilities();
    let first = facilities.list_facilities(request.clone()).await.expect("a page").into_inner();
    assert_eq!(first.facilities.len(), 2);
    request.page_token = first.next_page_token;
    let other = ground.medical("duty").facilities().list_facilities(request.clone()).await;
    assert_eq!(reason(&other.expect_err("another's token")), "PAGE_TOKEN_MISMATCH");
    let rest = facilities.list_facilities(request).await.expect("a page").into_inner();
    assert_eq!((rest.facilities.len(), rest.next_page_token.as_str()), (1, ""));
}
