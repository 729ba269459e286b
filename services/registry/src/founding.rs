//! The beginning of a registry: the root of the tree and the first administrator, without whom nobody
//! could be appointed. Done once, by `rampart bootstrap`, with the owner's credentials.

use chassis::{Fault, fault::on_constraint, feed};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::units::{
    Code, Level, TOPIC, segment,
    store::{self, Insert, Place},
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

/// Makes the root and the first administrator's appointment, or finds that there is a root.
///
/// # Errors
/// A subject or code that is taken; a database that does not answer.
pub async fn found(url: &str, founding: &Founding, now: DateTime<Utc>) -> Result<Founded, Fault> {
    let mut connection = PgConnection::connect(url).await?;
    let mut work = connection.begin().await?;
    store::lock_tree(&mut work, true).await?;
    let root = sqlx::query_scalar!("SELECT unit_id FROM unit_place WHERE parent_id IS NULL LIMIT 1")
        .fetch_optional(&mut *work)
        .await?;
    if let Some(root) = root {
        return Ok(Founded { root, made: false });
    }
    let root = Uuid::now_v7();
    let ordinals = store::ordinals(&mut work, 1).await?;
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
    store::insert(&mut work, insert, now).await?;
    let officer = Uuid::now_v7();
    let inserted = sqlx::query!(
        "INSERT INTO officer (id, display_name, official_phone, subject, home_unit_id, created_at, updated_at)
         VALUES ($1, $2, $3, $2, $4, $5, $5)",
        officer,
        founding.administrator,
        founding.phone,
        root,
        now,
    );
    inserted.execute(&mut *work).await.map_err(|error| {
        on_constraint(error, |name| {
            (name == "officer_subject_taken")
                .then(|| Fault::invalid("administrator", "is the subject of another officer"))
        })
    })?;
    sqlx::query!(
        "INSERT INTO appointment (id, officer_id, unit_id, office, kind, during, created_at, updated_at)
         VALUES ($1, $2, $3, 'administrator', 1, tstzrange($4, NULL), $5, $5)",
        Uuid::now_v7(),
        officer,
        root,
        founding.start_date.and_time(chrono::NaiveTime::MIN).and_utc() - chrono::TimeDelta::days(1),
        now,
    )
    .execute(&mut *work)
    .await?;
    feed::note(&mut work, TOPIC, &[root]).await?;
    work.commit().await?;
    Ok(Founded { root, made: true })
}
