-- What every service keeps beside its own tables. Runs in each service's schema, before its own
-- migrations, through the search_path of the owner's role.

-- The oldest program that still works with this schema; a program older than that refuses to start.
CREATE TABLE program_floor (
    only_row boolean CONSTRAINT program_floor_pkey PRIMARY KEY DEFAULT true CONSTRAINT program_floor_one_row CHECK (only_row),
    oldest_schema bigint NOT NULL
);
INSERT INTO program_floor (oldest_schema) VALUES (1);

-- Signs page tokens and change tokens: shared by all replicas of a service, made once.
CREATE TABLE secret (
    only_row boolean CONSTRAINT secret_pkey PRIMARY KEY DEFAULT true CONSTRAINT secret_one_row CHECK (only_row),
    value bytea NOT NULL CONSTRAINT secret_length CHECK (length(value) = 32)
);
INSERT INTO secret (value) VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- Which request_id was used by whom for what, and what was answered. The answer is written by the
-- transaction that did the work. Kept seven days, a partition a day.
CREATE TABLE request_claim (
    day date NOT NULL,
    caller text NOT NULL,
    request_id uuid NOT NULL,
    fingerprint bytea NOT NULL,
    answer bytea,
    CONSTRAINT request_claim_pkey PRIMARY KEY (request_id, caller, day)
) PARTITION BY RANGE (day);

-- Makes the day partitions of a table from one date to another, both included, and drops those that
-- end before the oldest day to keep. Only the owner may define tables, so this runs as the owner.
CREATE FUNCTION keep_day_partitions(parent text, oldest date, first date, last date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    made integer := 0;
    wanted date;
    part text;
    old record;
BEGIN
    IF parent NOT IN (SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = current_schema()::regnamespace) THEN
        RAISE EXCEPTION 'not a partitioned table of this schema: %', parent;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext(current_schema() || '.keep_day_partitions'));
    wanted := first;
    WHILE wanted <= last LOOP
        part := parent || '_' || to_char(wanted, 'YYYYMMDD');
        IF to_regclass(quote_ident(current_schema()) || '.' || quote_ident(part)) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', part, parent, wanted, wanted + 1);
            made := made + 1;
        END IF;
        wanted := wanted + 1;
    END LOOP;
    FOR old IN
        SELECT child.relname FROM pg_inherits
        JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = (quote_ident(current_schema()) || '.' || quote_ident(parent))::regclass
          AND child.relname < parent || '_' || to_char(oldest, 'YYYYMMDD')
    LOOP
        EXECUTE format('DROP TABLE %I', old.relname);
    END LOOP;
    RETURN made;
END $$;
