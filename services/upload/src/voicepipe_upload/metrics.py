"""Metrics of upload; docs/metrics.md describes them."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

BYTES = Counter("voicepipe_upload_bytes_total", "Bytes of recordings received", ["kind"])
UPLOADS = Counter("voicepipe_uploads_total", "Uploads that ended", ["kind", "outcome"])
RECEIVING = Gauge("voicepipe_uploads_receiving", "Requests whose bytes are being received")
PART_SECONDS = Histogram(
    "voicepipe_upload_part_duration_seconds",
    "Time to store one part of 8 MiB in the object store",
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
