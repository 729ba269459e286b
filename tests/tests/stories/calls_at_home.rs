//! The methods of screening that look after who is at home, called on what a unit has.

use proto::screening as pb;
use rampart::client::Screening;
use tests::request_id;
use tonic::{Code, Status};

use crate::access_to_screening::{Ground, food, team};

/// The methods of sweeps, enforcement requests and support.
pub(crate) async fn sweeping(
    method: &str,
    screening: &Screening,
    ground: &Ground,
) -> Option<Result<(), Status>> {
    let (mut sweeps, mut enforcements, mut supports) =
        (screening.sweeps(), screening.enforcements(), screening.supports());
    let (id, unit, words) = (request_id(), ground.unit.clone(), "a test".to_owned());
    let (sweep, grid, person) = (ground.sweep.clone(), ground.grid.clone(), ground.person.clone());
    let answer = match method {
        "CreateSweep" => {
            let sweep = pb::Sweep { display_name: words, unit, ..Default::default() };
            sweeps.create_sweep(pb::CreateSweepRequest { request_id: id, sweep: Some(sweep) }).await.map(drop)
        }
        "GetSweep" => sweeps.get_sweep(pb::GetSweepRequest { name: sweep }).await.map(drop),
        "ListSweeps" => {
            let request = pb::ListSweepsRequest { unit, ..Default::default() };
            sweeps.list_sweeps(request).await.map(drop)
        }
        "SetTargets" => {
            let targets = vec![pb::SweepTarget { grid, households: Some(5), numbers: vec![] }];
            sweeps.set_targets(pb::SetTargetsRequest { request_id: id, sweep, targets }).await.map(drop)
        }
        "IngestVisits" => {
            let seen = pb::HouseholdVisit { number: id.clone(), outcome: pb::VisitOutcome::Visited.into() };
            let visit = pb::Visit {
                event_id: id,
                sweep,
                grid,
                time: Some(prost_types::Timestamp { seconds: 1_580_650_000, nanos: 0 }),
                seen: Some(pb::visit::Seen::Household(seen)),
                found: vec![],
            };
            let request = pb::IngestVisitsRequest { visits: vec![visit] };
            sweeps.ingest_visits(request).await.and_then(|answer| {
                match answer.into_inner().results.remove(0).result {
                    Some(pb::visit_result::Result::Refused(refused)) => {
                        Err(Status::new(Code::from(refused.code), refused.message))
                    }
                    _ => Ok(()),
                }
            })
        }
        "ListHouseholds" => {
            let request = pb::ListHouseholdsRequest { sweep, grid, ..Default::default() };
            sweeps.list_households(request).await.map(drop)
        }
        "GetProgress" => sweeps.get_progress(pb::GetProgressRequest { sweep, unit }).await.map(drop),
        "CloseSweep" => {
            let request = pb::CloseSweepRequest { request_id: id, name: sweep, exceptions: vec![] };
            sweeps.close_sweep(request).await.map(drop)
        }
        "CreateEnforcementRequest" => {
            let said = pb::EnforcementRequest { unit, reason: words, ..Default::default() };
            let request =
                pb::CreateEnforcementRequestRequest { request_id: id, enforcement_request: Some(said) };
            enforcements.create_enforcement_request(request).await.map(drop)
        }
        "ListEnforcementRequests" => {
            let request = pb::ListEnforcementRequestsRequest { ancestor_unit: unit, ..Default::default() };
            enforcements.list_enforcement_requests(request).await.map(drop)
        }
        "SettleEnforcementRequest" => {
            let (name, outcome) = (ground.enforcement.clone(), pb::EnforcementOutcome::Dropped.into());
            let request = pb::SettleEnforcementRequestRequest { request_id: id, name, outcome, words };
            enforcements.settle_enforcement_request(request).await.map(drop)
        }
        "CreateSupportRequest" => {
            let request =
                pb::CreateSupportRequestRequest { request_id: id, support_request: Some(food(&person)) };
            supports.create_support_request(request).await.map(drop)
        }
        "GetSupportRequest" => {
            let name = ground.support.clone();
            supports.get_support_request(pb::GetSupportRequestRequest { name }).await.map(drop)
        }
        "ListSupportRequests" => {
            let request = pb::ListSupportRequestsRequest { ancestor_unit: unit, ..Default::default() };
            supports.list_support_requests(request).await.map(drop)
        }
        "MoveSupportRequest" => {
            let state = pb::SupportState::Accepted.into();
            let name = ground.support.clone();
            let request = pb::MoveSupportRequestRequest { request_id: id, name, state, ..Default::default() };
            supports.move_support_request(request).await.map(drop)
        }
        "CreateCareTeam" => {
            let request = pb::CreateCareTeamRequest { request_id: id, care_team: Some(team(&unit)) };
            supports.create_care_team(request).await.map(drop)
        }
        "ListCareTeams" => {
            let request = pb::ListCareTeamsRequest { ancestor_unit: unit, ..Default::default() };
            supports.list_care_teams(request).await.map(drop)
        }
        "DissolveCareTeam" => {
            let name = ground.team.clone();
            supports.dissolve_care_team(pb::DissolveCareTeamRequest { request_id: id, name }).await.map(drop)
        }
        _ => return at_home(method, screening, ground).await,
    };
    Some(answer)
}

