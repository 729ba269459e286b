-- Whoever is found must be followed up, dangers have ranks, and what the field says is kept whole.

-- Until when somebody must have begun to follow the person up; none where that has begun, or was decided not to be
-- needed.
ALTER TABLE person ADD COLUMN follow_by timestamptz;
UPDATE person p SET follow_by = p.created_at + interval '12 hours'
WHERE NOT EXISTS (SELECT FROM observation o WHERE o.one_id = p.same_as AND o.unit_id = p.unit_id);
CREATE INDEX person_follow_idx ON person (unit_id, follow_by, id) WHERE follow_by IS NOT NULL;

-- Decisions that nobody need follow a person up. Only ever added.
CREATE TABLE waiver (
    id uuid CONSTRAINT waiver_pkey PRIMARY KEY,
    person_id uuid NOT NULL CONSTRAINT waiver_person_fkey REFERENCES person ON DELETE CASCADE,
    reason text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL
);
CREATE INDEX waiver_person_idx ON waiver (person_id, id);

-- How dangerous, the least the most: the order of a digest.
-- What an older program writes has none and comes first.
ALTER TABLE escalation ADD COLUMN rank smallint NOT NULL DEFAULT 0;
UPDATE escalation SET rank = (ARRAY[20, 30, 40, 50, 80, 90, 100, 110, 60, 130, 10])[kind];
DROP INDEX escalation_holder_idx;
CREATE INDEX escalation_holder_idx ON escalation (holder_id, rank, since, subject_id);
CREATE INDEX escalation_kind_idx ON escalation (kind, subject_id);

-- What a checkpoint saw of the person: sealed, under the key of key_id, bound to the event's id.
ALTER TABLE handdown_source ADD COLUMN key_id text, ADD COLUMN sealed bytea;
CREATE INDEX handdown_source_key_idx ON handdown_source (key_id) WHERE key_id IS NOT NULL;

-- Under what fellows of a vehicle or party are found: a keyed hash.
ALTER TABLE passage ADD COLUMN party_hash bytea;
CREATE INDEX passage_party_idx ON passage (checkpoint_id, party_hash, passed_at, event_id) WHERE party_hash IS NOT NULL;

-- Who looked for the fellows of a vehicle or party, and why (P4): never the values.
CREATE TABLE passage_access (
    id uuid CONSTRAINT passage_access_pkey PRIMARY KEY,
    checkpoint_id uuid NOT NULL CONSTRAINT passage_access_checkpoint_fkey REFERENCES checkpoint,
    shown integer NOT NULL,
    subject text NOT NULL,
    reason text NOT NULL,
    accessed_at timestamptz NOT NULL
);
CREATE INDEX passage_access_checkpoint_idx ON passage_access (checkpoint_id, id);

ALTER TABLE shift
    ADD COLUMN tested bigint NOT NULL DEFAULT 0,
    ADD COLUMN positive bigint NOT NULL DEFAULT 0,
    ADD COLUMN untested bigint NOT NULL DEFAULT 0,
    -- When a shift of the plan ended, written then; none while it lasts, and for what lies outside of the plan.
    ADD COLUMN ended_at timestamptz;
CREATE INDEX shift_missing_idx ON shift (checkpoint_id, ended_at) WHERE ended_at IS NOT NULL AND passed = 0 AND nil_at IS NULL;

-- A change of the shifts holds from a day on.
ALTER TABLE checkpoint
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    -- The days from which on there are others than shifts_a_day, and how many.
    ADD COLUMN changed_on date[] NOT NULL DEFAULT '{}',
    ADD COLUMN changed_to smallint[] NOT NULL DEFAULT '{}',
    -- When the next shift ends of which is looked whether something was said; none after the last.
    ADD COLUMN next_end_at timestamptz DEFAULT 'epoch';
CREATE INDEX checkpoint_next_idx ON checkpoint (next_end_at) WHERE next_end_at IS NOT NULL;

-- How many households of a grid that counts refuse; none where it is about one household, or a person.
ALTER TABLE enforcement_request ADD COLUMN households integer;
CREATE UNIQUE INDEX enforcement_request_grid_key ON enforcement_request (sweep_id, unit_id)
    WHERE settled_at IS NULL AND households IS NOT NULL;
-- Refused readings, for who refuses again and again.
CREATE INDEX slot_refused_idx ON slot (opens_at, observation_id) WHERE outcome = 4;

-- Every move of support.
CREATE TABLE support_event (
    support_id uuid NOT NULL CONSTRAINT support_event_support_fkey REFERENCES support_request ON DELETE CASCADE,
    number integer NOT NULL,
    state smallint NOT NULL,
    due_at timestamptz,
    care_team_id uuid,
    said_by text NOT NULL,
    words text NOT NULL,
    happened_at timestamptz NOT NULL,
    CONSTRAINT support_event_pkey PRIMARY KEY (support_id, number)
);
-- What is still known of those before.
INSERT INTO support_event SELECT id, 1, state, due_at, care_team_id, moved_by, words, moved_at FROM support_request;
