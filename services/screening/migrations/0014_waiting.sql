-- Whatever waits for somebody until an instant, with the kinds of task that the migrations before this one bring.
CREATE OR REPLACE VIEW waiting AS
    SELECT id AS subject_id, 2::smallint AS kind, person_id, unit_id, deadline_at, true AS at_once
    FROM result WHERE deadline_at IS NOT NULL AND handled_at IS NULL
    UNION ALL
    SELECT id, 9::smallint, person_id, unit_id, due_at, false FROM case_record WHERE due_at IS NOT NULL AND leads_id = id
    UNION ALL
    SELECT i.id, 11::smallint, c.person_id, i.unit_id, i.deadline_at, true
    FROM incident i JOIN case_record c ON c.id = i.case_id WHERE i.reported_at IS NULL
    UNION ALL
    SELECT id, 7::smallint, person_id, unit_id, deadline_at, false FROM enforcement_request WHERE settled_at IS NULL
    UNION ALL
    SELECT id, 6::smallint, person_id, unit_id, due_at, false FROM support_request WHERE due_at IS NOT NULL
    UNION ALL
    -- Whoever was found and whom nobody in these hands observes, treats, or hands down.
    SELECT p.id, 13::smallint, p.id, p.unit_id, p.follow_by, true
    FROM person p
    WHERE p.follow_by IS NOT NULL
      AND NOT EXISTS (SELECT FROM observation o WHERE o.one_id = p.same_as AND o.unit_id = p.unit_id AND o.ended_at IS NULL)
      AND NOT EXISTS (SELECT FROM case_record c WHERE c.one_id = p.same_as AND c.unit_id = p.unit_id AND c.leads_id = c.id
                                                  AND c.state NOT IN (5, 6, 8, 10))
      AND NOT EXISTS (SELECT FROM handdown h WHERE h.one_id = p.same_as AND h.holder_unit_id = p.unit_id AND h.closed_at IS NULL)
      AND NOT EXISTS (SELECT FROM person e WHERE e.same_as = p.same_as AND e.unit_id = p.unit_id AND e.id < p.id
                                             AND e.follow_by IS NOT NULL)
      -- What is to be done about a contact follows from what is known of the exposure (R10, R11).
      AND NOT EXISTS (SELECT FROM exposure x WHERE p.purpose = 2 AND x.contact_one_id = p.same_as AND x.contact_unit_id = p.unit_id)
    UNION ALL
    -- Shifts of which nothing was said: the first of each checkpoint.
    SELECT c.id, 16::smallint, NULL::uuid, c.unit_id, missing.ended_at + interval '12 hours', true
    FROM checkpoint c
    CROSS JOIN LATERAL (SELECT s.ended_at FROM shift s WHERE s.checkpoint_id = c.id AND s.ended_at IS NOT NULL AND s.passed = 0
                          AND s.nil_at IS NULL ORDER BY s.ended_at LIMIT 1) missing
    UNION ALL
    SELECT q.observation_id, 12::smallint, o.person_id, o.unit_id, q.deadline_at, true
    FROM contact_question q JOIN observation o ON o.id = q.observation_id WHERE q.settled_at IS NULL
    UNION ALL
    -- Before the side that has not said, the holder's first; each side knows its own record.
    SELECT id, 14::smallint,
           CASE WHEN holder_says IS NULL OR finder_says IS NOT NULL THEN holding_person_id ELSE finding_person_id END,
           CASE WHEN holder_says IS NULL OR finder_says IS NOT NULL THEN holding_unit_id ELSE finding_unit_id END,
           coalesce(deadline_at, created_at + interval '1 day'), false
    FROM hands_question WHERE settled_at IS NULL
    UNION ALL
    -- Referrals, whatever became of the observation; who is suspected and no case; releases that have been due for a day.
    SELECT id, 1::smallint, person_id, unit_id, deadline_at, at_once FROM referral WHERE answered_at IS NULL
    UNION ALL
    SELECT id, 15::smallint, person_id, unit_id, case_due_at, true FROM referral WHERE case_due_at IS NOT NULL
    UNION ALL
    SELECT id, 10::smallint, person_id, unit_id, (due_at AT TIME ZONE 'UTC' + interval '1 day') AT TIME ZONE 'UTC', false
    FROM observation WHERE ended_at IS NULL AND NOT lost;
