-- Who met whom, cases with their results, and what must be reported as an event.

CREATE TABLE exposure (
    id uuid CONSTRAINT exposure_pkey PRIMARY KEY,
    -- Known by (event_id, who sent it).
    event_id uuid NOT NULL,
    entered_by text NOT NULL,
    -- None while it dangles: then index_reference names the index as the list does.
    index_id uuid,
    index_unit_id uuid,
    index_one_id uuid,
    index_reference text NOT NULL,
    contact_id uuid NOT NULL,
    contact_unit_id uuid NOT NULL,
    contact_one_id uuid NOT NULL,
    -- 1 living together, 2 direct care, 3 aerosol procedure, 4 same room, 5 shared meal, 6 hospital visit, 7 near seat,
    -- 8 field assessment, 9 general.
    kind smallint NOT NULL CONSTRAINT exposure_kind_known CHECK (kind BETWEEN 1 AND 9),
    place text NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    protected boolean NOT NULL,
    -- Of a kind of R10, and without protection.
    close boolean NOT NULL GENERATED ALWAYS AS (kind <> 9 AND NOT protected) STORED,
    control_plan smallint NOT NULL,
    created_at timestamptz NOT NULL,
    linked_at timestamptz,
    linked_by text NOT NULL DEFAULT '',
    withdrawn_at timestamptz,
    withdrawn_by text NOT NULL DEFAULT '',
    withdraw_reason text NOT NULL DEFAULT '',
    CONSTRAINT exposure_event_key UNIQUE (event_id, entered_by),
    CONSTRAINT exposure_index_fkey FOREIGN KEY (index_id, index_unit_id, index_one_id)
        REFERENCES person (id, unit_id, same_as) ON UPDATE CASCADE,
    CONSTRAINT exposure_contact_fkey FOREIGN KEY (contact_id, contact_unit_id, contact_one_id)
        REFERENCES person (id, unit_id, same_as) ON UPDATE CASCADE,
    CONSTRAINT exposure_named CHECK (index_id IS NOT NULL OR index_reference <> ''),
    CONSTRAINT exposure_begins_before_it_ends CHECK (first_at <= last_at)
);
CREATE INDEX exposure_index_idx ON exposure (index_one_id, id) WHERE index_one_id IS NOT NULL;
CREATE INDEX exposure_contact_idx ON exposure (contact_one_id, id);
CREATE INDEX exposure_index_person_idx ON exposure (index_id) WHERE index_id IS NOT NULL;
CREATE INDEX exposure_contact_person_idx ON exposure (contact_id);
CREATE INDEX exposure_unit_idx ON exposure (contact_unit_id, id);
CREATE INDEX exposure_dangling_idx ON exposure (contact_unit_id, id) WHERE index_id IS NULL AND withdrawn_at IS NULL;

