//! Proofs speak here: part by part, each in a transaction of its own.

use std::{
    collections::{BTreeSet, HashSet},
    time::Instant,
};

use chassis::{Caller, Clock, Database, Fault, feed, feed::Position, parse, server, watching::Watching};
use proto::registry::{
    self as pb, proof_service_server::ProofService, prove_offices_response::Part as Message,
};
use sqlx::PgConnection;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, async_trait};
use tracing::Instrument as _;
use uuid::Uuid;

use super::{
    Counts, Finding, Kind, Law, Part, Tally, holders, is_whole, name_cycles, parse as contract, parts, posts,
    standing,
    store::{self, When},
};
use crate::{
    DOMAIN,
    appointments::{parse::optional_instant, store::plan_each_time},
    scope,
    scope::Ask,
    units::ranges,
};

const PERMISSION: &str = "proofs.read";

/// The handlers of [`ProofService`].
#[derive(Clone, Debug)]
pub struct Proofs {
    /// The registry's database.
    pub database: Database,
    /// What time it is.
    pub clock: Clock,
    /// The feed whose position a proof names, and what ends it early.
    pub watching: Watching,
}

type Messages = mpsc::Sender<Result<pb::ProveOfficesResponse, Status>>;

#[async_trait]
impl ProofService for Proofs {
    type ProveOfficesStream = ReceiverStream<Result<pb::ProveOfficesResponse, Status>>;

    async fn prove_offices(
        &self,
        request: Request<pb::ProveOfficesRequest>,
    ) -> Result<Response<Self::ProveOfficesStream>, Status> {
        let (messages, stream) = mpsc::channel(64);
        let proofs = self.clone();
        let work = async move {
            if let Err(fault) = proofs.prove(request, &messages).await {
                let _ = messages.send(Err(fault.into_status(DOMAIN))).await;
            }
        };
        tokio::spawn(work.in_current_span());
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

async fn say(messages: &Messages, part: Message) -> Result<(), Fault> {
    let message = pb::ProveOfficesResponse { part: Some(part) };
    messages.send(Ok(message)).await.map_err(|_| Fault::Unavailable("the client went away"))
}

impl Proofs {
    async fn prove(
        &self,
        request: Request<pb::ProveOfficesRequest>,
        messages: &Messages,
    ) -> Result<(), Fault> {
        let began = Instant::now();
        let (caller, _, request) = server::accept(request)?;
        let at = optional_instant(request.as_of).map_err(|wrong| Fault::invalid("as_of", wrong))?;
        let at = at.unwrap_or_else(|| self.clock.now());
        let when = When { at, day: at.with_timezone(&self.clock.zone()).date_naive() };
        let (start, parts, whole) = self.plan(&caller, when).await?;

        let mut tally = Tally::default();
        // A misplaced unit is met where it stands and where its parent stands.
        let mut met = HashSet::new();
        for (index, part) in parts.iter().enumerate() {
            self.may_go_on(&caller).await?;
            let mut work = self.database.snapshot().await?;
            let (counts, mut findings) = check(&mut work, part, when).await?;
            findings.retain(|finding| finding.kind.law() != Law::Tree || met.insert(finding.unit));
            let exceptions = named(&mut work, findings, &mut tally, when).await?;
            // The client reads at its own pace: no transaction waits for it.
            drop(work);
            tally.counts += counts;
            for exception in exceptions {
                say(messages, Message::Exception(exception)).await?;
            }
            let progress = contract::progress(part, counts, index + 1, parts.len());
            say(messages, Message::Progress(progress)).await?;
        }
        if whole {
            let mut work = self.database.snapshot().await?;
            let findings = store::outside(&mut work, when).await?;
            let exceptions = named(&mut work, findings, &mut tally, when).await?;
            drop(work);
            for exception in exceptions {
                say(messages, Message::Exception(exception)).await?;
            }
        }
        let end = feed::position_in(&mut *self.database.begin(None).await?).await?;
        let verdict = pb::RegistryVerdict {
            kept: tally.kept(),
            offices_broken: tally.offices,
            tree_broken: tally.tree,
            listed: tally.listed,
            counts: Some(tally.counts.into()),
            as_of: Some(parse::timestamp(at)),
            start_token: self.watching.feed.token(start),
            end_token: self.watching.feed.token(end),
            epoch: self.watching.feed.epoch().to_owned(),
            elapsed: began.elapsed().try_into().ok(),
        };
        say(messages, Message::Verdict(verdict)).await
    }

    async fn plan(&self, caller: &Caller, when: When) -> Result<(Position, Vec<Part>, bool), Fault> {
        let mut work = self.database.snapshot().await?;
        let start = feed::position_in(&mut work).await?;
        let ask = Ask { permission: PERMISSION, as_of: when.day, today: self.clock.today() };
        let ranges = ranges(&scope::paths(&mut work, caller, ask).await?, None);
        let heads = store::heads(&mut work, &ranges, when).await?;
        Ok((start, parts(&ranges, &heads), is_whole(&ranges)))
    }

    /// A proof may take a while: it ends with the caller's appointments, and with the service.
    async fn may_go_on(&self, caller: &Caller) -> Result<(), Fault> {
        if self.watching.shutdown.is_cancelled() {
            return Err(Fault::Unavailable("the service is draining; begin the proof again"));
        }
        let scopes = caller.renewed(self.watching.authority.as_ref()).await?.scopes(PERMISSION);
        if caller.scopes(PERMISSION).iter().all(|scope| scopes.contains(scope)) {
            Ok(())
        } else {
            Err(Fault::Denied(PERMISSION))
        }
    }
}

/// Checks one part.
async fn check(
    connection: &mut PgConnection,
    part: &Part,
    when: When,
) -> Result<(Counts, Vec<Finding>), Fault> {
    plan_each_time(connection).await?;
    let duty = store::duty(connection, part, when).await?;
    let (counts, mut findings) = posts(store::posts(connection, part, when).await?, &duty);
    findings.extend(store::holders(connection, part, when).await?.into_iter().flat_map(holders));
    let mut tree: Vec<Finding> =
        store::standings(connection, part, when).await?.iter().filter_map(standing).collect();
    let misplaced = tree.iter().filter(|finding| finding.kind == Kind::Misplaced);
    let misplaced: Vec<Uuid> = misplaced.map(|finding| finding.unit).collect();
    let cyclic = if misplaced.is_empty() {
        BTreeSet::new()
    } else {
        store::cyclic(connection, &misplaced, when).await?
    };
    name_cycles(&mut tree, &cyclic);
    findings.extend(tree);
    Ok((counts, findings))
}

async fn named(
    connection: &mut PgConnection,
    findings: Vec<Finding>,
    tally: &mut Tally,
    when: When,
) -> Result<Vec<pb::RegistryException>, Fault> {
    if findings.is_empty() {
        return Ok(Vec::new());
    }
    let units: Vec<Uuid> = findings.iter().map(|finding| finding.unit).collect();
    let names = store::named(connection, &units, when).await?;
    findings.iter().for_each(|finding| tally.note(finding.kind));
    Ok(findings.into_iter().map(|finding| contract::exception(finding, &names)).collect())
}
