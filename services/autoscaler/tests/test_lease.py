"""Leadership: never two, and soon another."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.eventually import eventually_async
from voicepipe_autoscaler.operator import lease as lease_module
from voicepipe_autoscaler.operator.lease import LEASE_S, RENEW_WITHIN_S, Lease, LeaseConflict


@dataclass
class Store:
    """A Lease in memory. `away` makes every request fail, `lost` only the answers."""

    lease: dict[str, Any] | None = None
    version: int = 0
    away: bool = False
    lost: bool = False
    writers: list[str] = field(default_factory=list)

    async def get(self):
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionError
        return self.lease

    async def put(self, spec, resource_version):
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionError
        if resource_version != (self.lease["metadata"]["resourceVersion"] if self.lease else None):
            raise LeaseConflict
        self.version += 1
        self.lease = {"metadata": {"resourceVersion": str(self.version)}, "spec": dict(spec)}
        self.writers.append(spec["holderIdentity"])
        if self.lost:
            raise ConnectionError
        return self.lease


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


async def attempt(lease: Lease) -> None:
    with contextlib.suppress(ConnectionError, LeaseConflict):
        await lease._try()


async def test_the_first_of_two_leads(clock):
    store = Store()
    one, other = Lease(store, "one", clock), Lease(store, "other", clock)
    await asyncio.gather(attempt(one), attempt(other))
    await attempt(one)
    await attempt(other)
    assert (one.may_write, other.may_write) == (True, False)


async def test_a_leader_that_cannot_renew_stops_writing_before_another_one_begins(clock):
    store = Store()
    one, other = Lease(store, "one", clock), Lease(store, "other", clock)
    await attempt(one)
    await attempt(other)
    both = []
    for _ in range(40):
        clock.now += 0.5
        await attempt(other)
        both.append((one.may_write, other.may_write))
    assert (True, True) not in both
    assert (False, False) in both, "a pause between the two"
    assert both[-1] == (False, True)
    assert both.index((False, False)) <= RENEW_WITHIN_S / 0.5 + 1


async def test_a_process_that_was_stopped_for_a_while_writes_nothing(clock):
    store = Store()
    lease = Lease(store, "one", clock)
    await attempt(lease)
    clock.now += 20
    assert not lease.may_write


async def test_a_leader_that_renews_keeps_others_out_for_as_long_as_it_likes(clock):
    store = Store()
    one, other = Lease(store, "one", clock), Lease(store, "other", clock)
    for _ in range(100):
        await attempt(one)
        await attempt(other)
        clock.now += 2
    assert set(store.writers) == {"one"}


async def test_a_lost_answer_counts_as_a_failure_and_the_next_attempt_renews(clock):
    store = Store(lost=True)
    lease = Lease(store, "one", clock)
    await attempt(lease)
    assert not lease.may_write
    store.lost = False
    await attempt(lease)
    assert lease.may_write


async def test_a_lease_that_was_given_back_is_taken_at_once(clock):
    store = Store()
    one, other = Lease(store, "one", clock), Lease(store, "other", clock)
    await attempt(one)
    await attempt(other)
    await one._release()
    assert not one.may_write
    await attempt(other)
    assert other.may_write


async def test_who_does_not_lead_gives_nothing_back(clock):
    store = Store()
    one, other = Lease(store, "one", clock), Lease(store, "other", clock)
    await attempt(one)
    await attempt(other)
    await other._release()
    assert store.lease["spec"]["holderIdentity"] == "one"


class Hangs(Store):
    """Some requests get no answer; a write may have been stored all the same."""

    hangs: str = ""

    async def get(self):
        if self.hangs == "get":
            await asyncio.sleep(3600)
        return await super().get()

    async def put(self, spec, resource_version):
        if self.hangs == "put before":
            await asyncio.sleep(3600)
        written = await super().put(spec, resource_version)
        if self.hangs == "put after":
            await asyncio.sleep(3600)
        return written


@pytest.mark.parametrize("hangs", ["get", "put before", "put after"])
async def test_a_request_that_hangs_is_given_up_and_the_next_attempt_renews(clock, monkeypatch, hangs):
    monkeypatch.setattr(lease_module, "REQUEST_TIMEOUT_S", 0.05)
    monkeypatch.setattr(lease_module, "RETRY_S", 0.01)
    store = Hangs()
    lease, stop = Lease(store, "one", clock), asyncio.Event()
    keeping = asyncio.create_task(lease.keep(stop))
    await eventually_async(lambda: lease.may_write, 5)
    store.hangs = hangs
    await asyncio.sleep(0.1)
    clock.now += RENEW_WITHIN_S
    assert not lease.may_write, "what was not answered counts for nothing"
    store.hangs = ""
    await eventually_async(lambda: lease.may_write, 5)
    assert set(store.writers) == {"one"}
    store.hangs = hangs
    stop.set()
    await asyncio.wait_for(keeping, 5)
    assert not lease.may_write


async def test_a_lease_that_somebody_created_empty_is_taken(clock):
    store = Store(
        lease={"metadata": {"resourceVersion": "9"}, "spec": {"holderIdentity": None, "leaseTransitions": None}}
    )
    lease = Lease(store, "one", clock)
    await attempt(lease)
    assert lease.may_write


async def test_an_old_lease_is_observed_for_its_whole_time_before_it_is_taken(clock):
    """Its times are those of another node's clock."""
    store = Store()
    await attempt(Lease(store, "gone", clock))
    newcomer = Lease(store, "new", clock)
    taken_after_s = 0.0
    while not newcomer.may_write:
        await attempt(newcomer)
        if not newcomer.may_write:
            clock.now += 1
            taken_after_s += 1
    assert LEASE_S < taken_after_s <= LEASE_S + 2
