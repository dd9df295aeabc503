-- Pools that are neither declared nor served are hidden first, and deleted later.

-- depends: 0003.priority

ALTER TABLE models ADD COLUMN retired_at timestamptz;
