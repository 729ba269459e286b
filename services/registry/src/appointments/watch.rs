//! The appointments as a feed: each with what other services know of its officer.

use std::collections::HashMap;

use chassis::{Caller, Fault, feed, feed::Position, server, watching::Resources};
use proto::registry::{self as pb, watch_appointments_response::Event};
use tonic::{Request, async_trait};
use uuid::Uuid;

use super::{TOPIC, api::Appointments, store};
use crate::{Moment, scope, scope::Ask};

const PERMISSION: &str = "appointments.watch";

/// How many appointments of a snapshot are read at once.
const CHUNK: usize = 1_000;

type Messages = server::Messages<pb::WatchAppointmentsResponse>;

/// Serves one watch until its client, its caller's permission or the service ends.
///
/// # Errors
/// Why it ended.
pub async fn watch(
    appointments: &Appointments,
    request: Request<pb::WatchAppointmentsRequest>,
    messages: &Messages,
) -> Result<(), Fault> {
    let (caller, _, request) = server::accept(request)?;
    let position = if request.start_token.is_empty() {
        snapshot(appointments, &caller, messages).await?
    } else {
        appointments.watching.feed.position(&request.start_token).await?
    };
    appointments.watching.open(caller, PERMISSION, TOPIC, position).send(appointments, messages).await
}

#[async_trait]
impl Resources for Appointments {
    type Resource = pb::HeldAppointment;
    type Message = pb::WatchAppointmentsResponse;

    async fn read(
        &self,
        keys: &[Uuid],
        caller: &Caller,
    ) -> Result<HashMap<Uuid, pb::HeldAppointment>, Fault> {
        let moment = Moment::of(&self.clock);
        let mut work = self.database.begin(None).await?;
        let held = store::held(&mut work, keys, moment.today).await?;
        let units: Vec<Uuid> = held.iter().map(|one| one.appointment.unit).collect();
        let ask = Ask::today(PERMISSION, moment.today);
        let seen = scope::within(&mut work, caller, ask, &units).await?;
        let seen: std::collections::HashSet<Uuid> = seen.into_iter().collect();
        let held = held.into_iter().filter(|one| seen.contains(&one.appointment.unit));
        Ok(held.map(|one| (one.appointment.id, one.into())).collect())
    }

    fn message(&self, held: Option<pb::HeldAppointment>, token: String) -> pb::WatchAppointmentsResponse {
        let event = held.map_or(Event::Heartbeat(pb::Heartbeat {}), Event::Held);
        pb::WatchAppointmentsResponse { event: Some(event), token }
    }
}

/// Sends every appointment in the caller's scopes that has not ended, as of one state of the database;
/// answers its position.
async fn snapshot(
    appointments: &Appointments,
    caller: &Caller,
    messages: &Messages,
) -> Result<Position, Fault> {
    let mut work = appointments.database.snapshot().await?;
    let position = feed::position_in(&mut work).await?;
    let keys = store::not_ended(&mut work, appointments.clock.now()).await?;
    // The client reads at its own pace: no transaction waits for it. What changes meanwhile comes again
    // as a change, since the position was read first.
    drop(work);
    let mut count = 0;
    for keys in keys.chunks(CHUNK) {
        let mut held: Vec<_> = appointments.read(keys, caller).await?.into_iter().collect();
        held.sort_unstable_by_key(|(id, _)| *id);
        count += held.len();
        for (_, one) in held {
            send(messages, Event::Held(one), String::new()).await?;
        }
    }
    let end = Event::SnapshotEnd(pb::SnapshotEnd { units: i64::try_from(count).unwrap_or(i64::MAX) });
    send(messages, end, appointments.watching.feed.token(position)).await?;
    Ok(position)
}

async fn send(messages: &Messages, event: Event, token: String) -> Result<(), Fault> {
    let message = pb::WatchAppointmentsResponse { event: Some(event), token };
    messages.send(Ok(message)).await.map_err(|_| Fault::Unavailable("the client went away"))
}
