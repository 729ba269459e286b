-- What lay open of persons is sealed, and an epidemic is closed in an area.

-- Where somebody met somebody, how a list names an index that is not known here, and where an incident is: sealed as other
-- personal values are, under the key of key_id, bound to the row's id. No statement has a key: what was written in the clear
-- is sealed by the service itself, some rows at a time, and taken away then. An older program shows none of it.
ALTER TABLE exposure
    ADD COLUMN key_id text,
    ADD COLUMN sealed bytea,
    -- Under what the place is found: a keyed hash of its name as it is compared.
    ADD COLUMN place_hash bytea,
    ALTER COLUMN place SET DEFAULT '',
    ADD CONSTRAINT exposure_sealed CHECK ((key_id IS NULL) = (sealed IS NULL)),
    DROP CONSTRAINT exposure_named,
    ADD CONSTRAINT exposure_named
        CHECK (index_id IS NOT NULL OR index_reference <> '' OR sealed IS NOT NULL OR erased_at IS NOT NULL);
CREATE INDEX exposure_key_idx ON exposure (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX exposure_place_hash_idx ON exposure (place_hash) WHERE place_hash IS NOT NULL;
-- What is still open. The name of a person here stays so: it tells nothing.
CREATE INDEX exposure_open_idx ON exposure (id)
    WHERE place <> '' OR (index_reference <> '' AND index_reference !~ '^persons/[0-9a-f-]{36}$');
ALTER TABLE incident
    ADD COLUMN key_id text,
    ADD COLUMN sealed bytea,
    ADD CONSTRAINT incident_sealed CHECK ((key_id IS NULL) = (sealed IS NULL));
CREATE INDEX incident_key_idx ON incident (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX incident_open_idx ON incident (id) WHERE place <> '';

-- With which key everything is sealed anew: the first of whoever was started last.
CREATE TABLE sealing_key (
    only_row boolean CONSTRAINT sealing_key_pkey PRIMARY KEY DEFAULT true CONSTRAINT sealing_key_one_row CHECK (only_row),
    key_id text NOT NULL
);

-- Closings of the epidemic in an area (P3): everybody in it is erased, whatever their date.
CREATE TABLE closure (
    id uuid CONSTRAINT closure_pkey PRIMARY KEY,
    -- A county, or what stands above.
    area_unit_id uuid NOT NULL,
    reason text NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    -- The dry run: what would have been erased then (persons, marks, findings, sources, exposures), and how many persons
    -- each kind of hold held, the first kind first.
    would_erase bigint[] NOT NULL,
    would_hold bigint[] NOT NULL,
    -- Two who are neither the one who proposed it nor each other.
    approved_by text[] NOT NULL DEFAULT '{}',
    approved_at timestamptz[] NOT NULL DEFAULT '{}',
    -- How many persons there were at the second approval.
    covered bigint,
    -- How many persons each kind of hold held when everybody who is left was looked at last.
    held bigint[],
    cancelled_at timestamptz,
    cancelled_by text NOT NULL DEFAULT '',
    cancel_reason text NOT NULL DEFAULT '',
    -- When nobody was left but whom the law keeps; what was erased, in the order of would_erase, how many are kept, and the
    -- digest of who was erased.
    closed_at timestamptz,
    erased bigint[],
    kept bigint,
    digest bytea,
    CONSTRAINT closure_approvals CHECK (cardinality(approved_by) = cardinality(approved_at) AND cardinality(approved_by) <= 2),
    CONSTRAINT closure_approved_by_two CHECK (approved_by[1] IS DISTINCT FROM approved_by[2] OR cardinality(approved_by) = 0),
    CONSTRAINT closure_covers_when_approved CHECK ((covered IS NOT NULL) = (cardinality(approved_by) = 2)),
    CONSTRAINT closure_ends_once CHECK (closed_at IS NULL OR cancelled_at IS NULL),
    CONSTRAINT closure_certified CHECK (closed_at IS NULL OR (erased IS NOT NULL AND kept IS NOT NULL AND digest IS NOT NULL))
);

-- Who was in an area at the second approval and is not erased yet: each of one closing, while it goes on.
CREATE TABLE closure_person (
    person_id uuid CONSTRAINT closure_person_pkey PRIMARY KEY,
    closure_id uuid NOT NULL CONSTRAINT closure_person_closure_fkey REFERENCES closure
);
CREATE INDEX closure_person_closure_idx ON closure_person (closure_id, person_id);

-- By which closing; none where only the date had passed.
ALTER TABLE erasure ADD COLUMN closure_id uuid CONSTRAINT erasure_closure_fkey REFERENCES closure;
CREATE INDEX erasure_closure_idx ON erasure (closure_id, erased_at, person_id) WHERE closure_id IS NOT NULL;
