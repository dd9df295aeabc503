"""Tests the decoder's sandbox when the worker starts: reports which measures take effect, and requires some of them."""

from __future__ import annotations

from collections.abc import Collection

import structlog
from prometheus_client import Gauge

from . import decode
from .decoder.sandbox import MEASURES

log = structlog.get_logger(__name__)

CONFINEMENT = Gauge(
    "voicepipe_decoder_confinement", "Whether a measure of the decoder's sandbox takes effect", ["measure"]
)


class Confinement:
    """`required` are measures of `MEASURES`. No recording is decoded while one of them is missing."""

    def __init__(self, required: Collection[str]) -> None:
        self._required = frozenset(required)
        self._missing: frozenset[str] | None = None  # unknown until `try_out`

    @property
    def is_sufficient(self) -> bool:
        return self._missing == frozenset()

    async def try_out(self) -> None:
        """Start the decoder in its sandbox once."""
        applied = await decode.confinement()
        for measure in MEASURES:
            CONFINEMENT.labels(measure).set(measure in applied)
        self._missing = self._required - set(applied)
        if self._missing:
            log.error(
                "decoder not confined as required, taking no work", applied=applied, missing=sorted(self._missing)
            )
        else:
            log.info("decoder confined", applied=applied)

    async def check(self) -> None:
        """Readiness check.

        Raises:
            PermissionError: a required measure is missing, or the sandbox has not been tried yet.
        """
        if self._missing is None:
            raise PermissionError("the sandbox of the decoder has not been tried yet")
        if self._missing:
            raise PermissionError(f"the sandbox of the decoder lacks {', '.join(sorted(self._missing))}")
