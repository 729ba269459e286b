-- What a service keeps of the registry's feeds, in its own schema. Resources are kept as they were
-- received; what is read from them is made in memory by every replica.

-- How far each feed has been followed. One replica at a time follows, by a lease; all read.
CREATE TABLE followed (
    topic text CONSTRAINT followed_pkey PRIMARY KEY,
    -- Where to resume; empty until the first snapshot is complete.
    token text NOT NULL DEFAULT '',
    -- Grows with everything that is taken in.
    serial bigint NOT NULL DEFAULT 0,
    -- When the feed was last heard of, by the machine's clock.
    heard_at timestamptz NOT NULL,
    follower uuid NOT NULL,
    leased_until timestamptz NOT NULL
);

CREATE TABLE kept (
    topic text NOT NULL,
    key uuid NOT NULL,
    -- What followed.serial was when it was taken in.
    serial bigint NOT NULL,
    -- The resource as received; null when it is gone.
    body bytea,
    CONSTRAINT kept_pkey PRIMARY KEY (topic, key)
);
CREATE INDEX kept_serial_idx ON kept (topic, serial);
