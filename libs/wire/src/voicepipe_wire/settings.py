"""Settings that several services read, from environment variables or files in a mounted secrets folder."""

from __future__ import annotations

import os
import re
import socket
import ssl
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class FromEnvironment(BaseSettings):
    """Each is a variable with the prefix `VOICEPIPE_`, or a file of that name in `VOICEPIPE_SECRETS_DIR`."""

    model_config = SettingsConfigDict(
        env_prefix="VOICEPIPE_",
        frozen=True,
        secrets_dir=[Path(os.environ[key]) for key in ("VOICEPIPE_SECRETS_DIR",) if key in os.environ],
    )


def invalid(program: str, error: ValidationError) -> str:
    """One sentence that names the settings that are missing or invalid, without their values."""
    names = ", ".join(f"VOICEPIPE_{'_'.join(map(str, fault['loc'])).upper()}" for fault in error.errors())
    return f"{program} cannot start. Missing or invalid settings: {names}."


def _host_name() -> str:
    """The name of this host as one token of a NATS subject."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname()) or "worker"


class DatabaseSettings(FromEnvironment):
    database_url: SecretStr


class ProcessSettings(FromEnvironment):
    """What every process needs: NATS, its probes, and the time to stop."""

    nats_url: SecretStr = SecretStr("nats://127.0.0.1:4222")
    # A NATS credentials file (.creds), for servers that authenticate with JWTs instead of a password in the URL.
    nats_credentials_file: Path | None = None
    # Replicas of streams that a service creates. Existing streams keep the operator's setting.
    nats_replicas: int = Field(1, ge=1, le=5)
    # CA certificates (PEM) for NATS and S3, in addition to the system's. For PostgreSQL, put `sslmode` and `sslrootcert`
    # into its URL.
    ca_file: Path | None = None
    http_host: str = "127.0.0.1"
    http_port: int = 8000
    log_level: str = "info"
    # HTTP services still accept requests for this long after SIGTERM, until every proxy has noticed.
    drain_s: float = Field(0.0, ge=0)
    # After that, requests and commands in flight have this long to finish. Longer commands are handed back.
    grace_s: float = Field(15.0, ge=0)

    def tls_context(self) -> ssl.SSLContext:
        """For connections to NATS and S3. Trusts the system's CA certificates and those in `ca_file`."""
        context = ssl.create_default_context()
        if self.ca_file is not None:
            context.load_verify_locations(self.ca_file)
        return context


class Settings(ProcessSettings, DatabaseSettings):
    """The settings of a service."""

    s3_endpoint: str = Field("http://127.0.0.1:8333", pattern=r"^https?://")
    s3_bucket: str = "voicepipe"
    s3_region: str = "us-east-1"
    s3_access_key: SecretStr
    s3_secret_key: SecretStr
    # Sent as x-amz-server-side-encryption with every object.
    s3_server_side_encryption: Literal["", "AES256", "aws:kms"] = ""
    # The key for aws:kms; the default key of the bucket if not set.
    s3_kms_key_id: str = ""
    database_pool_size: int = Field(8, ge=1)


class WorkerSettings(Settings):
    """The settings of a process that handles commands."""

    # A worker that sends no heartbeat of a command for this long counts as dead.
    ack_wait_s: float = Field(30.0, gt=0)
    max_deliver: int = Field(5, ge=1)
    # A command that has waited this long for a dependency goes back to its queue, so that its slot is free for others.
    outage_wait_s: float = Field(60.0, gt=0)
    # It is seen again after this long.
    put_back_delay_s: float = Field(30.0, gt=0)
    # The name of this process among all workers; in a cluster the name of its pod. The autoscaler addresses workers by it.
    worker_name: str = Field(default_factory=_host_name, pattern=r"^[A-Za-z0-9_-]+$", max_length=253)
