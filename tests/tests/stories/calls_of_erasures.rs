//! The methods of screening by which personal values are erased, called on what a unit has.

use proto::screening as pb;
use rampart::client::Screening;
use tests::request_id;
use tonic::{Code, Status};

use crate::access_to_screening::Ground;

/// The methods of erasures and closings.
pub(crate) async fn erasing(
    method: &str,
    screening: &Screening,
    ground: &Ground,
) -> Option<Result<(), Status>> {
    let (id, reason) = (request_id(), "a test".to_owned());
    let answer = match method {
        "ListErasures" => {
            let request =
                pb::ListErasuresRequest { ancestor_unit: ground.unit.clone(), ..Default::default() };
            screening.erasures().list_erasures(request).await.map(drop)
        }
        "ProposeClosure" => {
            // The unit is no county: whoever may is told so.
            let request = pb::ProposeClosureRequest { request_id: id, area: ground.unit.clone(), reason };
            match screening.erasures().propose_closure(request).await {
                Err(status) if status.code() == Code::InvalidArgument => Ok(()),
                answer => answer.map(drop),
            }
        }
        "ApproveClosure" => {
            let request = pb::ApproveClosureRequest { request_id: id, name: ground.closure.clone() };
            screening.erasures().approve_closure(request).await.map(drop)
        }
        "CancelClosure" => {
            let request = pb::CancelClosureRequest { request_id: id, name: ground.closure.clone(), reason };
            screening.erasures().cancel_closure(request).await.map(drop)
        }
        "GetClosure" => {
            let request = pb::GetClosureRequest { name: ground.closure.clone() };
            screening.erasures().get_closure(request).await.map(drop)
        }
        "ListClosures" => {
            screening.erasures().list_closures(pb::ListClosuresRequest::default()).await.map(drop)
        }
        _ => return None,
    };
    Some(answer)
}
