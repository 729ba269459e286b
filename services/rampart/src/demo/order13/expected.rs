//! The lists that the city and a county say they expect (H2, H3): one comes late, one never.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use proto::screening as pb;
use serde::{Deserialize, Serialize};

use super::{DAY, Order13, plan::EXPECTED};
use crate::{
    demo::{
        persons::refused,
        stage::{date, patiently, request_id},
        walk::Place,
    },
    output,
};

/// How long what is noted by itself is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A list that was expected, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Who was to receive it.
    pub unit: String,
    /// From whom.
    pub from: String,
    /// By when.
    pub due_by: String,
    /// How it stands.
    pub state: String,
    /// Before whom it is put, or was until it came; empty for one that came in time.
    pub put_before: String,
}

impl Order13<'_> {
    /// Says what is expected, as the city's command centre; answers the names of the lists, in the order of the plan.
    pub(super) async fn expect(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::with_capacity(EXPECTED.len());
        for (county, kind, from, due_by) in EXPECTED {
            let request = pb::SetExpectedListRequest {
                request_id: request_id(&format!("expected {county} {kind:?} {from}")),
                unit: self.receiver(county)?.unit.clone(),
                kind: kind.into(),
                source_name: from.to_owned(),
                effective_date: date(DAY),
                due_by: due_by.to_owned(),
                order: "疫情防控指挥部第13号令".to_owned(),
                ..pb::SetExpectedListRequest::default()
            };
            let set = || async { self.city.expected_lists().set_expected_list(request.clone()).await };
            let set = patiently(set).await.map_err(refused("an expected list"))?.expected_list;
            names.push(set.context("no expected list")?.name);
        }
        Ok(names)
    }

    /// Who is to receive a list: a county by its code, or the city.
    fn receiver(&self, county: &str) -> anyhow::Result<&Place> {
        if county.is_empty() {
            return Ok(&self.tree.city);
        }
        let found = self.tree.counties.iter().find(|one| one.code.starts_with(county));
        found.with_context(|| format!("{county} is not in the tree"))
    }

    /// What came of each list, once those that are missing are put before the city.
    pub(super) async fn expected(&self, names: &[String]) -> anyhow::Result<Vec<Expected>> {
        let began = Instant::now();
        let request = pb::ListExpectedListsRequest { date: date(DAY), ..Default::default() };
        loop {
            let listed = self.city.expected_lists().list_expected_lists(request.clone()).await;
            let listed = listed.map_err(refused("expected lists"))?.into_inner().expected_lists;
            let mut all = Vec::with_capacity(names.len());
            for (name, (county, ..)) in names.iter().zip(EXPECTED) {
                let day = listed.iter().find(|day| day.expected_list == *name);
                all.push(self.came(day.context("an expected list is not listed")?, county).await?);
            }
            if all.iter().all(|one| one.state != "missing" || !one.put_before.is_empty()) {
                return Ok(all);
            }
            anyhow::ensure!(began.elapsed() < PATIENCE, "a list that has not come is put before nobody");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn came(&self, day: &pb::ExpectedListDay, county: &str) -> anyhow::Result<Expected> {
        let word = |word: &str, prefix: &str| output::word(word, prefix).replace('_', " ");
        let kind = word(day.kind().as_str_name(), "LIST_KIND_");
        let request = pb::ListEscalationsRequest {
            holder_unit: self.tree.city.unit.clone(),
            page_size: 1_000,
            ..Default::default()
        };
        let digest = self.city.escalations().list_escalations(request).await.map_err(refused("a digest"))?;
        let is_put = digest.into_inner().escalations.iter().any(|one| one.subject == day.expected_list);
        let due_by = EXPECTED.iter().find(|one| one.0 == county && one.1 == day.kind());
        Ok(Expected {
            unit: self.receiver(county)?.name.clone(),
            from: if day.source_name.is_empty() { kind } else { day.source_name.clone() },
            due_by: due_by.map(|one| one.3.to_owned()).unwrap_or_default(),
            state: word(day.state().as_str_name(), "LIST_STATE_"),
            put_before: if is_put { self.tree.city.name.clone() } else { String::new() },
        })
    }
}
