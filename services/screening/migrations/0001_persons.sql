-- Screening: persons in a unit's hands, what was said of them, and questions whose hands hold them. Personal
-- values are sealed: AES-256-GCM under the key of key_id, bound to the row's id. They are found by marks,
-- keyed hashes of single values.

CREATE TABLE person (
    id uuid CONSTRAINT person_pkey PRIMARY KEY,
    -- The person whom this one was found to be; itself while it was found to be nobody else. Never a chain.
    same_as uuid NOT NULL CONSTRAINT person_same_as_fkey REFERENCES person,
    -- Whose hands (R23: responsible unit), where the person is if that is a unit (present-at), and where a
    -- case is counted.
    unit_id uuid NOT NULL,
    present_unit_id uuid,
    counted_unit_id uuid,
    -- 1 returnee, 2 contact, 3 case, 4 febrile (P1).
    purpose smallint NOT NULL CONSTRAINT person_purpose_known CHECK (purpose BETWEEN 1 AND 4),
    delete_after date,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX person_same_as_idx ON person (same_as);
CREATE INDEX person_unit_idx ON person (unit_id, id);
CREATE INDEX person_key_idx ON person (key_id);

-- By what a person is found: 1 paper, 2 name with phone and date of birth, 3 name and date of birth,
-- 4 name and phone, 5 phone.
CREATE TABLE person_mark (
    person_id uuid NOT NULL CONSTRAINT person_mark_person_fkey REFERENCES person ON DELETE CASCADE,
    key_id text NOT NULL,
    hash bytea NOT NULL,
    kind smallint NOT NULL,
    CONSTRAINT person_mark_pkey PRIMARY KEY (hash, person_id)
);
CREATE INDEX person_mark_person_idx ON person_mark (person_id);

-- What units said when they found a person. Only ever added.
CREATE TABLE finding (
    id uuid CONSTRAINT finding_pkey PRIMARY KEY,
    person_id uuid NOT NULL CONSTRAINT finding_person_fkey REFERENCES person ON DELETE CASCADE,
    unit_id uuid NOT NULL,
    source text NOT NULL,
    entered_by text NOT NULL,
    created_at timestamptz NOT NULL,
    key_id text NOT NULL,
    sealed bytea NOT NULL
);
CREATE INDEX finding_person_idx ON finding (person_id, id);
CREATE INDEX finding_key_idx ON finding (key_id);

-- Who saw a person's values whole (P4): never the values. No reason where it was the person's own unit.
CREATE TABLE access (
    id uuid CONSTRAINT access_pkey PRIMARY KEY,
    person_id uuid NOT NULL CONSTRAINT access_person_fkey REFERENCES person ON DELETE CASCADE,
    subject text NOT NULL,
    reason text NOT NULL,
    accessed_at timestamptz NOT NULL
);
CREATE INDEX access_person_idx ON access (person_id, id);

-- Two persons who were found to be one, and why (R24).
CREATE TABLE merge (
    id uuid CONSTRAINT merge_pkey PRIMARY KEY,
    kept_id uuid NOT NULL CONSTRAINT merge_kept_fkey REFERENCES person,
    merged_id uuid NOT NULL CONSTRAINT merge_merged_fkey REFERENCES person,
    reason text NOT NULL,
    merged_by text NOT NULL,
    merged_at timestamptz NOT NULL
);

-- A person in one unit's hands whom another has found.
CREATE TABLE hands_question (
    id uuid CONSTRAINT hands_question_pkey PRIMARY KEY,
    holding_person_id uuid NOT NULL CONSTRAINT hands_question_holding_fkey REFERENCES person,
    finding_person_id uuid NOT NULL CONSTRAINT hands_question_finding_fkey REFERENCES person,
    holding_unit_id uuid NOT NULL,
    finding_unit_id uuid NOT NULL,
    holder_says uuid,
    finder_says uuid,
    created_at timestamptz NOT NULL,
    settled_at timestamptz
);
CREATE INDEX hands_question_open_idx ON hands_question (id) WHERE settled_at IS NULL;
CREATE UNIQUE INDEX hands_question_once ON hands_question (finding_person_id) WHERE settled_at IS NULL;
