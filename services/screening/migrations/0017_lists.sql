-- Who follows observations, what lists read, and small places.

-- Who saw an observation before it ended or went out of their sight, so that who follows is told that it is gone. By wall
-- time, as the feed's changes, and kept a day longer.
CREATE TABLE observation_departure (
    day date NOT NULL,
    observation_id uuid NOT NULL,
    ancestors uuid[] NOT NULL
) PARTITION BY RANGE (day);
CREATE INDEX observation_departure_observation_idx ON observation_departure (observation_id);

-- Places that have a name and are no unit (R8, R23): where somebody met, by the name as it is compared, and where an
-- incident is, by a keyed hash of it, since where a person is, is sealed.
ALTER TABLE exposure ADD COLUMN place_key text NOT NULL DEFAULT '';
UPDATE exposure SET place_key = lower(regexp_replace(normalize(place, NFKC), '[[:space:][:punct:]]', '', 'g')) WHERE place <> '';
CREATE INDEX exposure_place_idx ON exposure (place_key, last_at) WHERE place_key <> '';
ALTER TABLE incident ADD COLUMN place text NOT NULL DEFAULT '', ADD COLUMN place_hash bytea;

-- What is marked by older rules, without looking at everybody.
CREATE INDEX person_marked_idx ON person (marked);

-- That a row leads itself is believed to be rare, and an index of those rows alone to be nearly empty: it was read from end
-- to end where another one would do. As these are written, only who looks for a person finds it.
DROP INDEX case_record_one_key;
CREATE UNIQUE INDEX case_record_one_key ON case_record (one_id) WHERE (leads_id = id) IS TRUE;
DROP INDEX observation_one_open;
CREATE UNIQUE INDEX observation_one_open ON observation (one_id) WHERE ended_at IS NULL AND (leads_id = id) IS TRUE;
DROP INDEX case_record_unit_idx;
CREATE INDEX case_record_unit_idx ON case_record (unit_id, id);
DROP INDEX case_record_counted_idx;
CREATE INDEX case_record_counted_idx ON case_record (counted_unit_id, confirmed_at);

-- Referrals of a person, also those that were answered, and those that are open, for whoever follows them.
CREATE INDEX referral_one_idx ON referral (one_id, id);
CREATE INDEX referral_waiting_idx ON referral (id) WHERE answered_at IS NULL OR case_due_at IS NOT NULL;

-- Who was asked about whose hands, also when that is settled.
CREATE INDEX hands_question_holding_idx ON hands_question (holding_person_id);
CREATE INDEX hands_question_finding_idx ON hands_question (finding_person_id);
