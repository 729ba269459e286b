//! The beginning of a registry: the root of the tree and the first administrator, without whom nobody
//! could be appointed. Done once, by `rampart bootstrap`, with the owner's credentials.

use chassis::{Fault, feed};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use jurisdiction::Office;

use crate::{
    appointments::{self, Holding},
    units::{
        Code, Level, TOPIC, segment,
        store::{self, Insert, Place},
    },
};

/// What a registry begins with.
#[derive(Clone, Debug)]
pub struct Founding {
    /// The name of the root, such as 娄底市.
    pub display_name: String,
    /// Its level: a city, or a province.
    pub level: Level,
    /// Its official code.
    pub code: Code,
    /// The first date of the tree.
    pub start_date: NaiveDate,
    /// The subject of the first administrator's credentials.
    pub administrator: String,
    /// Their official phone.
    pub phone: String,
}

/// What founding found or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Founded {
    /// The root.
    pub root: Uuid,
    /// Whether it was made now.
    pub made: bool,
}

/// Makes the root and the first administrator's appointment, or finds that there is a root; and appoints
/// the machines, which are services of ours that follow the registry, as integrators at the root.
///
/// # Errors
/// A subject or code that is taken; a database that does not answer.
pub async fn found(
    url: &str,
    founding: &Founding,
    machines: &[&str],
    now: DateTime<Utc>,
) -> Result<Founded, Fault> {
    let mut connection = PgConnection::connect(url).await?;
    let mut work = connection.begin().await?;
    store::lock_tree(&mut work, true).await?;
    let root = sqlx::query_scalar!("SELECT unit_id FROM unit_place WHERE parent_id IS NULL LIMIT 1");
    let founded = match root.fetch_optional(&mut *work).await? {
        Some(root) => Founded { root, made: false },
        None => Founded { root: make_root(&mut work, founding, now).await?, made: true },
    };
    let since = founding.start_date.and_time(chrono::NaiveTime::MIN).and_utc() - chrono::TimeDelta::days(1);
    let mut posts = vec![Post {
        subject: &founding.administrator,
        phone: &founding.phone,
        office: Office::Administrator,
    }];
    posts.retain(|_| founded.made);
    posts.extend(machines.iter().map(|subject| Post { subject, phone: "", office: Office::Integrator }));
    for post in posts {
        appoint(&mut work, founded.root, &post, since, now).await?;
    }
    work.commit().await?;
    Ok(founded)
}

/// Somebody who holds an office from the beginning on.
struct Post<'a> {
    subject: &'a str,
    phone: &'a str,
    office: Office,
}

async fn make_root(
    connection: &mut PgConnection,
    founding: &Founding,
    now: DateTime<Utc>,
) -> Result<Uuid, Fault> {
    let root = Uuid::now_v7();
    let ordinals = store::ordinals(connection, 1).await?;
    let ordinal = ordinals.first().copied().unwrap_or_default();
    let insert = Insert {
        ids: vec![root],
        ordinals,
        levels: vec![founding.level as i16],
        names: vec![founding.display_name.clone()],
        starts: vec![founding.start_date],
        places: vec![Place {
            unit: root,
            level: founding.level,
            parent: None,
            path: segment(ordinal),
            from: founding.start_date,
            until: None,
            closed: None,
        }],
        codes: vec![(root, founding.start_date, founding.code.clone())],
        external_ids: Vec::new(),
    };
    store::insert(connection, insert, now).await?;
    feed::note(connection, TOPIC, &[root]).await?;
    Ok(root)
}

/// Records an officer and appoints them at the root, beside others of the same office; one who is known
/// is left as they are.
async fn appoint(
    connection: &mut PgConnection,
    root: Uuid,
    post: &Post<'_>,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let officer = sqlx::query_scalar!(
        "INSERT INTO officer (id, display_name, official_phone, subject, home_unit_id, created_at, updated_at)
         VALUES ($1, $2, $3, $2, $4, $5, $5) ON CONFLICT ON CONSTRAINT officer_subject_taken DO NOTHING RETURNING id",
        Uuid::now_v7(),
        post.subject,
        post.phone,
        root,
        now,
    );
    let Some(officer) = officer.fetch_optional(&mut *connection).await? else {
        return Ok(());
    };
    let holding = if post.office == Office::Administrator { Holding::Full } else { Holding::Deputy };
    let appointment = Uuid::now_v7();
    sqlx::query!(
        "INSERT INTO appointment (id, officer_id, unit_id, office, kind, during, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, tstzrange($6, NULL), $7, $7)",
        appointment,
        officer,
        root,
        post.office.word(),
        holding as i16,
        since,
        now,
    )
    .execute(&mut *connection)
    .await?;
    feed::note(connection, appointments::TOPIC, &[appointment]).await
}
