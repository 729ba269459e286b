//! The posts at stations and at the toll: set up, who passes, and a night in which nobody did.

use anyhow::Context as _;
use proto::screening::{self as pb, passage_result::Result as Came};
use serde::{Deserialize, Serialize};

use super::{
    DAY, Order13,
    plan::{self, POSTS, Post, Traveller},
};
use crate::demo::{
    persons::{people, refused, returnees::well},
    stage::{at, date, patiently, request_id},
};

/// What kind of artificial persons travellers are.
const KIND: u32 = 6;
/// How many passages a batch carries.
const BATCH: usize = 500;

/// What a post came to until the evening.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Passed {
    /// Its name.
    pub name: String,
    /// How many passed, of them from outside the province, febrile, and handed down.
    pub counts: (i64, i64, i64, i64),
    /// How many shifts were said to be nil, and how many said nothing.
    pub nil: (usize, usize),
}

impl Order13<'_> {
    /// Sets the posts up, each township's; answers their names, in the order of the plan.
    pub(super) async fn posts(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::with_capacity(POSTS.len());
        for post in POSTS {
            let county = self.stage.screening_as(&format!("{}-duty", &post.town[..6]))?;
            let said = pb::Checkpoint {
                display_name: post.name.to_owned(),
                kind: post.kind.into(),
                responsible_unit: self.town(post.town)?.unit.clone(),
                start_date: date(DAY),
                ..pb::Checkpoint::default()
            };
            let request = pb::CreateCheckpointRequest {
                request_id: request_id(&format!("checkpoint {}", post.name)),
                checkpoint: Some(said),
            };
            let create = || async { county.checkpoints().create_checkpoint(request.clone()).await };
            let made = patiently(create).await.map_err(refused("a checkpoint"))?.checkpoint;
            names.push(made.context("no checkpoint")?.name);
        }
        Ok(names)
    }

    /// Says of posts that nobody passed at night.
    pub(super) async fn nil(&self, posts: &[String]) -> anyhow::Result<()> {
        for (post, name) in POSTS.iter().zip(posts).filter(|(post, _)| post.passed[0] == 0) {
            let request = pb::SayNilShiftRequest {
                request_id: request_id(&format!("nil night {}", post.name)),
                checkpoint: name.clone(),
                time: Some(chassis::parse::timestamp(at(DAY * 1_440 + 60))),
            };
            let duty = self.duty(post.town)?;
            let say = || async { duty.checkpoints().say_nil_shift(request.clone()).await };
            patiently(say).await.map_err(refused("a nil shift"))?;
        }
        Ok(())
    }

    /// Sends everybody who has passed from one minute to another, a stream for each post.
    pub(super) async fn pass(&self, posts: &[String], (from, until): (i64, i64)) -> anyhow::Result<usize> {
        let travellers = plan::travellers(self.tree);
        let mut count = 0;
        for (nth, (post, name)) in POSTS.iter().zip(posts).enumerate() {
            let those = travellers
                .iter()
                .filter(|one| one.post == nth && (from..until).contains(&one.minute))
                .map(|one| self.passage(post, name, one))
                .collect::<anyhow::Result<Vec<_>>>()?;
            count += self.stream(post, those).await?;
        }
        Ok(count)
    }

    /// Sends batches of one post by a stream, and waits until each is acknowledged.
    async fn stream(&self, post: &Post, passages: Vec<pb::Passage>) -> anyhow::Result<usize> {
        let batches: Vec<_> = passages
            .chunks(BATCH)
            .zip(1..)
            .map(|(passages, sequence)| pb::IngestPassagesRequest { sequence, passages: passages.to_vec() })
            .collect();
        let expected = batches.len();
        let duty = self.duty(post.town)?;
        let answers = duty.passages().ingest_passages(futures::stream::iter(batches)).await;
        let mut answers = answers.map_err(refused("passages"))?.into_inner();
        let mut acknowledged = 0;
        while let Some(answer) = answers.message().await.map_err(refused("passages"))? {
            acknowledged += 1;
            for result in answer.results {
                if let Some(Came::Refused(refused)) = result.result {
                    anyhow::bail!("a passage was refused: {}", refused.message);
                }
            }
        }
        anyhow::ensure!(acknowledged == expected, "passages of {} were not acknowledged", post.name);
        Ok(passages.len())
    }

    /// Who passes, with the detailed destination; whoever must be followed goes to the post's county (H2).
    fn passage(&self, post: &Post, checkpoint: &str, one: &Traveller) -> anyhow::Result<pb::Passage> {
        let place = plan::place(self.tree, one.grid).context("a traveller to nowhere")?;
        let county = self.county(post.town)?;
        let origin = match (one.is_urgent, one.from_outside) {
            (true, _) => "湖北省武汉市",
            (false, true) => "广东省广州市",
            (false, false) => "湖南省长沙市",
        };
        let test = if one.from_outside && !one.is_urgent {
            pb::TestResult::Negative
        } else {
            pb::TestResult::Unspecified
        };
        Ok(pb::Passage {
            event_id: request_id(&format!("passage {}", one.nth)),
            checkpoint: checkpoint.to_owned(),
            pass_time: Some(chassis::parse::timestamp(at(DAY * 1_440 + one.minute))),
            direction: pb::Direction::Arriving.into(),
            origin: origin.to_owned(),
            details: Some(pb::PersonDetails { present_place: place, ..people::person(KIND, one.nth) }),
            temperature: if one.is_urgent { 38.2 } else { well(one.nth) },
            from_outside: one.from_outside,
            from_area: one.is_urgent,
            test: test.into(),
            to_unit: county.unit.clone(),
            ..pb::Passage::default()
        })
    }

    /// What the posts came to, shift by shift.
    pub(super) async fn passed(&self, posts: &[String]) -> anyhow::Result<Vec<Passed>> {
        let mut all = Vec::with_capacity(posts.len());
        for (post, name) in POSTS.iter().zip(posts) {
            let request = pb::GetShiftsRequest { checkpoint: name.clone(), date: date(DAY) };
            let shifts = self.city.checkpoints().get_shifts(request).await.map_err(refused("shifts"))?;
            let mut passed = Passed { name: post.name.to_owned(), ..Passed::default() };
            for shift in shifts.into_inner().shifts {
                passed.counts.0 += shift.passed;
                passed.counts.1 += shift.from_outside;
                passed.counts.2 += shift.febrile;
                passed.counts.3 += shift.sent_down;
                passed.nil.0 += usize::from(shift.state() == pb::ShiftState::Nil);
                passed.nil.1 += usize::from(shift.state() == pb::ShiftState::Missing);
            }
            all.push(passed);
        }
        Ok(all)
    }
}
