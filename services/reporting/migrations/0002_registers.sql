-- What the registers of other services come to, as their feeds carry it, and why a report says otherwise (D7).

CREATE TABLE register_sheet (
    unit_id uuid NOT NULL,
    business_date date NOT NULL,
    -- What followed.serial was when it was taken in.
    serial bigint NOT NULL,
    -- The signed differences of the day, by the number of the indicator.
    changes bigint[] NOT NULL,
    CONSTRAINT register_sheet_pkey PRIMARY KEY (unit_id, business_date)
);

CREATE TABLE explanation (
    business_date date NOT NULL,
    day_id uuid NOT NULL CONSTRAINT explanation_day_fkey REFERENCES day,
    place integer NOT NULL,
    slot smallint NOT NULL,
    -- The revision that gives it.
    number integer NOT NULL,
    field text NOT NULL,
    words text NOT NULL,
    CONSTRAINT explanation_pkey PRIMARY KEY (day_id, place, slot, number, field)
);
CREATE TRIGGER explanation_is_final BEFORE UPDATE OR DELETE ON explanation FOR EACH ROW EXECUTE FUNCTION refuse_change();
