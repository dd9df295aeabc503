-- The stages that were done lately: the rate at which audio is processed, and the lengths of recordings by their size.

-- depends: 0004.pools

CREATE INDEX stages_done ON stages (stage, finished_at) WHERE state = 'done';
