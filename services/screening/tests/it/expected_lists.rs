//! Lists that units expect: missing by the clock until they come, late, or until somebody says that there is none.

use proto::screening::{self as pb, handdown_result::Result as Taken};
use tests::{fields, reason, request_id, until};
use tonic::{Code, Status};

use crate::{
    ground::{Ground, without_papers},
    handdowns::item,
    watch::on,
};

/// The station that the first county expects a list from.
const STATION: &str = "双峰县汽车站";

fn expecting(unit: &str) -> pb::SetExpectedListRequest {
    pb::SetExpectedListRequest {
        request_id: request_id(),
        unit: unit.to_owned(),
        kind: pb::ListKind::Station.into(),
        source_name: STATION.to_owned(),
        effective_date: "2020-02-03".to_owned(),
        due_by: "16:00".to_owned(),
        order: "Order No. 13".to_owned(),
        ..Default::default()
    }
}

/// A station's list, the 24 hours up to 16:00 of a day where one is said.
fn source(from: &str, day: Option<u32>) -> pb::HanddownSource {
    let hour = |day: u32| chassis::parse::timestamp(on(day, "16:00"));
    pb::HanddownSource {
        kind: pb::ListKind::Station.into(),
        source_name: from.to_owned(),
        window_start_time: day.map(|day| hour(day - 1)),
        window_end_time: day.map(hour),
        ..Default::default()
    }
}

impl Ground {
    async fn expect(
        &self,
        subject: &str,
        request: pb::SetExpectedListRequest,
    ) -> Result<pb::ExpectedList, Status> {
        let answer = self.screening(subject).expected_lists().set_expected_list(request).await?;
        Ok(answer.into_inner().expected_list.expect("a list"))
    }

    /// What the first county expects of a day of February.
    async fn of_day(&self, day: u32) -> Vec<pb::ExpectedListDay> {
        let date = format!("2020-02-{day:02}");
        let request = pb::ListExpectedListsRequest { date, ..Default::default() };
        let answer = self.screening("duty-0").expected_lists().list_expected_lists(request).await;
        answer.expect("a list").into_inner().expected_lists
    }

    async fn states(&self, day: u32) -> Vec<pb::ListState> {
        self.of_day(day).await.iter().map(pb::ExpectedListDay::state).collect()
    }

    async fn missing_lists(&self, subject: &str) -> Vec<pb::ExpectedListDay> {
        let request = pb::ListMissingListsRequest::default();
        let answer = self.screening(subject).expected_lists().list_missing_lists(request).await;
        answer.expect("a list").into_inner().expected_lists
    }

    async fn nil_list(&self, list: &str, date: &str) -> Result<pb::ExpectedListDay, Status> {
        let request = pb::SayNilListRequest {
            request_id: request_id(),
            expected_list: list.to_owned(),
            date: date.to_owned(),
            words: "the station by phone: nobody from outside".to_owned(),
        };
        let answer = self.screening("duty-0").expected_lists().say_nil_list(request).await?;
        Ok(answer.into_inner().expected_list.expect("a list"))
    }

    /// Takes in a list at the first county.
    async fn listed(
        &self,
        source: pb::HanddownSource,
        items: Vec<pb::HanddownItem>,
    ) -> pb::IngestHanddownsResponse {
        let from_unit = self.counties[0].clone();
        let request = pb::IngestHanddownsRequest { from_unit, source: Some(source), items };
        let answer = self.screening("duty-0").handdowns().ingest_handdowns(request).await;
        answer.expect("results").into_inner()
    }

    /// Waits until a list is put before a unit, or is no more.
    async fn before(&self, unit: &str, list: &str, is_so: bool) {
        let about = |one: &pb::Escalation| {
            one.subject == list && one.kind() == pb::EscalationKind::ListMissing && one.person.is_empty()
        };
        until(async || (self.digest(unit).await.iter().any(about) == is_so).then_some(())).await;
    }
}

fn somebody() -> Vec<pb::HanddownItem> {
    vec![item(without_papers(""), "村第0网格")]
}

