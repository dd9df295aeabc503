"""Pods die under load, those of the servers too: nothing that was accepted is lost."""

from __future__ import annotations

import io
import threading
import time

import pytest
import soundfile
from accuracy.corpus import phone_call
from cluster.kubernetes import Installation
from cluster.load import accepted_by_and_by, all_ended
from support.eventually import eventually
from support.front_door import FrontDoor, with_another_hash

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

KILLED = (
    "nats",
    "postgres",
    "object-store",
    "prepare",
    "transcribe",
    "assemble",
    "controller",
    "upload",
    "status",
    "gateway",
)
PAUSE_S = 6
AT_MOST = 60


def test_every_kind_of_pod_is_killed_and_every_recording_is_completed(
    running: Installation, door: FrontDoor, clip: bytes, record_property
):
    ids: list[str] = []
    stop = threading.Event()

    def send() -> None:
        while not stop.wait(1.0) and len(ids) < AT_MOST:
            ids.append(accepted_by_and_by(door, with_another_hash(clip), model="fast"))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        time.sleep(PAUSE_S)
        for component in KILLED:
            running.delete_pod(component, grace_s=0)
            time.sleep(PAUSE_S)
    finally:
        stop.set()
        sender.join()
    running.wait_until_ready()
    jobs = all_ended(door, ids, 400)
    states = sorted(job["state"] for job in jobs.values())
    record_property(
        "measured", f"{len(KILLED)} kinds of pods killed, {states.count('completed')} of {len(ids)} jobs completed"
    )
    assert set(states) == {"completed"}
    warned = [warning["code"] for job in jobs.values() for warning in job["warnings"]]
    assert "part_missing" not in warned
    assert all(door.transcript(job_id)["text"].strip() for job_id in ids)


def test_a_diarization_that_is_stopped_goes_on_in_another_pod_without_spending_a_delivery(
    running: Installation, door: FrontDoor, record_property
):
    audio = with_another_hash(_as_wav(phone_call().path))
    job_id = door.accepted(audio, diarize="true")

    def stage() -> dict[str, object]:
        return next(stage for stage in door.get(job_id)["stages"] if stage["stage"] == "diarize")

    eventually(lambda: stage()["state"] == "running", 120)
    began = time.monotonic()
    running.kubectl("patch", "deployment", "voicepipe-diarizer", "--patch", _ANNOTATION)  # a rollout: SIGTERM
    job = door.end_of(job_id, 300)
    record_property("measured", f"completed {time.monotonic() - began:.0f} s after the rollout began")
    assert (job["state"], job["warnings"]) == ("completed", [])
    assert next(stage for stage in job["stages"] if stage["stage"] == "diarize")["attempt"] == 1
    assert len(door.transcript(job_id)["speakers"]) == 2


_ANNOTATION = '{"spec": {"template": {"metadata": {"annotations": {"voicepipe.io/test": "again"}}}}}'


def _as_wav(path) -> bytes:
    samples, rate = soundfile.read(path, dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()
