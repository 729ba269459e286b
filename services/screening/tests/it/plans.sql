-- Every table that grows with persons, each with 20,000 rows or more, as in a city after some weeks: most of what there
-- is has been dealt with. What has the number n has the same id everywhere, so that one id is somebody of every table.
SET search_path = screening, extensions;
CREATE FUNCTION pg_temp.x(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.h(n bigint) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT decode(lpad(n::text, 32, '0'), 'hex') $$;
SELECT keep_day_partitions(t, '2020-01-01', '2020-02-02', '2020-02-03')
    FROM unnest(ARRAY['reading', 'passage', 'observation_departure', 'change', 'request_claim', 'event_claim']) AS t;

-- 2,000 units below one at 1,000,000, ten persons in each.
CREATE TEMP TABLE p AS SELECT n, pg_temp.x(n) AS id, pg_temp.x(1 + (n - 1) % 2000) AS unit, '2020-02-03T00:00Z'::timestamptz AS t
    FROM generate_series(1, 20000) AS n;
INSERT INTO unit_sight SELECT pg_temp.x(n), ARRAY[pg_temp.x(n), pg_temp.x(1000000)], ARRAY[pg_temp.x(1000000)] FROM generate_series(1, 2000) AS n;
INSERT INTO person (id, same_as, unit_id, present_unit_id, purpose, key_id, sealed, created_at, updated_at, marked, follow_by, delete_after, damaged)
    SELECT id, id, unit, CASE WHEN n % 50 = 0 THEN unit END, 1, 'plan', '\x00', t, t, 5, CASE WHEN n % 1000 = 7 THEN t END,
           '2020-02-02'::date + n % 400, n % 400 = 7 FROM p;
INSERT INTO person_mark (person_id, key_id, hash, kind) SELECT id, 'plan', pg_temp.h(n * 10 + k), k FROM p CROSS JOIN generate_series(1, 3) AS k;
INSERT INTO finding (id, person_id, unit_id, source, entered_by, created_at, key_id, sealed) SELECT id, id, unit, '', 'plan', t, 'plan', '\x00' FROM p;
INSERT INTO closure (id, area_unit_id, reason, proposed_by, proposed_at, would_erase, would_hold, approved_by, approved_at, covered)
    SELECT id, pg_temp.x(1000000), 'plan', 'plan', t, '{1,1,1,1,1}', '{0}', '{a,b}', ARRAY[t, t], 100 FROM p WHERE n <= 200;
INSERT INTO closure_person (person_id, closure_id) SELECT id, pg_temp.x(1 + n % 200) FROM p;
INSERT INTO erasure (person_id, one_id, unit_id, purpose, delete_after, erased_at, marks, findings, sources, exposures, closure_id)
    SELECT id, id, unit, 1, '2020-02-02', t + n * interval '1 second', 1, 1, 0, 0, pg_temp.x(1 + n % 200) FROM p;
INSERT INTO event_claim (day, list, event_id, sent_by, fingerprint)
    SELECT '2020-02-02'::date + k % 2, 1 + k, id, 'plan', '\x00' FROM p CROSS JOIN generate_series(0, 2) AS k;
INSERT INTO access (id, person_id, subject, reason, accessed_at) SELECT id, id, 'plan', '', t FROM p;
INSERT INTO waiver (id, person_id, reason, decided_by, decided_at) SELECT id, id, 'plan', 'plan', t FROM p;
INSERT INTO merge (id, kept_id, merged_id, reason, merged_by, merged_at) SELECT id, id, id, '', 'plan', t FROM p;
INSERT INTO hands_event (person_id, one_id, unit_id, cause, said_by, happened_at) SELECT id, id, unit, 1, 'plan', t FROM p;
INSERT INTO hands_question (id, holding_person_id, finding_person_id, holding_unit_id, finding_unit_id, created_at, settled_at)
    SELECT id, id, pg_temp.x(1 + n % 20000), unit, pg_temp.x(1 + n % 2000), t, CASE WHEN n % 200 <> 7 THEN t END FROM p;

-- Under observation, and before that once more, ended.
INSERT INTO observation (id, person_id, unit_id, one_id, opened_unit_id, leads_id, basis, last_exposure, place, facility, slots_a_day,
        control_plan, treatment_plan, response_level, starts_at, ends_at, due_at, ending, ended_at)
    SELECT CASE e WHEN 0 THEN id ELSE pg_temp.x(n + 20000) END, id, unit, id, unit, CASE e WHEN 0 THEN id ELSE pg_temp.x(n + 20000) END,
           1 + n % 3, '2020-02-01', 1, '', 2, 3, 4, 1, t - e * interval '20 days',
           t + (n - 1000) * interval '1 minute' - e * interval '20 days', t + (n - 1000) * interval '1 minute' - e * interval '20 days',
           CASE e WHEN 1 THEN 1 END, CASE e WHEN 1 THEN t - interval '5 days' END
    FROM p CROSS JOIN generate_series(0, 1) AS e;
INSERT INTO observation_event (observation_id, number, kind, said_by, words, ends_at, happened_at)
    SELECT id, k, CASE k WHEN 1 THEN 1 ELSE 4 END, 'plan', '', t, t FROM p CROSS JOIN generate_series(1, 2) AS k;
INSERT INTO observation_sight SELECT a, false, o.due_at, o.id FROM observation o JOIN unit_sight USING (unit_id)
    CROSS JOIN unnest(ancestors) AS a WHERE o.ended_at IS NULL;
INSERT INTO observation_departure SELECT '2020-02-02'::date + d, id, ARRAY[unit, pg_temp.x(1000000)] FROM p CROSS JOIN generate_series(0, 1) AS d;
INSERT INTO slot (observation_id, opens_at, closes_at, outcome)
    SELECT id, t + (s - 10) * interval '12 hours', t + (s - 9) * interval '12 hours', CASE WHEN s < 11 THEN CASE (n + s) % 40 WHEN 0 THEN 1 WHEN 1 THEN 4 ELSE 5 END ELSE 0 END
    FROM p CROSS JOIN generate_series(0, 15) AS s;
INSERT INTO reading (taken_on, sent_by, event_id, observation_id, taken_at, received_at, outcome, decidegrees, symptoms, marks, note)
    SELECT '2020-02-02'::date + d, 'plan', pg_temp.x(n + 20000 * d), id, t + (d - 1) * interval '1 day', t, 5, 365, '{}', CASE WHEN n % 200 = 7 THEN '{3}'::smallint[] ELSE '{}' END, ''
    FROM p CROSS JOIN generate_series(0, 1) AS d;
INSERT INTO referral (id, observation_id, person_id, unit_id, one_id, found_unit_id, symptoms, opened_at, deadline_at, answer, answered_at, case_due_at)
    SELECT id, id, id, unit, id, unit, '{1}', t, t, CASE WHEN n % 100 <> 7 THEN 1 END, CASE WHEN n % 100 <> 7 THEN t END, CASE WHEN n % 2000 = 6 THEN t END FROM p;
INSERT INTO admission (id, person_id, unit_id, one_id, facility, system, external_id, admitted_at, discharged_at, created_at)
    SELECT id, id, unit, id, '', 'plan', n::text, t, CASE WHEN n % 20 <> 7 THEN t END, t FROM p;
INSERT INTO escalation (subject_id, kind, rank, person_id, unit_id, holder_id, since)
    SELECT id, 5, 80, id, unit, pg_temp.x(1 + n / 10 % 2000), t FROM p;

-- Handed down, some on the way.
INSERT INTO handdown (id, chain_id, person_id, holder_unit_id, one_id, from_unit_id, to_unit_id, final_unit_id, urgent, readdressed, state,
        outcome, verify_minutes, step_minutes, due_at, escalate_at, created_at, created_by, closed_at)
    SELECT id, id, id, unit, id, unit, pg_temp.x(1 + n % 2000), unit, false, false, CASE WHEN n % 20 = 7 THEN 1 ELSE 5 END,
           CASE WHEN n % 20 <> 7 THEN 1 END, 60, 30, t, CASE WHEN n % 1000 = 7 THEN t END, t, 'plan', CASE WHEN n % 20 <> 7 THEN t END FROM p;
INSERT INTO handdown_source (chain_id, number, event_id, entered_by, kind, reference, received_at, from_unit_id, window_starts_at, window_ends_at, key_id, sealed)
    SELECT id, 1, id, 'plan', 1, '', t, unit, t, t, CASE WHEN n % 10 = 0 THEN 'plan' END, CASE WHEN n % 10 = 0 THEN '\x00'::bytea END FROM p;

-- Twenty lists that units expect, each of 1,000 days; and what came.
INSERT INTO expected_list (id, unit_id, kind, source_name, source_key, next_due_at) SELECT id, unit, 1, 'plan', 'plan', t + interval '1 hour' FROM p WHERE n <= 20;
INSERT INTO expected_list_term (list_id, effective_on, due_by, covers_until, by_order, set_by, set_at)
    SELECT id, '2019-01-01', '16:00', '16:00', 'plan', 'plan', t FROM p WHERE n <= 20;
INSERT INTO expected_list_day (list_id, expected_on, due_at, cut_off_at, above_at, came_at)
    SELECT id, '2020-02-03'::date - d, t - d * interval '1 day', t - d * interval '1 day', t - d * interval '1 day', CASE WHEN d <> 9 THEN t END
    FROM p CROSS JOIN generate_series(1, 1000) AS d WHERE n <= 20;
INSERT INTO received_list (unit_id, kind, source_key, starts_at, ends_at, received_at)
    SELECT pg_temp.x(1 + n % 20), 1, 'plan', t - n / 20 * interval '1 day', t - (n / 20 - 1) * interval '1 day', t FROM p;

-- Twenty checkpoints of 1,000 shifts.
INSERT INTO checkpoint (id, unit_id, kind, display_name, starts_on, shifts_a_day, created_at, created_by, next_end_at)
    SELECT id, unit, 1, 'plan', '2019-01-01', 3, t, 'plan', t + interval '1 hour' FROM p WHERE n <= 20;
INSERT INTO shift (checkpoint_id, starts_at, passed, ended_at)
    SELECT id, t - s * interval '8 hours', CASE s WHEN 9 THEN 0 ELSE 7 END, t - (s - 1) * interval '8 hours' FROM p CROSS JOIN generate_series(1, 1000) AS s WHERE n <= 20;
INSERT INTO passage (passed_on, sent_by, event_id, checkpoint_id, passed_at, received_at, key_id, sealed, party_hash)
    SELECT '2020-02-02'::date + d, 'plan', pg_temp.x(n + 20000 * d), pg_temp.x(1 + n % 20), t + (d - 1) * interval '1 day', t, 'plan', '\x00', pg_temp.h(n / 20) FROM p CROSS JOIN generate_series(0, 1) AS d;
INSERT INTO passage_access (id, checkpoint_id, shown, subject, reason, accessed_at) SELECT id, pg_temp.x(1 + n % 20), 1, 'plan', 'plan', t FROM p;

-- Contacts, four of each index; cases; results.
INSERT INTO exposure (id, event_id, entered_by, index_id, index_unit_id, index_one_id, index_reference, contact_id, contact_unit_id, contact_one_id,
        kind, first_at, last_at, protected, control_plan, created_at, key_id, sealed, place_hash)
    SELECT c.id, c.id, 'plan', CASE WHEN c.n % 100 <> 7 THEN i.id END, CASE WHEN c.n % 100 <> 7 THEN i.unit END, CASE WHEN c.n % 100 <> 7 THEN i.id END, '',
           c.id, c.unit, c.id, 5, c.t, c.t, false, 3, c.t, 'plan', '\x00', CASE WHEN c.n % 4 = 3 THEN pg_temp.h(c.n) END
    FROM p c JOIN p i ON i.n = 1 + c.n / 4 AND i.n <> c.n;
INSERT INTO case_record (id, person_id, unit_id, one_id, leads_id, state, links, signs, control_plan, treatment_plan, counted_unit_id, confirmed_at, due_at, created_at, created_by)
    SELECT id, id, unit, id, id, 3, '{}', '{}', 3, 4, unit, t, CASE WHEN n % 1000 = 7 THEN t END, t, 'plan' FROM p;
INSERT INTO case_event (case_id, number, kind, before, after, severity, unmet, said_by, words, happened_at, stated_at, counts_from, counted_unit_id, control_plan, treatment_plan)
    SELECT id, k, CASE k WHEN 1 THEN 1 ELSE 3 END, 1, 3, 0, '{}', 'plan', '', t, t, t, unit, 3, 4 FROM p CROSS JOIN generate_series(1, 2) AS k;
INSERT INTO result (id, person_id, unit_id, one_id, kind, outcome, taken_at, resulted_at, laboratory, entered_by, created_at, deadline_at, handled_at)
    SELECT id, id, unit, id, 1, 2, t, t, 'plan', 'plan', t, CASE WHEN n % 10 = 7 THEN t END, CASE WHEN n % 10 = 7 AND n % 1000 <> 7 THEN t END FROM p;
INSERT INTO recheck (id, case_id, person_id, unit_id, one_id, week, discharged_on, deadline_at, created_at, created_by, outcome, settled_at)
    SELECT id, id, id, unit, id, 2, '2020-01-20', t + (n - 100) * interval '1 minute', t, 'plan', CASE WHEN n % 100 <> 7 THEN 1 END, CASE WHEN n % 100 <> 7 THEN t END FROM p;
INSERT INTO incident (id, kind, unit_id, case_id, control_plan, created_at, deadline_at, reported_at, key_id, sealed)
    SELECT id, 2, unit, id, 3, t, t, CASE WHEN n % 1000 <> 7 THEN t END, CASE WHEN n % 4 = 3 THEN 'plan' END, CASE WHEN n % 4 = 3 THEN '\x00'::bytea END FROM p;
INSERT INTO contact_question (id, observation_id, case_id, asked_at, deadline_at, settled_at) SELECT id, id, id, t, t, CASE WHEN n % 1000 <> 7 THEN t END FROM p;

-- Swept, refused, looked after, at home.
INSERT INTO sweep (id, unit_id, display_name, starts_on, facts, created_at, created_by) SELECT id, pg_temp.x(1000000), 'plan', '2020-02-01', '{}', t, 'plan' FROM p WHERE n <= 20;
INSERT INTO sweep_grid (sweep_id, unit_id, target) SELECT s.id, u.id, 100 FROM p s CROSS JOIN p u WHERE s.n <= 20 AND u.n <= 1000;
INSERT INTO sweep_household (sweep_id, unit_id, number, outcome, seen_at) SELECT pg_temp.x(1 + n / 1000 % 20), pg_temp.x(1 + n / 100 % 1000), n::text, CASE n % 50 WHEN 7 THEN 0 ELSE 1 END, t FROM p;
INSERT INTO visit (event_id, sent_by, sweep_id, unit_id, number, outcome, seen_at, received_at)
    SELECT id, 'plan', pg_temp.x(1 + n / 1000 % 20), pg_temp.x(1 + n / 100 % 1000), n::text, 1, t, t FROM p;
INSERT INTO enforcement_request (id, unit_id, person_id, one_id, reason, deadline_at, created_at, created_by, outcome, settled_at)
    SELECT id, unit, id, id, 'plan', t, t, 'plan', CASE WHEN n % 100 <> 7 THEN 1 END, CASE WHEN n % 100 <> 7 THEN t END FROM p;
INSERT INTO care_team (id, unit_id, display_name, created_at, created_by) SELECT id, unit, 'plan', t, 'plan' FROM p WHERE n <= 2000;
INSERT INTO care_team_member (care_team_id, number, display_name, kind, phone) SELECT id, k, 'plan', 4, '' FROM p CROSS JOIN generate_series(1, 5) AS k WHERE n <= 2000;
INSERT INTO support_request (id, person_id, unit_id, one_id, kind, items, state, due_at, care_team_id, created_at, created_by, moved_at, moved_by)
    SELECT id, id, unit, id, 1, 'plan', CASE WHEN n % 200 = 7 THEN 3 ELSE 5 END, CASE WHEN n % 200 = 7 THEN t END, pg_temp.x(1 + n % 2000), t, 'plan', t, 'plan' FROM p;
INSERT INTO support_event (support_id, number, state, said_by, words, happened_at) SELECT id, k, 3, 'plan', '', t FROM p CROSS JOIN generate_series(1, 3) AS k;
INSERT INTO home (id, unit_id, created_at, created_by) SELECT id, unit, t, 'plan' FROM p;
INSERT INTO resident (home_id, person_id, unit_id, one_id, starts_on) SELECT id, id, unit, id, '2020-01-24' FROM p;

-- What the registers come to, day by day; what was noted of it is taken in at once.
INSERT INTO figure_sheet (id, unit_id, business_date, changes, changed_at) SELECT id, unit, '2019-11-01'::date + (n / 2000)::integer * 9, '{1,0,1}', t FROM p;
DELETE FROM figure_inbox WHERE id > (SELECT min(id) + 200 FROM figure_inbox);
INSERT INTO change (day, position, topic, keys) SELECT '2020-02-02'::date + d, n + 20000 * d, 'observations', ARRAY[id] FROM p CROSS JOIN generate_series(0, 1) AS d;
INSERT INTO request_claim (day, caller, request_id, fingerprint) SELECT '2020-02-02'::date + d, 'plan', id, '\x00' FROM p CROSS JOIN generate_series(0, 1) AS d;
ANALYZE;
