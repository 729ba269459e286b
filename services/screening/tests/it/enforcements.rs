//! Enforcement requests: a refusal to comply is somebody's until it is settled.

use proto::screening as pb;
use tests::{fields, reason, request_id};
use tonic::{Code, Status};

use crate::ground::{Ground, NUMBER, details};

impl Ground {
    async fn enforce(
        &self,
        subject: &str,
        said: pb::EnforcementRequest,
    ) -> Result<pb::EnforcementRequest, Status> {
        let (request_id, enforcement_request) = (request_id(), Some(said));
        let request = pb::CreateEnforcementRequestRequest { request_id, enforcement_request };
        let made = self.screening(subject).enforcements().create_enforcement_request(request).await?;
        Ok(made.into_inner().enforcement_request.expect("one"))
    }
}

#[tokio::test]
async fn r26_a_person_who_refuses_is_the_unit_s_that_has_them_wherever_they_go() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let said = pb::EnforcementRequest {
        person: person.clone(),
        reason: "leaves the house".to_owned(),
        ..Default::default()
    };
    let made = ground.enforce("leader-0", said.clone()).await.expect("made");
    assert_eq!(made.unit, ground.grids[0]);
    assert_eq!(ground.enforce("leader-2", said).await.expect_err("another's").code(), Code::NotFound);
    let both = pb::EnforcementRequest { reason: String::new(), ..Default::default() };
    let refused = ground.enforce("leader-0", both).await.expect_err("nobody's");
    assert_eq!(fields(&refused), ["enforcement_request.unit", "enforcement_request.reason"]);
    // Into the hands of the second grid: found there by the same paper, and agreed.
    ground.intake("leader-1", 1, details(NUMBER)).await.expect("taken in");
    ground.agree("duty-0", 1).await;
    assert_eq!(ground.enforcements("leader-1").await[0].name, made.name, "it follows");
    assert!(ground.enforcements("leader-0").await.is_empty());
    let settle = async || {
        let request = pb::SettleEnforcementRequestRequest {
            request_id: request_id(),
            name: made.name.clone(),
            outcome: pb::EnforcementOutcome::Enforced.into(),
            words: "by the police station".to_owned(),
        };
        ground.screening("leader-1").enforcements().settle_enforcement_request(request).await
    };
    let settled = settle().await.expect("settled").into_inner().enforcement_request.expect("one");
    assert_eq!(settled.outcome(), pb::EnforcementOutcome::Enforced);
    let again = settle().await.expect_err("settled before");
    assert_eq!((again.code(), reason(&again)), (Code::FailedPrecondition, "ENFORCEMENT_SETTLED".to_owned()));
}
