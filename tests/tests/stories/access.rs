//! The access matrix: every method × every office × {own unit, descendant, ancestor, neighbour, absent}. A
//! method that is not in it fails it.

use std::collections::BTreeSet;

use jurisdiction::Office;
use prost_reflect::{DescriptorPool, Value};
use proto::registry as pb;
use rampart::client::Registry;
use tests::{Sandbox, new_appointment, new_officer, new_unit, request_id};
use tonic::{Code, Status};

/// The units of the matrix, and an officer and an appointment at home at each.
struct Place {
    relation: &'static str,
    unit: String,
    officer: String,
    appointment: String,
}

/// A method's answer to a caller about a place: nothing, or the refusal.
async fn call(method: &str, registry: &Registry, place: &Place) -> Option<Result<(), Status>> {
    let unit = place.unit.clone();
    let mut units = registry.units();
    let mut officers = registry.officers();
    let mut appointments = registry.appointments();
    let grid = || new_unit(&place.unit, pb::Level::Grid, "第1网格");
    let reporter = || new_appointment(&place.officer, &place.unit, pb::Office::InformationReporter);
    let mask = |path: &str| Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    Some(match method {
        "GetUnit" => units.get_unit(pb::GetUnitRequest { name: unit, ..Default::default() }).await.map(drop),
        "ListUnits" => {
            let request = pb::ListUnitsRequest { ancestor_unit: unit, ..Default::default() };
            units.list_units(request).await.map(drop)
        }
        "CreateUnit" => {
            let request = pb::CreateUnitRequest { request_id: request_id(), unit: Some(grid()) };
            units.create_unit(request).await.map(drop)
        }
        "UpdateUnit" => {
            let unit = pb::Unit { name: unit, display_name: "改名".to_owned(), ..Default::default() };
            let update_mask = mask("display_name");
            let request_id = request_id();
            let request =
                pb::UpdateUnitRequest { request_id, unit: Some(unit), update_mask, ..Default::default() };
            units.update_unit(request).await.map(drop)
        }
        "BatchCreateUnits" => {
            let request = pb::BatchCreateUnitsRequest { request_id: request_id(), units: vec![grid()] };
            units.batch_create_units(request).await.map(drop)
        }
        "ImportUnits" => {
            let header = pb::ImportHeader {
                request_id: request_id(),
                system: "NBS".to_owned(),
                vintage: "2019".to_owned(),
                root_unit: unit,
                dry_run: true,
                ..Default::default()
            };
            let part = Some(pb::import_units_request::Part::Header(header));
            let stream = tokio_stream::iter([pb::ImportUnitsRequest { part }]);
            match units.import_units(stream).await {
                Err(status) => Err(status),
                Ok(answers) => answers.into_inner().message().await.map(drop),
            }
        }
        "GetOfficer" => {
            officers.get_officer(pb::GetOfficerRequest { name: place.officer.clone() }).await.map(drop)
        }
        "ListOfficers" => {
            let request = pb::ListOfficersRequest { ancestor_unit: unit, ..Default::default() };
            officers.list_officers(request).await.map(drop)
        }
        "CreateOfficer" => {
            let officer = Some(new_officer(&unit, &request_id()));
            let request = pb::CreateOfficerRequest { request_id: request_id(), officer };
            officers.create_officer(request).await.map(drop)
        }
        "UpdateOfficer" => {
            let name = place.officer.clone();
            let officer = pb::Officer { name, official_phone: "0000".to_owned(), ..Default::default() };
            let update_mask = mask("official_phone");
            let request =
                pb::UpdateOfficerRequest { request_id: request_id(), officer: Some(officer), update_mask };
            officers.update_officer(request).await.map(drop)
        }
        "BatchCreateOfficers" => {
            let list = vec![new_officer(&unit, &request_id())];
            let request = pb::BatchCreateOfficersRequest { request_id: request_id(), officers: list };
            officers.batch_create_officers(request).await.map(drop)
        }
        "ListAppointments" => {
            let request = pb::ListAppointmentsRequest { unit, ..Default::default() };
            appointments.list_appointments(request).await.map(drop)
        }
        "Appoint" => {
            let request = pb::AppointRequest { request_id: request_id(), appointment: Some(reporter()) };
            appointments.appoint(request).await.map(drop)
        }
        "BatchAppoint" => {
            let request =
                pb::BatchAppointRequest { request_id: request_id(), appointments: vec![reporter()] };
            appointments.batch_appoint(request).await.map(drop)
        }
        "Relieve" => {
            let name = place.appointment.clone();
            let reason = "轮换".to_owned();
            let request = pb::RelieveRequest { request_id: request_id(), name, reason, end_time: None };
            appointments.relieve(request).await.map(drop)
        }
        "HandOver" => {
            let request = pb::HandOverRequest {
                request_id: request_id(),
                name: place.appointment.clone(),
                successor_officer: place.officer.clone(),
                reason: "轮换".to_owned(),
                ..Default::default()
            };
            appointments.hand_over(request).await.map(drop)
        }
        "ListVacancies" => {
            let request = pb::ListVacanciesRequest { ancestor_unit: unit, ..Default::default() };
            appointments.list_vacancies(request).await.map(drop)
        }
        _ => return None,
    })
}

