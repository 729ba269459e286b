-- Who follows observations, what lists read, and small places.

-- Who saw an observation before it ended or went out of their sight, so that who follows is told that it is gone. By wall
-- time, as the feed's changes, and kept a day longer.
CREATE TABLE observation_departure (
    day date NOT NULL,
    observation_id uuid NOT NULL,
    ancestors uuid[] NOT NULL
) PARTITION BY RANGE (day);
CREATE INDEX observation_departure_observation_idx ON observation_departure (observation_id);
