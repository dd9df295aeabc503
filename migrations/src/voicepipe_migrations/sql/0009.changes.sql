-- Changes that users and operators request: when, and what is left to delete of deleted jobs. And cheaper looks at the queue.

-- depends: 0008.uploads

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

-- The queue of a stage in its order. A stage that a process of the previous version has queued has no priority here, and is not counted.
ALTER TABLE stages ADD COLUMN priority text;
UPDATE stages s SET priority = j.priority FROM jobs j WHERE j.id = s.job_id AND s.state = 'queued';
CREATE INDEX stages_queue ON stages (stage, priority, queued_at, job_id) WHERE state = 'queued';

-- Progress is written every second. While an index holds `changed_at`, each such update writes an entry into every index of the table. The few
-- unfinished jobs are sorted instead. Pages keep room for the new versions of their rows.
DROP INDEX jobs_unfinished;
CREATE INDEX jobs_unfinished ON jobs (id) WHERE finished_at IS NULL;
ALTER TABLE jobs SET (fillfactor = 80);
ALTER TABLE stages SET (fillfactor = 80);
