//! The access matrix of medical: every method × every office × {own unit, descendant, ancestor, neighbour, absent}. Each
//! unit has a facility with a phone and a ward.

use std::collections::BTreeSet;

use jurisdiction::Office;
use proto::{medical as pb, registry};
use rampart::client::Medical;
use tests::{Sandbox, request_id, until};
use tonic::Code;

use crate::{
    access::{deputy, methods},
    calls_of_medical::call,
};

/// A unit with a facility.
pub(crate) struct Ground {
    pub(crate) relation: &'static str,
    pub(crate) unit: String,
    pub(crate) facility: String,
    pub(crate) phone: String,
    pub(crate) ward: String,
}

/// Methods whose answer is public to every officer of every unit, where there is what is asked for.
const PUBLIC: [&str; 4] = ["ListDirectory", "FindFacilities", "WatchDirectory", "LogCall"];

/// Methods whose answer does not hang on a place at all.
const PLACELESS: [&str; 1] = ["WatchDirectory"];

/// What is said of a facility of a unit.
pub(crate) fn facility(unit: &str, name: &str) -> pb::Facility {
    pb::Facility {
        display_name: name.to_owned(),
        grade: pb::FacilityGrade::TwoA.into(),
        ownership: pb::Ownership::Public.into(),
        unit: unit.to_owned(),
        ..Default::default()
    }
}

async fn ground(maker: &Medical, relation: &'static str, unit: &str) -> Ground {
    let request = pb::CreateFacilityRequest {
        request_id: request_id(),
        facility: Some(facility(unit, "样例医院")),
    };
    let made = maker.facilities().create_facility(request).await.expect("entered").into_inner();
    let name = made.facility.expect("a facility").name;
    let phone =
        Some(pb::Phone { facility: name.clone(), number: "0000-0000001".to_owned(), ..Default::default() });
    let request = pb::AddPhoneRequest { request_id: request_id(), phone };
    let phone = maker.phones().add_phone(request).await.expect("added").into_inner().phone;
    let ward = Some(pb::Ward {
        facility: name.clone(),
        display_name: "一病区".to_owned(),
        bed_class: pb::BedClass::IsolationSingle.into(),
        ..Default::default()
    });
    let request = pb::CreateWardRequest { request_id: request_id(), ward };
    let ward = maker.wards().create_ward(request).await.expect("set up").into_inner().ward;
    Ground {
        relation,
        unit: unit.to_owned(),
        facility: name,
        phone: phone.expect("a phone").name,
        ward: ward.expect("a ward").name,
    }
}

#[tokio::test]
async fn every_office_reaches_its_own_subtree_s_facilities_and_no_other_s() {
    let sandbox = Sandbox::start(&[tests::Part::Medical]).await;
    let ancestor = sandbox.unit(&sandbox.root, registry::Level::County, "上级县").await.name;
    let own = sandbox.unit(&ancestor, registry::Level::Township, "本镇").await.name;
    let descendant = sandbox.unit(&own, registry::Level::Village, "下村").await.name;
    let neighbour = sandbox.unit(&ancestor, registry::Level::Township, "邻镇").await.name;
    sandbox.appointed(&sandbox.root, registry::Office::DutyOfficer, "maker").await;
    for office in Office::ALL {
        deputy(&sandbox, &own, office.contract(), &format!("holder.{}", office.word())).await;
    }
    // The tree and the appointments come by feeds of their own.
    let known = async |subject: &str, unit: &str| {
        let request = pb::ListFacilitiesRequest { ancestor_unit: unit.to_owned(), ..Default::default() };
        let facilities = sandbox.medical_as(subject).facilities();
        until(async || facilities.clone().list_facilities(request.clone()).await.ok()).await;
    };
    known("maker", &neighbour).await;
    known("holder.integrator", &own).await;
    let maker = sandbox.medical_as("maker");
    let units =
        [("own", &own), ("descendant", &descendant), ("ancestor", &ancestor), ("neighbour", &neighbour)];

    let mut wrong = Vec::new();
    for office in Office::ALL {
        let mut grounds = Vec::new();
        for (relation, unit) in units {
            grounds.push(ground(&maker, relation, unit).await);
        }
        let absent = |collection: &str| format!("{collection}/{}", uuid::Uuid::now_v7());
        grounds.push(Ground {
            relation: "absent",
            unit: absent("units"),
            facility: absent("facilities"),
            phone: absent("phones"),
            ward: absent("wards"),
        });
        let medical = sandbox.medical_as(&format!("holder.{}", office.word()));
        let may: BTreeSet<_> = office.permissions().collect();
        for (method, permission) in methods("rampart.medical.") {
            for ground in &grounds {
                let answer = call(&method, &medical, ground).await;
                let answer = answer.unwrap_or_else(|| panic!("{method} is not in the access matrix"));
                let is_public = PUBLIC.contains(&method.as_str());
                let reaches = match ground.relation {
                    "own" | "descendant" => true,
                    "absent" => PLACELESS.contains(&method.as_str()),
                    _ => is_public,
                };
                let code = answer.map_or_else(|status| status.code(), |()| Code::Ok);
                // Reached, and told how it stands.
                let code = if code == Code::FailedPrecondition { Code::Ok } else { code };
                let expected = match (may.contains(permission.as_str()), reaches) {
                    (false, _) => Code::PermissionDenied,
                    (true, false) => Code::NotFound,
                    (true, true) => Code::Ok,
                };
                if code != expected {
                    wrong.push(format!("{method} by {} at {}: {code:?}", office.word(), ground.relation));
                }
            }
        }
        for ground in grounds.iter().filter(|ground| ground.relation != "absent") {
            let (name, end_date) = (ground.facility.clone(), "2020-12-31".to_owned());
            let request = pb::CloseFacilityRequest { request_id: request_id(), name, end_date };
            maker.facilities().close_facility(request).await.expect("closed: the name is free");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
