//! Every method of medical, called on what a unit has.

use proto::medical as pb;
use rampart::client::Medical;
use tests::request_id;
use tonic::{Code, Status};

use crate::access_to_medical::{Ground, facility};

fn mask(path: &str) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: vec![path.to_owned()] })
}

/// Calls a method by its name, on what a unit has; nothing for a method that is not known here.
pub(crate) async fn call(method: &str, medical: &Medical, ground: &Ground) -> Option<Result<(), Status>> {
    let (mut facilities, id) = (medical.facilities(), request_id());
    let (unit, name) = (ground.unit.clone(), ground.facility.clone());
    let answer = match method {
        "CreateFacility" => {
            let facility = Some(facility(&unit, &request_id()));
            let request = pb::CreateFacilityRequest { request_id: id, facility };
            facilities.create_facility(request).await.map(drop)
        }
        "GetFacility" => facilities.get_facility(pb::GetFacilityRequest { name }).await.map(drop),
        "ListFacilities" => {
            let request = pb::ListFacilitiesRequest { ancestor_unit: unit, ..Default::default() };
            facilities.list_facilities(request).await.map(drop)
        }
        "UpdateFacility" => {
            let facility = Some(pb::Facility { name, address: "样例路".to_owned(), ..Default::default() });
            let update_mask = mask("address");
            let request = pb::UpdateFacilityRequest { request_id: id, facility, update_mask };
            facilities.update_facility(request).await.map(drop)
        }
        "CloseFacility" => {
            let end_date = "2020-12-31".to_owned();
            let request = pb::CloseFacilityRequest { request_id: id, name, end_date };
            facilities.close_facility(request).await.map(drop)
        }
        "GrantRole" => {
            let role = pb::Role::Laboratory.into();
            let request = pb::GrantRoleRequest { request_id: id, facility: name, role, ..Default::default() };
            // Whoever comes later is told that it has the role.
            match facilities.grant_role(request).await {
                Err(status) if status.code() == Code::AlreadyExists => Ok(()),
                answer => answer.map(drop),
            }
        }
        "EndRole" => {
            let (role, end_date) = (pb::Role::FeverClinic.into(), "2020-02-03".to_owned());
            let request = pb::EndRoleRequest { request_id: id, facility: name, role, end_date };
            facilities.end_role(request).await.map(drop)
        }
        _ => return phoning(method, medical, ground).await,
    };
    Some(answer)
}

/// The methods of phones and of the directory.
async fn phoning(method: &str, medical: &Medical, ground: &Ground) -> Option<Result<(), Status>> {
    let (mut phones, mut directory, id) = (medical.phones(), medical.directory(), request_id());
    let name = ground.phone.clone();
    let answer = match method {
        "AddPhone" => {
            let number = request_id().chars().filter(char::is_ascii_digit).take(9).collect();
            let facility = ground.facility.clone();
            let phone = Some(pb::Phone { facility, number, ..Default::default() });
            phones.add_phone(pb::AddPhoneRequest { request_id: id, phone }).await.map(drop)
        }
        "UpdatePhone" => {
            let phone = Some(pb::Phone { name, label: "门诊".to_owned(), ..Default::default() });
            let request = pb::UpdatePhoneRequest { request_id: id, phone, update_mask: mask("label") };
            phones.update_phone(request).await.map(drop)
        }
        "VerifyPhone" => phones.verify_phone(pb::VerifyPhoneRequest { request_id: id, name }).await.map(drop),
        "RemovePhone" => phones.remove_phone(pb::RemovePhoneRequest { request_id: id, name }).await.map(drop),
        "LogCall" => {
            let outcome = pb::CallOutcome::Answered.into();
            let request = pb::LogCallRequest { request_id: id, phone: name, outcome, call_time: None };
            phones.log_call(request).await.map(drop)
        }
        "ListCalls" => {
            let request = pb::ListCallsRequest { phone: name, ..Default::default() };
            phones.list_calls(request).await.map(drop)
        }
        "ListDirectory" => {
            let request = pb::ListDirectoryRequest { unit: ground.unit.clone(), ..Default::default() };
            directory.list_directory(request).await.map(drop)
        }
        "FindFacilities" => {
            let (unit, role) = (ground.unit.clone(), pb::Role::FeverClinic.into());
            let request = pb::FindFacilitiesRequest { unit, role, ..Default::default() };
            directory.find_facilities(request).await.map(drop)
        }
        "WatchDirectory" => match directory.watch_directory(pb::WatchDirectoryRequest::default()).await {
            Err(status) => Err(status),
            Ok(stream) => stream.into_inner().message().await.map(drop),
        },
        _ => return lying(method, medical, ground).await,
    };
    Some(answer)
}

