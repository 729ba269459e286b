-- Whatever waits too long is put before somebody, not only what is about an observation: what it is about, whose
-- it is, and before how many levels above.
ALTER TABLE escalation RENAME COLUMN observation_id TO subject_id;
ALTER TABLE escalation
    DROP CONSTRAINT escalation_observation_fkey,
    ADD COLUMN person_id uuid,
    ADD COLUMN unit_id uuid,
    -- 0 the unit itself, 1 the unit above, and so on, up to the county.
    ADD COLUMN level smallint NOT NULL DEFAULT 1;
UPDATE escalation e SET person_id = o.person_id, unit_id = o.unit_id,
       level = 1 + GREATEST(0, e.missed - 1) / o.slots_a_day
FROM observation o WHERE o.id = e.subject_id;
ALTER TABLE escalation ALTER COLUMN unit_id SET NOT NULL;
-- 1 referral unanswered, 2 result to be handled, 3 lost, 4 urgent hand-down waits, 5 reading missed, 6 support
-- overdue, 7 enforcement overdue, 8 hand-down waits, 9 case overdue, 10 release overdue: the least is the most
-- dangerous.
UPDATE escalation SET kind = CASE kind WHEN 2 THEN 3 WHEN 3 THEN 5 WHEN 4 THEN 10 ELSE kind END;
CREATE INDEX escalation_unit_idx ON escalation (unit_id);
