//! Escalations: the most dangerous first, and nothing is put before anybody that waits no more.

use proto::screening as pb;
use tests::{request_id, until};

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, all_pages, details, person, without_papers},
    watch::on,
};

#[tokio::test]
async fn h6_the_most_dangerous_comes_first_whatever_its_number() {
    let ground = Ground::with_doctors().await;
    let county = &ground.counties[0];
    let found = person(county, details(OTHER_NUMBER));
    let request =
        pb::IntakePersonRequest { request_id: request_id(), person: Some(found), source: String::new() };
    let found = ground.screening("duty-0").persons().intake_person(request).await.expect("taken in");
    let found = found.into_inner().person.expect("a person").name;
    ground.tested(0, &found, pb::TestOutcome::Positive, on(2, "12:00")).await;
    let ill = ground.found(0, details(NUMBER)).await.name;
    ground.confirmed(0, &ill).await;
    let digest = until(async || Some(ground.digest(county).await).filter(|all| all.len() == 3)).await;
    let kinds: Vec<_> = digest.iter().map(pb::Escalation::kind).collect();
    use pb::EscalationKind::{IncidentOverdue, PersonUnobserved, ResultUnhandled};
    assert_eq!(kinds, [IncidentOverdue, ResultUnhandled, PersonUnobserved]);
}

#[tokio::test]
async fn a_digest_is_paged_in_its_order() {
    let ground = Ground::build().await;
    for day in 1..=3 {
        ground.found(0, without_papers(&format!("198{day}-01-01"))).await;
    }
    let all = until(async || Some(ground.digest(&ground.grids[0]).await).filter(|all| all.len() == 3)).await;
    let paged = all_pages(async |page_token| {
        let request =
            pb::ListEscalationsRequest { holder_unit: ground.grids[0].clone(), page_size: 1, page_token };
        let page = ground.screening("duty").escalations().list_escalations(request).await.expect("a page");
        let page = page.into_inner();
        (page.escalations, page.next_page_token)
    })
    .await;
    assert_eq!(paged, all);
}

#[tokio::test]
async fn what_was_raised_from_a_state_before_it_was_settled_is_withdrawn() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    ground.open("leader-0", &person, "2020-02-01").await.expect("opened");
    let mut sql = ground.sandbox.sql().await;
    // As if a pulse had read before the opening and written after it.
    let phantom = "INSERT INTO screening.escalation (subject_id, kind, rank, person_id, unit_id, level, holder_id, since)
                   SELECT id, 13, 70, id, unit_id, 0, unit_id, now() FROM screening.person";
    sqlx::raw_sql(phantom).execute(&mut sql).await.expect("written");
    until(async || ground.digest(&ground.grids[0]).await.is_empty().then_some(())).await;
}
