//! Releases of the week, and those who are lost and found.

use std::time::Instant;

use anyhow::Context as _;
use proto::screening as pb;
use serde::{Deserialize, Serialize};
use tonic::{Code, Status};

use super::{Day, Week, plan, since};
use crate::{
    client::Screening,
    demo::{
        persons::{each, evening::observations, refused},
        stage::{patiently, request_id},
    },
};

/// Why a health officer releases although a slot was not read (R26).
const REASON: &str = "漏测一次，当日电话随访无发热、无症状，经评估予以解除";
/// What is known of who is lost, and how one of them was found.
const LOST: &str = "连续两次上门无人应答，电话无法接通，邻居不知去向";
const FOUND: &str = "已返回住处，本人说明外出购药";

/// Somebody whose release is due.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Due {
    name: String,
    unit: String,
}

impl Week<'_> {
    /// Releases whoever is due, each by their town's duty officer; where conditions are not met, most by the county's
    /// health officer. Some are lost, and one is found.
    pub(super) async fn release(&self, day: i64, came: &mut Day) -> anyhow::Result<()> {
        let city = &self.tree.city.unit;
        let began = Instant::now();
        // Kept before anybody is released: a run that goes on asks for the same ones, and is answered the same.
        let step = format!("due {day}");
        let due = self.journal.once(&step, async {
            let due = observations(&self.city, city, pb::ObservationState::ReleaseDue).await?;
            let due = due.into_iter().map(|one| Due { name: one.name, unit: one.responsible_unit });
            Ok(due.collect::<Vec<_>>())
        });
        let plainly = each("releases", due.await?, |one| async move {
            let code = self.codes.get(one.unit.as_str()).context("a unit without a town")?;
            let duty = self.towns.get(*code).context("a town without an officer")?;
            Ok((released(duty, &one, false).await?, one))
        });
        let (done, unmet): (Vec<_>, Vec<_>) =
            plainly.await?.into_iter().partition(|(is_released, _)| *is_released);
        came.released = done.len();
        let decided: Vec<_> =
            unmet.iter().filter(|(_, one)| plan::is_decided(&one.name)).map(|(_, one)| one.clone()).collect();
        came.decided = decided.len();
        came.waiting = unmet.len() - decided.len();
        let decisions = each("decisions", decided, |one| async move {
            let county = self.county(&one.unit);
            let health = self.health.get(county).context("a county without a health officer")?;
            released(health, &one, true).await
        });
        let decisions = decisions.await?;
        anyhow::ensure!(
            decisions.iter().all(|is_released| *is_released),
            "a health officer could not decide"
        );
        came.seconds_releasing += since(began);
        let (lost, found) = plan::lost_on(day);
        if lost > 0 {
            came.lost = self.lose(lost).await?;
        }
        if found > 0 {
            came.found = self.find(found).await?;
        }
        Ok(())
    }

    /// Some of those who came last are not to be found.
    async fn lose(&self, count: usize) -> anyhow::Result<usize> {
        let city = &self.tree.city.unit;
        let ill = self.journal.once("who falls ill", self.who_falls_ill()).await?;
        let open = observations(&self.city, city, pb::ObservationState::Unspecified).await?;
        let is_theirs = |one: &pb::Observation| {
            one.basis() == pb::Basis::Returnee
                && one.last_exposure_date == "2020-02-01"
                && ill.iter().all(|ill| ill.observation != one.name)
        };
        let mut last: Vec<_> = open.into_iter().filter(is_theirs).map(|one| one.name).collect();
        last.sort_unstable();
        for at in plan::spread(last.len(), count) {
            let request = pb::LoseObservationRequest {
                request_id: request_id(&format!("lose {}", last[at])),
                name: last[at].clone(),
                reason: LOST.to_owned(),
            };
            let lose = || async { self.city.observations().lose_observation(request.clone()).await };
            patiently(lose).await.map_err(refused("a lost person"))?;
        }
        Ok(count)
    }

    /// Some of the lost are found.
    async fn find(&self, count: usize) -> anyhow::Result<usize> {
        let lost = self.journal.once("who is found", async {
            let lost = observations(&self.city, &self.tree.city.unit, pb::ObservationState::Lost).await?;
            Ok(lost.into_iter().map(|one| one.name).take(count).collect::<Vec<_>>())
        });
        for name in lost.await? {
            let request = pb::FindObservationRequest {
                request_id: request_id(&format!("find {name}")),
                name,
                reason: FOUND.to_owned(),
            };
            let find = || async { self.city.observations().find_observation(request.clone()).await };
            patiently(find).await.map_err(refused("a found person"))?;
        }
        Ok(count)
    }
}

/// Releases somebody; answers whether conditions allowed it.
async fn released(screening: &Screening, one: &Due, is_decided: bool) -> anyhow::Result<bool> {
    let step = if is_decided { "decide" } else { "release" };
    let request = pb::ReleaseObservationRequest {
        // A release that was refused is asked for again the next day.
        request_id: request_id(&format!("{step} {}", one.name)),
        name: one.name.clone(),
        reason: if is_decided { REASON.to_owned() } else { String::new() },
        r#override: is_decided,
    };
    let release = || async { screening.observations().release_observation(request.clone()).await };
    match patiently(release).await {
        Ok(_) => Ok(true),
        Err(status) if is_unmet(&status) && !is_decided => Ok(false),
        Err(status) => Err(refused("a release")(status)),
    }
}

fn is_unmet(status: &Status) -> bool {
    status.code() == Code::FailedPrecondition
}
