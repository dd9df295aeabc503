"""The laptop example: from nothing to a transcript, and what runs then."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from accuracy.corpus import phone_call
from cluster.kubernetes import RELEASE, Installation, is_ready
from fixtures.score import wer

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

FIRST_TRANSCRIPT_S = 180
HELM_TEST_S = 60
MAX_WER = 0.35


@pytest.fixture(scope="module")
def first(installation: Installation, clip: bytes) -> dict[str, Any]:
    """The first installation, and the time of its steps in seconds."""
    began = time.monotonic()
    said = installation.deploy()
    installed_s = time.monotonic() - began
    door = installation.door()
    transcript = door.completed(door.accepted(clip, "first.wav"))
    return {
        "said": said,
        "installed_s": installed_s,
        "transcript_s": time.monotonic() - began,
        "text": transcript["text"],
        "restarts": installation.restarts(),
    }


def test_the_first_transcript_comes_within_three_minutes_and_nothing_was_restarted(first, record_property):
    record_property(
        "measured", f"installed in {first['installed_s']:.0f} s, first transcript after {first['transcript_s']:.0f} s"
    )
    assert first["transcript_s"] < FIRST_TRANSCRIPT_S
    assert first["text"].strip()
    assert first["restarts"] == {}


def test_the_notes_say_how_to_reach_it(first):
    assert f"service/{RELEASE}-gateway" in first["said"]
    assert "PodSecurity" not in first["said"]


def test_every_pod_is_ready_and_so_is_every_pool(first, installation: Installation):
    installation.wait_until_ready()
    offered = installation.door().http.get("/v1/capabilities").json()
    assert {model["name"]: model["state"] for model in offered["models"]} == {"accurate": "ready", "fast": "ready"}
    assert offered["speakers"] == {"available": True, "state": "ready", "ready_in_s": 0.0}


def test_helm_test_transcribes_a_clip(first, installation: Installation, record_property):
    began = time.monotonic()
    assert "Phase:          Succeeded" in installation.helm("test", RELEASE, "--timeout", "2m")
    took_s = time.monotonic() - began
    record_property("measured", f"helm test took {took_s:.0f} s")
    assert took_s < HELM_TEST_S


def test_a_phone_call_is_transcribed_with_its_two_speakers(first, installation: Installation, record_property):
    installation.wait_until_ready()
    call = phone_call()
    document = (door := installation.door()).completed(door.accepted(call.path, diarize="true"), 300)
    error = wer(call.text or "", document["text"])
    record_property("measured", f"WER {error:.1%}, {len(document['speakers'])} speakers")
    assert error < MAX_WER
    assert len(document["speakers"]) == 2
    assert document["warnings"] == []


def test_the_decoder_is_confined_in_its_pod(first, installation: Installation):
    measures = dict(
        re.findall(
            r'^voicepipe_decoder_confinement\{measure="(\w+)"\} (\S+)$', installation.metrics("prepare"), re.MULTILINE
        )
    )
    assert {name for name, value in measures.items() if value == "1.0"} >= {
        "limits",
        "no_new_privs",
        "seccomp",
        "landlock",
    }


def test_no_pod_has_a_token_of_its_account(first, installation: Installation):
    mounted = [
        pod["metadata"]["name"]
        for pod in installation.get("pods")["items"]
        if "serviceaccount" in json.dumps(pod["spec"].get("volumes", []))
        or any(
            "kubernetes.io/serviceaccount" in mount["mountPath"]
            for container in pod["spec"]["containers"]
            for mount in container.get("volumeMounts", ())
        )
    ]
    assert mounted == []


def test_no_account_may_do_anything(first, installation: Installation):
    for account in installation.get("serviceaccounts")["items"]:
        name = f"system:serviceaccount:{installation.namespace}:{account['metadata']['name']}"
        allowed = installation.kubectl("auth", "can-i", "--list", "--as", name)
        # What everybody may do: ask what they may do, and read the API's own description.
        own = [line for line in allowed.splitlines()[1:] if "selfsubject" not in line and "[/" not in line]
        assert own == [], name


def test_processes_run_without_rights_and_cannot_write_to_their_image(first, installation: Installation):
    for component in ("upload", "prepare", "diarizer", "postgres", "nats", "object-store"):
        shown = installation.exec(
            component,
            "sh",
            "-c",
            "id -u; touch /usr/x 2>/dev/null || echo read-only; "
            "grep -h CapEff /proc/1/status; grep -h NoNewPrivs /proc/1/status",
        )
        assert shown.split() == ["10001", "read-only", "CapEff:", "0" * 16, "NoNewPrivs:", "1"], component


def test_the_memory_of_an_idle_installation_is_written_down(first, installation: Installation, record_property):
    used: dict[str, int] = {}
    for pod in installation.pods():
        for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
            if container["name"] == "model":
                continue
            read = "cat /sys/fs/cgroup/memory.stat /sys/fs/cgroup/memory/memory.stat 2>/dev/null; true"
            name = pod["metadata"]["name"]
            text = installation.kubectl("exec", name, "-c", container["name"], "--", "sh", "-c", read)
            if found := re.search(r"^anon (\d+)$", text, re.MULTILINE) or re.search(
                r"^total_rss (\d+)$", text, re.MULTILINE
            ):
                used[f"{pod['metadata']['labels']['app.kubernetes.io/component']}/{container['name']}"] = int(found[1])
    total_mb = sum(used.values()) / 1e6
    record_property("measured", f"{total_mb:.0f} MB: " + ", ".join(f"{k} {v / 1e6:.0f}" for k, v in used.items()))
    assert 0 < total_mb < 6000


def test_an_upgrade_with_the_same_values_restarts_nothing(first, installation: Installation):
    before = {pod["metadata"]["uid"] for pod in installation.pods()}
    secret = installation.get("secret", f"{RELEASE}-bundled")["data"]
    for _ in range(2):
        installation.deploy()
    assert {pod["metadata"]["uid"] for pod in installation.pods()} == before
    assert installation.get("secret", f"{RELEASE}-bundled")["data"] == secret


def test_every_pod_that_serves_is_ready_without_a_restart_at_the_end(first, installation: Installation):
    assert installation.restarts() == {}
    assert all(is_ready(pod) for pod in installation.pods())
