-- The column holds what the API calls the priority of a transcription; `tier` is the quality tier of a model.
-- depends: 0002.speakers

ALTER TABLE jobs RENAME COLUMN tier TO priority;
