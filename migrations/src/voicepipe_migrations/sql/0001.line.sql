-- The pipeline: users and keys, recordings and uploads, jobs with their stages and chunks, transcripts, the outbox.
-- Times are timestamptz; durations are seconds of audio; every row of a user has the owner's id.

CREATE TABLE users (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    -- operators can see and redrive dead letters
    is_operator boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_id   uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name       text NOT NULL,
    -- SHA-256 of the key. The key is 256 random bits, so a slow hash would add no protection.
    key_sha256 bytea NOT NULL UNIQUE CHECK (length(key_sha256) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

CREATE TABLE recordings (
    id         uuid PRIMARY KEY,
    owner_id   uuid NOT NULL REFERENCES users,
    name       text NOT NULL,
    media_type text NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes > 0),
    sha256     bytea NOT NULL CHECK (length(sha256) = 32),
    object_key text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX recordings_by_content ON recordings (owner_id, sha256);

-- Unfinished uploads. Every upload, resumable or not, gets a row before its first byte is stored, so that whatever a
-- crash leaves in the object store can be found from a row.
CREATE TABLE uploads (
    id           uuid PRIMARY KEY,
    owner_id     uuid NOT NULL REFERENCES users,
    name         text NOT NULL,
    media_type   text NOT NULL,
    -- as the client sent it; HEAD returns it
    tus_metadata text NOT NULL DEFAULT '',
    options      jsonb NOT NULL,
    object_key   text NOT NULL UNIQUE,
    -- id of the multipart upload in the object store
    multipart_id text,
    -- null: the length is not known yet (creation-defer-length)
    size_bytes   bigint CHECK (size_bytes >= 0),
    offset_bytes bigint NOT NULL DEFAULT 0,
    -- stored parts: [{"number", "etag", "size_bytes"}]
    parts        jsonb NOT NULL DEFAULT '[]',
    -- object with the last bytes, too few for a part: <object_key>.tail.<writer>, so that writers never share one
    tail_key     text,
    tail_bytes   bigint NOT NULL DEFAULT 0,
    -- grows with each part and each new writer, so that a superseded writer never overwrites a part
    next_part    integer NOT NULL DEFAULT 1,
    -- the only writer that may advance the offset; the newest connection replaces it
    writer       uuid,
    -- Set when the upload became a job. If it equals `id`, the object belongs to that job. Otherwise it is an earlier,
    -- finished job with the same bytes, and the object is deleted with this row.
    job_id       uuid,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    CHECK (size_bytes IS NULL OR offset_bytes <= size_bytes)
);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);

CREATE TABLE jobs (
    id                   uuid PRIMARY KEY,
    owner_id             uuid NOT NULL REFERENCES users,
    recording_id         uuid NOT NULL REFERENCES recordings,
    state                text NOT NULL,
    tier                 text NOT NULL CHECK (tier IN ('premium', 'standard')),
    -- resolved when the recording was accepted; retries use the same
    options              jsonb NOT NULL,
    -- SHA-256 of the options that decide the words: all but priority
    options_sha256       bytea NOT NULL,
    language             text,
    language_probability double precision,
    duration_s           double precision,
    speech_s             double precision,
    -- object with the decoded audio (16 kHz mono s16le), until the job has ended
    pcm_key              text,
    warnings             jsonb NOT NULL DEFAULT '[]',
    error_code           text,
    error_message        text,
    created_at           timestamptz NOT NULL DEFAULT now(),
    changed_at           timestamptz NOT NULL DEFAULT now(),
    finished_at          timestamptz
);
CREATE INDEX jobs_by_owner ON jobs (owner_id, created_at DESC, id DESC);
CREATE INDEX jobs_by_recording ON jobs (recording_id);
CREATE INDEX jobs_unfinished ON jobs (changed_at) WHERE finished_at IS NULL;
CREATE INDEX jobs_with_pcm ON jobs (finished_at) WHERE pcm_key IS NOT NULL;
-- recent speed of each model
CREATE INDEX jobs_by_model ON jobs ((options -> 'model' ->> 'name'), finished_at DESC) WHERE state = 'completed';

CREATE TABLE stages (
    job_id       uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    owner_id     uuid NOT NULL REFERENCES users,
    stage        text NOT NULL CHECK (stage IN ('prepare', 'transcribe', 'diarize', 'assemble')),
    state        text NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    done_s       double precision NOT NULL DEFAULT 0,
    total_s      double precision NOT NULL DEFAULT 0,
    queued_at    timestamptz,
    started_at   timestamptz,
    finished_at  timestamptz,
    PRIMARY KEY (job_id, stage)
);
CREATE INDEX stages_active ON stages (stage, state) WHERE state IN ('queued', 'running');

CREATE TABLE chunks (
    job_id      uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    owner_id    uuid NOT NULL REFERENCES users,
    chunk_index integer NOT NULL,
    state       text NOT NULL CHECK (state IN ('waiting', 'queued', 'done', 'failed')),
    -- [[first sample, sample after the last], ...] of the recording at 16 kHz
    spans       jsonb NOT NULL,
    speech_s    double precision NOT NULL,
    split       integer NOT NULL,
    recognition jsonb,
    error_code  text,
    finished_at timestamptz,
    PRIMARY KEY (job_id, chunk_index),
    CHECK ((state = 'done') = (recognition IS NOT NULL))
);

CREATE TABLE transcripts (
    job_id     uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    owner_id   uuid NOT NULL REFERENCES users,
    version    integer NOT NULL CHECK (version > 0),
    document   jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job_id, version)
);

-- Messages, inserted by the transaction that causes them. Events are deleted when published; commands stay, with their
-- stream sequence, until the job ends, so that the sweeper can check whether the stream still has them.
CREATE TABLE outbox (
    id           uuid PRIMARY KEY,
    -- publishing order
    position     bigint GENERATED ALWAYS AS IDENTITY,
    job_id       uuid,
    owner_id     uuid,
    subject      text NOT NULL,
    headers      jsonb NOT NULL,
    payload      bytea NOT NULL,
    -- for commands, the stage and the chunk: prepare, transcribe, transcribe/7, ...; null for events
    work         text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    stream_seq   bigint
);
CREATE INDEX outbox_unpublished ON outbox (position) WHERE published_at IS NULL;
CREATE INDEX outbox_by_job ON outbox (job_id, work);

-- The speech models of this installation, as a worker last saw them.
CREATE TABLE models (
    name        text PRIMARY KEY,
    description jsonb NOT NULL,
    seen_at     timestamptz NOT NULL DEFAULT now()
);

-- Worker heartbeats.
CREATE TABLE workers (
    id         uuid PRIMARY KEY,
    stage      text NOT NULL,
    version    text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX workers_by_stage ON workers (stage, seen_at);
