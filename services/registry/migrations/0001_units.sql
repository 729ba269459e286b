-- Units: identity never changes; name, place, status and codes are dated facts.

CREATE SEQUENCE unit_ordinal_seq;

CREATE TABLE unit (
    id uuid CONSTRAINT unit_pkey PRIMARY KEY,
    -- Orders siblings and makes up the paths; given once, in the order of creation.
    ordinal bigint NOT NULL CONSTRAINT unit_ordinal_key UNIQUE,
    level smallint NOT NULL CONSTRAINT unit_level_check CHECK (level BETWEEN 1 AND 6),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE unit_name (
    unit_id uuid NOT NULL CONSTRAINT unit_name_unit_fkey REFERENCES unit,
    valid daterange NOT NULL CONSTRAINT unit_name_valid_check CHECK (NOT isempty(valid)),
    display_name text NOT NULL,
    CONSTRAINT unit_name_no_overlap EXCLUDE USING gist (unit_id WITH =, valid WITH &&)
);

-- Where a unit stands. The path is the ordinals from the root to the unit, each as 8 letters in hex:
-- a subtree is one index range, and the order of paths is the order of the tree.
CREATE TABLE unit_place (
    unit_id uuid NOT NULL CONSTRAINT unit_place_unit_fkey REFERENCES unit,
    valid daterange NOT NULL CONSTRAINT unit_place_valid_check CHECK (NOT isempty(valid)),
    parent_id uuid CONSTRAINT unit_place_parent_fkey REFERENCES unit,
    path text COLLATE "C" NOT NULL CONSTRAINT unit_place_path_check CHECK (length(path) % 8 = 0 AND path <> ''),
    CONSTRAINT unit_place_no_overlap EXCLUDE USING gist (unit_id WITH =, valid WITH &&),
    CONSTRAINT unit_place_root_check CHECK ((parent_id IS NULL) = (length(path) = 8))
);
CREATE INDEX unit_place_path_idx ON unit_place (path, valid);
CREATE INDEX unit_place_parent_idx ON unit_place (parent_id, path);
-- One process serves one tree: at most one root at any date.
ALTER TABLE unit_place ADD CONSTRAINT unit_place_one_root
    EXCLUDE USING gist (valid WITH &&) WHERE (parent_id IS NULL);

CREATE TABLE unit_status (
    unit_id uuid NOT NULL CONSTRAINT unit_status_unit_fkey REFERENCES unit,
    valid daterange NOT NULL CONSTRAINT unit_status_valid_check CHECK (NOT isempty(valid)),
    -- 1 active, 2 closed; before the first row the unit does not exist.
    status smallint NOT NULL CONSTRAINT unit_status_check CHECK (status IN (1, 2)),
    CONSTRAINT unit_status_no_overlap EXCLUDE USING gist (unit_id WITH =, valid WITH &&)
);

CREATE TABLE unit_successor (
    unit_id uuid NOT NULL CONSTRAINT unit_successor_unit_fkey REFERENCES unit,
    successor_id uuid NOT NULL CONSTRAINT unit_successor_successor_fkey REFERENCES unit,
    CONSTRAINT unit_successor_pkey PRIMARY KEY (unit_id, successor_id),
    CONSTRAINT unit_successor_not_itself CHECK (unit_id <> successor_id)
);

CREATE TABLE unit_code (
    unit_id uuid NOT NULL CONSTRAINT unit_code_unit_fkey REFERENCES unit,
    system text NOT NULL,
    vintage text NOT NULL,
    code text NOT NULL,
    valid daterange NOT NULL CONSTRAINT unit_code_valid_check CHECK (NOT isempty(valid)),
    -- I3: a code is (system, vintage, code), borne by one unit at a time; a unit bears one a vintage.
    CONSTRAINT unit_code_taken EXCLUDE USING gist (system WITH =, vintage WITH =, code WITH =, valid WITH &&),
    CONSTRAINT unit_code_one_a_vintage EXCLUDE USING gist (unit_id WITH =, system WITH =, vintage WITH =, valid WITH &&)
);

CREATE TABLE unit_external_id (
    unit_id uuid NOT NULL CONSTRAINT unit_external_id_unit_fkey REFERENCES unit,
    system text NOT NULL,
    value text NOT NULL,
    CONSTRAINT unit_external_id_taken PRIMARY KEY (system, value)
);
CREATE INDEX unit_external_id_unit_idx ON unit_external_id (unit_id);
