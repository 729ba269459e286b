//! Lists that are handed down: one person of several is one hand-down, windows follow one another, and nothing is told.

use proto::screening::{self as pb, handdown_result::Result as Taken};

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    handdowns::{accepted, item},
};

#[tokio::test]
async fn h3_one_person_of_the_city_s_and_a_county_s_list_is_one_handdown() {
    let ground = Ground::build().await;
    let (root, county) = (ground.sandbox.root.clone(), ground.counties[0].clone());
    let list = async |subject: &str, from: &str, kind: pb::ListKind, urgent: bool| {
        let item = pb::HanddownItem { urgent, ..item(details(NUMBER), "甲县村第0网格") };
        let results = ground.ingest(subject, from, kind, vec![item]).await.expect("results");
        let (handdown, joined) = accepted(&results[0]);
        (handdown.clone(), joined)
    };
    let (first, _) = list("duty", &root, pb::ListKind::Police, false).await;
    // It is coming to the county, which sees it: the county's own list adds to it.
    let (same, joined) = list("duty-0", &county, pb::ListKind::Station, false).await;
    assert!(joined && same.name == first.name);
    ground.send_down("duty", &root).await;
    let next = ground.acknowledge("duty-0", &first.name).await.expect("acknowledged").next;
    let (same, joined) = list("duty-0", &county, pb::ListKind::Telecom, false).await;
    assert!(joined && same.name == next);
    ground.send_down("duty-0", &county).await;
    ground.acknowledge("leader-0", &next).await.expect("acknowledged");
    let found = pb::HanddownOutcome::Found;
    ground.verify("leader-0", &next, found, "").await.expect("found");
    // Yesterday's is not handed down again, but for who is urgent.
    ground.advance(crate::watch::on(4, "15:00")).await;
    let (same, joined) = list("duty", &root, pb::ListKind::Police, false).await;
    assert!(joined && same.name == next && same.outcome() == found);
    let shown = ground.shown("duty", &first.name).await.expect("the chain");
    assert_eq!((shown.sources.len(), shown.hops.len()), (4, 2));
    assert!(ground.questions("duty").await.is_empty(), "one person in one unit's hands");
    let (again, joined) = list("duty", &root, pb::ListKind::Police, true).await;
    assert!(!joined && again.chain == again.name, "who is urgent now goes down at once");
}

#[tokio::test]
async fn h3_who_is_in_a_unit_s_hands_below_is_found_already() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let root = ground.sandbox.root.clone();
    let results = ground
        .ingest("duty", &root, pb::ListKind::Police, vec![item(details(NUMBER), "")])
        .await
        .expect("results");
    let (handdown, joined) = accepted(&results[0]);
    assert!(joined && handdown.person == person && handdown.to_unit == ground.grids[0]);
    assert_eq!(
        (handdown.state(), handdown.outcome()),
        (pb::HanddownState::Closed, pb::HanddownOutcome::Found)
    );
    assert!(ground.questions("duty").await.is_empty());
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn p6_a_list_does_not_tell_who_is_known_elsewhere() {
    let ground = Ground::build().await;
    ground.observed(0, NUMBER, "2020-02-01").await;
    let county = ground.counties[1].clone();
    let listed = async |number: &str| {
        let item = item(details(number), "村第0网格");
        let results =
            ground.ingest("duty-1", &county, pb::ListKind::Station, vec![item]).await.expect("results");
        let (handdown, joined) = accepted(&results[0]);
        let name = handdown.name.clone();
        let mut shown = ground.shown("duty-1", &name).await.expect("shown");
        for one in shown.hops.iter_mut().chain(&mut shown.handdown) {
            (one.name, one.chain, one.person) = (String::new(), String::new(), String::new());
        }
        (joined, handdown.to_unit.clone(), shown)
    };
    assert_eq!(listed(NUMBER).await, listed(OTHER_NUMBER).await);
}

#[tokio::test]
async fn one_item_that_is_sent_twice_at_once_is_one_and_both_are_told_which() {
    let ground = Ground::build().await;
    let root = ground.sandbox.root.clone();
    for _ in 0..5 {
        let item = item(without_papers(""), "甲县");
        let sent = (0..4).map(|_| ground.ingest("duty", &root, pb::ListKind::Police, vec![item.clone()]));
        let mut chains = Vec::new();
        for results in futures::future::join_all(sent).await {
            match results.expect("results").remove(0) {
                Taken::Accepted(taken) => chains.push(taken.handdown.expect("one").chain),
                Taken::Duplicate(chain) => chains.push(chain),
                other @ Taken::Refused(_) => panic!("{other:?}"),
            }
        }
        chains.dedup();
        assert_eq!(chains.len(), 1, "one chain");
        ground.shown("duty", &chains[0]).await.expect("which is there");
    }
}

#[tokio::test]
async fn h2_the_window_of_16_to_16_crosses_29_february_and_a_gap_is_warned_of() {
    let ground = Ground::build().await;
    let county = ground.counties[0].clone();
    let list = async |kind: pb::ListKind| {
        let source = pb::HanddownSource { kind: kind.into(), ..Default::default() };
        let items = vec![item(without_papers(""), "村第0网格")];
        let request = pb::IngestHanddownsRequest { from_unit: county.clone(), source: Some(source), items };
        let answer =
            ground.screening("duty-0").handdowns().ingest_handdowns(request).await.expect("an answer");
        let answer = answer.into_inner();
        let (handdown, _) = accepted(answer.results[0].result.as_ref().expect("a result"));
        let mut shown = ground.shown("duty-0", &handdown.name).await.expect("shown");
        let source = shown.sources.remove(0);
        (
            (source.window_start_time, source.window_end_time),
            answer.gap,
            shown.handdown.expect("one").due_time,
        )
    };
    let at = |text: &str| Some(chassis::parse::timestamp(text.parse().expect("an instant")));
    ground.advance("2020-02-28T15:50:00+08:00".parse().expect("an instant")).await;
    let (window, gap, due) = list(pb::ListKind::Station).await;
    assert_eq!(window, (at("2020-02-27T16:00:00+08:00"), at("2020-02-28T16:00:00+08:00")));
    assert_eq!((gap, due), (None, at("2020-02-28T17:00:00+08:00")), "H4");
    ground.advance("2020-02-29T16:10:00+08:00".parse().expect("an instant")).await;
    let (window, gap, _) = list(pb::ListKind::Station).await;
    assert_eq!(window, (at("2020-02-28T16:00:00+08:00"), at("2020-02-29T16:00:00+08:00")));
    assert_eq!(gap, None, "one window after the other");
    // H3, H4: past the clock of the 29th it is the 1st's.
    ground.advance("2020-02-29T17:30:00+08:00".parse().expect("an instant")).await;
    let (window, gap, due) = list(pb::ListKind::Police).await;
    assert_eq!((window, gap, due), ((None, None), None, at("2020-03-01T17:00:00+08:00")));
    ground.advance("2020-03-02T16:05:00+08:00".parse().expect("an instant")).await;
    let (window, gap, _) = list(pb::ListKind::Station).await;
    assert_eq!(window.0, at("2020-03-01T16:00:00+08:00"));
    let gap = gap.expect("a day of which nothing was sent");
    assert_eq!(
        (gap.start_time, gap.end_time),
        (at("2020-02-29T16:00:00+08:00"), at("2020-03-01T16:00:00+08:00"))
    );
}
