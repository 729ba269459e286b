//! Feeds: first a snapshot of what the caller may see, then each change of it. This is what the feeds of screening
//! share; what each of them sends is said by the `watch.rs` of its slice.

use chassis::{
    Caller, Fault,
    feed::{Position, position_in},
    server::{self, Messages},
    watching::Resources,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, async_trait};

use crate::{DOMAIN, house::House};

/// The answer of a handler that follows.
pub type Stream<M> = ReceiverStream<Result<M, Status>>;

/// A part of a snapshot, and the place after which the next part begins; none where there is no more.
pub type Part<R, P> = Option<(Vec<R>, P)>;

/// Resources that are followed from a snapshot on.
#[async_trait]
pub trait Followed: Resources {
    /// Their topic in the feed.
    const TOPIC: &'static str;
    /// Who may follow them.
    const PERMISSION: &'static str;
    /// A place in the snapshot's order.
    type Place: Send + Sync;

    /// What all handlers share.
    fn house(&self) -> &House;

    /// The part of the snapshot after a place, as far as the caller may see it; the first where no place is said.
    ///
    /// # Errors
    /// Where the database fails.
    async fn part(
        &self,
        caller: &Caller,
        after: Option<Self::Place>,
    ) -> Result<Part<Self::Resource, Self::Place>, Fault>;

    /// The message that a snapshot of so many resources is whole.
    fn end(&self, count: i64, token: String) -> Self::Message;
}

/// Answers a call that follows, from the token of the request or from a snapshot on, until its client, its caller's
/// permission or the service ends.
pub fn watch<F, T>(
    followed: &F,
    request: Request<T>,
    start_token: impl FnOnce(T) -> String + Send + 'static,
) -> Response<Stream<F::Message>>
where
    F: Followed + Clone + Send + 'static,
    F::Message: 'static,
    T: Send + 'static,
{
    let followed = followed.clone();
    server::stream(DOMAIN, |messages| async move {
        let (caller, _, request) = server::accept(request)?;
        follow(&followed, caller, &start_token(request), &messages).await
    })
}

async fn follow<F: Followed>(
    followed: &F,
    caller: Caller,
    start_token: &str,
    messages: &Messages<F::Message>,
) -> Result<(), Fault> {
    let watching = &followed.house().watching;
    let position = if start_token.is_empty() {
        snapshot(followed, caller.clone(), messages).await?
    } else {
        watching.feed.position(start_token).await?
    };
    watching.open(caller, F::PERMISSION, F::TOPIC, position).send(followed, messages).await
}

/// Sends everything as of a position, which it answers. What changes meanwhile comes again.
async fn snapshot<F: Followed>(
    followed: &F,
    mut caller: Caller,
    messages: &Messages<F::Message>,
) -> Result<Position, Fault> {
    let house = followed.house();
    let watching = &house.watching;
    let mut connection = house.database.pool().acquire().await?;
    let position = position_in(&mut connection).await?;
    drop(connection);
    let send = async |message: F::Message| {
        messages.send(Ok(message)).await.map_err(|_| Fault::Unavailable("the client went away"))
    };
    let (mut last, mut sent) = (None, 0_i64);
    // The client reads at its own pace: no transaction waits for it, and it may be relieved, or the service drain, meanwhile.
    while let Some((resources, place)) = followed.part(&caller, last).await? {
        for resource in resources {
            send(followed.message(Some(resource), String::new())).await?;
            sent += 1;
        }
        if watching.shutdown.is_cancelled() {
            return Err(Fault::Unavailable("the service is draining; begin with a snapshot again"));
        }
        caller = caller.renewed(watching.authority.as_ref()).await?;
        if !caller.holds(F::PERMISSION) {
            return Err(Fault::Denied(F::PERMISSION));
        }
        last = Some(place);
    }
    send(followed.end(sent, watching.feed.token(position))).await?;
    Ok(position)
}
