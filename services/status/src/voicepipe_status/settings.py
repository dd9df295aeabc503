"""Settings of this service, beside those that it shares with the others."""

from __future__ import annotations

from pydantic import Field
from voicepipe_wire.settings import Settings


class StatusSettings(Settings):
    # Base of the gateway, such as https://voicepipe.example.org; without it links are paths.
    public_url: str = Field("", pattern=r"^(https?://[^/]+.*)?$")
    # upload's variable and default: what it takes is said in capabilities.
    max_upload_bytes: int = Field(5 * 1024**3, gt=0)
    # Of one owner on one replica.
    max_event_streams: int = Field(200, ge=1)
    # Events that wait for one slow client before it is dropped.
    event_queue_length: int = Field(256, ge=1)
    event_heartbeat_s: float = Field(15.0, gt=0)
    # How long a request waits to see its command carried out.
    effect_timeout_s: float = Field(3.0, ge=0)
