-- Speakers: diarizations, and the names of speakers.

-- depends: 0001.line

CREATE TABLE diarizations (
    job_id     uuid PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    owner_id   uuid NOT NULL REFERENCES users,
    -- {"turns": [[start_s, end_s, label], ...], "exclusive": [...]}
    document   jsonb NOT NULL,
    model      text NOT NULL,
    revision   text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Names set by users. A speaker without a row has the name in the transcript. Each version has its own speakers.
CREATE TABLE speaker_names (
    job_id     uuid NOT NULL,
    owner_id   uuid NOT NULL REFERENCES users,
    version    integer NOT NULL,
    speaker    text NOT NULL,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    PRIMARY KEY (job_id, version, speaker),
    FOREIGN KEY (job_id, version) REFERENCES transcripts ON DELETE CASCADE
);
