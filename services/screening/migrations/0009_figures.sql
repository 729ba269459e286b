-- What the registers come to, unit by unit and day by day, for reporting. Whatever counts is noted where it changes, by
-- whom or how ever; the notes are taken in by src/figures/tally.rs.

-- In whose hands the person was when the referral was opened.
ALTER TABLE referral ADD COLUMN found_unit_id uuid;
UPDATE referral r SET found_unit_id = o.opened_unit_id FROM observation o WHERE o.id = r.observation_id;
ALTER TABLE referral ALTER COLUMN found_unit_id SET NOT NULL;
CREATE INDEX referral_found_idx ON referral (found_unit_id, opened_at);
CREATE INDEX observation_opened_idx ON observation (opened_unit_id, starts_at) WHERE basis = 1;

CREATE TABLE figure_sheet (
    id uuid CONSTRAINT figure_sheet_pkey PRIMARY KEY,
    unit_id uuid NOT NULL,
    business_date date NOT NULL,
    -- The signed differences of the day, by the number of the indicator.
    changes bigint[] NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT figure_sheet_key UNIQUE (unit_id, business_date)
);

-- Units of which something that counts has changed. Only ever added to; one replica at a time takes from it.
CREATE TABLE figure_inbox (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT figure_inbox_pkey PRIMARY KEY,
    unit_id uuid NOT NULL
);

-- Up to which day the notes have been taken in; whoever takes notes in holds this row.
CREATE TABLE figure_progress (
    tallied_on date,
    one boolean NOT NULL DEFAULT true CONSTRAINT figure_progress_one CHECK (one) CONSTRAINT figure_progress_key UNIQUE
);
INSERT INTO figure_progress (tallied_on) VALUES (NULL);

-- Each is called with the rows as they have become, and where they were updated with those that they were, too.
CREATE FUNCTION note_observations() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO figure_inbox (unit_id) SELECT unit_id FROM changed UNION SELECT opened_unit_id FROM changed
        UNION SELECT e.contact_unit_id FROM exposure e WHERE e.contact_one_id IN (SELECT one_id FROM changed);
    RETURN NULL;
END $$;
CREATE FUNCTION note_referrals() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO figure_inbox (unit_id) SELECT DISTINCT found_unit_id FROM changed;
    RETURN NULL;
END $$;
-- A case counts where it resided; whether contacts are those of a case, and have become cases, counts where they are.
CREATE FUNCTION note_cases() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO figure_inbox (unit_id)
        SELECT counted_unit_id FROM changed WHERE counted_unit_id IS NOT NULL UNION SELECT unit_id FROM changed
        UNION SELECT e.contact_unit_id FROM exposure e WHERE e.contact_one_id IN (SELECT one_id FROM changed)
        UNION SELECT e.contact_unit_id FROM exposure e WHERE e.index_one_id IN (SELECT one_id FROM changed);
    RETURN NULL;
END $$;
CREATE FUNCTION note_exposures() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO figure_inbox (unit_id) SELECT DISTINCT contact_unit_id FROM changed;
    RETURN NULL;
END $$;
CREATE FUNCTION note_support_requests() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO figure_inbox (unit_id) SELECT DISTINCT unit_id FROM changed;
    RETURN NULL;
END $$;

CREATE TRIGGER observation_made_counts AFTER INSERT ON observation
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_observations();
CREATE TRIGGER observation_counts AFTER UPDATE ON observation
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_observations();
CREATE TRIGGER observation_counted AFTER UPDATE ON observation
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_observations();

CREATE TRIGGER referral_made_counts AFTER INSERT ON referral
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_referrals();

CREATE TRIGGER case_record_made_counts AFTER INSERT ON case_record
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_cases();
CREATE TRIGGER case_record_counts AFTER UPDATE ON case_record
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_cases();
CREATE TRIGGER case_record_counted AFTER UPDATE ON case_record
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_cases();

CREATE TRIGGER exposure_made_counts AFTER INSERT ON exposure
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_exposures();
CREATE TRIGGER exposure_counts AFTER UPDATE ON exposure
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_exposures();
CREATE TRIGGER exposure_counted AFTER UPDATE ON exposure
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_exposures();

CREATE TRIGGER support_request_made_counts AFTER INSERT ON support_request
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_support_requests();
CREATE TRIGGER support_request_counts AFTER UPDATE ON support_request
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_support_requests();
CREATE TRIGGER support_request_counted AFTER UPDATE ON support_request
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_support_requests();

INSERT INTO figure_inbox (unit_id)
    SELECT unit_id FROM observation UNION SELECT opened_unit_id FROM observation
    UNION SELECT counted_unit_id FROM case_record WHERE counted_unit_id IS NOT NULL
    UNION SELECT contact_unit_id FROM exposure UNION SELECT unit_id FROM support_request;
