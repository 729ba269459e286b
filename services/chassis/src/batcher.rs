//! Joins concurrent calls into one piece of work: what waits while one batch is being done makes the
//! next. Nobody waits for a batch to fill.

use std::{pin::Pin, sync::Arc};

use tokio::sync::{Mutex, mpsc, oneshot};

use crate::Fault;

/// What a piece of work answers: one result for each item, in order.
pub type Answers<O> = Pin<Box<dyn Future<Output = Vec<Result<O, Fault>>> + Send>>;

type Waiting<I, O> = (I, oneshot::Sender<Result<O, Fault>>);

/// Takes items one by one and works them off in batches.
#[derive(Debug)]
pub struct Batcher<I, O> {
    queue: mpsc::Sender<Waiting<I, O>>,
}

impl<I, O> Clone for Batcher<I, O> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<I: Send + 'static, O: Send + 'static> Batcher<I, O> {
    /// Starts as many workers as are asked for, numbered from 0; each takes up to `most` items at once.
    pub fn start(
        workers: usize,
        most: usize,
        work: impl Fn(usize, Vec<I>) -> Answers<O> + Send + Sync + 'static,
    ) -> Self {
        let (queue, waiting) = mpsc::channel::<Waiting<I, O>>(most.saturating_mul(workers).max(1));
        let waiting = Arc::new(Mutex::new(waiting));
        let work = Arc::new(work);
        for worker in 0..workers {
            let (waiting, work) = (Arc::clone(&waiting), Arc::clone(&work));
            tokio::spawn(async move {
                loop {
                    let mut batch = Vec::new();
                    if waiting.lock().await.recv_many(&mut batch, most).await == 0 {
                        return;
                    }
                    let (items, callers): (Vec<I>, Vec<_>) = batch.into_iter().unzip();
                    let answers = work(worker, items).await;
                    for (caller, answer) in callers.into_iter().zip(answers) {
                        // One who went away asks again, with the same request_id.
                        let _ = caller.send(answer);
                    }
                }
            });
        }
        Self { queue }
    }

    /// Waits until the item is done. One who stops waiting may find that it was done all the same.
    ///
    /// # Errors
    /// The item's own; [`Fault::Unavailable`] while the service ends.
    pub async fn done(&self, item: I) -> Result<O, Fault> {
        const ENDING: Fault = Fault::Unavailable("the service is draining; repeat the call");
        let (caller, answer) = oneshot::channel();
        self.queue.send((item, caller)).await.map_err(|_| ENDING)?;
        answer.await.map_err(|_| ENDING)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_waits_is_done_together_and_each_gets_its_own_answer() {
        let batches = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&batches);
        let batcher = Batcher::start(1, 64, move |_, items: Vec<i32>| {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                tokio::task::yield_now().await;
                items
                    .into_iter()
                    .map(|item| if item < 0 { Err(Fault::Conflict) } else { Ok(item * 2) })
                    .collect()
            })
        });
        let calls = (-1..200).map(|item| {
            let batcher = batcher.clone();
            async move { (item, batcher.done(item).await) }
        });
        for (item, answer) in futures::future::join_all(calls).await {
            match answer {
                Ok(double) => assert_eq!(double, item * 2),
                Err(fault) => assert!(item == -1 && matches!(fault, Fault::Conflict)),
            }
        }
        assert!(batches.load(Ordering::Relaxed) < 100, "most calls were joined");
    }
}
