-- Whose hands a person was in, and who they were found to be, from which instant on. Only ever added, so that
-- the law of persons can be proved of any day.
CREATE TABLE hands_event (
    -- In the order in which they came about, of one person.
    number bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT hands_event_pkey PRIMARY KEY,
    person_id uuid NOT NULL CONSTRAINT hands_event_person_fkey REFERENCES person ON DELETE CASCADE,
    one_id uuid NOT NULL,
    unit_id uuid NOT NULL,
    -- 0 as it was when this began to be kept, 1 taken in, 2 found to be one with another, 3 agreed, 4 handed
    -- down, 5 assigned from a unit that was closed.
    cause smallint NOT NULL CONSTRAINT hands_event_cause_known CHECK (cause BETWEEN 0 AND 5),
    said_by text NOT NULL,
    happened_at timestamptz NOT NULL
);
CREATE INDEX hands_event_person_idx ON hands_event (person_id, number);
CREATE INDEX hands_event_one_idx ON hands_event (one_id, person_id);
CREATE INDEX hands_event_unit_idx ON hands_event (unit_id, person_id);
-- What was before is not known: today's hands stand for it.
INSERT INTO hands_event (person_id, one_id, unit_id, cause, said_by, happened_at)
SELECT id, same_as, unit_id, 0, '', created_at FROM person ORDER BY id;

-- By when the two units are to have agreed; a day where none is said, which is usual and not read [K].
ALTER TABLE hands_question ADD COLUMN deadline_at timestamptz;

-- Persons of a closed unit who were given to another.
CREATE TABLE hands_assignment (
    id uuid CONSTRAINT hands_assignment_pkey PRIMARY KEY,
    from_unit_id uuid NOT NULL,
    to_unit_id uuid NOT NULL,
    persons integer NOT NULL,
    reason text NOT NULL,
    assigned_by text NOT NULL,
    assigned_at timestamptz NOT NULL
);

-- By which rules a person's marks were made: those of an older number are made anew.
ALTER TABLE person ADD COLUMN marked smallint NOT NULL DEFAULT 1;
CREATE INDEX person_mark_key_idx ON person_mark (key_id);

-- Whom silence is put before (H6): 0 whoever answers, 1 the deputy, 2 the leader.
ALTER TABLE escalation ADD COLUMN calls smallint NOT NULL DEFAULT 0;

-- The unit from which a list came, which its person's chain need not have begun at.
ALTER TABLE handdown_source ADD COLUMN from_unit_id uuid;
UPDATE handdown_source s SET from_unit_id = h.from_unit_id FROM handdown h WHERE h.id = s.chain_id;
CREATE INDEX handdown_person_idx ON handdown (person_id, id);
CREATE INDEX handdown_source_window_idx ON handdown_source (from_unit_id, kind, window_ends_at);
