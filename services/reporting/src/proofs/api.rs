//! Proofs speak here.

use std::{sync::Arc, time::Instant};

use chassis::{Caller, Fault, Violations, parse, server};
use proto::reporting::{self as pb, proof_service_server::ProofService, prove_reports_response::Event};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Finding,
    checks::{self, Counts, Found},
};
use crate::{
    DOMAIN,
    days::{
        Plan, State,
        opening::read_to,
        parse::{day_name, position},
        store as days,
    },
    forms::parse::{COLLECTION as FORMS, unit_name},
    house::House,
    rollups::KEPT_LEVEL,
};

/// What proving needs.
const PERMISSION: &str = "proofs.read";

/// The most days of one proof.
const DAYS: i64 = 1_100;

/// The handlers of [`ProofService`].
#[derive(Clone, Debug)]
pub struct Proofs {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl ProofService for Proofs {
    type ProveReportsStream = ReceiverStream<Result<pb::ProveReportsResponse, Status>>;

    async fn prove_reports(
        &self,
        request: Request<pb::ProveReportsRequest>,
    ) -> Result<Response<Self::ProveReportsStream>, Status> {
        let proofs = self.clone();
        Ok(server::stream(DOMAIN, |messages| async move { proofs.prove(request, messages).await }))
    }
}

type Messages = server::Messages<pb::ProveReportsResponse>;

/// What one proof has come to so far.
struct Proof {
    messages: Messages,
    counts: Counts,
    days: i64,
    broken: i64,
    listed: i64,
}

impl Proofs {
    async fn prove(
        &self,
        request: Request<pb::ProveReportsRequest>,
        messages: Messages,
    ) -> Result<(), Fault> {
        let (caller, _, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let form = wrong.optional_name("form", FORMS, &request.form);
        let start = wrong.keep("start_date", parse::optional_date(&request.start_date)).flatten();
        let end = wrong.keep("end_date", parse::optional_date(&request.end_date)).flatten();
        wrong.refuse()?;
        let began = Instant::now();
        let mut connection = self.house.database.pool().acquire().await?;
        let selection = days::Selection { form, state: None, start, end, after: None, limit: DAYS };
        let days = days::list(&mut connection, &selection).await?;
        let mut plans = Vec::with_capacity(days.len());
        for day in days.into_iter().rev() {
            plans.push(self.house.plan_of(&mut connection, day).await?);
        }
        drop(connection);
        let mut proof = Proof { messages, counts: Counts::default(), days: 0, broken: 0, listed: 0 };
        for plan in plans {
            self.prove_day(&caller, &plan, &mut proof).await?;
        }
        let read_to = self.house.jurisdiction.positions().into_iter().next().map(read_to);
        let verdict = pb::ProofVerdict {
            holds: proof.broken == 0,
            days: proof.days,
            expectations: proof.counts.expectations,
            revisions: proof.counts.revisions,
            totals: proof.counts.totals,
            seals: proof.counts.seals,
            broken: proof.broken,
            listed: proof.listed,
            read_to: read_to.as_ref().map(position),
            milliseconds: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
            totals_level: KEPT_LEVEL.into(),
        };
        proof.say(Event::Verdict(verdict)).await
    }

    /// Proves the part of a day that is the caller's to see.
    async fn prove_day(&self, caller: &Caller, plan: &Plan, proof: &mut Proof) -> Result<(), Fault> {
        let visible = self.house.visible(caller, PERMISSION, plan);
        if visible.is_empty() {
            return Ok(());
        }
        proof.days += 1;
        if plan.day.state == State::Opening {
            // Its parts are written one by one: what is not there yet is not lost.
            let words = format!("is being opened: {} of {} parts", plan.day.opened_parts, plan.day.parts);
            let found = Found { finding: Finding::Pending, place: plan.owner(), words };
            return proof.found(plan, vec![found]).await;
        }
        for part in checks::parts(plan) {
            if !visible.contains(part.0) {
                continue;
            }
            let found = checks::part(&self.house, plan, part, &mut proof.counts).await?;
            proof.found(plan, found).await?;
            let node = plan.tree.at(part.0);
            proof
                .say(Event::Progress(pb::ProofProgress {
                    day: day_name(plan.day.id),
                    form_key: plan.form.key.clone(),
                    business_date: plan.day.date.to_string(),
                    unit: unit_name(node.map(|node| node.id).unwrap_or_default()),
                    display_name: node.map(|node| node.display_name.clone()).unwrap_or_default(),
                    expectations: proof.counts.expectations,
                    revisions: proof.counts.revisions,
                }))
                .await?;
        }
        if visible.contains(plan.owner()) {
            let found = checks::whole(&self.house, plan, &mut proof.counts).await?;
            proof.found(plan, found).await?;
            let found = checks::seals(&self.house, plan, &mut proof.counts).await?;
            proof.found(plan, found).await?;
        }
        Ok(())
    }
}

impl Proof {
    async fn say(&self, event: Event) -> Result<(), Fault> {
        let message = pb::ProveReportsResponse { event: Some(event) };
        self.messages.send(Ok(message)).await.map_err(|_| Fault::Unavailable("the client went away"))
    }

    async fn found(&mut self, plan: &Plan, found: Vec<Found>) -> Result<(), Fault> {
        for one in found {
            let breaks = one.finding.breaks_the_law();
            if breaks {
                self.broken += 1;
            } else {
                self.listed += 1;
            }
            let node = plan.tree.at(one.place);
            self.say(Event::Exception(pb::ProofException {
                breaks_the_law: breaks,
                finding: one.finding as i32,
                day: day_name(plan.day.id),
                unit: unit_name(node.map(|node| node.id).unwrap_or_default()),
                display_name: plan.tree.full_name(one.place),
                description: one.words,
            }))
            .await?;
        }
        Ok(())
    }
}
