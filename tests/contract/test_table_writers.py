"""Each table has one module that writes it, so that its invariants can be read in one place."""

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WRITES = re.compile(r"\b(?:UPDATE|INSERT INTO|DELETE FROM)\s+([a-z_]+)\b(?!\s*=)")

WIRE, ORCHESTRATOR, UPLOAD = "voicepipe_wire", "voicepipe_orchestrator", "voicepipe_upload"
WRITERS = {
    "jobs": {f"{WIRE}/jobs/jobs.py", f"{WIRE}/jobs/warnings.py"},
    "stages": {f"{WIRE}/jobs/jobs.py"},
    "diarizations": {f"{WIRE}/jobs/diarizations.py"},
    "outbox": {f"{WIRE}/messaging/outbox.py"},
    "users": {f"{WIRE}/web/keys.py"},
    "api_keys": {f"{WIRE}/web/keys.py"},
    # Users let failed chunks wait again.
    "chunks": {f"{ORCHESTRATOR}/chunks.py", f"{WIRE}/changes/reopening.py"},
    "idempotency_keys": {f"{WIRE}/web/idempotency.py"},
    "models": {f"{ORCHESTRATOR}/pools.py"},
    "transcripts": {f"{ORCHESTRATOR}/assemble/handler.py"},
    "speaker_names": {f"{WIRE}/jobs/speaker_names.py"},
    "deletions": {f"{WIRE}/changes/deletion.py"},
    "operator_actions": {"voicepipe_status/audit.py"},
    # Upload creates these rows; status deletes them with their job, the controller when they have expired.
    "recordings": {f"{UPLOAD}/finalize.py", f"{WIRE}/changes/deletion.py"},
    "uploads": {
        f"{UPLOAD}/finalize.py",
        f"{UPLOAD}/storage/uploads.py",
        f"{WIRE}/changes/deletion.py",
        f"{ORCHESTRATOR}/controller/retention.py",
    },
    # A worker that died cannot delete its row.
    "workers": {f"{WIRE}/jobs/heartbeats.py", f"{ORCHESTRATOR}/controller/retention.py"},
}


def test_every_table_is_written_by_its_own_module():
    found = defaultdict(set)
    for folder in ("libs", "services"):
        for path in (ROOT / folder).rglob("src/**/*.py"):
            for table in WRITES.findall(path.read_text(encoding="utf-8")):
                found[table].add(
                    path.relative_to(path.parents[len(path.parts) - path.parts.index("src") - 2]).as_posix()
                )
    assert dict(found) == WRITERS
