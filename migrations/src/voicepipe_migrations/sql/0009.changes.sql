-- Changes that users and operators request: when, and what is left to delete of deleted jobs.

-- depends: 0007.waiting

-- The newest cancel, retry, diarize again or redrive: an older command of the previous version is ignored.
ALTER TABLE jobs ADD COLUMN requested_at timestamptz;
ALTER TABLE jobs ADD COLUMN name_removed_at timestamptz;
ALTER TABLE speaker_names ADD COLUMN renamed_at timestamptz NOT NULL DEFAULT now();

-- What deleted jobs left outside of PostgreSQL. The rows of such a job are gone, so this one refers to none of them.
CREATE TABLE deletions (
    job_id     uuid PRIMARY KEY,
    owner_id   uuid NOT NULL REFERENCES users,
    -- of objects
    prefixes   text[] NOT NULL,
    -- commands in stream WORK: {id: sequence}
    commands   jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at     timestamptz NOT NULL DEFAULT now(),
    -- tries that failed since the last one that succeeded
    failures   integer NOT NULL DEFAULT 0
);
CREATE INDEX deletions_due ON deletions (due_at);
