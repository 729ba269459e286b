//! Transactions that leave nothing behind.

use std::ops::{Deref, DerefMut};

use sqlx::{AssertSqlSafe, Executor as _, PgConnection, PgPool, Postgres, pool::PoolConnection};

/// A transaction, rolled back where it is dropped. sqlx's own forgets one that was begun where its beginning
/// is given up halfway (a client that hangs up) or fails after BEGIN (a lock that is not had in time): the
/// connection goes back to the pool within a transaction that nobody ends, and what the next one writes with
/// it is not durable.
#[derive(Debug)]
pub struct Work(Option<PoolConnection<Postgres>>);

impl Work {
    /// Begins with statements, of which BEGIN is the first.
    ///
    /// # Errors
    /// Without a connection, or where a statement fails.
    pub(crate) async fn begin(pool: &PgPool, statements: String) -> Result<Self, sqlx::Error> {
        let mut work = Self(Some(pool.acquire().await?));
        // The callers' only values are numbers.
        work.execute(AssertSqlSafe(statements)).await?;
        Ok(work)
    }

    /// Makes durable what was done.
    ///
    /// # Errors
    /// Where the database fails; whether it is durable is not known then.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.execute("COMMIT").await?;
        self.0 = None;
        Ok(())
    }
}

impl Deref for Work {
    type Target = PgConnection;

    #[allow(clippy::expect_used, reason = "it is taken when this ends only")]
    fn deref(&self) -> &PgConnection {
        self.0.as_ref().expect("a transaction in hand")
    }
}

impl DerefMut for Work {
    #[allow(clippy::expect_used, reason = "it is taken when this ends only")]
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.0.as_mut().expect("a transaction in hand")
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let (Some(mut connection), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(async move {
            if connection.execute("ROLLBACK").await.is_err() {
                connection.close_on_drop();
            }
        });
    }
}
