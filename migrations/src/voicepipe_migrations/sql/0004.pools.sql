-- Pools that are neither declared nor served are hidden first, and deleted later. `checked_at` is when the sweeper last
-- looked at a job: `changed_at` says when the job itself last made progress.

-- depends: 0003.priority

ALTER TABLE models ADD COLUMN retired_at timestamptz;
ALTER TABLE jobs ADD COLUMN checked_at timestamptz;
