-- What operators do to dead letters: one row for each redrive and discard, written by the transaction that writes the command.
-- Rows outlive their jobs, so they refer to none, and they hold no text of users.

-- depends: 0005.backlog

CREATE TABLE operator_actions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users,
    action     text NOT NULL CHECK (action IN ('redrive', 'discard')),
    -- of the dead letter in stream DLQ; a stream that was recreated counts from one again, so `failed_at` belongs to its identity
    sequence   bigint NOT NULL,
    failed_at  timestamptz NOT NULL,
    stage      text NOT NULL,
    code       text NOT NULL,
    job_id     uuid,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX operator_actions_by_entry ON operator_actions (sequence, created_at);
