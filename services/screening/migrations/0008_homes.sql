-- Who sleeps where, from which day to which.

CREATE TABLE home (
    id uuid CONSTRAINT home_pkey PRIMARY KEY,
    unit_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL
);
CREATE INDEX home_unit_idx ON home (unit_id, id);

CREATE TABLE resident (
    home_id uuid NOT NULL CONSTRAINT resident_home_fkey REFERENCES home,
    person_id uuid NOT NULL,
    -- The person's, by the key below.
    unit_id uuid NOT NULL,
    one_id uuid NOT NULL,
    starts_on date NOT NULL,
    ends_on date,
    CONSTRAINT resident_pkey PRIMARY KEY (home_id, person_id, starts_on),
    CONSTRAINT resident_person_fkey FOREIGN KEY (person_id, unit_id, one_id)
        REFERENCES person (id, unit_id, same_as) ON UPDATE CASCADE,
    CONSTRAINT resident_begins_before_it_ends CHECK (starts_on <= ends_on)
);
-- Nobody sleeps in two places.
CREATE UNIQUE INDEX resident_one_place ON resident (person_id) WHERE ends_on IS NULL;
CREATE INDEX resident_one_idx ON resident (one_id);
