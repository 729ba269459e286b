-- Persons handed along units, hop by hop, and the clocks of it.

CREATE TABLE handdown_clock (
    -- The area, the response level (E1) and the date it holds from, for one level of senders.
    area_unit_id uuid NOT NULL,
    response_level smallint NOT NULL,
    effective_on date NOT NULL,
    sender_level smallint NOT NULL,
    send_by time NOT NULL,
    acknowledge_minutes integer NOT NULL,
    urgent_minutes integer NOT NULL,
    verify_minutes integer NOT NULL,
    step_minutes integer NOT NULL,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL,
    CONSTRAINT handdown_clock_pkey PRIMARY KEY (area_unit_id, response_level, effective_on, sender_level)
);

CREATE TABLE handdown (
    id uuid CONSTRAINT handdown_pkey PRIMARY KEY,
    -- The first hop; itself where it is that.
    chain_id uuid NOT NULL CONSTRAINT handdown_chain_fkey REFERENCES handdown,
    person_id uuid NOT NULL,
    -- The person's, by the key below: whose hands, and the first of those who are one.
    holder_unit_id uuid NOT NULL,
    one_id uuid NOT NULL,
    from_unit_id uuid NOT NULL,
    -- The receiver of this hop, and where the chain is to end; none while nobody knows.
    to_unit_id uuid,
    final_unit_id uuid,
    urgent boolean NOT NULL,
    readdressed boolean NOT NULL,
    -- 1 created, 2 sent, 3 acknowledged, 4 not found, 5 closed.
    state smallint NOT NULL,
    -- 1 found, 2 not found, 3 wrong area, 4 left area, 5 passed on, 6 overtaken.
    outcome smallint,
    words text NOT NULL DEFAULT '',
    next_id uuid CONSTRAINT handdown_next_fkey REFERENCES handdown,
    verify_minutes integer NOT NULL,
    step_minutes integer NOT NULL,
    due_at timestamptz NOT NULL,
    -- When it is next put before somebody; none where that was done as far as it goes.
    escalate_at timestamptz,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    sent_at timestamptz,
    sent_by text NOT NULL DEFAULT '',
    acknowledged_at timestamptz,
    acknowledged_by text NOT NULL DEFAULT '',
    closed_at timestamptz,
    verified_by text NOT NULL DEFAULT '',
    CONSTRAINT handdown_person_fkey FOREIGN KEY (person_id, holder_unit_id, one_id)
        REFERENCES person (id, unit_id, same_as) ON UPDATE CASCADE,
    CONSTRAINT handdown_closed CHECK ((state = 5) = (closed_at IS NOT NULL)),
    CONSTRAINT handdown_decided CHECK (state < 4 OR outcome IS NOT NULL),
    CONSTRAINT handdown_not_to_itself CHECK (to_unit_id <> from_unit_id)
);
CREATE UNIQUE INDEX handdown_one_open ON handdown (person_id) WHERE closed_at IS NULL;
CREATE INDEX handdown_one_idx ON handdown (one_id);
CREATE INDEX handdown_chain_idx ON handdown (chain_id, id);
CREATE INDEX handdown_from_idx ON handdown (from_unit_id, id) WHERE closed_at IS NULL;
CREATE INDEX handdown_to_idx ON handdown (to_unit_id, id) WHERE closed_at IS NULL;
CREATE INDEX handdown_closed_from_idx ON handdown (from_unit_id, id) WHERE closed_at IS NOT NULL;
CREATE INDEX handdown_closed_to_idx ON handdown (to_unit_id, id) WHERE closed_at IS NOT NULL;
CREATE INDEX handdown_holder_idx ON handdown (holder_unit_id, id) WHERE closed_at IS NULL OR (outcome IN (3, 5) AND next_id IS NULL);
CREATE INDEX handdown_escalate_idx ON handdown (escalate_at) WHERE escalate_at IS NOT NULL;

-- The lists that named a person, and by whom they were sent: an item that is sent again meets itself here.
CREATE TABLE handdown_source (
    chain_id uuid NOT NULL CONSTRAINT handdown_source_chain_fkey REFERENCES handdown,
    number integer NOT NULL,
    event_id uuid NOT NULL,
    entered_by text NOT NULL,
    -- 1 police, 2 telecoms, 3 station, 4 toll, 5 a unit, 6 elsewhere.
    kind smallint NOT NULL,
    reference text NOT NULL,
    window_starts_at timestamptz,
    window_ends_at timestamptz,
    received_at timestamptz NOT NULL,
    CONSTRAINT handdown_source_pkey PRIMARY KEY (event_id, entered_by)
);
CREATE INDEX handdown_source_chain_idx ON handdown_source (chain_id, number);