/// Methods whose answer does not hang on a place: a code is looked up and then seen or not, a feed is
/// filtered, a proof is of the caller's own scopes, and official contacts are visible to everybody. Their permission is checked all the same.
async fn placeless(method: &str, registry: &Registry, place: &Place) -> Option<Result<(), Status>> {
    Some(match method {
        "LookupUnit" => {
            let code = pb::UnitCode {
                system: "NBS".to_owned(),
                vintage: "2019".to_owned(),
                code: "990199000000".to_owned(),
            };
            let request = pb::LookupUnitRequest { code: Some(code), ..Default::default() };
            registry.units().lookup_unit(request).await.map(drop)
        }
        "WatchUnits" => match registry.units().watch_units(pb::WatchUnitsRequest::default()).await {
            Err(status) => Err(status),
            Ok(stream) => stream.into_inner().message().await.map(drop),
        },
        "ProveOffices" => match registry.proofs().prove_offices(pb::ProveOfficesRequest::default()).await {
            Err(status) => Err(status),
            Ok(stream) => stream.into_inner().message().await.map(drop),
        },
        "WatchAppointments" => {
            let request = pb::WatchAppointmentsRequest::default();
            match registry.appointments().watch_appointments(request).await {
                Err(status) => Err(status),
                Ok(stream) => stream.into_inner().message().await.map(drop),
            }
        }
        "GetAnswering" => {
            let request = pb::GetAnsweringRequest { unit: place.unit.clone() };
            registry.appointments().get_answering(request).await.map(drop)
        }
        _ => return None,
    })
}

/// Placeless methods that answer everywhere, each with what the caller may see.
const PLACELESS: [&str; 3] = ["WatchUnits", "WatchAppointments", "ProveOffices"];

/// Every method of a package with its permission.
pub(crate) fn methods(package: &str) -> Vec<(String, String)> {
    let pool = DescriptorPool::decode(proto::DESCRIPTOR_SET).expect("the contract");
    let option = pool.get_extension_by_name("rampart.type.v1.permission").expect("the option");
    let services = pool.services().filter(|service| service.full_name().starts_with(package));
    let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    methods
        .map(|method| match method.options().get_extension(&option).as_ref() {
            Value::String(permission) => (method.name().to_owned(), permission.clone()),
            other => panic!("{}: {other:?}", method.full_name()),
        })
        .collect()
}

/// Appoints a new officer as deputy: that does as much as an office held in full, and is never taken.
pub(crate) async fn deputy(sandbox: &Sandbox, unit: &str, office: pb::Office, subject: &str) {
    let officer = sandbox.officer(unit, subject).await.name;
    let mut appointment = new_appointment(&officer, unit, office);
    appointment.holding = pb::Holding::Deputy.into();
    let request = pb::AppointRequest { request_id: request_id(), appointment: Some(appointment) };
    sandbox.registry().appointments().appoint(request).await.expect("appointed");
}

async fn places(sandbox: &Sandbox) -> Vec<Place> {
    let ancestor = sandbox.unit(&sandbox.root, pb::Level::County, "上级县").await.name;
    let own = sandbox.unit(&ancestor, pb::Level::Township, "本镇").await.name;
    let descendant = sandbox.unit(&own, pb::Level::Village, "下村").await.name;
    let neighbour = sandbox.unit(&ancestor, pb::Level::Township, "邻镇").await.name;
    let mut places = Vec::new();
    for (relation, unit) in
        [("own", own), ("descendant", descendant), ("ancestor", ancestor), ("neighbour", neighbour)]
    {
        let held = sandbox.appointed(&unit, pb::Office::Leader, &format!("leader.{relation}")).await;
        places.push(Place { relation, unit, officer: held.officer, appointment: held.name });
    }
    let absent = |collection: &str| format!("{collection}/{}", uuid::Uuid::now_v7());
    places.push(Place {
        relation: "absent",
        unit: absent("units"),
        officer: absent("officers"),
        appointment: absent("appointments"),
    });
    places
}

#[tokio::test]
async fn every_office_reaches_its_own_subtree_and_nothing_else() {
    let sandbox = Sandbox::start(&[]).await;
    let places = places(&sandbox).await;
    let own = places[0].unit.clone();
    let mut wrong = Vec::new();
    for office in Office::ALL {
        let subject = format!("holder.{}", office.word());
        deputy(&sandbox, &own, office.contract(), &subject).await;
        let registry = sandbox.registry_as(&subject);
        let may: BTreeSet<_> = office.permissions().collect();
        for (method, permission) in methods("rampart.registry.") {
            for place in &places {
                let (answer, reaches) = match call(&method, &registry, place).await {
                    Some(answer) => (answer, matches!(place.relation, "own" | "descendant")),
                    None => match placeless(&method, &registry, place).await {
                        Some(answer) => (answer, method != "LookupUnit" && place.relation != "absent"),
                        None => panic!("{method} is not in the access matrix"),
                    },
                };
                let code = answer.map_or_else(|status| status.code(), |()| Code::Ok);
                let fits = match (may.contains(permission.as_str()), reaches) {
                    (false, _) => code == Code::PermissionDenied,
                    (true, false) => code == Code::NotFound || PLACELESS.contains(&method.as_str()),
                    (true, true) => !matches!(code, Code::PermissionDenied | Code::NotFound | Code::Internal),
                };
                if !fits {
                    wrong.push(format!("{method} by {} at {}: {code:?}", office.word(), place.relation));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
