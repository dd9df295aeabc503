"""The figures of the soak, from made-up samples."""

import subprocess
from collections import Counter

import pytest

from .autoscaler_soak import FEW, MANY, MIB, Operator, Phase, _rows

REST = Phase(Counter(lease=60, status=10), 60.0)
BUSY = Phase(Counter(lease=60, status=240), 60.0)


@pytest.fixture
def operator():
    made = Operator(subprocess.Popen(["true"]), 0)
    made.process.wait()
    made.memory = [(float(second), (100 if second < 500 else 112) * MIB) for second in range(1200)]
    return made


def test_a_growing_process_and_one_that_writes_too_much_miss_their_goals(operator):
    peak, growth, few, many, busy, writes = _rows(operator, REST, BUSY, BUSY, 1200.0)
    assert (peak.value, peak.verdict) == (112, "met")
    assert (growth.value, growth.verdict) == (12, "MISSED")
    assert (few.value, few.verdict) == (pytest.approx(70 / 60), "met")
    assert many.value == busy.value == 5
    assert (writes.value, writes.verdict) == (240 / MANY, "MISSED")


def test_writes_are_counted_for_each_pool_and_minute():
    assert REST.writes_per_minute(FEW) == 2
    assert str(REST) == "lease 1.00/s, status 0.17/s"
