-- The door of uploads: keys that make repeated requests safe, tails as a list, and which model recognized a chunk.

-- depends: 0007.waiting

CREATE TABLE idempotency_keys (
    owner_id       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    key            text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    -- SHA-256 of what the request says before its body, and of all of it once that is known
    head_sha256    bytea NOT NULL,
    request_sha256 bytea,
    -- The request that has the key. If it neither answers nor renews `held_until`, its process has died.
    holder         uuid NOT NULL,
    held_until     timestamptz NOT NULL,
    -- {"status", "headers", "body"}; null while the request is in flight
    answer         jsonb,
    -- the transcription that the answer shows: the two are deleted together
    job_id         uuid REFERENCES jobs ON DELETE CASCADE,
    expires_at     timestamptz NOT NULL,
    PRIMARY KEY (owner_id, key)
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
CREATE INDEX idempotency_keys_by_job ON idempotency_keys (job_id) WHERE job_id IS NOT NULL;

ALTER TABLE uploads
    -- the owner wants a new transcription, even if there is one of the same bytes
    ADD COLUMN fresh boolean NOT NULL DEFAULT false,
    -- [{"key", "size_bytes"}] of the objects with the last bytes, in order; `tail_key` is the last one, `tail_bytes` all of them
    ADD COLUMN tails jsonb NOT NULL DEFAULT '[]',
    -- of the complete object, if it had to be read back; until `hashing_until` a replica is reading it
    ADD COLUMN sha256 bytea,
    ADD COLUMN hashing_until timestamptz;

-- {"model", "revision", "engine", "compute_type"} of the model that recognized a chunk; null for chunks of earlier versions
ALTER TABLE chunks ADD COLUMN transcribed_by jsonb;
