//! Phones: who verified them, and who called in vain.

use chrono::{DateTime, Utc};
use proto::medical as pb;
use tests::{fields, reason, request_id};
use tonic::{Code, Status};

use crate::ground::{Ground, on};

impl Ground {
    /// Adds a phone as the city's duty officer.
    pub(crate) async fn phone(&self, facility: &str, number: &str, hours: (&str, &str)) -> pb::Phone {
        let phone = pb::Phone {
            facility: facility.to_owned(),
            number: number.to_owned(),
            label: "发热门诊".to_owned(),
            open_time: hours.0.to_owned(),
            close_time: hours.1.to_owned(),
            ..Default::default()
        };
        self.add("duty", phone).await.expect("added")
    }

    async fn add(&self, subject: &str, phone: pb::Phone) -> Result<pb::Phone, Status> {
        let request = pb::AddPhoneRequest { request_id: request_id(), phone: Some(phone) };
        Ok(self.medical(subject).phones().add_phone(request).await?.into_inner().phone.expect("a phone"))
    }

    /// Records a call as a subject; answers whether the phone is marked then.
    pub(crate) async fn call(
        &self,
        subject: &str,
        phone: &str,
        outcome: pb::CallOutcome,
        at: DateTime<Utc>,
    ) -> Result<bool, Status> {
        let request = pb::LogCallRequest {
            request_id: request_id(),
            phone: phone.to_owned(),
            outcome: outcome.into(),
            call_time: Some(chassis::parse::timestamp(at)),
        };
        Ok(self.medical(subject).phones().log_call(request).await?.into_inner().marked)
    }

    async fn verify(&self, subject: &str, phone: &str) -> Result<pb::Phone, Status> {
        let request = pb::VerifyPhoneRequest { request_id: request_id(), name: phone.to_owned() };
        Ok(self.medical(subject).phones().verify_phone(request).await?.into_inner().phone.expect("a phone"))
    }
}

const VAIN: pb::CallOutcome = pb::CallOutcome::NoAnswer;

#[tokio::test]
async fn after_three_calls_in_vain_the_entry_is_marked_and_the_county_is_told_until_somebody_answers() {
    let ground = Ground::build().await;
    ground.sandbox.clock.advance_to(on(3, "16:00"));
    let facility = ground.hospital(&ground.town, "东镇卫生院", pb::Role::FeverClinic).await;
    let phone = ground.phone(&facility, "0738-0000001", ("08:00", "17:30")).await.name;
    // Whoever uses the directory says so, a neighbour, too.
    assert!(!ground.call("duty-1", &phone, VAIN, on(3, "09:00")).await.expect("recorded"));
    assert!(!ground.call("leader", &phone, VAIN, on(3, "07:59")).await.expect("outside the hours"));
    let busy = pb::CallOutcome::Busy;
    assert!(!ground.call("leader", &phone, busy, on(3, "11:00")).await.expect("recorded"));
    assert!(ground.alarmed(&ground.counties[0]).await.is_empty());
    assert!(ground.call("leader", &phone, VAIN, on(3, "10:00")).await.expect("the third, in any order"));
    let told = ground.alarms(&ground.counties[0]).await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].kind(), &told[0].subject, told[0].subject_display_name.as_str()),
        (pb::AlarmKind::PhoneUnanswered, &phone, "0738-0000001")
    );
    let seen = ground.facility("duty-0", &facility).await.expect("one");
    assert_eq!(seen.marks().collect::<Vec<_>>(), [pb::FacilityMark::PhoneUnanswered]);
    assert_eq!((seen.phones[0].failed_calls, seen.phones[0].mark_time.is_some()), (3, true));
    // Somebody answered in between: only what came after counts.
    let answered = pb::CallOutcome::Answered;
    assert!(!ground.call("duty-0", &phone, answered, on(3, "10:30")).await.expect("recorded"));
    assert!(ground.alarmed(&ground.counties[0]).await.is_empty());
    let seen = ground.facility("duty-0", &facility).await.expect("one");
    assert_eq!((seen.phones[0].failed_calls, seen.marks().count()), (1, 0));
}

#[tokio::test]
async fn a_verification_is_by_somebody_and_takes_the_mark_away() {
    let ground = Ground::build().await;
    let facility = ground.hospital(&ground.town, "东镇卫生院", pb::Role::FeverClinic).await;
    ground.sandbox.clock.advance_to(on(3, "09:00"));
    let phone = ground.phone(&facility, "0738-0000001", ("", "")).await;
    assert_eq!((phone.verify_time, phone.verified_by.as_str()), (None, ""));
    for minute in 0..3 {
        let at = on(3, &format!("08:0{minute}"));
        ground.call("leader", &phone.name, pb::CallOutcome::WrongNumber, at).await.expect("recorded");
    }
    assert_eq!(ground.alarmed(&ground.counties[0]).await, [pb::AlarmKind::PhoneUnanswered]);
    let verified = ground.verify("health-0", &phone.name).await.expect("verified");
    assert_eq!(verified.verify_time, Some(chassis::parse::timestamp(on(3, "09:00"))));
    assert_eq!((verified.verified_by.as_str(), verified.failed_calls), ("health-0", 0));
    assert!(ground.alarmed(&ground.counties[0]).await.is_empty());
    // What failed before is told late: it does not count any more.
    assert!(!ground.call("leader", &phone.name, VAIN, on(3, "08:30")).await.expect("recorded"));
}

