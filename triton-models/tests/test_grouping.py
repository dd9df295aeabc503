import importlib
import math

from hypothesis import given
from hypothesis import strategies as st

grouping = importlib.import_module("whisper.1.grouping")

rows = st.lists(st.integers(0, 99), unique=True, max_size=16)


@given(rows, st.sets(st.integers(0, 99)))
def test_only_bad_rows_fail_and_every_other_row_has_its_result(rows, bad):
    def call(some):
        if poisoned := sorted(bad.intersection(some)):
            raise ValueError(poisoned)
        return [row * 10 for row in some]

    answers, failures = grouping.bisected(rows, call)
    assert answers == {row: row * 10 for row in rows if row not in bad}
    assert {row: failure.args[0] for row, failure in failures.items()} == {row: [row] for row in rows if row in bad}


@given(st.integers(1, 64), st.data())
def test_one_bad_row_costs_two_calls_per_halving(n, data):
    bad = data.draw(st.integers(0, n - 1))
    calls = []

    def call(some):
        calls.append(some)
        if bad in some:
            raise ValueError(bad)
        return list(some)

    grouping.bisected(range(n), call)
    assert len(calls) <= 1 + 2 * math.ceil(math.log2(n)) if n > 1 else len(calls) == 1


def test_a_batch_without_bad_rows_is_one_call():
    calls = []
    grouping.bisected([3, 1, 2], lambda some: calls.append(list(some)) or list(some))
    assert calls == [[3, 1, 2]]


def test_no_rows_make_no_call():
    assert grouping.bisected([], lambda _: 1 / 0) == ({}, {})


def test_an_engine_that_drops_a_row_fails_instead_of_shifting_results():
    _, failures = grouping.bisected([0, 1], lambda _: ["only one answer", "two"][: len(_) - 1])
    assert set(failures) == {0, 1}


@given(rows, st.integers(1, 5))
def test_every_row_is_in_the_group_of_its_key_once(rows, n):
    groups = grouping.grouped(rows, lambda row: row % n)
    assert sorted(row for group in groups.values() for row in group) == sorted(rows)
    assert all(row % n == key for key, group in groups.items() for row in group)
    assert all(group == [row for row in rows if row in group] for group in groups.values())
