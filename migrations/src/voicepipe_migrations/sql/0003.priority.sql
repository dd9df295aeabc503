-- The column holds the priority of a transcription, as the API names it; `tier` means the quality tier of a model.
-- depends: 0002.speakers

ALTER TABLE jobs RENAME COLUMN tier TO priority;
