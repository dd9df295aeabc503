"""The workflow runs what exists here, and gives a pull request nothing that it could misuse."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml
from cluster.images import BUILD

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / ".github/workflows/ci.yml"
CACHED_BUILD = ROOT / ".github/cached-build.sh"
WORKFLOW = yaml.safe_load(FILE.read_text())
JOBS = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
COMMANDS = "\n".join(step["run"] for step in STEPS if "run" in step)


def test_it_runs_make_test_and_make_cluster():
    assert "make test" in [step.get("run") for step in JOBS["test"]["steps"]]
    assert "make cluster" in [step.get("run") for step in JOBS["cluster"]["steps"]]
    assert {"KUBECONFIG", "IMAGE_LOADER"} <= JOBS["cluster"]["env"].keys()


def test_every_target_of_make_exists():
    called = set(re.findall(r"^\s*make (\S+)", COMMANDS, re.MULTILINE))
    targets = re.findall(r"^([\w./ -]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert called
    assert called <= {name for names in targets for name in names.split()}


def test_what_a_cache_depends_on_exists():
    patterns = {
        pattern
        for arguments in re.findall(r"hashFiles\((.+?)\)", FILE.read_text())
        for pattern in arguments.split(", ")
    }
    assert patterns
    for pattern in patterns:
        assert any(path.is_file() for path in ROOT.glob(pattern.strip("'"))), pattern


def test_it_uses_no_secret_and_may_only_read():
    text = FILE.read_text()
    assert "secrets." not in text
    assert "pull_request_target" not in text
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in JOBS.values())


def test_nothing_is_pasted_into_a_command():
    """Names of branches and titles of pull requests can contain commands."""
    assert "${{" not in COMMANDS


def test_a_checkout_leaves_no_token_behind():
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(JOBS)
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_actions_are_those_of_github_in_a_named_version():
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert [name for name in used if not re.fullmatch(r"actions/[a-z-]+@v\d+", name)] == []


def test_every_job_ends_in_time_and_a_newer_commit_replaces_it():
    assert all(0 < job["timeout-minutes"] <= 90 for job in JOBS.values())
    assert WORKFLOW["concurrency"].keys() == {"group", "cancel-in-progress"}


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A docker that writes down its arguments."""
    command = tmp_path / "docker"
    command.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >"$0.arguments"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "docker.arguments"


def test_an_image_that_starts_from_another_one_is_built_where_that_one_is_known(docker, monkeypatch):
    monkeypatch.setenv("IMAGE_CACHE", "c")
    ((argument, _),) = BUILD.BUILT_ON.values()
    given = ["-t", "voicepipe/x:dev", "-f", "Dockerfile", f"--build-arg={argument}=voicepipe/y:dev", "."]
    subprocess.run([CACHED_BUILD, *given], check=True)
    assert docker.read_text().splitlines() == ["buildx", "build", "--builder", "default", "--load", *given]


@pytest.mark.parametrize(
    ("cache", "options"),
    [("", []), ("c", ["--cache-from=type=local,src=c/nats", "--cache-to=type=local,dest=c.new/nats,mode=max"])],
    ids=["without a cache", "with a cache"],
)
def test_every_image_is_built_with_a_cache_of_its_own(docker, monkeypatch, cache, options):
    monkeypatch.setenv("IMAGE_CACHE", cache)
    given = ["-t", "voicepipe/nats:dev", "-f", "a b/Dockerfile", "--build-arg=SOURCE=", "."]
    subprocess.run([CACHED_BUILD, *given], check=True)
    assert docker.read_text().splitlines() == ["buildx", "build", "--load", *options, *given]
