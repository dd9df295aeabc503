"""Which errors of PostgreSQL mean that the same work succeeds later."""

import asyncpg
import pytest
from voicepipe_wire.storage.database import TRANSIENT_ERRORS


@pytest.mark.parametrize(
    "sqlstate",
    ["08006", "57P01", "57P02", "57P03", "57014", "53300", "53200", "53100", "40001", "40P01", "25006"],
)
def test_an_error_of_the_server_that_passes_is_transient(sqlstate):
    assert isinstance(asyncpg.PostgresError.new({"C": sqlstate, "M": "x"}), TRANSIENT_ERRORS)


@pytest.mark.parametrize("sqlstate", ["23505", "23503", "42P01", "42601", "22P02", "28P01", "XX000"])
def test_an_error_of_the_work_itself_is_not(sqlstate):
    assert not isinstance(asyncpg.PostgresError.new({"C": sqlstate, "M": "x"}), TRANSIENT_ERRORS)
