//! Hop by hop down: counties, townships and grids acknowledge, hand on, and go and look (H4, H5).

use std::collections::{BTreeMap, HashMap};

use anyhow::Context as _;
use proto::screening as pb;

use super::{Order13, plan};
use crate::{
    client::Screening,
    demo::{
        persons::{each, refused},
        stage::{patiently, request_id},
        walk::Place,
    },
};

/// How many hand-downs a call acknowledges.
const BATCH: usize = 100;

impl Order13<'_> {
    /// The hand-downs of the city that stand so.
    pub(super) async fn handdowns(&self, state: pb::HanddownState) -> anyhow::Result<Vec<pb::Handdown>> {
        let mut request =
            pb::ListHanddownsRequest { state: state.into(), page_size: 1_000, ..Default::default() };
        let mut all = Vec::new();
        loop {
            let page = self.city.handdowns().list_handdowns(request.clone()).await;
            let page = page.map_err(refused("hand-downs"))?.into_inner();
            all.extend(page.handdowns);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Sends what units of a level have gathered; answers from how many units, and how many hand-downs.
    pub(super) async fn send(&self, when: &str, units: &[Place]) -> anyhow::Result<(usize, i64)> {
        let mut senders: Vec<String> = units.iter().map(|unit| unit.unit.clone()).collect();
        let gathered = self.handdowns(pb::HanddownState::Created).await?;
        // A sender of an earlier run is asked again, and answers what it did.
        senders.retain(|unit| self.is_office(unit) || gathered.iter().any(|one| one.from_unit == *unit));
        let sent = each("hand-downs sent", senders, |unit| async move {
            let request = pb::SendHanddownsRequest {
                request_id: request_id(&format!("send {when} {unit}")),
                from_unit: unit.clone(),
            };
            let sender = self.of(&unit)?;
            let send = || async { sender.handdowns().send_handdowns(request.clone()).await };
            Ok(i64::from(patiently(send).await.map_err(refused("sending"))?.sent))
        });
        let sent = sent.await?;
        Ok((sent.iter().filter(|count| **count > 0).count(), sent.into_iter().sum()))
    }

    /// Whether a unit is the city, a county, or a post's township.
    fn is_office(&self, unit: &str) -> bool {
        self.tree.city.unit == unit
            || self.tree.counties.iter().any(|county| county.unit == unit)
            || plan::POSTS.iter().any(|post| self.town(post.town).is_ok_and(|town| town.unit == unit))
    }

    /// Acknowledges whatever was sent to units of a level, but where nobody answers; answers how many.
    pub(super) async fn acknowledge(&self, units: &[Place]) -> anyhow::Result<usize> {
        let units: HashMap<&str, &Place> = units.iter().map(|unit| (unit.unit.as_str(), unit)).collect();
        let mut incoming: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for one in self.handdowns(pb::HanddownState::Sent).await? {
            if units.contains_key(one.to_unit.as_str()) && !self.silent.contains(&one.to_unit) {
                incoming.entry(one.to_unit).or_default().push(one.name);
            }
        }
        let acknowledged = each("acknowledged", incoming.into_iter().collect(), |(unit, names)| async move {
            let receiver = self.of(&unit)?;
            for names in names.chunks(BATCH) {
                let request = pb::AcknowledgeHanddownsRequest {
                    request_id: request_id(&format!("acknowledge {}", names.join(" "))),
                    names: names.to_vec(),
                };
                let acknowledge =
                    || async { receiver.handdowns().acknowledge_handdowns(request.clone()).await };
                let acknowledged = patiently(acknowledge).await.map_err(refused("an acknowledgement"));
                acknowledged.with_context(|| format!("{unit} has {}", names.join(", ")))?;
            }
            Ok(names.len())
        });
        Ok(acknowledged.await?.into_iter().sum())
    }

    /// Counties read where those go whom a station has sent them, and hand them on to the grid.
    pub(super) async fn hand_on(&self) -> anyhow::Result<usize> {
        let arrived = self.handdowns(pb::HanddownState::Acknowledged).await?;
        let is_county = |unit: &str| self.tree.counties.iter().any(|county| county.unit == unit);
        let arrived: Vec<_> = arrived.into_iter().filter(|one| is_county(&one.to_unit)).collect();
        let grids: HashMap<String, &str> = (0..self.tree.grids.len())
            .filter_map(|grid| Some((plan::place(self.tree, grid)?, self.tree.grids[grid].unit.as_str())))
            .collect();
        let grids = &grids;
        let handed = each("handed on by counties", arrived, |one| async move {
            let county = self.of(&one.to_unit)?;
            let request = pb::GetPersonRequest { name: one.person.clone() };
            let person = county.persons().get_person(request).await.map_err(refused("a traveller"))?;
            let details = person.into_inner().person.and_then(|person| person.details).unwrap_or_default();
            let grid = grids.get(&details.present_place).context("a traveller's place is no grid's")?;
            let request = pb::RedirectHanddownRequest {
                request_id: request_id(&format!("hand on {}", one.name)),
                name: one.name,
                to_unit: (*grid).to_owned(),
                reason: "按登记的详细目的地下派到网格".to_owned(),
            };
            let redirect = || async { county.handdowns().redirect_handdown(request.clone()).await };
            patiently(redirect).await.map_err(refused("handing on"))?;
            Ok(())
        });
        Ok(handed.await?.len())
    }

    /// Screening as who answers for a unit.
    pub(super) fn of(&self, unit: &str) -> anyhow::Result<Screening> {
        if unit == self.tree.city.unit {
            return Ok(self.city.clone());
        }
        self.stage.screening_as(self.subjects.get(unit).context("a unit without an officer")?)
    }
}