/// The methods of homes, rechecks and moved units.
async fn at_home(method: &str, screening: &Screening, ground: &Ground) -> Option<Result<(), Status>> {
    let mut homes = screening.homes();
    let (id, unit, name, person) =
        (request_id(), ground.unit.clone(), ground.home.clone(), ground.person.clone());
    let answer = match method {
        "CreateHome" => {
            let persons = vec![person];
            let request = pb::CreateHomeRequest { request_id: id, unit, persons, start_date: String::new() };
            homes.create_home(request).await.map(drop)
        }
        "GetHome" => homes.get_home(pb::GetHomeRequest { name }).await.map(drop),
        "ListHomes" => {
            let request = pb::ListHomesRequest { ancestor_unit: unit, ..Default::default() };
            homes.list_homes(request).await.map(drop)
        }
        "JoinHome" => {
            let request = pb::JoinHomeRequest { request_id: id, name, person, start_date: String::new() };
            homes.join_home(request).await.map(drop)
        }
        "LeaveHome" => {
            let person = ground.other.clone();
            // Whoever is there again has left for good before: another office has had the same call.
            let join = pb::JoinHomeRequest {
                request_id: request_id(),
                name: name.clone(),
                person: person.clone(),
                start_date: String::new(),
            };
            homes.join_home(join).await.map(drop).ok();
            let request = pb::LeaveHomeRequest { request_id: id, name, person, end_date: String::new() };
            homes.leave_home(request).await.map(drop)
        }
        "ListUnitMoves" => {
            let request = pb::ListUnitMovesRequest { ancestor_unit: unit, ..Default::default() };
            screening.hands().list_unit_moves(request).await.map(drop)
        }
        "TakeOverUnit" => {
            let reason = "a test".to_owned();
            let request = pb::TakeOverUnitRequest { request_id: id, unit, reason };
            screening.hands().take_over_unit(request).await.map(drop)
        }
        "ListRechecks" => {
            let request = pb::ListRechecksRequest { ancestor_unit: unit, ..Default::default() };
            screening.rechecks().list_rechecks(request).await.map(drop)
        }
        "RecordRecheck" => {
            let (name, outcome) = (ground.recheck.clone(), pb::RecheckOutcome::Well.into());
            let request = pb::RecordRecheckRequest { request_id: id, name, outcome, ..Default::default() };
            screening.rechecks().record_recheck(request).await.map(drop)
        }
        _ => return None,
    };
    Some(answer)
}
