-- What a case was counted as is told by its events alone, which are never changed: since when something is so as it was
-- stated, when it was recorded, and from when on it counts.

ALTER TABLE case_event
    -- As it was stated; happened_at is when it was recorded.
    ADD COLUMN stated_at timestamptz,
    -- From when on the figures know it: a decision forwards from when it was stated to be so, but never from before the
    -- decision that it follows; a correction, a recount and a merge from when they were recorded.
    ADD COLUMN counts_from timestamptz,
    -- Where the case is counted from then on; none while it is not.
    ADD COLUMN counted_unit_id uuid,
    -- The rules that the last decision up to here was made by (V1).
    ADD COLUMN control_plan smallint,
    ADD COLUMN treatment_plan smallint,
    -- What the ward stated for a discharge (R15).
    ADD COLUMN temperature_normal_since timestamptz,
    ADD COLUMN respiratory_better_at timestamptz,
    ADD COLUMN imaging_better_at timestamptz;
COMMENT ON COLUMN case_event.kind IS
    '1 opened, 2 findings, 3 classified, 4 corrected, 5 marked, 6 severity, 7 merged, 8 recounted, 9 merged into another';

UPDATE case_event e
SET stated_at = e.happened_at, counts_from = e.happened_at, counted_unit_id = c.counted_unit_id,
    control_plan = c.control_plan, treatment_plan = c.treatment_plan
FROM case_record c WHERE c.id = e.case_id;
-- When it was stated to be so was kept for the last decision of its kind.
UPDATE case_event e SET stated_at = s.at, counts_from = s.at
FROM (SELECT id, 3 AS after, confirmed_at AS at FROM case_record
      UNION ALL SELECT id, 7, discharged_at FROM case_record
      UNION ALL SELECT id, 11, died_at FROM case_record) s
WHERE e.case_id = s.id AND e.kind = 3 AND e.after = s.after AND s.at < e.happened_at
  AND NOT EXISTS (SELECT FROM case_event l WHERE l.case_id = e.case_id AND l.kind = 3 AND l.after = e.after AND l.number > e.number);
INSERT INTO case_event (case_id, number, kind, before, after, severity, unmet, said_by, words, happened_at, stated_at,
                        counts_from, counted_unit_id, control_plan, treatment_plan)
SELECT c.id, coalesce((SELECT max(number) FROM case_event e WHERE e.case_id = c.id), 0) + 1, 9, c.state, c.state, c.severity,
       '{}', 'screening', 'is of the same person', m.at, m.at, m.at, c.counted_unit_id, c.control_plan, c.treatment_plan
FROM case_record c
CROSS JOIN LATERAL (SELECT coalesce(min(e.happened_at), c.created_at) AS at FROM case_event e
                    WHERE e.case_id = c.leads_id AND e.kind = 7 AND e.words LIKE 'cases/' || c.id || '%') m
WHERE c.leads_id <> c.id;

ALTER TABLE case_event
    ALTER COLUMN stated_at SET NOT NULL,
    ALTER COLUMN counts_from SET NOT NULL,
    ALTER COLUMN control_plan SET NOT NULL,
    ALTER COLUMN treatment_plan SET NOT NULL;
CREATE INDEX case_event_counted_idx ON case_event (counted_unit_id, case_id) WHERE counted_unit_id IS NOT NULL;

-- A clock for each class that is reported (R5, R6).
ALTER TABLE case_record
    -- When it was found to be so; none where it never was, or where that was a mistake. confirmed_at likewise.
    ADD COLUMN suspected_at timestamptz,
    ADD COLUMN asymptomatic_at timestamptz,
    -- When it was reported, and audited: once for each class.
    ADD COLUMN reports timestamptz[] NOT NULL DEFAULT '{}',
    ADD COLUMN audits timestamptz[] NOT NULL DEFAULT '{}';
UPDATE case_record c
SET suspected_at = CASE WHEN s.at IS NOT NULL THEN LEAST(s.at, c.found_at) END,
    asymptomatic_at = CASE WHEN a.at IS NOT NULL THEN LEAST(a.at, c.found_at) END,
    reports = array_remove(ARRAY[c.reported_at], NULL), audits = array_remove(ARRAY[c.audited_at], NULL)
FROM (SELECT r.id, (SELECT min(stated_at) FROM case_event e WHERE e.case_id = r.id AND e.kind IN (3, 4) AND e.after = 2) AS at FROM case_record r) s,
     (SELECT r.id, (SELECT min(stated_at) FROM case_event e WHERE e.case_id = r.id AND e.kind IN (3, 4) AND e.after = 4) AS at FROM case_record r) a
WHERE s.id = c.id AND a.id = c.id AND c.found_at IS NOT NULL;
ALTER TABLE case_record
    DROP COLUMN found_at, DROP COLUMN reported_at, DROP COLUMN audited_at, DROP COLUMN discharged_at,
    DROP COLUMN died_at, DROP COLUMN is_new;

-- Why there was a row of who became a case, and until when it was to be kept: restored where it is none (P2).
ALTER TABLE person ADD COLUMN former_purpose smallint, ADD COLUMN former_delete_after date;
-- Where clusters are looked for (R8).
CREATE INDEX person_present_idx ON person (present_unit_id) WHERE present_unit_id IS NOT NULL;

-- A result that a second finder recorded, told to the unit that has the person (R25): a task of its own.
ALTER TABLE result ADD COLUMN told_by_id uuid CONSTRAINT result_told_by_fkey REFERENCES result;
CREATE INDEX result_told_by_idx ON result (told_by_id) WHERE told_by_id IS NOT NULL;

-- Contacts whose index turned out to be no case (R13): to be voided, or to be observed on, by somebody's decision.
CREATE TABLE contact_question (
    id uuid CONSTRAINT contact_question_pkey PRIMARY KEY,
    observation_id uuid NOT NULL CONSTRAINT contact_question_observation_fkey REFERENCES observation ON DELETE CASCADE,
    case_id uuid NOT NULL CONSTRAINT contact_question_case_fkey REFERENCES case_record,
    asked_at timestamptz NOT NULL,
    deadline_at timestamptz NOT NULL,
    settled_at timestamptz,
    settled_by text NOT NULL DEFAULT '',
    words text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX contact_question_once ON contact_question (observation_id) WHERE settled_at IS NULL;
CREATE INDEX contact_question_observation_idx ON contact_question (observation_id);
