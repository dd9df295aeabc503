"""Settings of upload."""

from __future__ import annotations

from pydantic import Field
from voicepipe_wire.rpc.settings import RpcSettings
from voicepipe_wire.settings import Settings as WireSettings
from voicepipe_wire.storage.objects import PART_BYTES
from voicepipe_wire.web.cors import CorsSettings

GIB = 1024**3
HOUR_S = 3600.0
# S3 accepts 10,000 parts; an interrupted request leaves the numbers of up to two parts unused.
_LARGEST_OBJECT_BYTES = 9_000 * PART_BYTES


class Settings(WireSettings, RpcSettings, CorsSettings):
    max_upload_bytes: int = Field(5 * GIB, gt=0, le=_LARGEST_OBJECT_BYTES)
    # How long an upload is kept after its last byte: a resumable one, and a plain one that a crash left behind.
    resumable_for_s: float = Field(24 * HOUR_S, gt=0)
    plain_for_s: float = Field(HOUR_S, gt=0)
    # How long the answer to a request with an Idempotency-Key is kept.
    idempotency_keep_s: float = Field(24 * HOUR_S, gt=0)
    # A client that sends nothing for this long is disconnected.
    client_idle_timeout_s: float = Field(60.0, gt=0)
    # Each holds up to three parts of 8 MiB in memory. Further uploads are answered with 503.
    max_concurrent_uploads: int = Field(32, ge=1)
    # Those of one owner; 0: half of them. Further uploads of the owner are answered with 429.
    max_uploads_per_owner: int = Field(0, ge=0)
    # A client that sends less than this on average is disconnected; the average is taken over the time for which the server waits
    # for it. 0: as slow as it likes.
    least_bytes_per_s: float = Field(1024.0, ge=0)
    least_rate_window_s: float = Field(30.0, gt=0)

    @property
    def uploads_of_one_owner(self) -> int:
        return self.max_uploads_per_owner or (self.max_concurrent_uploads + 1) // 2
