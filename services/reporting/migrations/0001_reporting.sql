-- Reporting: forms, days with what is expected, reports with their revisions, totals, seals.

CREATE TABLE form (
    id uuid CONSTRAINT form_pkey PRIMARY KEY,
    key text NOT NULL CONSTRAINT form_key_taken UNIQUE,
    owner_id uuid NOT NULL,
    level smallint NOT NULL,
    -- Every field that any version had: a field's place in this list is its place in every array of
    -- figures. Only ever appended to.
    columns text[] NOT NULL,
    -- The date at whose end the opening balances hold.
    balance_as_of date,
    created_at timestamptz NOT NULL
);

-- What a form asks; the version with the greatest number whose start has come holds.
CREATE TABLE form_version (
    form_id uuid NOT NULL CONSTRAINT form_version_form_fkey REFERENCES form,
    number integer NOT NULL,
    start_date date NOT NULL,
    end_date date,
    definition jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT form_version_pkey PRIMARY KEY (form_id, number)
);

-- Another schedule for one business date; the last one said holds, and none in it means the form's own.
CREATE TABLE day_override (
    form_id uuid NOT NULL CONSTRAINT day_override_form_fkey REFERENCES form,
    business_date date NOT NULL,
    number integer NOT NULL,
    schedule jsonb,
    reason text NOT NULL,
    said_by text NOT NULL,
    said_at timestamptz NOT NULL,
    CONSTRAINT day_override_pkey PRIMARY KEY (form_id, business_date, number)
);

-- What the cumulative figures of a unit begin with.
CREATE TABLE opening_balance (
    form_id uuid NOT NULL CONSTRAINT opening_balance_form_fkey REFERENCES form,
    unit_id uuid NOT NULL,
    figures bigint[] NOT NULL,
    CONSTRAINT opening_balance_pkey PRIMARY KEY (form_id, unit_id)
);

-- The trees that days are pinned to: days with the same tree share it.
CREATE TABLE tree (
    id uuid CONSTRAINT tree_pkey PRIMARY KEY,
    digest bytea NOT NULL CONSTRAINT tree_digest_taken UNIQUE
);
CREATE TABLE tree_unit (
    tree_id uuid NOT NULL CONSTRAINT tree_unit_tree_fkey REFERENCES tree,
    -- The unit's number in the order of the tree, and the first number that is no longer below it.
    place integer NOT NULL,
    end_place integer NOT NULL,
    parent_place integer,
    unit_id uuid NOT NULL,
    level smallint NOT NULL,
    display_name text NOT NULL,
    CONSTRAINT tree_unit_pkey PRIMARY KEY (tree_id, place)
);
CREATE INDEX tree_unit_unit_idx ON tree_unit (unit_id, tree_id);

CREATE TABLE day (
    id uuid CONSTRAINT day_pkey PRIMARY KEY,
    form_id uuid NOT NULL CONSTRAINT day_form_fkey REFERENCES form,
    business_date date NOT NULL,
    form_version integer NOT NULL,
    -- 1 opening, 2 open, 3 closed, 4 sealed.
    state smallint NOT NULL,
    tree_id uuid NOT NULL CONSTRAINT day_tree_fkey REFERENCES tree,
    -- The slots as instants, and the window.
    times jsonb NOT NULL,
    closed_slots smallint[] NOT NULL DEFAULT '{}',
    reminded smallint NOT NULL DEFAULT 0,
    expected bigint NOT NULL DEFAULT 0,
    parts integer NOT NULL,
    opened_parts integer NOT NULL DEFAULT 0,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    -- How far the registry had been heard of.
    opened_on jsonb NOT NULL,
    opened_behind boolean NOT NULL,
    -- Corrections and reports after close that no seal contains yet.
    pending bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 1,
    CONSTRAINT day_form_date_taken UNIQUE (form_id, business_date),
    CONSTRAINT day_version_fkey FOREIGN KEY (form_id, form_version) REFERENCES form_version
);
CREATE INDEX day_date_idx ON day (business_date, id);
CREATE INDEX day_in_hand_idx ON day (state, business_date) WHERE state < 4;

-- Where the tree came out different from the one a day was opened on.
CREATE TABLE opening_difference (
    day_id uuid NOT NULL CONSTRAINT opening_difference_day_fkey REFERENCES day,
    unit_id uuid NOT NULL,
    -- 1 not expected, 2 closed, 3 moved.
    kind smallint NOT NULL,
    display_name text NOT NULL,
    found_at timestamptz NOT NULL,
    CONSTRAINT opening_difference_pkey PRIMARY KEY (day_id, unit_id, kind)
);