#[tokio::test]
async fn h2_a_list_that_has_not_come_is_put_before_the_unit_then_above_until_it_comes_late() {
    let ground = Ground::build().await;
    let (root, county) = (ground.sandbox.root.clone(), ground.counties[0].clone());
    let request = expecting(&county);
    let list = ground.expect("duty", request.clone()).await.expect("set");
    assert_eq!(ground.expect("duty", request).await.expect("the same"), list);
    assert_eq!((list.due_by.as_str(), list.covers_until.as_str()), ("16:00", "16:00"));
    ground.advance(on(3, "16:00")).await;
    assert_eq!(ground.states(3).await, [pb::ListState::Expected], "there is time");
    ground.advance(on(3, "16:05")).await;
    ground.before(&county, &list.name, true).await;
    ground.before(&root, &list.name, false).await;
    assert_eq!(ground.states(3).await, [pb::ListState::Missing]);
    let (_, verdict) = ground.proof().await;
    assert!(verdict.holds && verdict.listed > 0, "an exception of the law, and no breach");
    ground.advance(on(3, "16:31")).await;
    ground.before(&root, &list.name, true).await;
    assert_eq!(ground.missing_lists("duty").await, ground.of_day(3).await);
    assert!(ground.missing_lists("duty-1").await.is_empty());
    // Another station's is another one, and so is one of another day.
    ground.listed(source("娄底站", Some(3)), somebody()).await;
    ground.listed(source(STATION, Some(2)), somebody()).await;
    assert_eq!(ground.states(3).await, [pb::ListState::Missing]);
    ground.listed(source(" 双峰县 汽车站 ", None), somebody()).await;
    let came = ground.of_day(3).await.remove(0);
    let at = Some(chassis::parse::timestamp(on(3, "16:31")));
    assert_eq!((came.state(), came.receive_time), (pb::ListState::Late, at));
    ground.before(&root, &list.name, false).await;
    assert!(ground.missing_lists("duty").await.is_empty());
    // The next day's comes in time.
    ground.advance(on(4, "15:50")).await;
    ground.listed(source(STATION, None), somebody()).await;
    ground.advance(on(4, "16:05")).await;
    until(async || (ground.states(4).await == [pb::ListState::OnTime]).then_some(())).await;
    ground.advance(on(5, "16:05")).await;
    ground.before(&county, &list.name, true).await;
    let missing = ground.missing_lists("duty").await;
    assert_eq!(missing.iter().map(|day| day.date.as_str()).collect::<Vec<_>>(), ["2020-02-05"]);
}

#[tokio::test]
async fn d1_that_there_is_no_list_is_said_and_a_list_that_comes_stands_above_it() {
    let ground = Ground::build().await;
    let county = ground.counties[0].clone();
    let list = ground.expect("duty-0", expecting(&county)).await.expect("set").name;
    ground.advance(on(3, "16:05")).await;
    ground.before(&county, &list, true).await;
    assert_eq!(fields(&ground.nil_list(&list, "2020-02-04").await.expect_err("not yet")), ["date"]);
    assert_eq!(fields(&ground.nil_list(&list, "2020-02-02").await.expect_err("not expected")), ["date"]);
    let said = ground.nil_list(&list, "").await.expect("said");
    assert_eq!((said.state(), said.nil_by.as_str()), (pb::ListState::Nil, "duty-0"));
    assert!(!said.words.is_empty() && said.nil_time.is_some());
    ground.before(&county, &list, false).await;
    // Before its hour, too; and then nothing is missing.
    ground.advance(on(4, "15:00")).await;
    ground.nil_list(&list, "").await.expect("said");
    ground.advance(on(4, "16:05")).await;
    assert_eq!(ground.states(4).await, [pb::ListState::Nil]);
    assert!(ground.missing_lists("duty").await.is_empty());
    // Of hours of which it was said that there is nobody nothing is missing.
    let days = ground.listed(source(STATION, Some(5)), somebody()).await;
    assert_eq!(days.gap, None);
    ground.listed(source(STATION, Some(4)), somebody()).await;
    assert_eq!(ground.states(4).await, [pb::ListState::Late]);
    let refused = ground.nil_list(&list, "").await.expect_err("it came");
    assert_eq!(reason(&refused), "LIST_NOT_NIL");
    // What came before its hour has come, too.
    ground.advance(on(5, "15:00")).await;
    assert_eq!(ground.states(5).await, [pb::ListState::OnTime]);
    assert_eq!(reason(&ground.nil_list(&list, "").await.expect_err("it came")), "LIST_NOT_NIL");
}

