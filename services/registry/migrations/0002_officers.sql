-- Officers and their appointments. An appointment is the grant: from its first instant to its last,
-- its officer may act for the unit and everything below it.

CREATE TABLE officer (
    id uuid CONSTRAINT officer_pkey PRIMARY KEY,
    display_name text NOT NULL,
    official_phone text NOT NULL,
    -- The subject of the officer's credentials; none for an officer who never logs in.
    subject text CONSTRAINT officer_subject_taken UNIQUE,
    -- Where the officer belongs: who may see and change the entry.
    home_unit_id uuid NOT NULL CONSTRAINT officer_home_unit_fkey REFERENCES unit,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX officer_home_unit_idx ON officer (home_unit_id, id);

CREATE TABLE appointment (
    id uuid CONSTRAINT appointment_pkey PRIMARY KEY,
    officer_id uuid NOT NULL CONSTRAINT appointment_officer_fkey REFERENCES officer,
    unit_id uuid NOT NULL CONSTRAINT appointment_unit_fkey REFERENCES unit,
    office text NOT NULL,
    -- 1 in full, 2 acting, 3 deputy.
    kind smallint NOT NULL CONSTRAINT appointment_kind_check CHECK (kind IN (1, 2, 3)),
    during tstzrange NOT NULL CONSTRAINT appointment_during_check CHECK (NOT isempty(during)),
    -- Why it ended before it was to end; empty otherwise.
    end_reason text NOT NULL DEFAULT '',
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    -- One holder in full and one acting at an instant; deputies as many as are needed.
    CONSTRAINT appointment_no_overlap
        EXCLUDE USING gist (unit_id WITH =, office WITH =, kind WITH =, during WITH &&) WHERE (kind <> 3),
    CONSTRAINT appointment_not_twice
        EXCLUDE USING gist (officer_id WITH =, unit_id WITH =, office WITH =, during WITH &&)
);
CREATE INDEX appointment_officer_idx ON appointment (officer_id, unit_id);
CREATE INDEX appointment_unit_idx ON appointment (unit_id, office);

-- Which offices a unit of a level must have filled: data, since another city differs.
CREATE TABLE required_office (
    level smallint NOT NULL,
    office text NOT NULL,
    CONSTRAINT required_office_pkey PRIMARY KEY (level, office)
);
INSERT INTO required_office (level, office) VALUES
    (2, 'leader'), (2, 'duty_officer'), (3, 'leader'), (3, 'duty_officer'), (4, 'leader'), (4, 'duty_officer'),
    (5, 'leader'), (5, 'duty_officer'), (6, 'leader'), (6, 'information_reporter');
