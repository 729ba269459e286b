//! Passages by stream, and chains of contacts. What they begin with is written straight into screening's tables;
//! everything that is measured goes through the service.

use std::time::Instant;

use anyhow::Context as _;
use futures::TryStreamExt as _;
use proto::screening as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{say, watched::Watched};

/// How many pass in a round, how many a batch, and by how many streams.
const PASSED: usize = 20_000;
const BATCH: usize = 500;
const STREAMS: usize = 2;

/// How many exposures there are, how many contacts each index has, and how many generations are followed.
const EDGES: i64 = 100_000;
const CONTACTS: i64 = 4;
const GENERATIONS: i32 = 3;
/// How many chains are followed in a round.
const CHAINS: usize = 200;

/// The query by which a chain is found, alone.
const CHAIN: &str = "
    WITH RECURSIVE reached (one, generation) AS (
        SELECT $1::uuid, 0
        UNION
        SELECT e.contact_one_id, r.generation + 1 FROM reached r JOIN exposure e ON e.index_one_id = r.one
        WHERE r.generation < $2 AND e.withdrawn_at IS NULL
    )
    SELECT r.generation + 1, e.* FROM (SELECT one, min(generation) AS generation FROM reached GROUP BY one) r
    JOIN exposure e ON e.index_one_id = r.one AND e.withdrawn_at IS NULL
    WHERE r.generation < $2 ORDER BY 1, e.id";

/// Passages a second, durable and with all effects, where one in so many comes from outside the province and is handed
/// down: first ours, then the bare table's.
pub(crate) async fn passages(
    watched: &mut Watched<'_>,
    outside: Option<usize>,
) -> anyhow::Result<(f64, f64)> {
    let post = pb::Checkpoint {
        display_name: "娄底南站".to_owned(),
        kind: pb::CheckpointKind::HighSpeedRail.into(),
        responsible_unit: watched.county.clone(),
        ..Default::default()
    };
    let request =
        pb::CreateCheckpointRequest { request_id: Uuid::new_v4().to_string(), checkpoint: Some(post) };
    let post = watched.duty.checkpoints().create_checkpoint(request).await?.into_inner().checkpoint;
    let post = post.context("no checkpoint")?.name;
    let at = Some(chassis::parse::timestamp(chassis::clock::wall()));
    let passage = |nth: usize| pb::Passage {
        event_id: Uuid::new_v4().to_string(),
        checkpoint: post.clone(),
        pass_time: at,
        party: "G1234".to_owned(),
        seat: format!("{}F", nth % 20),
        details: Some(pb::PersonDetails {
            display_name: format!("样例{nth}"),
            phones: vec![format!("0000-{nth:07}")],
            present_place: "娄星区大科街道".to_owned(),
            ..Default::default()
        }),
        temperature: 36.5,
        from_outside: outside.is_some_and(|each| (nth / STREAMS).is_multiple_of(each)),
        test: pb::TestResult::Negative.into(),
        ..Default::default()
    };
    let streams: Vec<Vec<pb::IngestPassagesRequest>> = (0..STREAMS)
        .map(|stream| {
            let own: Vec<pb::Passage> =
                (0..PASSED).filter(|nth| nth % STREAMS == stream).map(passage).collect();
            (1_i64..)
                .zip(own.chunks(BATCH))
                .map(|(sequence, batch)| pb::IngestPassagesRequest { sequence, passages: batch.to_vec() })
                .collect()
        })
        .collect();
    let began = Instant::now();
    let sent = streams.into_iter().map(|batches| {
        let mut passages = watched.duty.passages();
        async move {
            let stream = passages.ingest_passages(futures::stream::iter(batches)).await?.into_inner();
            let accepted =
                |one: &pb::PassageResult| matches!(one.result, Some(pb::passage_result::Result::Accepted(_)));
            stream
                .map_err(anyhow::Error::from)
                .try_fold(0_usize, |taken, answer| async move {
                    anyhow::ensure!(answer.results.iter().all(accepted), "a passage was not taken in");
                    Ok(taken + answer.results.len())
                })
                .await
        }
    });
    let taken: usize = futures::future::try_join_all(sent).await?.into_iter().sum();
    let ours = taken as f64 / began.elapsed().as_secs_f64();
    anyhow::ensure!(taken == PASSED, "{taken} passages were acknowledged");
    let bare = bare(&mut watched.sql).await?;
    sqlx::raw_sql("TRUNCATE passage, bench.passage").execute(&mut watched.sql).await?;
    Ok((ours, bare))
}

