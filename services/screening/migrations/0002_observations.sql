-- Observations of persons, their slots and readings, referrals, and what is put before the units above.

-- An observation follows its person: into other hands, and where two persons are found to be one.
ALTER TABLE person ADD CONSTRAINT person_standing_key UNIQUE (id, unit_id, same_as);

CREATE TABLE observation (
    id uuid CONSTRAINT observation_pkey PRIMARY KEY,
    person_id uuid NOT NULL,
    -- The person's, by the key below: whose hands, and the first of those who are one.
    unit_id uuid NOT NULL,
    one_id uuid NOT NULL,
    -- Where it was opened: who reads there may send what was read, whoever has the person by then.
    opened_unit_id uuid NOT NULL,
    -- The observation of the same person that counts, where another unit's does; itself else.
    leads_id uuid NOT NULL CONSTRAINT observation_leads_fkey REFERENCES observation,
    -- 1 returnee, 2 contact of a case, 3 contact of a returnee, 4 febrile, 5 discharged, 6 medical staff.
    basis smallint NOT NULL CONSTRAINT observation_basis_known CHECK (basis BETWEEN 1 AND 6),
    last_exposure date NOT NULL,
    -- 1 home, 2 central, 3 hospital, 4 other.
    place smallint NOT NULL,
    facility text NOT NULL,
    slots_a_day smallint NOT NULL,
    control_plan smallint NOT NULL,
    treatment_plan smallint NOT NULL,
    response_level smallint NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    lost boolean NOT NULL DEFAULT false,
    -- 1 released, 2 converted, 3 transferred, 4 died, 5 voided, 6 entered in error, 7 joined.
    ending smallint,
    reason text NOT NULL DEFAULT '',
    unmet smallint[] NOT NULL DEFAULT '{}',
    ended_at timestamptz,
    ended_by text NOT NULL DEFAULT '',
    version bigint NOT NULL DEFAULT 1,
    CONSTRAINT observation_person_fkey FOREIGN KEY (person_id, unit_id, one_id)
        REFERENCES person (id, unit_id, same_as) ON UPDATE CASCADE,
    CONSTRAINT observation_decided CHECK ((ending IS NULL) = (ended_at IS NULL))
);
-- One person, one open observation that counts.
CREATE UNIQUE INDEX observation_one_open ON observation (one_id) WHERE ended_at IS NULL AND leads_id = id;
CREATE INDEX observation_person_idx ON observation (person_id, id);
CREATE INDEX observation_one_idx ON observation (one_id);
CREATE INDEX observation_leads_idx ON observation (leads_id) WHERE leads_id <> id;
CREATE INDEX observation_unit_idx ON observation (unit_id) WHERE ended_at IS NULL;
CREATE INDEX observation_due_idx ON observation (due_at) WHERE ended_at IS NULL AND NOT lost;
CREATE INDEX observation_ended_idx ON observation (ended_at, id) WHERE ended_at IS NOT NULL;

-- Open observations as the units from the own one up to the root see them: the lost after the others, what
-- is due first, first.
CREATE TABLE observation_sight (
    ancestor_id uuid NOT NULL,
    lost boolean NOT NULL,
    due_at timestamptz NOT NULL,
    observation_id uuid NOT NULL CONSTRAINT observation_sight_observation_fkey REFERENCES observation ON DELETE CASCADE,
    CONSTRAINT observation_sight_pkey PRIMARY KEY (ancestor_id, lost, due_at, observation_id)
);
CREATE INDEX observation_sight_observation_idx ON observation_sight (observation_id);

-- By which units the open observations of a unit are seen: its own, then those above it.
CREATE TABLE unit_sight (
    unit_id uuid CONSTRAINT unit_sight_pkey PRIMARY KEY,
    ancestors uuid[] NOT NULL,
    -- Before whom is put what was not done there: the unit above, then those above that, up to the county.
    holders uuid[] NOT NULL
);

