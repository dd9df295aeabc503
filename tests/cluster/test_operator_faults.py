"""The operator beside a real API server that goes away."""

from __future__ import annotations

import subprocess

import pytest
from cluster.images import ONE_NODE
from cluster.operator_process import FOR_ALL_S, Backlog, Idlers, Operators
from support.eventually import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]


@pytest.mark.parametrize("away_s", [30])
def test_an_api_that_goes_away_restarts_nothing_and_is_followed_when_it_is_back(
    idlers: Idlers, operators: Operators, backlog: Backlog, away_s: int, record_property
) -> None:
    if not ONE_NODE.exists():
        pytest.skip("only the one-node cluster has an API server that may be stopped")
    idlers.create()
    operators.start("one")
    eventually(idlers.leader, 30)
    subprocess.run([ONE_NODE, "restart", "apiserver", str(away_s)], check=True)
    backlog.seconds = FOR_ALL_S
    took_s = idlers.until_asked(5, 90)
    record_property("measured", f"right {took_s:.0f} s after the API was back from {away_s} s")
    assert not operators.has_ended("one")
