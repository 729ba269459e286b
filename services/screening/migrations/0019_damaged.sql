-- Whether a name or text of a person looks damaged by a wrong character set (I12): taken in as it came, and listed for
-- whoever has the person. Who was taken in before is looked at when the marks are made anew.
ALTER TABLE person ADD COLUMN damaged boolean NOT NULL DEFAULT false;
CREATE INDEX person_damaged_idx ON person (unit_id, id) WHERE damaged;