CREATE TABLE observation_event (
    observation_id uuid NOT NULL CONSTRAINT observation_event_observation_fkey REFERENCES observation ON DELETE CASCADE,
    number integer NOT NULL,
    -- 1 opened, 2 extended, 3 shortened, 4 moved, 5 lost, 6 found, 7 ended.
    kind smallint NOT NULL,
    said_by text NOT NULL,
    words text NOT NULL,
    ends_at timestamptz NOT NULL,
    happened_at timestamptz NOT NULL,
    CONSTRAINT observation_event_pkey PRIMARY KEY (observation_id, number)
);

-- The parts of a day in which one reading is due, for the whole window.
CREATE TABLE slot (
    observation_id uuid NOT NULL CONSTRAINT slot_observation_fkey REFERENCES observation ON DELETE CASCADE,
    opens_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    -- 0 none yet, 1 missed, 2 in hospital, 3 absent, 4 refused, 5 well, 6 symptoms: the greatest counts.
    outcome smallint NOT NULL DEFAULT 0,
    -- When it was found missed; stays when it is read late.
    missed_at timestamptz,
    CONSTRAINT slot_pkey PRIMARY KEY (observation_id, opens_at)
);
-- What is still to be closed.
CREATE INDEX slot_open_idx ON slot (closes_at, observation_id) WHERE outcome = 0;

-- Everything that was ever read, a partition a day of the instant it was taken. A reading that is sent
-- again meets itself there.
CREATE TABLE reading (
    taken_on date NOT NULL,
    sent_by text NOT NULL,
    event_id uuid NOT NULL,
    observation_id uuid NOT NULL,
    taken_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    -- As a slot's, 3 to 6.
    outcome smallint NOT NULL,
    -- Tenths of a degree Celsius; none where it was not measured.
    decidegrees smallint,
    symptoms smallint[] NOT NULL,
    -- 1 late, 2 out of order, 3 after the end, 4 outside, 5 joined.
    marks smallint[] NOT NULL,
    note text NOT NULL,
    CONSTRAINT reading_pkey PRIMARY KEY (event_id, sent_by, taken_on)
) PARTITION BY RANGE (taken_on);
CREATE INDEX reading_observation_idx ON reading (observation_id, taken_at);

CREATE TABLE referral (
    id uuid CONSTRAINT referral_pkey PRIMARY KEY,
    observation_id uuid NOT NULL CONSTRAINT referral_observation_fkey REFERENCES observation ON DELETE CASCADE,
    decidegrees smallint,
    symptoms smallint[] NOT NULL,
    opened_at timestamptz NOT NULL,
    deadline_at timestamptz NOT NULL,
    -- 1 cleared, 2 kept, 3 sent on, 4 suspected, 5 no show.
    answer smallint,
    facility text NOT NULL DEFAULT '',
    answered_at timestamptz,
    answered_by text NOT NULL DEFAULT '',
    CONSTRAINT referral_answered CHECK ((answer IS NULL) = (answered_at IS NULL))
);
CREATE UNIQUE INDEX referral_one_open ON referral (observation_id) WHERE answered_at IS NULL;
CREATE INDEX referral_observation_idx ON referral (observation_id, id);
CREATE INDEX referral_deadline_idx ON referral (deadline_at) WHERE answered_at IS NULL;

-- What ought to have happened and has not, before whom it is put.
CREATE TABLE escalation (
    observation_id uuid NOT NULL CONSTRAINT escalation_observation_fkey REFERENCES observation ON DELETE CASCADE,
    -- 1 referral unanswered, 2 lost, 3 reading missed, 4 release overdue: the least is the most dangerous.
    kind smallint NOT NULL,
    holder_id uuid NOT NULL,
    since timestamptz NOT NULL,
    missed smallint NOT NULL DEFAULT 0,
    CONSTRAINT escalation_pkey PRIMARY KEY (observation_id, kind)
);
CREATE INDEX escalation_holder_idx ON escalation (holder_id, kind, since, observation_id);
