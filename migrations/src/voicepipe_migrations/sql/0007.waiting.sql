-- What a stage waits for while a dependency is away, and commands that go back to their queue after a delay.

-- depends: 0006.operator_actions

ALTER TABLE outbox ADD COLUMN due_at timestamptz NOT NULL DEFAULT now();

ALTER TABLE stages ADD COLUMN waiting_for text, ADD COLUMN waiting_since timestamptz;
CREATE INDEX stages_waiting ON stages (waiting_for) WHERE waiting_for IS NOT NULL;