/// The methods of wards, counts, policies and alarms.
async fn lying(method: &str, medical: &Medical, ground: &Ground) -> Option<Result<(), Status>> {
    let (mut wards, mut capacity) = (medical.wards(), medical.capacity());
    let (id, unit, name) = (request_id(), ground.unit.clone(), ground.ward.clone());
    let answer = match method {
        "CreateWard" => {
            let ward = Some(pb::Ward {
                facility: ground.facility.clone(),
                display_name: request_id(),
                bed_class: pb::BedClass::Icu.into(),
                ..Default::default()
            });
            wards.create_ward(pb::CreateWardRequest { request_id: id, ward }).await.map(drop)
        }
        "GetWard" => wards.get_ward(pb::GetWardRequest { name }).await.map(drop),
        "ListWards" => {
            let request = pb::ListWardsRequest { ancestor_unit: unit, ..Default::default() };
            wards.list_wards(request).await.map(drop)
        }
        "UpdateWard" => {
            let ward = Some(pb::Ward { name, bed_class: pb::BedClass::Icu.into(), ..Default::default() });
            let request = pb::UpdateWardRequest { request_id: id, ward, update_mask: mask("bed_class") };
            wards.update_ward(request).await.map(drop)
        }
        "CloseWard" => {
            let end_date = "2020-12-31".to_owned();
            wards.close_ward(pb::CloseWardRequest { request_id: id, name, end_date }).await.map(drop)
        }
        "IngestCapacity" => {
            let count = pb::Count {
                event_id: request_id(),
                ward: name,
                as_of_time: Some(prost_types::Timestamp { seconds: 1_580_650_000, nanos: 0 }),
                physical: Some(4),
                staffed: Some(4),
                occupied: Some(0),
            };
            let request = pb::IngestCapacityRequest { counts: vec![count] };
            capacity.ingest_capacity(request).await.and_then(|answer| {
                match answer.into_inner().results.remove(0).result {
                    Some(pb::count_result::Result::Refused(refused)) => {
                        Err(Status::new(Code::from(refused.code), refused.message))
                    }
                    _ => Ok(()),
                }
            })
        }
        "ListCapacity" => {
            let request = pb::ListCapacityRequest { ward: name, ..Default::default() };
            capacity.list_capacity(request).await.map(drop)
        }
        "GetBeds" => capacity.get_beds(pb::GetBedsRequest { unit, ..Default::default() }).await.map(drop),
        "GetPolicies" => medical.policies().get_policies(pb::GetPoliciesRequest { unit }).await.map(drop),
        "SetPolicy" => {
            let request = pb::SetPolicyRequest {
                request_id: id,
                area_unit: unit,
                kind: pb::PolicyKind::FailedCalls.into(),
                value: 4,
                ..Default::default()
            };
            medical.policies().set_policy(request).await.map(drop)
        }
        "ListAlarms" => {
            let request = pb::ListAlarmsRequest { holder_unit: unit, ..Default::default() };
            medical.alarms().list_alarms(request).await.map(drop)
        }
        _ => return None,
    };
    Some(answer)
}
