"""Settings that several services read, from environment variables or files in a mounted secrets folder."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Each is a variable with the prefix `VOICEPIPE_`, or a file of that name in `VOICEPIPE_SECRETS_DIR`."""

    model_config = SettingsConfigDict(
        env_prefix="VOICEPIPE_",
        frozen=True,
        secrets_dir=[Path(os.environ[key]) for key in ("VOICEPIPE_SECRETS_DIR",) if key in os.environ],
    )

    database_url: SecretStr
    nats_url: str = "nats://127.0.0.1:4222"
    s3_endpoint: str = Field("http://127.0.0.1:8333", pattern=r"^https?://")
    s3_bucket: str = "voicepipe"
    s3_region: str = "us-east-1"
    s3_access_key: SecretStr
    s3_secret_key: SecretStr
    http_host: str = "127.0.0.1"
    http_port: int = 8000
    log_level: str = "info"
    database_pool_size: int = Field(8, ge=1)