#[tokio::test]
async fn a_list_that_is_sent_again_and_says_no_window_is_no_other_day_s() {
    let ground = Ground::build().await;
    let unsaid = || pb::HanddownSource { kind: pb::ListKind::Police.into(), ..source("公安局", None) };
    let request = pb::SetExpectedListRequest {
        kind: pb::ListKind::Police.into(),
        source_name: String::new(),
        due_by: "15:00".to_owned(),
        ..expecting(&ground.counties[0])
    };
    ground.expect("duty-0", request).await.expect("set");
    ground.advance(on(3, "14:50")).await;
    let items = somebody();
    ground.listed(unsaid(), items.clone()).await;
    assert_eq!(ground.states(3).await, [pb::ListState::OnTime], "whoever of the police sent it");
    ground.advance(on(4, "14:50")).await;
    let again = ground.listed(unsaid(), items.clone()).await;
    assert!(matches!(again.results[0].result, Some(Taken::Duplicate(_))));
    let refused = pb::HanddownItem { details: None, ..item(without_papers(""), "") };
    let refused = ground.listed(unsaid(), vec![refused]).await;
    assert!(matches!(refused.results[0].result, Some(Taken::Refused(_))));
    assert_eq!(ground.states(4).await, [pb::ListState::Expected]);
    let said = pb::HanddownSource { kind: pb::ListKind::Police.into(), ..source("公安局", Some(4)) };
    ground.listed(said, items).await;
    assert_eq!(ground.states(4).await, [pb::ListState::OnTime], "it says which day's it is");
}

#[tokio::test]
async fn what_is_expected_is_said_from_a_date_on_by_order_until_it_is_no_more() {
    let ground = Ground::build().await;
    let county = ground.counties[0].clone();
    let wrong = pb::SetExpectedListRequest {
        kind: 0,
        effective_date: "2020-02-02".to_owned(),
        covers_until: "17:00".to_owned(),
        order: String::new(),
        ..expecting(&county)
    };
    let wrong = ground.expect("duty-0", wrong).await.expect_err("wrong");
    assert_eq!(fields(&wrong), ["kind", "effective_date", "order", "covers_until"]);
    let denied = ground.expect("leader-0", expecting(&county)).await.expect_err("not a leader's to say");
    assert_eq!(denied.code(), Code::PermissionDenied);
    let far = ground.expect("duty-1", expecting(&county)).await.expect_err("another county's");
    assert_eq!(far.code(), Code::NotFound);
    let no_more = |from: &str| pb::SetExpectedListRequest {
        effective_date: from.to_owned(),
        due_by: String::new(),
        expected_no_more: true,
        ..expecting(&county)
    };
    let never = ground.expect("duty-0", no_more("2020-02-03")).await.expect_err("never expected");
    assert_eq!(fields(&never), ["source_name"]);
    ground.expect("duty-0", expecting(&county)).await.expect("set");
    let later = pb::SetExpectedListRequest { due_by: "18:00".to_owned(), ..expecting(&county) };
    ground.expect("duty-0", later).await.expect("said anew");
    ground.expect("duty-0", no_more("2020-02-05")).await.expect("set");
    ground.advance(on(3, "16:05")).await;
    assert_eq!(ground.states(3).await, [pb::ListState::Expected], "by the later hour");
    // By the hour that was said the day is missing, whatever is said of it afterwards.
    ground.advance(on(4, "18:05")).await;
    until(async || (ground.missing_lists("duty").await.len() == 2).then_some(())).await;
    let later = pb::SetExpectedListRequest {
        effective_date: "2020-02-04".to_owned(),
        due_by: "20:00".to_owned(),
        ..expecting(&county)
    };
    ground.expect("duty-0", later).await.expect("said too late");
    assert_eq!(ground.states(4).await, [pb::ListState::Missing]);
    ground.advance(on(6, "20:05")).await;
    assert!(ground.states(5).await.is_empty() && ground.states(6).await.is_empty());
    assert_eq!(ground.missing_lists("duty").await.len(), 2);
}

#[tokio::test]
async fn a_unit_that_was_closed_expects_nothing_any_more() {
    let ground = Ground::build().await;
    let list = ground.expect("duty-0", expecting(&ground.grids[0])).await.expect("set").name;
    ground.close_into(0, 1).await;
    ground.advance(on(3, "16:05")).await;
    let next = "SELECT next_due_at IS NULL FROM screening.expected_list WHERE id = $1::uuid";
    let id = list.split('/').next_back().expect("an id").to_owned();
    let mut sql = ground.sandbox.sql().await;
    until(async || {
        let is_so: bool = sqlx::query_scalar(next).bind(&id).fetch_one(&mut sql).await.expect("a row");
        is_so.then_some(())
    })
    .await;
    assert!(ground.missing_lists("duty").await.is_empty());
}
