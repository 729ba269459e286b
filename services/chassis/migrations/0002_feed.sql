-- The change feed: what changed is written to the inbox by the transaction that changed it, and one
-- sequencer at a time gives committed rows their position. A serial column alone would lose changes:
-- the order of its values is not the order of commits.

CREATE TABLE change_inbox (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT change_inbox_pkey PRIMARY KEY,
    topic text NOT NULL,
    key uuid NOT NULL
);

-- Kept a bounded number of days, a partition a day of wall time.
CREATE TABLE change (
    day date NOT NULL,
    position bigint NOT NULL,
    topic text NOT NULL,
    key uuid NOT NULL,
    CONSTRAINT change_pkey PRIMARY KEY (position, day)
) PARTITION BY RANGE (day);

-- The last position given. Its row lock makes the sequencer the only one.
CREATE TABLE feed (
    only_row boolean CONSTRAINT feed_pkey PRIMARY KEY DEFAULT true CONSTRAINT feed_one_row CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO feed (position) VALUES (0);
