-- What was found in the file of a recording.

-- depends: 0009.changes

ALTER TABLE jobs ADD COLUMN media jsonb;