/// Rows a second that one connection inserts into a bare table as wide as a passage, 500 a statement.
async fn bare(sql: &mut PgConnection) -> anyhow::Result<f64> {
    const INSERT: &str = "INSERT INTO bench.passage
        SELECT now()::date, 'bench-duty', event_id, event_id, now(), now(), 365, NULL, 'bench', sealed
        FROM unnest($1::uuid[], $2::bytea[]) AS p (event_id, sealed)";
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS bench.passage (LIKE screening.passage)")
        .execute(&mut *sql)
        .await?;
    let began = Instant::now();
    for _ in 0..PASSED / BATCH {
        sqlx::query(INSERT)
            .bind((0..BATCH).map(|_| Uuid::new_v4()).collect::<Vec<_>>())
            .bind(vec![vec![7_u8; 180]; BATCH])
            .execute(&mut *sql)
            .await?;
    }
    Ok(PASSED as f64 / began.elapsed().as_secs_f64())
}

/// Writes 100,000 exposures among the persons of the city: each index has four contacts, who have four again.
pub(crate) async fn exposures(watched: &mut Watched<'_>) -> anyhow::Result<()> {
    say("writing 100,000 exposures");
    let fill = format!(
        "INSERT INTO exposure (id, event_id, entered_by, index_id, index_unit_id, index_one_id, index_reference, contact_id,
             contact_unit_id, contact_one_id, kind, place, first_at, last_at, protected, control_plan, created_at)
         WITH p AS (SELECT id, unit_id, same_as, row_number() OVER () - 1 AS nth FROM person),
              n AS (SELECT count(*) AS all FROM p)
         SELECT gen_random_uuid(), gen_random_uuid(), 'bench', i.id, i.unit_id, i.same_as, '', c.id, c.unit_id, c.same_as, 5, '',
                now(), now(), false, 7, now()
         FROM generate_series(0, {EDGES} - 1) AS e CROSS JOIN n
         JOIN p i ON i.nth = e / {CONTACTS} % n.all
         JOIN p c ON c.nth = (e + 1 + e / n.all) % n.all AND c.nth <> i.nth;
         VACUUM ANALYZE exposure"
    );
    for statement in fill.split(';') {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut watched.sql).await?;
    }
    Ok(())
}

/// Milliseconds of chains of three generations: ours, and those of the query alone.
pub(crate) async fn chains(watched: &mut Watched<'_>) -> anyhow::Result<[Vec<f64>; 2]> {
    let persons: Vec<Uuid> = sqlx::query_scalar(
        "SELECT index_id FROM (SELECT DISTINCT index_id FROM exposure) i ORDER BY random() LIMIT $1",
    )
    .bind(i64::try_from(CHAINS)?)
    .fetch_all(&mut watched.sql)
    .await?;
    let mut taken = [const { Vec::new() }; 2];
    for person in persons {
        let began = Instant::now();
        let request =
            pb::TraceContactsRequest { person: format!("persons/{person}"), generations: GENERATIONS };
        let parts = watched.duty.exposures().trace_contacts(request).await?.into_inner();
        let parts: Vec<pb::TraceContactsResponse> = parts.try_collect().await?;
        taken[0].push(began.elapsed().as_secs_f64() * 1_000.0);
        let ours: usize = parts.iter().map(|part| part.exposures.len()).sum();

        let began = Instant::now();
        let rows = sqlx::query(CHAIN).bind(person).bind(GENERATIONS).fetch_all(&mut watched.sql).await?;
        taken[1].push(began.elapsed().as_secs_f64() * 1_000.0);
        anyhow::ensure!(rows.len() == ours && ours > 50, "{ours} of {} exposures", rows.len());
    }
    Ok(taken)
}
