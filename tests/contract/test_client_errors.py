"""The Python client gives an error the same HTTP status over gRPC as it has over REST."""

from __future__ import annotations

import grpc
import pytest
from voicepipe.rpc.failures import HTTP_STATUS_BY_REASON, http_status
from voicepipe_wire.error_catalogue import ERRORS

ANSWERED = {code: entry for code, entry in ERRORS.items() if entry.grpc and entry.status}


@pytest.mark.parametrize("code", ANSWERED)
def test_an_error_has_one_http_status(code):
    assert http_status(grpc.StatusCode[ANSWERED[code].grpc], code) == ANSWERED[code].status


def test_every_exception_is_in_the_catalogue():
    assert set(HTTP_STATUS_BY_REASON) <= set(ANSWERED)
