//! On-the-ground verification: where who was found is observed, and who has the person who has left (H5, H6).

use proto::screening as pb;
use tests::{fields, reason, request_id};
use tonic::Status;

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER},
    handdowns::receipt,
    watch::on,
};

/// Found at the first grid, and under observation since 1 February.
fn found(name: &str) -> pb::VerifyHanddownRequest {
    pb::VerifyHanddownRequest {
        request_id: request_id(),
        name: name.to_owned(),
        outcome: pb::HanddownOutcome::Found.into(),
        basis: pb::Basis::Returnee.into(),
        last_exposure_date: "2020-02-01".to_owned(),
        ..Default::default()
    }
}

impl Ground {
    /// What the first grid's leader says of who has arrived, and the observation.
    async fn said(&self, request: &pb::VerifyHanddownRequest) -> Result<pb::Observation, Status> {
        let answer = self.screening("leader-0").handdowns().verify_handdown(request.clone()).await?;
        Ok(self.observation("leader-0", &answer.into_inner().observation).await.expect("an observation"))
    }
}

#[tokio::test]
async fn h1_who_is_found_is_observed_at_home_or_where_it_is_said() {
    let ground = Ground::build().await;
    let arrived = ground.arrived(NUMBER, 0).await;
    let central = pb::VerifyHanddownRequest {
        place: pb::Place::Central.into(),
        facility: "样例酒店".to_owned(),
        ..found(&arrived.name)
    };
    let bare = pb::VerifyHanddownRequest { basis: 0, last_exposure_date: String::new(), ..central.clone() };
    assert_eq!(fields(&ground.said(&bare).await.expect_err("of no observation")), ["place"]);
    let nowhere = pb::VerifyHanddownRequest { place: 0, ..central.clone() };
    assert_eq!(fields(&ground.said(&nowhere).await.expect_err("a facility of no place")), ["facility"]);
    let opened = ground.said(&central).await.expect("found");
    assert_eq!((opened.place(), opened.facility.as_str()), (pb::Place::Central, "样例酒店"));
    assert_eq!(ground.said(&central).await.expect("the same"), opened);

    // Who is under observation already is moved, where a place is said.
    for (place, is_at) in
        [(pb::Place::Unspecified, pb::Place::Home), (pb::Place::Hospital, pb::Place::Hospital)]
    {
        let ground = Ground::build().await;
        let arrived = ground.arrived(OTHER_NUMBER, 0).await;
        let opened = ground.open("leader-0", &arrived.person, "2020-02-01").await.expect("opened");
        let request = pb::VerifyHanddownRequest { place: place.into(), ..found(&arrived.name) };
        let said = ground.said(&request).await.expect("found");
        assert_eq!((said.name, said.place), (opened.observation.expect("one").name, is_at.into()));
        assert!(ground.proof().await.1.holds);
    }
}

#[tokio::test]
async fn h6_who_left_to_outside_is_let_go_with_evidence_and_who_is_not_found_is_not() {
    let ground = Ground::build().await;
    let arrived = ground.arrived(NUMBER, 0).await;
    let opened = ground.open("leader-0", &arrived.person, "2020-02-01").await.expect("opened");
    let observation = opened.observation.expect("an observation").name;
    let missing = ground.verify("leader-0", &arrived.name, pb::HanddownOutcome::NotFound, "").await;
    let missing = missing.expect("not found").handdown.expect("a hand-down");
    assert_eq!(missing.state(), pb::HanddownState::NotFound);
    let village = ground.village(0).await;
    assert_eq!(ground.digested(&village, 1).await[0].subject, missing.name, "before the unit above at once");
    let outside = |receipt: Option<pb::Receipt>| pb::VerifyHanddownRequest {
        request_id: request_id(),
        name: arrived.name.clone(),
        outcome: pb::HanddownOutcome::LeftArea.into(),
        evidence: "by the village".to_owned(),
        receipt,
        ..Default::default()
    };
    let mut leader = ground.screening("leader-0").handdowns();
    let words = leader.verify_handdown(outside(None)).await.expect_err("words are no letter");
    assert_eq!(fields(&words), ["receipt.receiver", "receipt.letter", "receipt.receive_time"]);
    let early = pb::Receipt {
        receive_time: Some(chassis::parse::timestamp(on(9, "12:00"))),
        letter: String::new(),
        ..receipt()
    };
    let early = leader.verify_handdown(outside(Some(early))).await.expect_err("half a receipt");
    assert_eq!(fields(&early), ["receipt.letter", "receipt.receive_time"]);
    let found =
        pb::VerifyHanddownRequest { outcome: pb::HanddownOutcome::Found.into(), ..outside(Some(receipt())) };
    let found = leader.verify_handdown(found).await.expect_err("nobody outside has who was found");
    assert_eq!(fields(&found), ["receipt"]);
    let left = pb::VerifyHanddownRequest { evidence: String::new(), ..outside(Some(receipt())) };
    let left = leader.verify_handdown(left).await.expect("gone").into_inner().handdown.expect("one");
    assert_eq!((left.state(), left.receipt.as_ref()), (pb::HanddownState::Closed, Some(&receipt())));
    let shown = ground.shown("leader-0", &arrived.name).await.expect("shown").handdown;
    assert_eq!(shown, Some(left));
    assert!(ground.digest(&village).await.is_empty());
    let ended = ground.observation("leader-0", &observation).await.expect("an observation");
    assert_eq!(
        (ended.ending(), ended.reason.as_str()),
        (pb::Ending::Transferred, "the duty office of a county outside, 2020-02-02 12:00, letter 1")
    );
    let again = ground.verify("leader-0", &arrived.name, pb::HanddownOutcome::Found, "").await;
    assert_eq!(reason(&again.expect_err("closed")), "HANDDOWN_STATE");
}
