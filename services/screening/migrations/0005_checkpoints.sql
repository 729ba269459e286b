-- Posts at stations and tolls, who passed them, and what their shifts came to.

CREATE TABLE checkpoint (
    id uuid CONSTRAINT checkpoint_pkey PRIMARY KEY,
    unit_id uuid NOT NULL,
    -- 1 high-speed rail, 2 rail, 3 bus, 4 toll, 5 elsewhere.
    kind smallint NOT NULL CONSTRAINT checkpoint_kind_known CHECK (kind BETWEEN 1 AND 5),
    display_name text NOT NULL,
    starts_on date NOT NULL,
    ends_on date,
    shifts_a_day smallint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL
);
CREATE INDEX checkpoint_unit_idx ON checkpoint (unit_id, id);

-- Who passed, a partition a day, dropped after 14 days: the personal part is sealed, under the key of key_id, bound
-- to the event's id.
CREATE TABLE passage (
    passed_on date NOT NULL,
    sent_by text NOT NULL,
    event_id uuid NOT NULL,
    checkpoint_id uuid NOT NULL,
    passed_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    -- Tenths of a degree Celsius; none where it was not measured.
    decidegrees smallint,
    -- The chain that the person is handed down by; none for who is only counted.
    handdown_id uuid,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    CONSTRAINT passage_pkey PRIMARY KEY (event_id, sent_by, passed_on)
) PARTITION BY RANGE (passed_on);

-- What is left of passages when they are dropped, and the shifts in which nobody passed.
CREATE TABLE shift (
    checkpoint_id uuid NOT NULL CONSTRAINT shift_checkpoint_fkey REFERENCES checkpoint,
    starts_at timestamptz NOT NULL,
    passed bigint NOT NULL DEFAULT 0,
    from_outside bigint NOT NULL DEFAULT 0,
    from_area bigint NOT NULL DEFAULT 0,
    febrile bigint NOT NULL DEFAULT 0,
    sent_down bigint NOT NULL DEFAULT 0,
    nil_at timestamptz,
    nil_by text NOT NULL DEFAULT '',
    CONSTRAINT shift_pkey PRIMARY KEY (checkpoint_id, starts_at)
);
