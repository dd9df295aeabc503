"""One judgement of errors: an outage that passes, work that can never succeed, or a bug."""

from .breaker import Breaker
from .classify import (
    Kind,
    classify,
    kind_of_grpc_status,
    kind_of_http_status,
    kind_of_sqlstate,
    outage,
    tolerating_outages,
)

__all__ = [
    "Breaker",
    "Kind",
    "classify",
    "kind_of_grpc_status",
    "kind_of_http_status",
    "kind_of_sqlstate",
    "outage",
    "tolerating_outages",
]
