//! Policies: numbers that areas set; the nearest area's count.

use proto::medical as pb;
use tests::{fields, reason, request_id, until};
use tonic::{Code, Status};

use crate::ground::{Ground, count, on};

impl Ground {
    /// Sets a policy of an area as a subject.
    pub(crate) async fn set(
        &self,
        subject: &str,
        area: &str,
        kind: pb::PolicyKind,
        class: Option<pb::BedClass>,
        value: i32,
    ) -> Result<pb::Policy, Status> {
        let request = pb::SetPolicyRequest {
            request_id: request_id(),
            area_unit: area.to_owned(),
            kind: kind.into(),
            bed_class: class.unwrap_or_default().into(),
            value,
        };
        let set = self.medical(subject).policies().set_policy(request).await?;
        Ok(set.into_inner().policy.expect("a policy"))
    }

    async fn policies(&self, subject: &str, unit: &str) -> Result<Vec<pb::Policy>, Status> {
        let request = pb::GetPoliciesRequest { unit: unit.to_owned() };
        Ok(self.medical(subject).policies().get_policies(request).await?.into_inner().policies)
    }
}

const HOURS: pb::PolicyKind = pb::PolicyKind::FigureHours;

#[tokio::test]
async fn the_nearest_areas_number_counts_and_taken_back_the_one_above() {
    let ground = Ground::build().await;
    let icu = pb::BedClass::Icu;
    let of = async |unit: &str| {
        let all = ground.policies("duty", unit).await.expect("policies");
        assert_eq!(all.len(), 7, "every one");
        let policy = all.into_iter().find(|policy| policy.bed_class() == icu).expect("that of ICU");
        (policy.value, policy.area_unit)
    };
    assert_eq!(of(&ground.town).await, (6, String::new()), "the usual one");
    ground.set("duty", &ground.sandbox.root, HOURS, Some(icu), 4).await.expect("set");
    ground.set("duty-0", &ground.counties[0], HOURS, Some(icu), 2).await.expect("set");
    assert_eq!(of(&ground.town).await, (2, ground.counties[0].clone()));
    assert_eq!(of(&ground.counties[1]).await, (4, ground.sandbox.root.clone()));
    let back = ground.set("duty-0", &ground.counties[0], HOURS, Some(icu), 0).await.expect("taken back");
    assert_eq!((back.value, &back.area_unit), (4, &ground.sandbox.root));
    assert_eq!(of(&ground.town).await.0, 4);
}

#[tokio::test]
async fn m10_what_is_set_holds_for_what_was_counted_before() {
    let ground = Ground::build().await;
    ground.sandbox.clock.advance_to(on(3, "08:00"));
    let facility = ground.hospital(&ground.town, "东镇医院", pb::Role::DesignatedHospital).await;
    let class = pb::BedClass::IsolationSingle;
    let ward = ground.ward(&facility, "隔离病区", class).await.name;
    ground.count(count(&ward, on(3, "06:00"), (10, 8, 0))).await;
    let until = async || ground.seen(&ward).await.fresh_until_time;
    let at = |time: &str| Some(chassis::parse::timestamp(on(3, time)));
    assert_eq!(until().await, at("18:00"));
    ground.set("duty-0", &ground.counties[0], HOURS, Some(class), 2).await.expect("set");
    assert_eq!(until().await, at("08:00"));
    assert_eq!(ground.seen(&ward).await.free, None, "it is too old now");
    ground.set("duty-1", &ground.counties[1], HOURS, Some(class), 100).await.expect("set");
    assert_eq!(until().await, at("08:00"), "another county's");
    ground.count(count(&ward, on(3, "07:30"), (10, 8, 0))).await;
    assert_eq!(until().await, at("09:30"), "what is counted now goes by it, too");
}

#[tokio::test]
async fn a_policy_is_an_areas_own_to_set_and_within_bounds() {
    let ground = Ground::build().await;
    let county = &ground.counties[0];
    let far = ground.set("duty-1", county, HOURS, Some(pb::BedClass::Icu), 4).await.expect_err("another's");
    assert_eq!(far.code(), Code::NotFound);
    assert_eq!(ground.policies("duty-1", county).await.expect_err("another's").code(), Code::NotFound);
    let denied =
        ground.set("health-0", county, HOURS, Some(pb::BedClass::Icu), 4).await.expect_err("no office");
    assert_eq!(denied.code(), Code::PermissionDenied);
    let of = async |kind, class, value| {
        fields(&ground.set("duty-0", county, kind, class, value).await.expect_err("malformed"))
    };
    assert_eq!(of(HOURS, None, 4).await, ["bed_class"]);
    assert_eq!(of(pb::PolicyKind::FailedCalls, Some(pb::BedClass::Icu), 4).await, ["bed_class"]);
    assert_eq!(of(HOURS, Some(pb::BedClass::Icu), 169).await, ["value"]);
    assert_eq!(of(pb::PolicyKind::Unspecified, None, -1).await, ["kind"]);
}

#[tokio::test]
async fn a_policy_is_not_set_while_it_is_unknown_who_may_and_counts_are_taken_in_all_the_same() {
    let mut ground = Ground::build().await;
    ground.sandbox.clock.advance_to(on(3, "08:00"));
    let facility = ground.hospital(&ground.town, "东镇医院", pb::Role::DesignatedHospital).await;
    let ward = ground.ward(&facility, "隔离病区", pb::BedClass::Icu).await.name;
    ground.sandbox.stack().stop_service("registry").await.expect("stopped");
    let mut sql = ground.sandbox.sql().await;
    let hour = "UPDATE medical.followed SET heard_at = heard_at - interval '1 hour'";
    sqlx::query(hour).execute(&mut sql).await.expect("an hour of silence");
    let county = ground.counties[0].clone();
    let stale =
        until(async || ground.set("duty-0", &county, HOURS, Some(pb::BedClass::Icu), 4).await.err()).await;
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Unavailable, "FEED_STALE"));
    ground.count(count(&ward, on(3, "08:00"), (4, 4, 0))).await;
    assert_eq!(ground.seen(&ward).await.free, Some(4));
}
