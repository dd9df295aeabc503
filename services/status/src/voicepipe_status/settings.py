"""Settings of status, in addition to the shared ones."""

from __future__ import annotations

from pydantic import Field
from voicepipe_wire.rpc.settings import RpcSettings
from voicepipe_wire.settings import Settings
from voicepipe_wire.web.cors import CorsSettings


class StatusSettings(Settings, RpcSettings, CorsSettings):
    # Base URL of the gateway, such as https://voicepipe.example.org; without it links are paths.
    public_url: str = Field("", pattern=r"^(https?://[^/]+.*)?$")
    # The variable and default of upload; shown in capabilities.
    max_upload_bytes: int = Field(5 * 1024**3, gt=0)
    # Whether this installation has a diarizer, running or not.
    speakers: bool = True
    # Per owner and replica.
    max_event_streams: int = Field(200, ge=1)
    # Recordings on their way to players: per replica, and per owner and replica.
    max_audio_streams: int = Field(128, ge=1)
    max_audio_streams_per_owner: int = Field(32, ge=1)
    # A player that takes nothing for this long is cut off, and requests the rest when it resumes.
    audio_stall_s: float = Field(60.0, gt=0)
    # Events queued for a slow client before its stream is closed.
    event_queue_length: int = Field(256, ge=1)
    event_heartbeat_s: float = Field(15.0, gt=0)
