//! Results: recorded whatever the state, and a task where they come too late.

use proto::screening as pb;
use tests::{reason, request_id, until};
use tonic::Code;

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, all_pages, details},
    watch::on,
};

#[tokio::test]
async fn r25_a_result_after_the_release_is_a_task_of_the_unit_and_then_of_the_one_above() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    // Nobody watches over this person.
    let result = ground.tested(0, &person, pb::TestOutcome::Negative, on(2, "12:00")).await;
    let task = |digest: Vec<pb::Escalation>| {
        digest.into_iter().find(|one| one.kind() == pb::EscalationKind::ResultUnhandled)
    };
    assert_eq!(task(ground.digest(&ground.grids[0]).await).expect("at once").subject, result.name);
    ground.advance(on(3, "02:00")).await;
    let village = ground.village(0).await;
    until(async || task(ground.digest(&village).await)).await;
    assert!(task(ground.digest(&ground.grids[0]).await).is_none());
    let list = pb::ListResultsRequest { unhandled: true, ..Default::default() };
    let waiting = ground.screening("doctor-0").results().list_results(list.clone()).await.expect("a list");
    assert_eq!(waiting.into_inner().results.len(), 1);
    let handle = async || {
        let request = pb::HandleResultRequest {
            request_id: request_id(),
            name: result.name.clone(),
            handling: "called, nothing follows".to_owned(),
        };
        ground.screening("doctor-0").results().handle_result(request).await
    };
    handle().await.expect("handled");
    assert!(task(ground.digest(&village).await).is_none());
    let refused = handle().await.expect_err("handled before");
    assert_eq!((refused.code(), reason(&refused)), (Code::FailedPrecondition, "RESULT_HANDLED".to_owned()));
    let waiting = ground.screening("doctor-0").results().list_results(list).await.expect("a list");
    assert!(waiting.into_inner().results.is_empty());
}

#[tokio::test]
async fn r25_a_positive_result_is_acted_on_by_the_classification_and_an_amended_one_is_a_task_again() {
    let ground = Ground::with_doctors().await;
    let observed = ground.observed(0, NUMBER, "2020-02-01").await;
    let confirmed = ground.confirmed(0, &observed.person).await.case.expect("a case");
    let list = pb::ListResultsRequest { person: observed.person.clone(), ..Default::default() };
    let first = ground.screening("duty").results().list_results(list).await.expect("a list");
    let first = first.into_inner().results.remove(0);
    assert!(first.deadline_time.is_some() && first.handle_time.is_some(), "{first:?}");
    let amended = pb::Result {
        name: String::new(),
        outcome: pb::TestOutcome::Negative.into(),
        amends: confirmed.result,
        ..first.clone()
    };
    let amend = async || {
        let request = pb::RecordResultRequest { request_id: request_id(), result: Some(amended.clone()) };
        ground.screening("doctor-0").results().record_result(request).await
    };
    let second = amend().await.expect("recorded").into_inner().result.expect("one");
    assert!(second.deadline_time.is_some(), "the class referred to the one before");
    assert_eq!(amend().await.expect_err("amended before").code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_result_of_another_county_s_person_and_one_from_the_future_are_refused() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let result = pb::Result {
        person: person.clone(),
        kind: pb::TestKind::Pcr.into(),
        outcome: pb::TestOutcome::Positive.into(),
        taken_time: Some(chassis::parse::timestamp(on(2, "12:00"))),
        laboratory: "市疾控中心".to_owned(),
        ..Default::default()
    };
    let send = async |subject: &str, result: pb::Result| {
        let request = pb::RecordResultRequest { request_id: request_id(), result: Some(result) };
        ground.screening(subject).results().record_result(request).await
    };
    assert_eq!(send("doctor-1", result.clone()).await.expect_err("hidden").code(), Code::NotFound);
    let future = pb::Result {
        taken_time: Some(chassis::parse::timestamp(on(4, "12:00"))),
        laboratory: String::new(),
        ..result
    };
    let refused = send("doctor-0", future).await.expect_err("from the future");
    assert_eq!(tests::fields(&refused), ["result.taken_time", "result.laboratory"]);
}

#[tokio::test]
async fn r25_what_must_be_acted_on_comes_in_due_order() {
    let ground = Ground::with_doctors().await;
    let mut results = Vec::new();
    for (number, outcome) in [(NUMBER, pb::TestOutcome::Positive), (OTHER_NUMBER, pb::TestOutcome::Negative)]
    {
        let person = ground.found(0, details(number)).await.name;
        results.push(ground.tested(0, &person, outcome, on(2, "12:00")).await.name);
    }
    let observed = ground.observed(1, "", "2020-02-01").await;
    ground.tested(0, &observed.person, pb::TestOutcome::Negative, on(2, "12:00")).await;
    // As if somebody had less time for the second one.
    let hurry = "UPDATE screening.result SET deadline_at = deadline_at - interval '1 hour' WHERE outcome = 2";
    sqlx::query(hurry).execute(&mut ground.sandbox.sql().await).await.expect("hurried");
    let list = async |subject: &str| {
        all_pages(async |page_token| {
            let request =
                pb::ListResultsRequest { due_order: true, page_size: 1, page_token, ..Default::default() };
            let page = ground.screening(subject).results().list_results(request).await.expect("a page");
            let page = page.into_inner();
            (page.results.into_iter().map(|one| one.name).collect(), page.next_page_token)
        })
        .await
    };
    assert_eq!(list("doctor-0").await, [results[1].clone(), results[0].clone()], "not who is observed");
    let handled = pb::HandleResultRequest {
        request_id: request_id(),
        name: results[1].clone(),
        handling: "called, nothing follows".to_owned(),
    };
    ground.screening("doctor-0").results().handle_result(handled).await.expect("handled");
    assert_eq!(list("doctor-0").await, results[..1]);
    assert!(list("doctor-1").await.is_empty(), "not the next county's");
}
