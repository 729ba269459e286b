-- What is looked at again after a discharge (R16).

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

-- One more line of what waits, whatever the view has by now.
DO $$ BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW waiting AS ' || rtrim(pg_get_viewdef('waiting'::regclass), ';') || '
    UNION ALL
    SELECT id, 22::smallint, person_id, unit_id, deadline_at, false FROM recheck WHERE settled_at IS NULL';
END $$;