-- What is expected: one row for each unit and slot, written when the day opens.
CREATE TABLE expectation (
    business_date date NOT NULL,
    day_id uuid NOT NULL,
    place integer NOT NULL,
    slot smallint NOT NULL,
    id uuid NOT NULL,
    -- 1 due, 2 on time, 3 late, 4 after close, 5 excused, 6 missing.
    timing smallint NOT NULL DEFAULT 1,
    -- 0 none, 1 data, 2 zero.
    content smallint NOT NULL DEFAULT 0,
    returned boolean NOT NULL DEFAULT false,
    -- The last revision, and the figures that count.
    revision integer NOT NULL DEFAULT 0,
    figures bigint[] NOT NULL DEFAULT '{}',
    -- The stocks of days before, of fields on which this day is silent.
    last_known bigint[] NOT NULL DEFAULT '{}',
    reason text NOT NULL DEFAULT '',
    received_at timestamptz,
    reminded_at timestamptz,
    CONSTRAINT expectation_pkey PRIMARY KEY (day_id, place, slot, business_date)
) PARTITION BY RANGE (business_date);
CREATE INDEX expectation_id_idx ON expectation (id);

-- Everything that was ever said. A revision is the claim on its request_id, too: a repetition meets it
-- in the partition of its business date.
CREATE TABLE revision (
    business_date date NOT NULL,
    day_id uuid NOT NULL,
    place integer NOT NULL,
    slot smallint NOT NULL,
    number integer NOT NULL,
    -- 1 report, 2 return, 3 correction.
    kind smallint NOT NULL,
    timing smallint NOT NULL,
    content smallint NOT NULL,
    figures bigint[] NOT NULL,
    differences bigint[],
    reason text NOT NULL,
    caller text NOT NULL,
    request_id uuid NOT NULL,
    fingerprint bytea NOT NULL,
    entered_at_unit uuid NOT NULL,
    on_behalf boolean NOT NULL,
    informant text NOT NULL,
    channel smallint NOT NULL,
    made_at timestamptz,
    received_at timestamptz NOT NULL,
    announce_date date,
    note text NOT NULL,
    CONSTRAINT revision_pkey PRIMARY KEY (day_id, place, slot, number, business_date),
    CONSTRAINT revision_request_taken UNIQUE (request_id, caller, business_date)
) PARTITION BY RANGE (business_date);

CREATE TABLE chase_note (
    report_id uuid NOT NULL,
    chased_at timestamptz NOT NULL,
    chased_by text NOT NULL,
    note text NOT NULL,
    id uuid CONSTRAINT chase_note_pkey PRIMARY KEY
);
CREATE INDEX chase_note_report_idx ON chase_note (report_id, chased_at);

-- Totals of townships and above, in a few stripes that are summed when read: each batcher adds to its
-- own. What the cells are is written in rollups/mod.rs.
CREATE TABLE total (
    business_date date NOT NULL,
    day_id uuid NOT NULL,
    place integer NOT NULL,
    stripe smallint NOT NULL,
    cells bigint[] NOT NULL,
    CONSTRAINT total_pkey PRIMARY KEY (day_id, place, stripe, business_date)
) PARTITION BY RANGE (business_date);

CREATE TABLE sign_off (
    day_id uuid NOT NULL CONSTRAINT sign_off_day_fkey REFERENCES day,
    place integer NOT NULL,
    number integer NOT NULL,
    signed_by text NOT NULL,
    signed_at timestamptz NOT NULL,
    -- How many changes the figures had seen: another number, and the sign-off is stale.
    changes bigint NOT NULL,
    note text NOT NULL,
    CONSTRAINT sign_off_pkey PRIMARY KEY (day_id, place, number)
);

CREATE TABLE seal (
    id uuid CONSTRAINT seal_pkey PRIMARY KEY,
    day_id uuid NOT NULL CONSTRAINT seal_day_fkey REFERENCES day,
    number integer NOT NULL,
    sealed_at timestamptz NOT NULL,
    sealed_by text NOT NULL,
    bulletin_date date NOT NULL,
    publish_at timestamptz NOT NULL,
    digest bytea NOT NULL,
    revisions bigint NOT NULL,
    amendments bigint NOT NULL,
    unsigned uuid[] NOT NULL,
    reason text NOT NULL,
    sealed_on jsonb NOT NULL,
    CONSTRAINT seal_number_taken UNIQUE (day_id, number)
);
-- The figures of every unit that totals are kept of, as sealed.
CREATE TABLE seal_total (
    seal_id uuid NOT NULL CONSTRAINT seal_total_seal_fkey REFERENCES seal,
    place integer NOT NULL,
    cells bigint[] NOT NULL,
    cumulative bigint[] NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT seal_total_pkey PRIMARY KEY (seal_id, place)
);
-- Which revision of each expectation a seal contains: those below one unit, in the order of place and
-- slot; 0 for missing and -1 for excused.
CREATE TABLE seal_part (
    seal_id uuid NOT NULL CONSTRAINT seal_part_seal_fkey REFERENCES seal,
    place integer NOT NULL,
    revisions integer[] NOT NULL,
    CONSTRAINT seal_part_pkey PRIMARY KEY (seal_id, place)
);

-- What was sealed never changes, and what was said neither.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER seal_is_final BEFORE UPDATE OR DELETE ON seal FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seal_total_is_final BEFORE UPDATE OR DELETE ON seal_total FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seal_part_is_final BEFORE UPDATE OR DELETE ON seal_part FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER revision_is_final BEFORE UPDATE OR DELETE ON revision FOR EACH ROW EXECUTE FUNCTION refuse_change();
