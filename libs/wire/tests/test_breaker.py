"""A dependency that is away is asked by one caller now and then."""

from contextlib import suppress

import pytest
from prometheus_client import REGISTRY
from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.failures import Breaker
from voicepipe_wire.failures.breaker import FAILURES_TO_OPEN, FIRST_PAUSE_S, LONGEST_PAUSE_S


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(Dependency.OBJECT_STORE, clock)


def fail(breaker, error=None):
    with pytest.raises(Unavailable) as raised, breaker.call():
        raise error or ConnectionRefusedError("refused")
    return raised.value


def opened(breaker):
    for _ in range(FAILURES_TO_OPEN):
        fail(breaker)
    assert breaker.is_open


def is_asked(breaker) -> bool:
    asked = []
    with suppress(Unavailable), breaker.call():
        asked.append(True)
        raise TimeoutError
    return bool(asked)


def test_an_outage_names_the_dependency_and_the_reason(breaker):
    away = fail(breaker)
    assert (away.dependency, "refused" in str(away)) == (Dependency.OBJECT_STORE, True)


def test_after_some_outages_in_a_row_nobody_is_let_through_until_the_pause_is_over(breaker, clock):
    opened(breaker)
    assert not is_asked(breaker)
    clock.now += FIRST_PAUSE_S
    assert is_asked(breaker)
    assert not is_asked(breaker)


def test_a_success_in_between_keeps_it_closed(breaker):
    for _ in range(3 * FAILURES_TO_OPEN):
        fail(breaker)
        with breaker.call():
            pass
    assert not breaker.is_open


def test_one_caller_at_a_time_asks_whether_the_dependency_is_back(breaker, clock):
    opened(breaker)
    clock.now += FIRST_PAUSE_S
    with breaker.call(), pytest.raises(Unavailable), breaker.call():
        pytest.fail("a second call was made")
    assert not breaker.is_open


def test_the_pause_grows_up_to_a_limit_and_starts_anew_after_a_success(breaker, clock):
    opened(breaker)
    pauses = []
    for _ in range(8):
        away = fail(breaker)
        pauses.append(away.retry_after_s)
        clock.now += away.retry_after_s
        assert is_asked(breaker)
    assert pauses == [1, 2, 4, 8, *[LONGEST_PAUSE_S] * 4]
    clock.now += LONGEST_PAUSE_S
    with breaker.call():
        pass
    opened(breaker)
    assert fail(breaker).retry_after_s == FIRST_PAUSE_S


def test_a_probe_that_is_cancelled_gives_its_place_back(breaker, clock):
    opened(breaker)
    clock.now += FIRST_PAUSE_S
    with pytest.raises(KeyboardInterrupt), breaker.call():
        raise KeyboardInterrupt
    assert is_asked(breaker)


def test_an_error_that_is_an_answer_closes_it(breaker, clock):
    opened(breaker)
    clock.now += FIRST_PAUSE_S
    with pytest.raises(KeyError), breaker.call():
        raise KeyError("an answer")
    assert not breaker.is_open


def test_its_state_is_a_metric(breaker, clock):
    def is_open():
        return REGISTRY.get_sample_value("voicepipe_breaker_open", {"dependency": "object store"})

    opened(breaker)
    assert is_open() == 1
    clock.now += FIRST_PAUSE_S
    with breaker.call():
        pass
    assert is_open() == 0
