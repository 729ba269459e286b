//! The family of four from 监利 in 井头社区: at home in quarantine, with two bags of vegetables and fruit.

use anyhow::Context as _;
use proto::screening as pb;

use super::{refused, returnees::taken_in};
use crate::demo::{
    stage::{Stage, patiently, request_id},
    walk::Tree,
};

/// What kind of artificial persons they are, and how many.
const KIND: u32 = 4;
const COUNT: usize = 4;
/// 井头社区; where villages are generated, the fifth of its town.
const COMMUNITY: &str = "431302005005";
const TOWN: &str = "431302005000";
const NTH: usize = 4;

/// Takes the family in, puts them under observation at home, and brings them what was offered.
///
/// # Errors
/// A refusal.
pub async fn looked_after(stage: &Stage, tree: &Tree) -> anyhow::Result<()> {
    let community = tree.villages.iter().position(|village| village.code == COMMUNITY);
    let community = community.or_else(|| tree.villages_of(TOWN).nth(NTH)).context("no community")?;
    let grid = tree.grids.iter().find(|grid| grid.above == community).context("no grid")?;
    let screening = stage.screening_as(&format!("{}-leader", tree.villages[community].code))?;
    let mut persons = Vec::with_capacity(COUNT);
    for nth in 0..COUNT {
        let person = taken_in(&screening, (KIND, nth), &grid.unit, pb::Purpose::Returnee).await?;
        let said = pb::Observation {
            person: person.clone(),
            basis: pb::Basis::Returnee.into(),
            last_exposure_date: "2020-01-22".to_owned(),
            ..pb::Observation::default()
        };
        let request = pb::OpenObservationRequest {
            request_id: request_id(&format!("observe {KIND} {nth}")),
            observation: Some(said),
        };
        let open = || async { screening.observations().open_observation(request.clone()).await };
        patiently(open).await.map_err(refused("an observation"))?;
        persons.push(person);
    }
    let request = pb::CreateHomeRequest {
        request_id: request_id("the family's home"),
        unit: grid.unit.clone(),
        persons: persons.clone(),
        start_date: "2020-01-22".to_owned(),
    };
    let create = || async { screening.homes().create_home(request.clone()).await };
    patiently(create).await.map_err(refused("a home"))?;
    let offer = pb::SupportRequest {
        person: persons[0].clone(),
        kind: pb::SupportKind::Food.into(),
        items: "两袋蔬菜水果".to_owned(),
        state: pb::SupportState::Offered.into(),
        ..pb::SupportRequest::default()
    };
    let request = pb::CreateSupportRequestRequest {
        request_id: request_id("the family's food"),
        support_request: Some(offer),
    };
    let create = || async { screening.supports().create_support_request(request.clone()).await };
    let made = patiently(create).await.map_err(refused("an offer"))?.support_request;
    let name = made.context("no offer")?.name;
    for state in [pb::SupportState::Accepted, pb::SupportState::Delivered, pb::SupportState::Confirmed] {
        let request = pb::MoveSupportRequestRequest {
            request_id: request_id(&format!("the family's food {}", state.as_str_name())),
            name: name.clone(),
            state: state.into(),
            ..Default::default()
        };
        let go_on = || async { screening.supports().move_support_request(request.clone()).await };
        patiently(go_on).await.map_err(refused("support"))?;
    }
    Ok(())
}

/// How the family's support stands.
///
/// # Errors
/// A refusal.
pub async fn support(stage: &Stage) -> anyhow::Result<String> {
    let request = pb::ListSupportRequestsRequest { finished: true, ..Default::default() };
    let found = stage.screening_as("city-duty")?.supports().list_support_requests(request).await;
    let found = found.map_err(refused("support"))?.into_inner().support_requests;
    let support = found.into_iter().next().context("no support")?;
    Ok(crate::output::word(support.state().as_str_name(), "SUPPORT_STATE_"))
}
