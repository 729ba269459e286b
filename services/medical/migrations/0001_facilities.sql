-- Facilities, what they are for, how they are reached; the numbers that areas set; by which units all of it is seen.

-- By which units what stands at a unit is seen, and before which it is put. Kept for each unit that anything stands at, and
-- written anew when the tree changes.
CREATE TABLE unit_sight (
    unit_id uuid CONSTRAINT unit_sight_pkey PRIMARY KEY,
    -- Where it stands today: the unit itself (its successor beside it), then those above.
    ancestors uuid[] NOT NULL,
    -- The county, then those above it; where it is no county's, itself.
    holders uuid[] NOT NULL CONSTRAINT unit_sight_held CHECK (cardinality(holders) > 0)
);
CREATE INDEX unit_sight_ancestors_idx ON unit_sight USING gin (ancestors);
CREATE INDEX unit_sight_holders_idx ON unit_sight USING gin (holders);

CREATE TABLE facility (
    id uuid CONSTRAINT facility_pkey PRIMARY KEY,
    unit_id uuid NOT NULL CONSTRAINT facility_unit_fkey REFERENCES unit_sight,
    display_name text NOT NULL,
    -- 1 ungraded, then 1 C, 1 B, 1 A, 2 C, … 10 is 3 A: from 5 on a fever clinic may be one (M6).
    grade smallint NOT NULL CONSTRAINT facility_grade_known CHECK (grade BETWEEN 1 AND 10),
    -- 1 public, 2 collective, 3 private, 4 other.
    ownership smallint NOT NULL CONSTRAINT facility_ownership_known CHECK (ownership BETWEEN 1 AND 4),
    address text NOT NULL DEFAULT '',
    organisation_code text NOT NULL DEFAULT '',
    -- Since when there is a code that fails its check (I8), and whether somebody has compared it with the certificate.
    code_failed_at timestamptz,
    code_confirmed boolean NOT NULL DEFAULT false,
    ends_on date,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by text NOT NULL,
    version bigint NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX facility_name_key ON facility (unit_id, display_name) WHERE ends_on IS NULL;
CREATE INDEX facility_unit_idx ON facility (unit_id, id);
CREATE INDEX facility_end_idx ON facility (ends_on) WHERE ends_on IS NOT NULL;
CREATE INDEX facility_code_idx ON facility (unit_id) WHERE code_failed_at IS NOT NULL AND NOT code_confirmed;

CREATE TABLE facility_role (
    id uuid CONSTRAINT facility_role_pkey PRIMARY KEY,
    facility_id uuid NOT NULL CONSTRAINT facility_role_facility_fkey REFERENCES facility,
    -- 1 designated hospital, 2 fever clinic, 3 primary care, 4 central isolation, 5 laboratory.
    role smallint NOT NULL CONSTRAINT facility_role_known CHECK (role BETWEEN 1 AND 5),
    starts_on date NOT NULL,
    ends_on date CONSTRAINT facility_role_ordered CHECK (ends_on >= starts_on),
    order_text text NOT NULL DEFAULT '',
    granted_at timestamptz NOT NULL,
    granted_by text NOT NULL,
    CONSTRAINT facility_role_apart
        EXCLUDE USING gist (facility_id WITH =, role WITH =, daterange(starts_on, ends_on, '[]') WITH &&)
);
CREATE INDEX facility_role_role_idx ON facility_role (role, facility_id);
CREATE INDEX facility_role_start_idx ON facility_role (starts_on);
CREATE INDEX facility_role_end_idx ON facility_role (ends_on) WHERE ends_on IS NOT NULL;

CREATE TABLE phone (
    id uuid CONSTRAINT phone_pkey PRIMARY KEY,
    facility_id uuid NOT NULL CONSTRAINT phone_facility_fkey REFERENCES facility,
    number text NOT NULL,
    label text NOT NULL DEFAULT '',
    -- By the city's clock; both none for around the clock.
    opens time,
    closes time CONSTRAINT phone_hours_whole CHECK ((opens IS NULL) = (closes IS NULL)),
    verified_at timestamptz,
    verified_by text NOT NULL DEFAULT '',
    -- Calls within the hours that have failed since the last that was answered, or since it was verified.
    failed_calls integer NOT NULL DEFAULT 0,
    -- Since when it is marked as not answered.
    marked_at timestamptz,
    removed_at timestamptz,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    version bigint NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX phone_number_key ON phone (facility_id, number) WHERE removed_at IS NULL;
CREATE INDEX phone_facility_idx ON phone (facility_id);
CREATE INDEX phone_marked_idx ON phone (facility_id) WHERE marked_at IS NOT NULL AND removed_at IS NULL;

CREATE TABLE call_attempt (
    id uuid CONSTRAINT call_attempt_pkey PRIMARY KEY,
    phone_id uuid NOT NULL CONSTRAINT call_attempt_phone_fkey REFERENCES phone,
    -- 1 answered, 2 no answer, 3 busy, 4 wrong number, 5 out of service.
    outcome smallint NOT NULL CONSTRAINT call_attempt_outcome_known CHECK (outcome BETWEEN 1 AND 5),
    called_at timestamptz NOT NULL,
    outside_hours boolean NOT NULL,
    called_by text NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX call_attempt_phone_idx ON call_attempt (phone_id, id);
CREATE INDEX call_attempt_time_idx ON call_attempt (phone_id, called_at);

-- The day up to which it was noted in the feed what begins and ends by the calendar.
CREATE TABLE directory_day (
    only_row boolean CONSTRAINT directory_day_pkey PRIMARY KEY DEFAULT true CONSTRAINT directory_day_one_row CHECK (only_row),
    noted_on date NOT NULL
);

-- Numbers that areas set; what was set last by an area counts there.
CREATE TABLE policy (
    area_unit_id uuid NOT NULL,
    -- 1 hours that a figure counts, 2 failed calls.
    kind smallint NOT NULL CONSTRAINT policy_kind_known CHECK (kind BETWEEN 1 AND 2),
    -- Zero where it is for no class.
    bed_class smallint NOT NULL,
    set_at timestamptz NOT NULL,
    -- None: taken back.
    value integer CONSTRAINT policy_value_positive CHECK (value > 0),
    set_by text NOT NULL,
    CONSTRAINT policy_pkey PRIMARY KEY (area_unit_id, kind, bed_class, set_at)
);
