//! The lists that reach the city's social-stability group, and are issued to the counties (H3).

use anyhow::Context as _;
use proto::screening::{self as pb, handdown_result::Result as Taken};
use serde::{Deserialize, Serialize};

use super::{
    DAY, Order13,
    plan::{self, LISTS},
};
use crate::demo::{
    persons::{people, refused},
    stage::{at, patiently, request_id},
};

/// What kind of artificial persons are on lists.
const KIND: u32 = 7;
/// How many persons of a list a call carries.
const BATCH: usize = 100;

/// What a list came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Received {
    /// Its title.
    pub title: String,
    /// How many it names.
    pub named: usize,
}

impl Order13<'_> {
    /// Takes in a list at the city.
    pub(super) async fn receive(&self, list: usize) -> anyhow::Result<Received> {
        let (kind, title, minute) = LISTS[list];
        let source = pb::HanddownSource {
            kind: kind.into(),
            reference: title.to_owned(),
            // H2 and H3: what has come together in the day until then.
            window_start_time: Some(chassis::parse::timestamp(at((DAY - 1) * 1_440 + minute))),
            window_end_time: Some(chassis::parse::timestamp(at(DAY * 1_440 + minute))),
            ..pb::HanddownSource::default()
        };
        let named = plan::named(self.tree).into_iter().filter(|one| one.lists.contains(&list));
        let items: Vec<_> = named.map(|one| item(title, one.nth, one.place)).collect();
        for items in items.chunks(BATCH) {
            let request = pb::IngestHanddownsRequest {
                from_unit: self.tree.city.unit.clone(),
                source: Some(source.clone()),
                items: items.to_vec(),
            };
            let ingest = || async { self.city.handdowns().ingest_handdowns(request.clone()).await };
            let answer = patiently(ingest).await.map_err(refused("a list"))?;
            for result in answer.results {
                if let Some(Taken::Refused(refused)) = result.result {
                    anyhow::bail!("a person of {title} was refused: {}", refused.message);
                }
            }
        }
        Ok(Received { title: title.to_owned(), named: items.len() })
    }

    /// Asks by phone where those are to go whom no place leads anywhere, and says it; answers how many.
    pub(super) async fn address(&self) -> anyhow::Result<usize> {
        let gathered = self.handdowns(pb::HanddownState::Created).await?;
        let nowhere: Vec<_> = gathered.into_iter().filter(|one| one.to_unit.is_empty()).collect();
        let said = plan::said_by_phone(self.tree).and_then(|grid| self.tree.grids.get(grid));
        let said = said.context("a city without grids")?;
        for one in &nowhere {
            let request = pb::RedirectHanddownRequest {
                request_id: request_id(&format!("address {}", one.name)),
                name: one.name.clone(),
                to_unit: said.unit.clone(),
                reason: "电话核实后补录目的地".to_owned(),
            };
            let redirect = || async { self.city.handdowns().redirect_handdown(request.clone()).await };
            patiently(redirect).await.map_err(refused("an address"))?;
        }
        Ok(nowhere.len())
    }

    /// The lists that named the first person: one hand-down with three sources.
    pub(super) async fn sources(&self) -> anyhow::Result<usize> {
        // Sent again, an item is answered with the chain that it began or joined.
        let title = LISTS[0].1;
        let first = plan::named(self.tree).into_iter().find(|one| one.nth == 0);
        let first = first.context("nobody is on three lists")?;
        let request = pb::IngestHanddownsRequest {
            from_unit: self.tree.city.unit.clone(),
            source: Some(pb::HanddownSource {
                kind: LISTS[0].0.into(),
                reference: title.to_owned(),
                ..pb::HanddownSource::default()
            }),
            items: vec![item(title, first.nth, first.place)],
        };
        let answer = self.city.handdowns().ingest_handdowns(request).await.map_err(refused("a list"))?;
        let Some(Taken::Duplicate(name)) =
            answer.into_inner().results.into_iter().next().and_then(|result| result.result)
        else {
            anyhow::bail!("who is on three lists is not known");
        };
        let request = pb::GetHanddownRequest { name };
        let shown = self.city.handdowns().get_handdown(request).await.map_err(refused("a hand-down"))?;
        Ok(shown.into_inner().sources.len())
    }
}

/// Somebody of a list, the same whenever it is sent.
fn item(title: &str, nth: usize, present_place: String) -> pb::HanddownItem {
    pb::HanddownItem {
        event_id: request_id(&format!("{title} {nth}")),
        details: Some(pb::PersonDetails { present_place, ..people::person(KIND, nth) }),
        purpose: pb::Purpose::Returnee.into(),
        ..pb::HanddownItem::default()
    }
}
