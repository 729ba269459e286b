-- The border with the medical service: referrals that are their person's, whatever becomes of the observation, and
-- admissions. What waits about observations and referrals is put before somebody as everything else that waits.

ALTER TABLE referral
    -- None of who is under no observation.
    ALTER COLUMN observation_id DROP NOT NULL,
    -- The person's, by the key below: whose hands, and the first of those who are one.
    ADD COLUMN person_id uuid,
    ADD COLUMN unit_id uuid,
    ADD COLUMN one_id uuid,
    -- Whom it is addressed to; the township's primary care where nobody is named (R19).
    ADD COLUMN to_facility text NOT NULL DEFAULT '',
    -- The referral whose answer made this one: sent on, or not come.
    ADD COLUMN previous_id uuid CONSTRAINT referral_previous_fkey REFERENCES referral
        CONSTRAINT referral_previous_key UNIQUE,
    -- Whether it is put before the unit itself before it is late: nobody expects it, or the person did not come.
    ADD COLUMN at_once boolean NOT NULL DEFAULT false,
    -- Until when who is suspected must be a case (R5); none where nobody waits for that.
    ADD COLUMN case_due_at timestamptz,
    ADD COLUMN opened_by text NOT NULL DEFAULT '';
UPDATE referral r SET person_id = o.person_id, unit_id = o.unit_id, one_id = o.one_id
FROM observation o WHERE o.id = r.observation_id;
ALTER TABLE referral
    ALTER COLUMN person_id SET NOT NULL,
    ALTER COLUMN unit_id SET NOT NULL,
    ALTER COLUMN one_id SET NOT NULL,
    ADD CONSTRAINT referral_person_fkey FOREIGN KEY (person_id, unit_id, one_id)
        REFERENCES person (id, unit_id, same_as) ON UPDATE CASCADE;
CREATE INDEX referral_person_idx ON referral (person_id);
CREATE INDEX referral_unit_idx ON referral (unit_id, id);
CREATE INDEX referral_open_idx ON referral (one_id) WHERE answered_at IS NULL;
CREATE INDEX referral_case_idx ON referral (one_id) WHERE case_due_at IS NOT NULL;

-- Whom a facility has, and has let go.
CREATE TABLE admission (
    id uuid CONSTRAINT admission_pkey PRIMARY KEY,
    person_id uuid NOT NULL,
    -- The person's, by the key below.
    unit_id uuid NOT NULL,
    one_id uuid NOT NULL,
    facility text NOT NULL,
    -- What the facility's system knows it by; both empty where it says none.
    system text NOT NULL DEFAULT '',
    external_id text NOT NULL DEFAULT '',
    -- The referral that it answered.
    referral_id uuid CONSTRAINT admission_referral_fkey REFERENCES referral,
    -- None where only the discharge was told.
    admitted_at timestamptz,
    admitted_by text NOT NULL DEFAULT '',
    discharged_at timestamptz,
    discharged_by text NOT NULL DEFAULT '',
    -- 1 home, 2 another facility.
    destination smallint,
    home_unit_id uuid,
    -- The hand-down by which the person comes home, where that is in other hands.
    handdown_id uuid CONSTRAINT admission_handdown_fkey REFERENCES handdown,
    created_at timestamptz NOT NULL,
    CONSTRAINT admission_person_fkey FOREIGN KEY (person_id, unit_id, one_id)
        REFERENCES person (id, unit_id, same_as) ON UPDATE CASCADE,
    CONSTRAINT admission_said CHECK (admitted_at IS NOT NULL OR discharged_at IS NOT NULL)
);
CREATE UNIQUE INDEX admission_external_key ON admission (system, external_id) WHERE external_id <> '';
CREATE INDEX admission_person_idx ON admission (person_id);
CREATE INDEX admission_one_idx ON admission (one_id, id);
CREATE INDEX admission_unit_idx ON admission (unit_id, id);

-- Readings that nobody looks for: after the end, in no slot, of what goes on as another observation.
CREATE INDEX reading_marked_idx ON reading (received_at, event_id) WHERE marks && '{3,4,5}'::smallint[];

-- A day after a release is due: by the clock and not by the zone, so that an index can hold it.
DROP INDEX observation_due_idx;
CREATE INDEX observation_overdue_idx ON observation (((due_at AT TIME ZONE 'UTC' + interval '1 day') AT TIME ZONE 'UTC'))
    WHERE ended_at IS NULL AND NOT lost;

-- What was put before somebody about a referral names the referral from now on; the next pulse puts it there.
DELETE FROM escalation WHERE kind = 1;
