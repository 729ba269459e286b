//! Every method of expected lists, called on what a unit has.

use proto::screening as pb;
use rampart::client::Screening;
use tests::request_id;
use tonic::Status;

use crate::{access_to_screening::Ground, calls_of_screening::at_checkpoints};

/// The list of a station that a unit expects from a date on.
pub(crate) fn expecting(unit: &str, from: &str) -> pb::SetExpectedListRequest {
    pb::SetExpectedListRequest {
        request_id: request_id(),
        unit: unit.to_owned(),
        kind: pb::ListKind::Station.into(),
        effective_date: from.to_owned(),
        due_by: "23:59".to_owned(),
        order: "a test".to_owned(),
        ..Default::default()
    }
}

/// The methods of expected lists.
pub(crate) async fn expected(
    method: &str,
    screening: &Screening,
    ground: &Ground,
) -> Option<Result<(), Status>> {
    let (mut lists, unit) = (screening.expected_lists(), ground.unit.clone());
    let answer = match method {
        "SetExpectedList" => lists.set_expected_list(expecting(&unit, "2099-01-01")).await.map(drop),
        "ListExpectedLists" => {
            let request = pb::ListExpectedListsRequest { ancestor_unit: unit, ..Default::default() };
            lists.list_expected_lists(request).await.map(drop)
        }
        "ListMissingLists" => {
            let request = pb::ListMissingListsRequest { ancestor_unit: unit, ..Default::default() };
            lists.list_missing_lists(request).await.map(drop)
        }
        "SayNilList" => {
            let request = pb::SayNilListRequest {
                request_id: request_id(),
                expected_list: ground.expected_list.clone(),
                words: "a test".to_owned(),
                ..Default::default()
            };
            lists.say_nil_list(request).await.map(drop)
        }
        _ => return at_checkpoints(method, screening, ground).await,
    };
    Some(answer)
}
