"""Settings that several services read, from environment variables or files in a mounted secrets folder."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class FromEnvironment(BaseSettings):
    """Each is a variable with the prefix `VOICEPIPE_`, or a file of that name in `VOICEPIPE_SECRETS_DIR`."""

    model_config = SettingsConfigDict(
        env_prefix="VOICEPIPE_",
        frozen=True,
        secrets_dir=[Path(os.environ[key]) for key in ("VOICEPIPE_SECRETS_DIR",) if key in os.environ],
    )

    database_url: SecretStr


class Settings(FromEnvironment):
    """The settings of a service."""

    nats_url: SecretStr = SecretStr("nats://127.0.0.1:4222")
    # A NATS credentials file (.creds), for servers that authenticate with JWTs instead of a password in the URL.
    nats_credentials_file: Path | None = None
    # The copies of a stream that is created. Streams that exist keep what an operator has set on them.
    nats_replicas: int = Field(1, ge=1, le=5)
    s3_endpoint: str = Field("http://127.0.0.1:8333", pattern=r"^https?://")
    s3_bucket: str = "voicepipe"
    s3_region: str = "us-east-1"
    s3_access_key: SecretStr
    s3_secret_key: SecretStr
    # The header x-amz-server-side-encryption of everything that is stored.
    s3_server_side_encryption: Literal["", "AES256", "aws:kms"] = ""
    # The key for aws:kms; the default key of the bucket if not set.
    s3_kms_key_id: str = ""
    # Certificates (PEM) that are trusted in addition to the system's, for NATS and S3. PostgreSQL takes `sslmode` and
    # `sslrootcert` in its URL.
    ca_file: Path | None = None
    http_host: str = "127.0.0.1"
    http_port: int = 8000
    log_level: str = "info"
    database_pool_size: int = Field(8, ge=1)
    # After SIGTERM: how long requests are still accepted, until every proxy has noticed; only for HTTP services.
    drain_s: float = Field(0.0, ge=0)
    # After that: how long requests and commands may take to end. Commands that take longer are handed back.
    grace_s: float = Field(15.0, ge=0)

    def tls_context(self) -> ssl.SSLContext:
        """For connections to NATS and S3: the system's certificates and those in `ca_file`."""
        context = ssl.create_default_context()
        if self.ca_file is not None:
            context.load_verify_locations(self.ca_file)
        return context
