//! On-the-ground verification (H5): found, not found, living elsewhere, gone; and what all hand-downs came to.

use std::collections::{BTreeMap, HashSet};

use anyhow::Context as _;
use proto::screening as pb;
use serde::{Deserialize, Serialize};

use super::{DAY, Order13, plan};
use crate::{
    demo::{
        persons::{each, refused},
        stage::{at, patiently, request_id},
    },
    output,
};

/// Of so many one has time until tomorrow.
const LATER: usize = 8;

/// What somebody who went and looked is to say.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Said {
    name: String,
    outcome: i32,
    /// Where they are, for who lives elsewhere or has left to a unit.
    to: Option<usize>,
    /// Why the person is under observation, and since when; nothing where they are not found.
    basis: i32,
    last_exposure: String,
}

impl Order13<'_> {
    /// Somebody goes and looks for whoever has arrived at grids: as planned, or all of them found.
    pub(super) async fn verify(&self, step: &str, all_found: bool) -> anyhow::Result<usize> {
        // Chosen before anything is said: a run that goes on says the same.
        let said = self.journal.once(&format!("verified {step}"), self.to_be_said(all_found)).await?;
        let count = said.len();
        each("verified", said, |said| self.say(said)).await?;
        Ok(count)
    }

    async fn to_be_said(&self, all_found: bool) -> anyhow::Result<Vec<Said>> {
        use pb::HanddownOutcome::{Found, LeftArea, NotFound, WrongArea};
        let travellers: HashSet<String> = self.of_posts().await?;
        let mut arrived = self.handdowns(pb::HanddownState::Acknowledged).await?;
        arrived.sort_by(|one, other| one.name.cmp(&other.name));
        let said = arrived.iter().enumerate().filter_map(|(nth, one)| {
            let (outcome, to) = match nth {
                _ if all_found => (Found, None),
                40 | 140 | 240 => (NotFound, None),
                60 | 160 | 260 | 360 => (WrongArea, plan::elsewhere(self.tree, &one.to_unit)),
                80 | 280 => (LeftArea, None),
                380 => (LeftArea, plan::elsewhere(self.tree, &one.to_unit)),
                _ if nth % LATER == 3 => return None,
                _ => (Found, None),
            };
            let is_traveller = travellers.contains(&one.chain);
            let basis = match outcome {
                Found if one.urgent => pb::Basis::Febrile,
                Found => pb::Basis::Returnee,
                _ => pb::Basis::Unspecified,
            };
            let last_exposure = match outcome {
                Found if is_traveller => "2020-02-11".to_owned(),
                Found => "2020-02-09".to_owned(),
                _ => String::new(),
            };
            Some(Said {
                name: one.name.clone(),
                outcome: outcome.into(),
                to,
                basis: basis.into(),
                last_exposure,
            })
        });
        Ok(said.collect())
    }

    /// The chains that posts have begun.
    async fn of_posts(&self) -> anyhow::Result<HashSet<String>> {
        let towns: HashSet<String> = plan::POSTS
            .iter()
            .map(|post| Ok(self.town(post.town)?.unit.clone()))
            .collect::<anyhow::Result<_>>()?;
        let closed = self.handdowns(pb::HanddownState::Closed).await?;
        let is_first = |one: &pb::Handdown| one.name == one.chain && towns.contains(&one.from_unit);
        Ok(closed.into_iter().filter(is_first).map(|one| one.chain).collect())
    }

    async fn say(&self, said: Said) -> anyhow::Result<()> {
        let outcome = pb::HanddownOutcome::try_from(said.outcome).unwrap_or_default();
        let evidence = match outcome {
            pb::HanddownOutcome::NotFound => "2月11日17时45分两次上门无人，电话未接通",
            pb::HanddownOutcome::WrongArea => "2月11日17时40分房东电话：本人住在另一网格",
            pb::HanddownOutcome::LeftArea => "2月11日17时40分家属说明已离开",
            _ => "",
        };
        let request = pb::GetHanddownRequest { name: said.name.clone() };
        let shown = self.city.handdowns().get_handdown(request).await.map_err(refused("a hand-down"))?;
        let unit = shown.into_inner().handdown.context("no hand-down")?.to_unit;
        let is_outside = outcome == pb::HanddownOutcome::LeftArea && said.to.is_none();
        let receipt = is_outside.then(|| pb::Receipt {
            receiver: "目的地县指挥部值班室".to_owned(),
            receive_time: Some(chassis::parse::timestamp(at(DAY * 1_440 + 1_020))),
            letter: "2020-02-11/接收函".to_owned(),
        });
        let request = pb::VerifyHanddownRequest {
            request_id: request_id(&format!("verify {}", said.name)),
            name: said.name,
            outcome: said.outcome,
            to_unit: said
                .to
                .and_then(|to| self.tree.grids.get(to))
                .map(|to| to.unit.clone())
                .unwrap_or_default(),
            evidence: evidence.to_owned(),
            basis: said.basis,
            last_exposure_date: said.last_exposure,
            receipt,
            ..pb::VerifyHanddownRequest::default()
        };
        let leader = self.of(&unit)?;
        let verify = || async { leader.handdowns().verify_handdown(request.clone()).await };
        patiently(verify).await.map_err(refused("a verification"))?;
        Ok(())
    }

    /// What all hand-downs came to: by outcome, and how those stand that have none.
    pub(super) async fn outcomes(&self) -> anyhow::Result<BTreeMap<String, usize>> {
        let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
        let word = |word: &str, prefix: &str| output::word(word, prefix).replace('_', " ");
        let states = [
            pb::HanddownState::Created,
            pb::HanddownState::Sent,
            pb::HanddownState::Acknowledged,
            pb::HanddownState::NotFound,
            pb::HanddownState::Closed,
        ];
        for state in states {
            for one in self.handdowns(state).await? {
                let words = match state {
                    pb::HanddownState::Closed => word(one.outcome().as_str_name(), "HANDDOWN_OUTCOME_"),
                    _ => word(state.as_str_name(), "HANDDOWN_STATE_"),
                };
                *outcomes.entry(words).or_default() += 1;
            }
        }
        Ok(outcomes)
    }
}
