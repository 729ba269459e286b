-- Wards with what was counted last, and every count.

CREATE TABLE ward (
    id uuid CONSTRAINT ward_pkey PRIMARY KEY,
    facility_id uuid NOT NULL CONSTRAINT ward_facility_fkey REFERENCES facility,
    display_name text NOT NULL,
    -- 1 isolation single, 2 isolation shared, 3 negative pressure, 4 ICU, 5 observation, 6 central isolation.
    bed_class smallint NOT NULL CONSTRAINT ward_class_known CHECK (bed_class BETWEEN 1 AND 6),
    ends_on date,
    -- The count that counts; none before the first of the class.
    as_of timestamptz,
    physical integer,
    staffed integer,
    occupied integer,
    marks smallint[] NOT NULL DEFAULT '{}',
    sent_by text NOT NULL DEFAULT '',
    received_at timestamptz,
    -- When its beds became those of another class: what was counted before is of others.
    class_since timestamptz,
    -- From when on its beds are unknown (M10): by the policy in force where it stands.
    stale_at timestamptz NOT NULL,
    -- What is free while the count is fresh; stale ones have no bed.
    free integer GENERATED ALWAYS AS (GREATEST(0, LEAST(physical, staffed) - occupied)) STORED,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    CONSTRAINT ward_count_whole CHECK (num_nulls(as_of, physical, staffed, occupied, received_at) IN (0, 5)),
    CONSTRAINT ward_count_positive CHECK (physical >= 0 AND staffed >= 0 AND occupied >= 0)
);
CREATE UNIQUE INDEX ward_name_key ON ward (facility_id, display_name) WHERE ends_on IS NULL;
CREATE INDEX ward_facility_idx ON ward (facility_id, id);
CREATE INDEX ward_free_idx ON ward (bed_class, facility_id) WHERE free > 0;

-- Every count, a partition a day of counting.
CREATE TABLE capacity (
    counted_on date NOT NULL,
    event_id uuid NOT NULL,
    sent_by text NOT NULL,
    ward_id uuid NOT NULL,
    as_of timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    physical integer NOT NULL,
    staffed integer NOT NULL,
    occupied integer NOT NULL,
    -- 1 over staffed, 2 over physical, 3 staffed above physical, 4 out of order, 5 after close.
    marks smallint[] NOT NULL,
    CONSTRAINT capacity_pkey PRIMARY KEY (event_id, sent_by, counted_on),
    CONSTRAINT capacity_ward_fkey FOREIGN KEY (ward_id) REFERENCES ward
) PARTITION BY RANGE (counted_on);
CREATE INDEX capacity_ward_idx ON capacity (ward_id, as_of, event_id);

-- What is not as it must be, and while it is so: from an instant (to another), on days, below a grade of the facility. A
-- new kind is one more line, of one table only: so each is found by its facility.
CREATE VIEW alarming AS
    SELECT w.id AS subject_id, 1::smallint AS kind, w.facility_id, w.display_name, w.as_of AS since, w.stale_at AS until,
           '-infinity'::date AS starts_on, w.ends_on, NULL::smallint AS below_grade, true AS rises
    FROM ward w WHERE w.occupied > LEAST(w.physical, w.staffed)
    UNION ALL
    SELECT w.id, 2::smallint, w.facility_id, w.display_name, w.stale_at, NULL, '-infinity', w.ends_on, NULL, true
    FROM ward w
    UNION ALL
    SELECT p.id, 3::smallint, p.facility_id, p.number, p.marked_at, NULL, '-infinity', NULL, NULL, true
    FROM phone p WHERE p.marked_at IS NOT NULL AND p.removed_at IS NULL
    UNION ALL
    SELECT r.facility_id, 4::smallint, r.facility_id, '', r.granted_at, NULL, r.starts_on, r.ends_on, 5::smallint, false
    FROM facility_role r WHERE r.role = 2
    UNION ALL
    SELECT f.id, 5::smallint, f.id, '', f.code_failed_at, NULL, '-infinity', NULL, NULL, false
    FROM facility f WHERE f.code_failed_at IS NOT NULL AND NOT f.code_confirmed;
