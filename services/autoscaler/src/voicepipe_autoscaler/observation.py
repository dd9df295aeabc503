"""What is seen of a pool at one moment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .dead_letters import DeadLetters

STALE_S = 30.0
COUNTS_STALE_S = 5.0  # they are read in every pass; one that times out may still go unnoticed


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one priority in a pool; all seconds are seconds of audio.

    `queued_s` covers whole jobs, not only the chunks that are in the stream: a job has at most a window of chunks there. `arriving_s`
    is the estimate for jobs that are still in `prepare`. `units` are the commands of the stream that wait or are in flight (pending +
    ack_pending), `expected_units` those that the first windows of jobs not yet started will add.
    """

    queued_s: float = 0.0
    in_flight_s: float = 0.0
    arriving_s: float = 0.0
    arrived_s_per_s: float = 0.0
    done_s_per_s: float = 0.0
    units: int = 0
    expected_units: int = 0


@dataclass(frozen=True, slots=True)
class Pod:
    """One replica that is not being terminated.

    `ready_at_s` is when it last became ready, None while it is not. `units` and `remaining_s` (until the last of them is done) are the worker's own figures; a worker that cannot be asked is
    taken for busy, so the caller gives it one unit. `draining` means that it has confirmed to pull nothing more.
    """

    name: str
    asked_at_s: float
    ready_at_s: float | None = None
    units: int = 0
    remaining_s: float = 0.0
    draining: bool = False
    node: str = "node"  # "" while no node has been found
    phase: str = "Running"
    deletion_cost: int = 0  # as the annotation was last seen
    restarts: int = 0
    uid: str = ""

    @property
    def ready(self) -> bool:
        return self.ready_at_s is not None

    @property
    def idle(self) -> bool:
        return self.ready and self.units == 0


@dataclass(frozen=True, slots=True)
class Observation:
    """`replicas` is what the Deployment is asked for. The snapshot gives the seconds, the consumer's leader gives the units.

    Rates of `work` and `busy_replicas` are means over the time that the snapshot covers; a replica with half of its slots in use
    counts as half a busy one. `upstream_jobs` are jobs of this pool in `prepare`. `free_gpus` counts allocatable GPUs of
    matching nodes that no pod has; None where the pool needs none or nobody may look. `has_rates` is false for the first snapshot of
    a controller. `dead_letters` are those of the stage, None while nobody has said how many there are. `stuck_jobs` are the jobs of the stage
    that make no progress.
    """

    now_s: float
    replicas: int
    pods: tuple[Pod, ...] = ()
    work: Mapping[str, Work] = field(default_factory=dict)
    snapshot_at_s: float | None = None
    counts_at_s: float | None = None
    busy_replicas: float = 0.0
    upstream_jobs: int = 0
    rollout: bool = False
    free_gpus: int | None = None
    has_rates: bool = True
    dead_letters: DeadLetters | None = None
    stuck_jobs: int = 0

    @property
    def snapshot_fresh(self) -> bool:
        return self._fresh(self.snapshot_at_s, STALE_S)

    @property
    def counts_fresh(self) -> bool:
        return self._fresh(self.counts_at_s, COUNTS_STALE_S)

    @property
    def units(self) -> int:
        return sum(work.units for work in self.work.values())

    def _fresh(self, at_s: float | None, for_s: float) -> bool:
        return at_s is not None and self.now_s - at_s <= for_s
