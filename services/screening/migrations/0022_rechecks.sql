-- What is looked at again after a discharge (R16); units that were moved; contacts without an index.

-- In which weeks after a discharge who was discharged, or released as asymptomatic, is looked at again: of the terms for that
-- basis. Empty where the area has not said it: then it is said by an area above, or it is weeks 2 and 4 [K].
ALTER TABLE observation_terms ADD COLUMN recheck_weeks smallint[] NOT NULL DEFAULT '{}';

CREATE TABLE recheck (
    id uuid CONSTRAINT recheck_pkey PRIMARY KEY,
    case_id uuid NOT NULL CONSTRAINT recheck_case_fkey REFERENCES case_record,
    person_id uuid NOT NULL,
    unit_id uuid NOT NULL,
    one_id uuid NOT NULL,
    -- The week after the discharge in which it is due, and the day of the discharge, which is day 0.
    week smallint NOT NULL CONSTRAINT recheck_week_bounded CHECK (week BETWEEN 1 AND 52),
    discharged_on date NOT NULL,
    deadline_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    -- 1 well, 2 symptoms, 3 positive, 4 refused, 5 died, as somebody says; 6 readmitted, 7 withdrawn, 8 left, 9 merged, as follows
    -- from what was decided.
    outcome smallint,
    done_on date,
    result_id uuid CONSTRAINT recheck_result_fkey REFERENCES result,
    settled_at timestamptz,
    settled_by text NOT NULL DEFAULT '',
    words text NOT NULL DEFAULT '',
    CONSTRAINT recheck_person_fkey FOREIGN KEY (person_id, unit_id, one_id)
        REFERENCES person (id, unit_id, same_as) ON UPDATE CASCADE,
    CONSTRAINT recheck_settled CHECK ((outcome IS NULL) = (settled_at IS NULL)),
    CONSTRAINT recheck_result_known CHECK ((result_id IS NOT NULL) = (outcome IS NOT DISTINCT FROM 3))
);
CREATE INDEX recheck_unit_idx ON recheck (unit_id, id);
CREATE INDEX recheck_one_idx ON recheck (one_id, id);
CREATE INDEX recheck_person_idx ON recheck (person_id);
CREATE INDEX recheck_open_idx ON recheck (deadline_at) WHERE settled_at IS NULL;
-- One open of each week.
CREATE UNIQUE INDEX recheck_open_key ON recheck (case_id, week) WHERE settled_at IS NULL;

-- Units that were moved below another one while something was in their hands, or in those of a unit below them: what began
-- before that was noted is on the list of a proof until whoever stands at or above the new one has taken it over. Of one unit
-- the last move counts. What was moved before is not asked about.
CREATE TABLE unit_move (
    id uuid CONSTRAINT unit_move_pkey PRIMARY KEY,
    unit_id uuid NOT NULL,
    parent_id uuid NOT NULL,
    moved_on date NOT NULL,
    noted_at timestamptz NOT NULL,
    deadline_at timestamptz NOT NULL,
    -- When it was taken over, and by whom; by nobody where another move overtook it.
    settled_at timestamptz,
    settled_by text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX unit_move_open_key ON unit_move (unit_id) WHERE settled_at IS NULL;
CREATE INDEX unit_move_parent_idx ON unit_move (parent_id, id);

-- What becomes of a contact is also asked once the last exposure that made them one was taken back: of no case, then.
ALTER TABLE contact_question
    ALTER COLUMN case_id DROP NOT NULL,
    ADD COLUMN exposure_id uuid CONSTRAINT contact_question_exposure_fkey REFERENCES exposure,
    ADD CONSTRAINT contact_question_why CHECK ((case_id IS NULL) <> (exposure_id IS NULL));

-- Two more lines of what waits, whatever the view has by now.
DO $$ BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW waiting AS ' || rtrim(pg_get_viewdef('waiting'::regclass), ';') || '
    UNION ALL
    SELECT id, 22::smallint, person_id, unit_id, deadline_at, false FROM recheck WHERE settled_at IS NULL
    UNION ALL
    SELECT unit_id, 23::smallint, NULL::uuid, parent_id, deadline_at, true FROM unit_move WHERE settled_at IS NULL';
END $$;
