-- Personal values are erased when their date has passed (P2). The row, its ids and whatever is counted stay. An older
-- program cannot show who was erased: upgrade every replica before the first date.

ALTER TABLE person
    ALTER COLUMN key_id DROP NOT NULL,
    ALTER COLUMN sealed DROP NOT NULL,
    -- When the personal values were erased; none are kept from then on.
    ADD COLUMN erased_at timestamptz,
    ADD CONSTRAINT person_erased CHECK ((erased_at IS NULL) = (sealed IS NOT NULL) AND (sealed IS NULL) = (key_id IS NULL));
-- Whose date comes, or has passed.
CREATE INDEX person_delete_idx ON person (delete_after, id) WHERE erased_at IS NULL AND delete_after IS NOT NULL;

-- The texts of an exposure that was erased with a person of it: nothing names an index any more that is not linked.
ALTER TABLE exposure
    ADD COLUMN erased_at timestamptz,
    DROP CONSTRAINT exposure_named,
    ADD CONSTRAINT exposure_named CHECK (index_id IS NOT NULL OR index_reference <> '' OR erased_at IS NOT NULL);

-- What was erased, of whom and when (P4): never the values. Only ever added.
CREATE TABLE erasure (
    person_id uuid CONSTRAINT erasure_pkey PRIMARY KEY CONSTRAINT erasure_person_fkey REFERENCES person,
    -- As the person's row was then: the first of those who are one, whose hands, why, and until when it was kept.
    one_id uuid NOT NULL,
    unit_id uuid NOT NULL,
    purpose smallint NOT NULL,
    delete_after date NOT NULL,
    erased_at timestamptz NOT NULL,
    marks integer NOT NULL,
    findings integer NOT NULL,
    sources integer NOT NULL,
    exposures integer NOT NULL
);
CREATE INDEX erasure_erased_idx ON erasure (erased_at, person_id);
