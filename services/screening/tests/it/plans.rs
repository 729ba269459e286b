//! What is asked all day is a range of an index, however many are under observation.

use std::collections::BTreeMap;

use sqlx::{Executor as _, PgConnection};
use tests::{Sandbox, plans};

/// Tables that grow with persons.
const LARGE: [&str; 8] =
    ["person", "observation", "observation_sight", "slot", "exposure", "case_record", "result", "escalation"];

/// 20,000 persons under observation in 200 units below one, each with 30 slots, an exposure, a case, a result, and
/// something put before a unit.
const FILL: &str = "
    SET search_path = screening;
    CREATE TEMP TABLE u AS SELECT n, ('00000000-0000-0000-0001-' || lpad(n::text, 12, '0'))::uuid AS id FROM generate_series(0, 199) AS n;
    CREATE TEMP TABLE p AS SELECT n, ('00000000-0000-0000-0002-' || lpad(n::text, 12, '0'))::uuid AS id,
        ('00000000-0000-0000-0001-' || lpad((n % 200)::text, 12, '0'))::uuid AS unit FROM generate_series(0, 19999) AS n;
    INSERT INTO unit_sight SELECT id, ARRAY[id, '00000000-0000-0000-0000-000000000001'::uuid], ARRAY['00000000-0000-0000-0000-000000000001'::uuid] FROM u;
    INSERT INTO person (id, same_as, unit_id, purpose, key_id, sealed, created_at, updated_at)
        SELECT id, id, unit, 1, 'plan', '\\x00', now(), now() FROM p;
    INSERT INTO observation (id, person_id, unit_id, one_id, opened_unit_id, leads_id, basis, last_exposure, place, facility,
            slots_a_day, control_plan, treatment_plan, response_level, starts_at, ends_at, due_at)
        SELECT id, id, unit, id, unit, id, 1, '2020-02-01', 1, '', 2, 3, 4, 1, now(), now() + n * interval '1 minute', now() + n * interval '1 minute' FROM p;
    INSERT INTO slot (observation_id, opens_at, closes_at, outcome)
        SELECT id, now() + s * interval '12 hours', now() + (s + 1) * interval '12 hours', CASE WHEN s < 15 THEN 5 ELSE 0 END
        FROM p CROSS JOIN generate_series(0, 29) AS s;
    INSERT INTO observation_sight SELECT a, false, o.due_at, o.id FROM observation o JOIN unit_sight USING (unit_id) CROSS JOIN unnest(ancestors) AS a;
    INSERT INTO exposure (id, event_id, entered_by, index_id, index_unit_id, index_one_id, index_reference, contact_id, contact_unit_id,
            contact_one_id, kind, place, first_at, last_at, protected, control_plan, created_at)
        SELECT c.id, c.id, 'plan', i.id, i.unit, i.id, '', c.id, c.unit, c.id, 5, '', now(), now(), false, 3, now()
        FROM p c JOIN p i ON i.n = c.n / 4 AND i.n <> c.n;
    INSERT INTO case_record (id, person_id, unit_id, one_id, leads_id, state, links, signs, control_plan, treatment_plan, created_at, created_by)
        SELECT id, id, unit, id, id, 3, '{}', '{}', 3, 4, now(), 'plan' FROM p;
    INSERT INTO result (id, person_id, unit_id, one_id, kind, outcome, taken_at, resulted_at, laboratory, entered_by, created_at)
        SELECT id, id, unit, id, 1, 2, now(), now(), 'plan', 'plan', now() FROM p;
    UPDATE person SET follow_by = now() FROM p WHERE p.id = person.id AND n % 1000 = 7;
    INSERT INTO escalation (subject_id, kind, rank, person_id, unit_id, holder_id, since)
        SELECT id, 5, 80, id, unit, ('00000000-0000-0000-0001-' || lpad((n / 10 % 200)::text, 12, '0'))::uuid, now() FROM p;
    ANALYZE";

async fn filled(sandbox: &Sandbox) -> PgConnection {
    let mut sql = sandbox.sql().await;
    sql.execute(sqlx::raw_sql(FILL)).await.expect("filled");
    sql
}

#[tokio::test]
async fn what_is_asked_all_day_reads_by_index() {
    let sandbox = Sandbox::start().await;
    let mut sql = filled(&sandbox).await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx");
    let (nil, root) = ("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001");
    let (unit, one) = ("00000000-0000-0000-0001-000000000007", "00000000-0000-0000-0002-000000000007");
    let all = "'ffffffff-ffff-ffff-ffff-ffffffffffff'";
    let hot = BTreeMap::from([
        (
            "a page of a county's observations",
            (
                "SELECT s.lost, s.due_at, s.observation_id FROM observation_sight s",
                format!("'{{{root}}}', false, now(), '{nil}', false, 'infinity', {all}, 51"),
            ),
        ),
        (
            "what is due of a page",
            ("LEFT JOIN LATERAL (SELECT missed FROM escalation", format!("'{{{one}}}', now(), 5")),
        ),
        (
            "a digest",
            (
                "FROM escalation WHERE holder_id = $1 AND (rank, since, subject_id)",
                format!("'{unit}', 0, '-infinity', '{nil}', 51, true"),
            ),
        ),
        (
            "whoever is followed up by nobody",
            (
                "SELECT subject_id FROM waiting WHERE kind = 13",
                format!("'{{{unit}}}', '-infinity', NULL, NULL, NULL, 51, '{nil}'"),
            ),
        ),
        ("what waits", ("FROM waiting WHERE at_once OR deadline_at", "now(), 5000, '{}'".to_owned())),
        ("who refuses again and again", ("count(*) FILTER (WHERE last.outcome = 4)", "now(), 2".to_owned())),
        ("a chain", ("WITH RECURSIVE reached", format!("'{one}', 3"))),
        (
            "contacts of a unit",
            ("e.contact_unit_id = ANY($1) AND e.id > $2 ORDER BY", format!("'{{{unit}}}', '{nil}', 51")),
        ),
        (
            "everybody who is one",
            ("FROM person WHERE same_as = $1 ORDER BY id FOR UPDATE", format!("'{one}'")),
        ),
        ("a case of a person", ("one_id = $1 AND leads_id = id FOR NO KEY", format!("'{one}'"))),
        (
            "results of a person",
            ("FROM result WHERE one_id = $1 AND told_by_id IS NULL ORDER BY taken_at", format!("'{one}'")),
        ),
    ]);
    let mut wrong = Vec::new();
    for (what, (fragment, arguments)) in hot {
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let plan = plans::of(&mut sql, &plans::text(folder, fragment), &arguments, mode).await;
            let scanned = plans::scanned(&plan, &LARGE);
            if !scanned.is_empty() {
                wrong.push(format!("{what} ({mode}): {scanned:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
