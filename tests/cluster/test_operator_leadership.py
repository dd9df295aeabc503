"""Two processes of the operator beside a real API server: one leads, and the other takes over."""

from __future__ import annotations

import signal
import time

import pytest
from cluster.operator_process import FOR_ALL_S, Backlog, Idlers, Operators
from support.eventually import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

TAKEN_OVER_WITHIN_S = 22  # 15 s of the Lease, a round of two, and a busy machine


def two_of_them(idlers: Idlers, operators: Operators) -> tuple[str, str]:
    """The names of the one that leads and of the one that waits."""
    for name in ("one", "other"):
        operators.start(name)
    first = eventually(idlers.leader, 30)
    return first, "other" if first == "one" else "one"


def test_another_process_leads_when_the_leader_is_killed(
    idlers: Idlers, operators: Operators, backlog: Backlog, record_property
) -> None:
    first, second = two_of_them(idlers, operators)
    time.sleep(3)
    operators.send(first, signal.SIGKILL)
    began = time.monotonic()
    eventually(lambda: idlers.leader() == second, 40, poll_s=0.2)
    took_s = time.monotonic() - began
    record_property("measured", f"another leader {took_s:.1f} s after SIGKILL")
    assert took_s < TAKEN_OVER_WITHIN_S


def test_a_leader_that_was_stopped_for_a_while_does_nothing_when_it_continues(
    idlers: Idlers, operators: Operators, backlog: Backlog
) -> None:
    idlers.create()
    first, second = two_of_them(idlers, operators)
    operators.send(first, signal.SIGSTOP)
    eventually(lambda: idlers.leader() == second, 40)
    operators.send(first, signal.SIGCONT)
    backlog.seconds = FOR_ALL_S
    idlers.until_asked(5, 40)
    assert idlers.leader() == second
    assert not operators.leads(first)
    (pool,) = idlers.get("workerpools")["items"]
    events = idlers.get("events.events.k8s.io")["items"]
    writers = {one["reportingInstance"] for one in events if one["regarding"].get("uid") == pool["metadata"]["uid"]}
    assert writers == {second}
