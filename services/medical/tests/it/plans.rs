//! What is asked all day is a range of an index, however many facilities there are.

use std::collections::BTreeMap;

use sqlx::Executor as _;
use tests::{Sandbox, plans};

/// Tables that grow with facilities.
const LARGE: [&str; 6] = ["facility", "facility_role", "phone", "call_attempt", "ward", "capacity"];

/// 5,000 facilities in 2,000 units of 134 counties, as many as a province has, each with two roles, two phones with three calls, two wards with ten
/// counts; one in fifty has something that is not as it must be.
const FILL: &str = "
    SET search_path = medical, extensions;
    SELECT keep_day_partitions('capacity', '2020-01-01', '2020-02-01', '2020-02-02');
    CREATE TEMP TABLE u AS SELECT n, ('00000000-0000-0000-0001-' || lpad(n::text, 12, '0'))::uuid AS id,
        ('00000000-0000-0000-0003-' || lpad((n % 134)::text, 12, '0'))::uuid AS county FROM generate_series(0, 1999) AS n;
    CREATE TEMP TABLE f AS SELECT n, ('00000000-0000-0000-0002-' || lpad(n::text, 12, '0'))::uuid AS id,
        ('00000000-0000-0000-0001-' || lpad((n % 2000)::text, 12, '0'))::uuid AS unit FROM generate_series(0, 4999) AS n;
    INSERT INTO unit_sight SELECT id, ARRAY[id, county, '00000000-0000-0000-0000-000000000001'::uuid],
        ARRAY[county, '00000000-0000-0000-0000-000000000001'::uuid] FROM u;
    INSERT INTO facility (id, unit_id, display_name, grade, ownership, created_at, created_by, updated_at, updated_by, code_failed_at)
        SELECT id, unit, n::text, 7, 1, now(), 'plan', now(), 'plan', CASE WHEN n % 50 = 0 THEN now() END FROM f;
    INSERT INTO facility_role (id, facility_id, role, starts_on, granted_at, granted_by)
        SELECT gen_random_uuid(), id, 1 + (n + r) % 5, '2020-01-01', now(), 'plan' FROM f CROSS JOIN generate_series(0, 1) AS r;
    INSERT INTO phone (id, facility_id, number, created_at, created_by, marked_at)
        SELECT gen_random_uuid(), id, p::text, now(), 'plan', CASE WHEN n % 50 = 1 THEN now() END FROM f CROSS JOIN generate_series(0, 1) AS p;
    INSERT INTO call_attempt (id, phone_id, outcome, called_at, outside_hours, called_by, recorded_at)
        SELECT gen_random_uuid(), id, 2, now(), false, 'plan', now() FROM phone CROSS JOIN generate_series(0, 2);
    INSERT INTO ward (id, facility_id, display_name, bed_class, as_of, physical, staffed, occupied, received_at, stale_at, created_at, created_by)
        SELECT ('00000000-0000-0000-0004-' || lpad((n * 2 + w)::text, 12, '0'))::uuid, id, w::text, 1 + (n + w) % 6, now(), 10, 8,
               n % 9, now(), now() + n * interval '1 minute', now(), 'plan' FROM f CROSS JOIN generate_series(0, 1) AS w;
    INSERT INTO capacity SELECT '2020-02-01'::date + c % 2, gen_random_uuid(), 'plan', id, now() - c * interval '1 hour', now(), 10, 8, 1, '{}'
        FROM ward CROSS JOIN generate_series(0, 9) AS c;
    ANALYZE";

#[tokio::test]
async fn what_is_asked_all_day_reads_by_index() {
    let sandbox = Sandbox::start(&[tests::Part::Medical]).await;
    let mut sql = sandbox.sql().await;
    sql.execute(sqlx::raw_sql(FILL)).await.expect("filled");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx");
    let (nil, unit) = ("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0001-000000000007");
    let county = "00000000-0000-0000-0003-000000000007";
    let facility = "00000000-0000-0000-0002-000000000007";
    let ward = "00000000-0000-0000-0004-000000000007";
    let hot = BTreeMap::from([
        (
            "a county's facilities",
            (
                "AND f.id > $5 ORDER BY f.id LIMIT $6",
                format!("'{{{county}}}', false, '2020-02-03', 2, '{nil}', 51"),
            ),
        ),
        (
            "a county's directory",
            (
                "ORDER BY f.display_name COLLATE",
                format!("'{{{county}}}', '2020-02-03', NULL, '', '{nil}', 51"),
            ),
        ),
        (
            "the nearest with free beds",
            (
                "AS some_unknown",
                format!("'{county}', '{unit}', 1::smallint, 1::smallint, 1, '2020-02-03', now(), true, 5"),
            ),
        ),
        (
            "phones of facilities",
            ("facility_id = ANY($1) AND removed_at IS NULL", format!("'{{{facility}}}'")),
        ),
        ("calls to a phone", ("phone_id = $1 AND id > $2 ORDER BY id", format!("'{facility}', '{nil}', 51"))),
        ("failed calls", ("AND called_at > GREATEST($2", format!("'{facility}', NULL, 1"))),
        (
            "a county's wards",
            (
                "AND w.id > $6 ORDER BY w.id LIMIT $7",
                format!("'{{{county}}}', NULL, NULL, false, '2020-02-03', '{nil}', 51"),
            ),
        ),
        ("wards as counts meet them", ("GREATEST(w.as_of, w.class_since)", format!("'{{{ward}}}'"))),
        ("counts of a ward", ("ORDER BY as_of DESC, event_id DESC", format!("'{ward}', NULL, NULL, 51"))),
        (
            "a county's beds",
            ("GROUP BY w.bed_class ORDER BY", format!("'{{{county}}}', NULL, '2020-02-03', now()")),
        ),
        (
            "a county's digest",
            (
                "SELECT * FROM alarming WHERE facility_id",
                format!("'{county}', '2020-02-03', now(), '{{10,20,30,40,50}}', 0, '-infinity', '{nil}', 51"),
            ),
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
