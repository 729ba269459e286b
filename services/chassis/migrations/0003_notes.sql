-- A note carries all that one piece of work changed, so that a batch of reports is one row of the feed and
-- not hundreds.

ALTER TABLE change_inbox ALTER COLUMN key TYPE uuid[] USING ARRAY[key];
ALTER TABLE change_inbox RENAME COLUMN key TO keys;
ALTER TABLE change ALTER COLUMN key TYPE uuid[] USING ARRAY[key];
ALTER TABLE change RENAME COLUMN key TO keys;

-- As before, and with room: the percentage of each page that is left free, so that rows which are written
-- once and changed later stay on their page and need no new entries in the indexes.
DROP FUNCTION keep_day_partitions(text, date, date, date);
CREATE FUNCTION keep_day_partitions(parent text, oldest date, first date, last date, room integer DEFAULT 0) RETURNS integer
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
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L) WITH (fillfactor = %s)',
                           part, parent, wanted, wanted + 1, 100 - room);
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

UPDATE program_floor SET oldest_schema = 2;
