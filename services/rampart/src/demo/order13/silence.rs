//! The two hand-downs that nobody acknowledges: put before the receiver, then before the unit above the sender (H6).

use std::time::{Duration, Instant};

use anyhow::Context as _;
use proto::screening as pb;
use serde::{Deserialize, Serialize};

use super::Order13;
use crate::demo::{persons::refused, walk::Place};

/// How long what happens by itself is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A hand-down that nobody acknowledges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// handdowns/{uuid}.
    pub handdown: String,
    /// The receiver, from the county down.
    pub unit: String,
    /// Who is called: the receiver's officer, and their official phone.
    pub called: (String, String),
    /// Before which unit above the sender it is put in the end.
    pub put_before: String,
    /// The levels of sender and receiver, for who asks next.
    holders: (String, String),
}

impl Order13<'_> {
    /// Waits until each is put before its receiver, and answers whom to call.
    pub(super) async fn called(&self) -> anyhow::Result<Vec<Silence>> {
        let mut silences = Vec::new();
        for one in self.overdue().await? {
            let put = self.put_before(&one.to_unit, &one.name).await?;
            let above_sender = self.above(&one.from_unit)?;
            silences.push(Silence {
                unit: self.full_name(&one.to_unit),
                called: (put.contact_name, put.contact_phone),
                put_before: above_sender.name.clone(),
                holders: (one.from_unit, above_sender.unit.clone()),
                handdown: one.name,
            });
        }
        silences.sort_by(|one, other| one.unit.cmp(&other.unit));
        Ok(silences)
    }

    /// Waits until each has gone on to the unit above its sender.
    pub(super) async fn gone_on(&self, silences: &[Silence]) -> anyhow::Result<()> {
        for silence in silences {
            let put = self.put_before(&silence.holders.1, &silence.handdown).await?;
            anyhow::ensure!(put.responsible_unit == silence.holders.0, "silence is put before another unit");
        }
        Ok(())
    }

    /// Hand-downs that were not acknowledged in time.
    async fn overdue(&self) -> anyhow::Result<Vec<pb::Handdown>> {
        let request = pb::ListHanddownsRequest {
            state: pb::HanddownState::Sent.into(),
            overdue: true,
            page_size: 1_000,
            ..Default::default()
        };
        let page = self.city.handdowns().list_handdowns(request).await.map_err(refused("hand-downs"))?;
        Ok(page.into_inner().handdowns)
    }

    /// Waits until something is put before a unit.
    async fn put_before(&self, unit: &str, subject: &str) -> anyhow::Result<pb::Escalation> {
        let began = Instant::now();
        let request = pb::ListEscalationsRequest {
            holder_unit: unit.to_owned(),
            page_size: 1_000,
            ..Default::default()
        };
        loop {
            let digest = self.city.escalations().list_escalations(request.clone()).await;
            let digest = digest.map_err(refused("a digest"))?.into_inner().escalations;
            if let Some(one) = digest.into_iter().find(|one| one.subject == subject) {
                return Ok(one);
            }
            anyhow::ensure!(began.elapsed() < PATIENCE, "silence about {subject} is put before nobody");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The unit right above a county or township.
    fn above(&self, unit: &str) -> anyhow::Result<&Place> {
        if self.tree.counties.iter().any(|county| county.unit == unit) {
            return Ok(&self.tree.city);
        }
        let town = self.tree.towns.iter().find(|town| town.unit == unit);
        town.and_then(|town| self.tree.counties.get(town.above))
            .context("a sender that is no county or township")
    }

    /// The name of a township or grid, from the county down.
    fn full_name(&self, unit: &str) -> String {
        let tree = self.tree;
        let of_town = |town: &Place| {
            let county = tree.counties.get(town.above).map(|county| county.name.clone()).unwrap_or_default();
            format!("{county} / {}", town.name)
        };
        if let Some(town) = tree.towns.iter().find(|town| town.unit == unit) {
            return of_town(town);
        }
        let grid = tree.grids.iter().find(|grid| grid.unit == unit);
        let village = grid.and_then(|grid| tree.villages.get(grid.above));
        let town = village.and_then(|village| tree.towns.get(village.above)).map(of_town).unwrap_or_default();
        let name = |place: Option<&Place>| place.map(|place| place.name.clone()).unwrap_or_default();
        format!("{town} / {} / {}", name(village), name(grid))
    }
}
