"""Leadership by a Lease, with fencing: who cannot prove to lead writes nothing.

Invariants:

- `may_write` is true only within `RENEW_WITHIN_S` after the start of the last successful write of the Lease. Others wait
  `LEASE_S` after they last saw it change, which is longer, so at no time do two processes both may write. A stopped event loop (SIGSTOP, a
  blocked call) needs no notice: the first check after it finds the time over.
- Only monotonic clocks of this process decide. The times in the Lease are for people: clocks of nodes differ.

Races:

- Two candidates take an expired Lease: both replace the same resourceVersion, and the API server accepts one.
- The answer to a write is lost: it counts as failed, although the Lease may name this process. The next attempt finds its own name
  and renews.
- The leader writes its last change just before the time is over, and the change arrives late. `LEASE_S - RENEW_WITHIN_S` is longer than
  the time-out of a request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from voicepipe_wire import aio

log = structlog.get_logger(__name__)

LEASE_S = 15.0
RENEW_WITHIN_S = 10.0
RETRY_S = 2.0
REQUEST_TIMEOUT_S = 3.0
LOG_EVERY_S = 10.0


class LeaseConflict(Exception):
    """Somebody else has written the Lease first."""


class LeaseStore(Protocol):
    """One Lease in the API. Every method raises ConnectionError if the API cannot be reached."""

    async def get(self) -> Mapping[str, Any] | None:
        """The Lease, or None if there is none."""

    async def put(self, spec: Mapping[str, Any], resource_version: str | None) -> Mapping[str, Any]:
        """Write the spec; create the Lease if `resource_version` is None.

        Raises:
            LeaseConflict: the Lease was changed, or created, meanwhile.
        """


@dataclass(frozen=True, slots=True)
class _Seen:
    version: str
    at: float


class Lease:
    def __init__(self, store: LeaseStore, identity: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._identity = identity
        self._clock = clock
        self._renewed_at: float | None = None
        self._seen: _Seen | None = None
        self._logged_at = -LOG_EVERY_S

    @property
    def may_write(self) -> bool:
        return self._renewed_at is not None and self._clock() < self._renewed_at + RENEW_WITHIN_S

    async def keep(self, stop: asyncio.Event) -> None:
        """Take the Lease when it is free, keep it, and give it back at the end."""
        was_leader = False
        while not stop.is_set():
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT_S):
                    await self._try()
            except (ConnectionError, LeaseConflict, TimeoutError) as error:
                self._log_failure(error)
            if self.may_write is not was_leader:
                was_leader = self.may_write
                log.info("this process leads" if was_leader else "this process does not lead", identity=self._identity)
            await aio.pause(stop, RETRY_S)
        await self._release()

    def _log_failure(self, error: Exception) -> None:
        """Say why, at most every ten seconds."""
        if self._clock() - self._logged_at >= LOG_EVERY_S:
            self._logged_at = self._clock()
            log.warning("lease not renewed", reason=f"{type(error).__name__}: {error}".rstrip(": "))

    async def _try(self) -> None:
        began = self._clock()
        found = await self._store.get()
        seen_at = self._clock()
        if found is None:
            await self._write(began, None, transitions=0)
            return
        version, spec = found["metadata"]["resourceVersion"], found.get("spec") or {}
        if self._seen is None or self._seen.version != version:
            self._seen = _Seen(version, seen_at)
        holder, transitions = spec.get("holderIdentity") or "", spec.get("leaseTransitions") or 0
        if holder == self._identity:
            await self._write(began, version, transitions=transitions, since=spec.get("acquireTime"))
        elif not holder or began > self._seen.at + LEASE_S:
            await self._write(began, version, transitions=transitions + 1)

    async def _write(self, began: float, version: str | None, *, transitions: int, since: str | None = None) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(LEASE_S),
            "acquireTime": since or now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }
        written = await self._store.put(spec, version)
        self._renewed_at = began
        self._seen = _Seen(written["metadata"]["resourceVersion"], began)

    async def _release(self) -> None:
        """Let another process take over at once, instead of after `LEASE_S`."""
        if not self.may_write or self._seen is None:
            return
        self._renewed_at = None
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                found = await self._store.get()
                if found and (found.get("spec") or {}).get("holderIdentity") == self._identity:
                    spec = {**found["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
                    await self._store.put(spec, found["metadata"]["resourceVersion"])
        except (ConnectionError, LeaseConflict, TimeoutError) as error:
            log.warning("lease not given back", reason=type(error).__name__)
