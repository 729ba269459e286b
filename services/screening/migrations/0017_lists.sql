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
