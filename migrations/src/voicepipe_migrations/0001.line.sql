-- The pipeline: who may use it, what was recorded, what is being done about it, and what came out.
-- Times are timestamptz; durations are seconds of audio; every row that belongs to a user names its owner.

CREATE TABLE users (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    -- operators see and redrive dead letters
    is_operator boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_id   uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name       text NOT NULL,
    -- SHA-256 of the key: it is 256 random bits, so a slow hash would protect nothing
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

-- An upload that is not finished. One is made for every upload, resumable or not, before the first byte is stored, so that
-- whatever a crash leaves in the object store has a row that leads to it.
CREATE TABLE uploads (
    id           uuid PRIMARY KEY,
    owner_id     uuid NOT NULL REFERENCES users,
    name         text NOT NULL,
    media_type   text NOT NULL,
    -- what the client sent, to be given back by HEAD
    tus_metadata text NOT NULL DEFAULT '',
    options      jsonb NOT NULL,
    object_key   text NOT NULL UNIQUE,
    -- of the object store's multipart upload
    multipart_id text,
    -- null: the length comes later (creation-defer-length)
    size_bytes   bigint CHECK (size_bytes >= 0),
    offset_bytes bigint NOT NULL DEFAULT 0,
    -- stored parts: [{"number", "etag", "size_bytes"}]
    parts        jsonb NOT NULL DEFAULT '[]',
    -- the object with the last bytes, too few for a part: <object_key>.tail.<writer>, so that no writer touches another's
    tail_key     text,
    tail_bytes   bigint NOT NULL DEFAULT 0,
    -- grows with each part and with each new writer, so that a writer that was overtaken never overwrites a part
    next_part    integer NOT NULL DEFAULT 1,
    -- the writer that may move the offset; the newest connection takes it over
    writer       uuid,
    -- Set when the upload became a job. The object belongs to the job if it is of this id; another id is that of the finished
    -- job that had the same bytes, and the object is to be deleted with this row.
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
    -- resolved when the recording was accepted; every retry uses the same
    options              jsonb NOT NULL,
    -- SHA-256 of what decides the words: the options without priority
    options_sha256       bytea NOT NULL,
    language             text,
    language_probability double precision,
    duration_s           double precision,
    speech_s             double precision,
    -- 16 kHz mono s16le, until the job has ended
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
-- how fast each model worked lately
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

-- Messages that the transaction which wrote them caused. Events leave when they are published; commands stay with their
-- place in the stream until their job ends, so that the sweeper can see whether they are still there.
CREATE TABLE outbox (
    id           uuid PRIMARY KEY,
    -- order of publishing
    position     bigint GENERATED ALWAYS AS IDENTITY,
    job_id       uuid,
    owner_id     uuid,
    subject      text NOT NULL,
    headers      jsonb NOT NULL,
    payload      bytea NOT NULL,
    -- which work it is, for commands: prepare, transcribe, transcribe/7, ...
    work         text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    stream_seq   bigint
);
CREATE INDEX outbox_unpublished ON outbox (position) WHERE published_at IS NULL;
CREATE INDEX outbox_by_job ON outbox (job_id, work);

-- The speech models that this installation serves, as their workers saw them last.
CREATE TABLE models (
    name        text PRIMARY KEY,
    description jsonb NOT NULL,
    seen_at     timestamptz NOT NULL DEFAULT now()
);

-- The workers that live, by their own word.
CREATE TABLE workers (
    id         uuid PRIMARY KEY,
    stage      text NOT NULL,
    version    text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX workers_by_stage ON workers (stage, seen_at);
