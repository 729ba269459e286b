-- The hand-down chain, whole: lists that a unit is to receive every day by an hour (H2, H3), of which one that has not come is
-- missing until it comes or it is said that there is none; positive tests (H1); receivers outside the system (H6).

CREATE TABLE expected_list (
    id uuid CONSTRAINT expected_list_pkey PRIMARY KEY,
    unit_id uuid NOT NULL,
    -- As the sources of hand-downs are numbered.
    kind smallint NOT NULL,
    -- From whom, and that as it is compared; nothing where any list of the kind is it.
    source_name text NOT NULL,
    source_key text NOT NULL,
    -- When it is next looked whether it has come; none where it is expected no more.
    next_due_at timestamptz,
    CONSTRAINT expected_list_key UNIQUE (unit_id, kind, source_key)
);
CREATE INDEX expected_list_next_idx ON expected_list (next_due_at) WHERE next_due_at IS NOT NULL;

-- What was said of a list from a date on.
CREATE TABLE expected_list_term (
    list_id uuid NOT NULL CONSTRAINT expected_list_term_list_fkey REFERENCES expected_list,
    effective_on date NOT NULL,
    -- By when of the day it must have come, and up to when it must reach; none where it is expected no more.
    due_by time,
    covers_until time,
    by_order text NOT NULL,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL,
    CONSTRAINT expected_list_term_pkey PRIMARY KEY (list_id, effective_on),
    CONSTRAINT expected_list_term_whole CHECK ((due_by IS NULL) = (covers_until IS NULL))
);

-- The days that were due, and those of which it was said before that there is none.
CREATE TABLE expected_list_day (
    list_id uuid NOT NULL CONSTRAINT expected_list_day_list_fkey REFERENCES expected_list,
    expected_on date NOT NULL,
    due_at timestamptz NOT NULL,
    cut_off_at timestamptz NOT NULL,
    -- When it is put before the unit above, where it is missing.
    above_at timestamptz NOT NULL,
    came_at timestamptz,
    nil_at timestamptz,
    nil_by text NOT NULL DEFAULT '',
    words text NOT NULL DEFAULT '',
    CONSTRAINT expected_list_day_pkey PRIMARY KEY (list_id, expected_on)
);
CREATE INDEX expected_list_missing_idx ON expected_list_day (list_id, due_at) WHERE came_at IS NULL AND nil_at IS NULL;

-- The lists that units have received, each once, whether anybody expects them or not: from when to when they reach.
CREATE TABLE received_list (
    unit_id uuid NOT NULL,
    kind smallint NOT NULL,
    source_key text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    CONSTRAINT received_list_pkey PRIMARY KEY (unit_id, kind, ends_at, starts_at, source_key)
);

-- Who sent the list that named a person.
ALTER TABLE handdown_source ADD COLUMN source_name text NOT NULL DEFAULT '';

-- Whether a rapid test of the person was positive at a checkpoint.
ALTER TABLE referral ADD COLUMN tested_positive boolean NOT NULL DEFAULT false;

-- Who outside the system has the person now, since when, and by which letter; none where it was said in words only.
ALTER TABLE handdown
    ADD COLUMN receiver text,
    ADD COLUMN outside_at timestamptz,
    ADD COLUMN letter text,
    ADD CONSTRAINT handdown_receipt_whole CHECK (num_nonnulls(receiver, outside_at, letter) IN (0, 3));

-- One more line of what waits: lists that have not come, the first day of each.
DO $$ BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW waiting AS ' || rtrim(pg_get_viewdef('waiting'::regclass), ';') || '
    UNION ALL
    SELECT l.id, 17::smallint, NULL::uuid, l.unit_id, missing.above_at, true
    FROM expected_list l
    CROSS JOIN LATERAL (SELECT d.above_at FROM expected_list_day d WHERE d.list_id = l.id AND d.came_at IS NULL
                          AND d.nil_at IS NULL ORDER BY d.due_at LIMIT 1) missing';
END $$;
