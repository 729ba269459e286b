-- How long and how often persons are observed, and the response level, as command centres say it of their areas from a
-- date on (V1, E1, R12). Whoever is under observation keeps what was in force when that began or was last extended.

-- The response level of an area (E1); the nearest area's counts, else Hunan's.
CREATE TABLE response_level (
    area_unit_id uuid NOT NULL,
    effective_on date NOT NULL,
    level smallint NOT NULL CONSTRAINT response_level_known CHECK (level BETWEEN 1 AND 4),
    -- The number and title of the order that says so.
    by_order text NOT NULL,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL,
    CONSTRAINT response_level_pkey PRIMARY KEY (area_unit_id, effective_on)
);

-- The terms of an area at a response level, for one basis, or with 0 for every one that has none of its own there.
CREATE TABLE observation_terms (
    area_unit_id uuid NOT NULL,
    response_level smallint NOT NULL,
    effective_on date NOT NULL,
    basis smallint NOT NULL CONSTRAINT observation_terms_basis_known CHECK (basis BETWEEN 0 AND 6),
    days smallint NOT NULL CONSTRAINT observation_terms_days_bounded CHECK (days BETWEEN 1 AND 60),
    slots_a_day smallint NOT NULL CONSTRAINT observation_terms_slots_bounded CHECK (slots_a_day BETWEEN 1 AND 4),
    by_order text NOT NULL,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL,
    CONSTRAINT observation_terms_pkey PRIMARY KEY (area_unit_id, response_level, effective_on, basis)
);

-- Days after the last contact; 14 for whatever a program opens that knows no other. A change of slots_a_day holds from
-- slots_since on, slots_before until then.
ALTER TABLE observation
    ADD COLUMN days smallint NOT NULL DEFAULT 14,
    ADD COLUMN slots_since date,
    ADD COLUMN slots_before smallint,
    ADD CONSTRAINT observation_slots_changed CHECK ((slots_since IS NULL) = (slots_before IS NULL));

-- What set the window from then on: none where it stayed as it was, and where a program noted it that knows one only.
ALTER TABLE observation_event
    ADD COLUMN days smallint,
    ADD COLUMN slots_a_day smallint,
    ADD COLUMN control_plan smallint,
    ADD COLUMN treatment_plan smallint,
    ADD COLUMN response_level smallint;