#[tokio::test]
async fn the_number_of_calls_is_the_policy_of_the_nearest_area() {
    let ground = Ground::build().await;
    let facility = ground.hospital(&ground.town, "东镇卫生院", pb::Role::FeverClinic).await;
    let phone = ground.phone(&facility, "0738-0000001", ("", "")).await.name;
    let kind = pb::PolicyKind::FailedCalls;
    ground.set("duty", &ground.sandbox.root, kind, None, 5).await.expect("set");
    ground.set("duty-0", &ground.counties[0], kind, None, 1).await.expect("set");
    let at = ground.sandbox.clock.now();
    assert!(ground.call("leader", &phone, VAIN, at).await.expect("recorded"));
}

#[tokio::test]
async fn a_number_is_the_facilitys_once_and_what_is_removed_changes_no_more() {
    let ground = Ground::build().await;
    let facility = ground.hospital(&ground.town, "东镇卫生院", pb::Role::FeverClinic).await;
    let phone = ground.phone(&facility, "0738-0000001", ("", "")).await;
    let twice = ground.add("duty-0", pb::Phone { label: String::new(), ..phone.clone() }).await;
    let twice = twice.expect_err("it has the number");
    assert_eq!((twice.code(), reason(&twice).as_str()), (Code::AlreadyExists, "PHONE_EXISTS"));
    let wrong = pb::Phone {
        facility: facility.clone(),
        number: "12".to_owned(),
        open_time: "24:00".to_owned(),
        ..Default::default()
    };
    let wrong = ground.add("duty-0", wrong).await.expect_err("malformed");
    assert_eq!(fields(&wrong), ["phone.number", "phone.open_time", "phone.close_time"]);
    let update = |mask: &[&str]| pb::UpdatePhoneRequest {
        request_id: request_id(),
        phone: Some(pb::Phone {
            label: "住院部".to_owned(),
            open_time: "20:00".to_owned(),
            close_time: "08:00".to_owned(),
            ..phone.clone()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: mask.iter().map(|path| (*path).to_owned()).collect(),
        }),
    };
    let mut phones = ground.medical("duty-0").phones();
    let half = phones.update_phone(update(&["open_time"])).await.expect_err("half of the hours");
    assert_eq!(fields(&half), ["update_mask"]);
    let changed = phones.update_phone(update(&["*"])).await.expect("changed").into_inner().phone;
    let changed = changed.expect("a phone");
    assert_eq!((changed.label.as_str(), changed.open_time.as_str()), ("住院部", "20:00"));
    let remove = pb::RemovePhoneRequest { request_id: request_id(), name: phone.name.clone() };
    phones.remove_phone(remove).await.expect("removed");
    assert!(ground.facility("duty-0", &facility).await.expect("one").phones.is_empty());
    let gone = ground.verify("duty-0", &phone.name).await.expect_err("it was removed");
    assert_eq!((gone.code(), reason(&gone).as_str()), (Code::FailedPrecondition, "PHONE_REMOVED"));
    ground.phone(&facility, "0738-0000001", ("", "")).await;
}

#[tokio::test]
async fn a_neighbour_logs_a_call_and_sees_no_other() {
    let ground = Ground::build().await;
    let facility = ground.hospital(&ground.town, "东镇卫生院", pb::Role::FeverClinic).await;
    let phone = ground.phone(&facility, "0738-0000001", ("", "")).await.name;
    let at = ground.sandbox.clock.now();
    ground.call("duty-1", &phone, VAIN, at).await.expect("recorded");
    let request = pb::ListCallsRequest { phone: phone.clone(), ..Default::default() };
    let calls = ground.medical("duty-0").phones().list_calls(request.clone()).await.expect("a list");
    assert_eq!(calls.into_inner().calls[0].called_by, "duty-1");
    let far = ground.medical("duty-1").phones().list_calls(request).await.expect_err("another's");
    assert_eq!(far.code(), Code::NotFound);
    assert_eq!(ground.verify("duty-1", &phone).await.expect_err("another's").code(), Code::NotFound);
    let future = ground.call("duty-1", &phone, VAIN, on(4, "00:00")).await.expect_err("not yet");
    assert_eq!(fields(&future), ["call_time"]);
    let none = "phones/00000000-0000-0000-0000-000000000007";
    assert_eq!(ground.call("duty-1", none, VAIN, at).await.expect_err("none").code(), Code::NotFound);
}
