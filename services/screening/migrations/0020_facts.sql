-- What was true and was not taken in, or waited for nobody.

-- What was taken in under which id of a client's, by wall time: another item under the same one is refused.
CREATE TABLE event_claim (
    day date NOT NULL,
    list smallint NOT NULL,
    event_id uuid NOT NULL,
    sent_by text NOT NULL,
    -- Keyed, of whole items.
    fingerprint bytea NOT NULL,
    CONSTRAINT event_claim_pkey PRIMARY KEY (event_id, sent_by, list, day)
) PARTITION BY RANGE (day);

-- What a tally said: visited, refused, absent, vacant; also where it does not count, since the grid counts its households.
ALTER TABLE visit ADD COLUMN tally integer[];

-- Who is ill and neither isolated nor treated, and who is suspected and not decided on, waits for somebody from now on.
UPDATE case_record SET due_at = LEAST(
    due_at,
    CASE WHEN isolated_at IS NULL THEN LEAST(suspected_at, confirmed_at, asymptomatic_at) + interval '2 hours' END,
    CASE WHEN treated_at IS NULL AND state = 3 THEN (confirmed_at AT TIME ZONE 'UTC' + interval '24 hours') AT TIME ZONE 'UTC' END,
    CASE WHEN state = 2 THEN (suspected_at AT TIME ZONE 'UTC' + interval '48 hours') AT TIME ZONE 'UTC' END
) WHERE state IN (2, 3, 4, 9);

-- A contact counts once, where the first exposure that counts is (R24): a change of one is one of all units that have the
-- contact.
CREATE OR REPLACE FUNCTION note_exposures() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO figure_inbox (unit_id) SELECT contact_unit_id FROM changed
        UNION SELECT e.contact_unit_id FROM exposure e WHERE e.contact_one_id IN (SELECT contact_one_id FROM changed);
    RETURN NULL;
END $$;
INSERT INTO figure_inbox (unit_id) SELECT DISTINCT contact_unit_id FROM exposure;
