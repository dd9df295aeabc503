"""What must be true after the faults, when nothing moves any more. Every violation is one sentence in a list.

Only facts that an operator or a client can see: the API, the tables, the bucket, the streams, the metrics.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest import mock

import httpx
import nats
import psycopg
from fixtures.score import normal
from nats.js.errors import NotFoundError
from psycopg.rows import dict_row
from voicepipe_local.disposable_stack import DisposableStack
from voicepipe_orchestrator.controller import retention
from voicepipe_wire.settings import Settings
from voicepipe_wire.storage import database, objects

from .recordings import Sample
from .users import CANCELLED, COMPLETED, ENDED, Expectation, Ledger

SLOTS = re.compile(
    r"^(voicepipe_commands_in_flight|voicepipe_uploads_receiving|voicepipe_event_streams)(\{[^}]*\})? (\S+)$",
    re.MULTILINE,
)
BUGS = re.compile(
    r'"event": ?"bug |never retrieved|"exception": ?.*"level": ?"error"|"level": ?"error".*"exception": ?'
)
DELETIONS = "SELECT job_id FROM deletions WHERE failures > 0 OR due_at <= now()"
UNFINISHED = """
    SELECT j.id, j.state, (SELECT string_agg(stage || ' ' || state, ', ' ORDER BY stage) FROM stages WHERE job_id = j.id) AS stages
    FROM jobs j WHERE finished_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Observer:
    """Looks at a stack. The reference has the words of each sample without faults."""

    stack: DisposableStack
    words: dict[Sample, list[str]]

    def moving(self) -> list[str]:
        """What has not come to rest; empty in the end. Raises nothing but what a server that is away raises."""
        found = [f"job {row['id']} is {row['state']}: {row['stages']}" for row in self._rows(UNFINISHED)]
        found += [
            f"{row['n']} messages unpublished"
            for row in self._rows("SELECT count(*) AS n FROM outbox WHERE published_at IS NULL")
            if row["n"]
        ]
        found += [
            f"PCM of the ended job {row['id']}" for row in self._rows("SELECT id FROM jobs WHERE pcm_key IS NOT NULL")
        ]
        found += [
            f"upload {row['id']} has expired" for row in self._rows("SELECT id FROM uploads WHERE expires_at < now()")
        ]
        found += [f"job {row['job_id']} is being deleted" for row in self._rows(DELETIONS)]
        found += [
            f"{count} commands in the stream"
            for count in [asyncio.run(_messages(self.stack.nats_url, "WORK"))]
            if count
        ]
        return found + list(self._slots_in_use())

    def violations(self, ledger: Ledger) -> list[str]:
        jobs = {str(row["id"]): row for row in self._rows(JOBS)}
        found = [problem for expected in ledger.jobs for problem in self._of_job(expected, jobs)]
        known = {expected.name for expected in ledger.jobs}
        found += [f"{row['id']} was sent by nobody" for row in jobs.values() if row["name"] not in known]
        asyncio.run(self._a_day_later())
        found += self._stored()
        found += [
            f"dead letter {entry['stage']} {entry['code']} of {entry['job_id']}: {entry}"
            for entry in self._dead_letters()
        ]
        return found

    def bugs(self) -> list[str]:
        """Log lines that only a bug writes."""
        return [
            f"{log.name}: {line[:200]} ... {line.strip()[-500:]}"
            for log in sorted(self.stack.data_dir.logs.glob("*.log"))
            if log.stem in OURS or log.stem.rstrip("-2345") in OURS
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
            if BUGS.search(line)
        ]

    def _of_job(self, expected: Expectation, jobs: dict[str, Any]) -> Iterator[str]:
        rows = [row for row in jobs.values() if row["name"] == expected.name]
        label = f"{expected.name} ({expected.id})"
        if len(rows) > 1:
            yield f"{label} has {len(rows)} jobs"
        if expected.is_deleted is True and rows:
            yield f"{label} was deleted and is still there: {rows[0]['state']}"
        if expected.is_acknowledged and expected.is_deleted is False and not rows:
            yield f"{label} was accepted and is gone"
        for row in rows:
            if expected.is_deleted is False:
                yield from self._of_row(label, expected, row)

    def _of_row(self, label: str, expected: Expectation, row: dict[str, Any]) -> Iterator[str]:
        if row["state"] not in expected.final:
            yield f"{label} is {row['state']} ({row['error_code']}), not {' or '.join(sorted(expected.final))}"
        if (row["state"] in ENDED) != (row["finished_at"] is not None):
            yield f"{label} is {row['state']} and finished at {row['finished_at']}"
        if row["state"] == CANCELLED:
            return
        if not max(1, expected.least_runs) <= row["versions"] <= max(1, expected.most_runs):
            yield f"{label} has {row['versions']} transcripts, not {expected.least_runs} to {expected.most_runs}"
        if codes := [warning["code"] for warning in row["warnings"]]:
            yield f"{label} has warnings: {', '.join(codes)}"
        if row["state"] == COMPLETED:
            yield from self._of_words(label, expected, row["id"])

    def _of_words(self, label: str, expected: Expectation, job_id: object) -> Iterator[str]:
        answer = httpx.get(
            f"{self.stack.url}/v1/transcriptions/{job_id}/transcript", headers=self.stack.headers, timeout=30
        )
        if answer.status_code != httpx.codes.OK:
            yield f"the transcript of {label} is answered {answer.status_code}: {answer.text[:200]}"
            return
        document = answer.json()
        if document["gaps"]:
            yield f"{label} has gaps: {document['gaps']}"
        if (words := normal(document["text"])) != self.words[expected.sample]:
            yield f"{label} has {len(words)} words, which are not the {len(self.words[expected.sample])} of its recording"

    def _stored(self) -> Iterator[str]:
        """Every object belongs to a recording or to an upload that has not expired; every recording has its object."""
        owned = {row["object_key"] for row in self._rows("SELECT object_key FROM recordings")}
        uploading = {
            row["object_key"]: row["multipart_id"] for row in self._rows("SELECT object_key, multipart_id FROM uploads")
        }
        client, bucket = self.stack.object_store.client(), self.stack.object_store.bucket
        keys = {
            item.object_name
            for item in client.list_objects(bucket, recursive=True)
            if not item.object_name.startswith("health/")
        }
        for key in sorted(keys - owned):
            if not any(key.startswith(prefix) for prefix in uploading):
                yield f"the object {key} belongs to no row"
        for key in sorted(owned - keys):
            yield f"the recording {key} has no object"
        for item in client._list_multipart_uploads(bucket).uploads:
            if item.upload_id not in uploading.values():
                yield f"the multipart upload of {item.object_name} belongs to no row"

    async def _a_day_later(self) -> None:
        """Do what the controller does a day later: remove the parts of objects whose writer was killed."""
        store = self.stack.object_store
        settings = Settings(
            database_url=self.stack.database_url,
            nats_url=self.stack.nats_url,
            s3_endpoint=store.endpoint,
            s3_bucket=store.bucket,
            s3_access_key=store.access_key,
            s3_secret_key=store.secret_key,
        )
        async with objects.connect(settings) as bucket:
            pool = await database.connect(settings)
            with mock.patch.object(retention, "UNFINISHED_AFTER", timedelta(0)):
                await retention.Retention(pool, bucket, keep_failed_pcm_s=0).apply()
            await database.close(pool)

    def _dead_letters(self) -> Sequence[dict[str, Any]]:
        answer = httpx.get(f"{self.stack.url}/v1/admin/dead-letters", headers=self.stack.headers, timeout=30)
        answer.raise_for_status()
        return list(answer.json()["items"])

    def _slots_in_use(self) -> Iterator[str]:
        for component in self.stack.ask("ps")["components"]:
            if component["name"].removesuffix("-accurate") not in OURS:
                continue
            metrics = httpx.get(f"http://{component['address']}/metrics", timeout=10).text
            for name, labels, value in SLOTS.findall(metrics):
                if float(value):
                    yield f"{component['name']}: {name}{labels} is {value}"

    def _rows(self, query: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.stack.database_url, row_factory=dict_row) as connection:
            return connection.execute(query).fetchall()


OURS = frozenset(
    {"upload", "status", "prepare", "transcribe", "transcribe-accurate", "assemble", "controller", "diarizer"}
)
JOBS = """
    SELECT j.id, r.name, j.state, j.error_code, j.finished_at, j.warnings,
        (SELECT count(*) FROM transcripts WHERE job_id = j.id) AS versions
    FROM jobs j JOIN recordings r ON r.id = j.recording_id
"""


async def _messages(url: str, stream: str) -> int:
    client = await nats.connect(url, connect_timeout=2, max_reconnect_attempts=1)
    try:
        return int((await client.jetstream().stream_info(stream)).state.messages)
    except NotFoundError:
        return 0
    finally:
        await client.close()
