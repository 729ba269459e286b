//! Officers: who they are and how they are reached.

use proto::registry as pb;
use tests::{Sandbox, fields, new_officer, reason, request_id};
use tonic::Code;

async fn list(sandbox: &Sandbox, subject: &str, ancestor: &str) -> Vec<String> {
    let mut request = pb::ListOfficersRequest {
        ancestor_unit: ancestor.to_owned(),
        page_size: 1,
        ..pb::ListOfficersRequest::default()
    };
    let mut seen = Vec::new();
    loop {
        let mut officers = sandbox.registry_as(subject).officers();
        let page = officers.list_officers(request.clone()).await.expect("a page").into_inner();
        seen.extend(page.officers.into_iter().map(|officer| officer.subject));
        if page.next_page_token.is_empty() {
            return seen;
        }
        request.page_token = page.next_page_token;
    }
}

#[tokio::test]
async fn two_officers_never_share_a_subject() {
    let sandbox = Sandbox::start(&[]).await;
    sandbox.officer(&sandbox.root, "liu").await;
    let request = pb::CreateOfficerRequest {
        request_id: request_id(),
        officer: Some(new_officer(&sandbox.root, "liu")),
    };
    let refused = sandbox.registry().officers().create_officer(request).await.expect_err("taken");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "SUBJECT_TAKEN"));
}

#[tokio::test]
async fn every_violation_of_every_officer_of_a_batch_is_named() {
    let sandbox = Sandbox::start(&[]).await;
    let mut nameless = new_officer(&sandbox.root, "liu");
    nameless.display_name = String::new();
    let mut phoneless = new_officer("units/nowhere", "li u");
    phoneless.official_phone = "call me".to_owned();
    let request = pb::BatchCreateOfficersRequest {
        request_id: request_id(),
        officers: vec![new_officer(&sandbox.root, "wang"), nameless, phoneless],
    };
    let refused = sandbox.registry().officers().batch_create_officers(request).await.expect_err("wrong");
    assert_eq!(
        fields(&refused),
        [
            "officers[1].display_name",
            "officers[2].official_phone",
            "officers[2].subject",
            "officers[2].home_unit"
        ]
    );
    // Those that the registry is founded with, and no others.
    assert_eq!(
        list(&sandbox, "admin", "").await,
        ["admin", "reporting", "screening", "medical"],
        "none was recorded"
    );
}

#[tokio::test]
async fn a_county_s_officer_sees_nobody_of_the_next_county() {
    let sandbox = Sandbox::start(&[]).await;
    let one = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    let other = sandbox.unit(&sandbox.root, pb::Level::County, "乙县").await;
    sandbox.appointed(&one.name, pb::Office::DutyOfficer, "duty.one").await;
    let stranger = sandbox.appointed(&other.name, pb::Office::DutyOfficer, "duty.other").await.officer;

    assert_eq!(list(&sandbox, "duty.one", "").await, ["duty.one"]);
    let mut officers = sandbox.registry_as("duty.one").officers();
    let hidden = officers.get_officer(pb::GetOfficerRequest { name: stranger }).await.expect_err("hidden");
    let absent = format!("officers/{}", uuid::Uuid::now_v7());
    let absent = officers.get_officer(pb::GetOfficerRequest { name: absent }).await.expect_err("absent");
    assert_eq!((hidden.code(), absent.code()), (Code::NotFound, Code::NotFound));

    // A page token of another caller grants nothing.
    let request = pb::ListOfficersRequest { page_size: 1, ..pb::ListOfficersRequest::default() };
    let page = sandbox.registry().officers().list_officers(request.clone()).await.unwrap().into_inner();
    let crafted = pb::ListOfficersRequest { page_token: page.next_page_token, ..request };
    let refused = officers.list_officers(crafted).await.expect_err("not theirs");
    assert_eq!(reason(&refused), "PAGE_TOKEN_MISMATCH");
}

#[tokio::test]
async fn an_officer_s_phone_changes_and_a_stale_etag_does_not() {
    let sandbox = Sandbox::start(&[]).await;
    let officer = sandbox.officer(&sandbox.root, "liu").await;
    let mut request = pb::UpdateOfficerRequest {
        request_id: request_id(),
        officer: Some(pb::Officer { official_phone: "0000-0000002".to_owned(), ..officer }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["official_phone".to_owned()] }),
    };
    let mut officers = sandbox.registry().officers();
    let changed = officers.update_officer(request.clone()).await.expect("changed").into_inner();
    assert_eq!(changed.officer.unwrap().official_phone, "0000-0000002");
    request.request_id = request_id();
    let refused = officers.update_officer(request).await.expect_err("stale");
    assert_eq!(reason(&refused), "ETAG_MISMATCH");
}