CREATE TABLE case_record (
    id uuid CONSTRAINT case_record_pkey PRIMARY KEY,
    person_id uuid NOT NULL,
    -- The person's, by the key below.
    unit_id uuid NOT NULL,
    one_id uuid NOT NULL,
    -- The case that this one was merged into (R24); itself else.
    leads_id uuid NOT NULL CONSTRAINT case_record_leads_fkey REFERENCES case_record,
    -- 1 observed, 2 suspected, 3 confirmed, 4 asymptomatic, 5 cleared, 6 excluded, 7 discharged, 8 follow-up done,
    -- 9 readmitted, 10 released, 11 died.
    state smallint NOT NULL CONSTRAINT case_record_state_known CHECK (state BETWEEN 1 AND 11),
    links smallint[] NOT NULL,
    signs smallint[] NOT NULL,
    onset_on date,
    sampled_on date,
    severity smallint NOT NULL DEFAULT 0,
    -- Where it resided when it was found; frozen (R23).
    counted_unit_id uuid,
    found_at timestamptz,
    -- New as confirmed, not by symptoms of who was asymptomatic (R4).
    confirmed_at timestamptz,
    is_new boolean NOT NULL DEFAULT false,
    discharged_at timestamptz,
    died_at timestamptz,
    result_id uuid,
    reported_at timestamptz,
    audited_at timestamptz,
    investigated_at timestamptz,
    isolated_at timestamptz,
    treated_at timestamptz,
    -- Until when the next step must be done; none where none has a clock.
    due_at timestamptz,
    control_plan smallint NOT NULL,
    treatment_plan smallint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    CONSTRAINT case_record_person_fkey FOREIGN KEY (person_id, unit_id, one_id)
        REFERENCES person (id, unit_id, same_as) ON UPDATE CASCADE
);
-- One person, one case.
CREATE UNIQUE INDEX case_record_one_key ON case_record (one_id) WHERE leads_id = id;
CREATE INDEX case_record_one_idx ON case_record (one_id);
CREATE INDEX case_record_person_idx ON case_record (person_id);
CREATE INDEX case_record_leads_idx ON case_record (leads_id) WHERE leads_id <> id;
CREATE INDEX case_record_unit_idx ON case_record (unit_id, id) WHERE leads_id = id;
CREATE INDEX case_record_counted_idx ON case_record (counted_unit_id, confirmed_at) WHERE leads_id = id;
CREATE INDEX case_record_due_idx ON case_record (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE case_event (
    case_id uuid NOT NULL CONSTRAINT case_event_case_fkey REFERENCES case_record ON DELETE CASCADE,
    number integer NOT NULL,
    -- 1 opened, 2 findings, 3 classified, 4 corrected, 5 marked, 6 severity, 7 merged.
    kind smallint NOT NULL,
    before smallint NOT NULL,
    after smallint NOT NULL,
    severity smallint NOT NULL,
    unmet smallint[] NOT NULL,
    said_by text NOT NULL,
    words text NOT NULL,
    happened_at timestamptz NOT NULL,
    CONSTRAINT case_event_pkey PRIMARY KEY (case_id, number)
);

CREATE TABLE result (
    id uuid CONSTRAINT result_pkey PRIMARY KEY,
    person_id uuid NOT NULL,
    -- The person's, by the key below.
    unit_id uuid NOT NULL,
    one_id uuid NOT NULL,
    -- 1 RT-PCR, 2 sequence, 3 serology.
    kind smallint NOT NULL CONSTRAINT result_kind_known CHECK (kind BETWEEN 1 AND 3),
    -- 1 positive, 2 negative, 3 neither.
    outcome smallint NOT NULL CONSTRAINT result_outcome_known CHECK (outcome BETWEEN 1 AND 3),
    taken_at timestamptz NOT NULL,
    resulted_at timestamptz NOT NULL,
    laboratory text NOT NULL,
    amends_id uuid CONSTRAINT result_amends_fkey REFERENCES result CONSTRAINT result_amends_key UNIQUE,
    amended boolean NOT NULL DEFAULT false,
    -- Until when somebody must act on it (R25); none where nobody must.
    deadline_at timestamptz,
    handled_at timestamptz,
    handled_by text NOT NULL DEFAULT '',
    handling text NOT NULL DEFAULT '',
    entered_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT result_person_fkey FOREIGN KEY (person_id, unit_id, one_id)
        REFERENCES person (id, unit_id, same_as) ON UPDATE CASCADE
);
CREATE INDEX result_one_idx ON result (one_id, taken_at);
CREATE INDEX result_person_idx ON result (person_id);
CREATE INDEX result_unit_idx ON result (unit_id, id);
CREATE INDEX result_waiting_idx ON result (unit_id, id) WHERE deadline_at IS NOT NULL AND handled_at IS NULL;

CREATE TABLE incident (
    id uuid CONSTRAINT incident_pkey PRIMARY KEY,
    -- 1 a county's first confirmed case, 2 a cluster, 3 a suspected cluster.
    kind smallint NOT NULL,
    unit_id uuid NOT NULL,
    case_id uuid NOT NULL CONSTRAINT incident_case_fkey REFERENCES case_record,
    control_plan smallint NOT NULL,
    created_at timestamptz NOT NULL,
    deadline_at timestamptz NOT NULL,
    reported_at timestamptz,
    reported_by text NOT NULL DEFAULT '',
    grade smallint NOT NULL DEFAULT 0
);
CREATE INDEX incident_unit_idx ON incident (unit_id, id);
CREATE INDEX incident_waiting_idx ON incident (unit_id) WHERE reported_at IS NULL;

-- Whatever waits for somebody until an instant, but for what is about observations and hand-downs: before whom it is
-- put follows from it alone.
CREATE VIEW waiting AS
    SELECT id AS subject_id, 2::smallint AS kind, person_id, unit_id, deadline_at, true AS at_once
    FROM result WHERE deadline_at IS NOT NULL AND handled_at IS NULL
    UNION ALL
    SELECT id, 9::smallint, person_id, unit_id, due_at, false FROM case_record WHERE due_at IS NOT NULL AND leads_id = id
    UNION ALL
    SELECT i.id, 11::smallint, c.person_id, i.unit_id, i.deadline_at, true
    FROM incident i JOIN case_record c ON c.id = i.case_id WHERE i.reported_at IS NULL;
