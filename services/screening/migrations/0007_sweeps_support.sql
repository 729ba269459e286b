-- Sweeps and their visits, refusals to comply, support and care teams.

CREATE TABLE sweep (
    id uuid CONSTRAINT sweep_pkey PRIMARY KEY,
    unit_id uuid NOT NULL,
    display_name text NOT NULL,
    starts_on date NOT NULL,
    -- What is asked of whoever is found (C10).
    facts smallint[] NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    closed_at timestamptz,
    closed_by text NOT NULL DEFAULT ''
);
CREATE INDEX sweep_unit_idx ON sweep (unit_id, id);

-- The grids that a sweep covers, from the tree of the day on which it was set up, and what their visits came to.
CREATE TABLE sweep_grid (
    sweep_id uuid NOT NULL CONSTRAINT sweep_grid_sweep_fkey REFERENCES sweep,
    unit_id uuid NOT NULL,
    -- How many households; none while nobody has said it.
    target integer,
    -- Whether it has said which.
    listed boolean NOT NULL DEFAULT false,
    visited integer NOT NULL DEFAULT 0,
    refused integer NOT NULL DEFAULT 0,
    absent integer NOT NULL DEFAULT 0,
    vacant integer NOT NULL DEFAULT 0,
    -- Of when the tally is, where the grid counts.
    tallied_at timestamptz,
    -- Why it was not done when the sweep was closed.
    exception text NOT NULL DEFAULT '',
    CONSTRAINT sweep_grid_pkey PRIMARY KEY (sweep_id, unit_id)
);

-- The households of grids that have said which there are, or that were visited one by one.
CREATE TABLE sweep_household (
    sweep_id uuid NOT NULL,
    unit_id uuid NOT NULL,
    number text NOT NULL,
    -- 0 not visited, 1 visited, 2 refused, 3 absent, 4 vacant.
    outcome smallint NOT NULL DEFAULT 0,
    seen_at timestamptz,
    CONSTRAINT sweep_household_pkey PRIMARY KEY (sweep_id, unit_id, number),
    CONSTRAINT sweep_household_grid_fkey FOREIGN KEY (sweep_id, unit_id) REFERENCES sweep_grid
);

-- Every visit that was ever taken in. One that is sent again meets itself here.
CREATE TABLE visit (
    event_id uuid NOT NULL,
    sent_by text NOT NULL,
    sweep_id uuid NOT NULL,
    unit_id uuid NOT NULL,
    -- None where the whole grid was counted.
    number text,
    outcome smallint NOT NULL,
    seen_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    CONSTRAINT visit_pkey PRIMARY KEY (event_id, sent_by),
    CONSTRAINT visit_grid_fkey FOREIGN KEY (sweep_id, unit_id) REFERENCES sweep_grid
);
CREATE INDEX visit_grid_idx ON visit (sweep_id, unit_id);

CREATE TABLE enforcement_request (
    id uuid CONSTRAINT enforcement_request_pkey PRIMARY KEY,
    -- The grid of a household; the person's hands, by the key below, where it is about one.
    unit_id uuid NOT NULL,
    person_id uuid,
    one_id uuid,
    sweep_id uuid CONSTRAINT enforcement_request_sweep_fkey REFERENCES sweep,
    household text NOT NULL DEFAULT '',
    reason text NOT NULL,
    deadline_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    -- 1 complied, 2 enforced, 3 dropped.
    outcome smallint,
    settled_at timestamptz,
    settled_by text NOT NULL DEFAULT '',
    words text NOT NULL DEFAULT '',
    CONSTRAINT enforcement_request_person_fkey FOREIGN KEY (person_id, unit_id, one_id)
        REFERENCES person (id, unit_id, same_as) ON UPDATE CASCADE,
    CONSTRAINT enforcement_request_settled CHECK ((outcome IS NULL) = (settled_at IS NULL))
);
CREATE INDEX enforcement_request_unit_idx ON enforcement_request (unit_id, id);
CREATE INDEX enforcement_request_person_idx ON enforcement_request (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX enforcement_request_open_idx ON enforcement_request (deadline_at) WHERE settled_at IS NULL;
CREATE UNIQUE INDEX enforcement_request_household_key ON enforcement_request (sweep_id, unit_id, household)
    WHERE settled_at IS NULL AND household <> '';

CREATE TABLE care_team (
    id uuid CONSTRAINT care_team_pkey PRIMARY KEY,
    unit_id uuid NOT NULL,
    display_name text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    dissolved_at timestamptz
);
CREATE INDEX care_team_unit_idx ON care_team (unit_id, id);

CREATE TABLE care_team_member (
    care_team_id uuid NOT NULL CONSTRAINT care_team_member_team_fkey REFERENCES care_team,
    number integer NOT NULL,
    display_name text NOT NULL,
    -- 1 official, 2 medical, 3 police, 4 volunteer.
    kind smallint NOT NULL,
    phone text NOT NULL,
    CONSTRAINT care_team_member_pkey PRIMARY KEY (care_team_id, number)
);

CREATE TABLE support_request (
    id uuid CONSTRAINT support_request_pkey PRIMARY KEY,
    person_id uuid NOT NULL,
    -- The person's, by the key below.
    unit_id uuid NOT NULL,
    one_id uuid NOT NULL,
    -- 1 food, 2 medicine, 3 care, 4 other.
    kind smallint NOT NULL CONSTRAINT support_request_kind_known CHECK (kind BETWEEN 1 AND 4),
    items text NOT NULL,
    -- 1 offered, 2 asked, 3 accepted, 4 delivered, 5 confirmed, 6 declined, 7 cancelled.
    state smallint NOT NULL,
    -- Until when the next step must be done; none where there is none.
    due_at timestamptz,
    care_team_id uuid CONSTRAINT support_request_team_fkey REFERENCES care_team,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    moved_at timestamptz NOT NULL,
    moved_by text NOT NULL,
    words text NOT NULL DEFAULT '',
    CONSTRAINT support_request_person_fkey FOREIGN KEY (person_id, unit_id, one_id)
        REFERENCES person (id, unit_id, same_as) ON UPDATE CASCADE,
    CONSTRAINT support_request_due CHECK ((due_at IS NULL) = (state >= 5))
);
CREATE INDEX support_request_unit_idx ON support_request (unit_id, id);
CREATE INDEX support_request_person_idx ON support_request (person_id);
CREATE INDEX support_request_one_idx ON support_request (one_id);
CREATE INDEX support_request_due_idx ON support_request (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX support_request_team_idx ON support_request (care_team_id) WHERE due_at IS NOT NULL;

CREATE OR REPLACE VIEW waiting AS
    SELECT id AS subject_id, 2::smallint AS kind, person_id, unit_id, deadline_at, true AS at_once
    FROM result WHERE deadline_at IS NOT NULL AND handled_at IS NULL
    UNION ALL
    SELECT id, 9::smallint, person_id, unit_id, due_at, false FROM case_record WHERE due_at IS NOT NULL AND leads_id = id
    UNION ALL
    SELECT i.id, 11::smallint, c.person_id, i.unit_id, i.deadline_at, true
    FROM incident i JOIN case_record c ON c.id = i.case_id WHERE i.reported_at IS NULL
    UNION ALL
    SELECT id, 7::smallint, person_id, unit_id, deadline_at, false FROM enforcement_request WHERE settled_at IS NULL
    UNION ALL
    SELECT id, 6::smallint, person_id, unit_id, due_at, false FROM support_request WHERE due_at IS NOT NULL;
