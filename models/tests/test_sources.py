"""Models from URLs, folders and the hub, and how references resolve."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_server import REPOSITORY, FileServer, serving
from model_workspace import Workspace, file
from voicepipe_models import Kind, ModelUnavailable, Store, load_catalogue, resolve

pytestmark = pytest.mark.servers  # a package index, a hub and commands that are killed

FILES = {"model.bin": bytes(range(256)) * 4096, "config.json": b"{}", "tokenizer.json": b"[]"}


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as server:
        yield server


@pytest.fixture
def by_url(workspace: Workspace, server: FileServer) -> Workspace:
    server.files = {f"/{name}": content for name, content in FILES.items()}
    workspace.entry("toy", "url", "".join(file(name, FILES[name], url=f"{server.url}/{name}") for name in FILES))
    return workspace


@pytest.fixture
def hub(workspace: Workspace, server: FileServer) -> Workspace:
    server.publish(FILES | {"README.md": b"not needed"})
    workspace.environment |= {
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(workspace.folder / "hf"),
        "HF_HUB_DISABLE_XET": "1",
    }
    workspace.environment |= {"HF_HUB_DISABLE_TELEMETRY": "1"}
    return workspace


def test_a_broken_download_resumes_where_it_broke(by_url: Workspace, server: FileServer):
    server.break_after = [300_000, 400_000]

    output = by_url.pulled()

    assert server.ranges[:3] == [None, "bytes=300000-", "bytes=700000-"]
    assert "trying again" in output
    assert (by_url.store / "toy/model.bin").read_bytes() == FILES["model.bin"]


def test_a_pull_resumes_the_download_of_a_killed_pull(by_url: Workspace, server: FileServer):
    server.break_after = [300_000]
    pull = by_url.start("pull", "toy")
    while "trying again" not in pull.stdout.readline():
        assert pull.poll() is None
    os.killpg(pull.pid, signal.SIGKILL)
    pull.communicate()
    server.ranges.clear()

    by_url.pulled()

    assert server.ranges[0] == "bytes=300000-"
    assert by_url.run("verify").returncode == 0


def test_a_download_without_range_support_starts_again(by_url: Workspace, server: FileServer):
    server.break_after = [300_000]
    server.honours_ranges = False

    by_url.pulled()

    assert (by_url.store / "toy/model.bin").read_bytes() == FILES["model.bin"]


def test_content_that_differs_from_the_catalogue_is_refused(by_url: Workspace, server: FileServer):
    server.files["/config.json"] = b"[]"

    done = by_url.run("pull", "toy")

    assert done.returncode == 3
    assert "config.json could not be downloaded: the SHA-256 of the download differs" in done.stderr
    assert not (by_url.store / "toy").exists()


def test_a_download_larger_than_the_catalogue_says_is_refused(by_url: Workspace, server: FileServer):
    server.files["/config.json"] = b"{}" * 1000

    done = by_url.run("pull", "toy")

    assert done.returncode == 3
    assert "config.json sends more bytes than the catalogue says" in done.stderr


def test_a_missing_file_is_requested_once(by_url: Workspace, server: FileServer):
    del server.files["/model.bin"]

    done = by_url.run("pull", "toy")

    assert done.returncode == 3
    assert "the server answered 404" in done.stderr
    assert server.requested == ["/model.bin"]


def test_a_catalogue_model_can_come_from_a_folder(workspace: Workspace):
    source = filled(workspace.folder / "source")
    workspace.entry("toy", "folder", f'path = "{source}"\n' + "".join(file(name, FILES[name]) for name in FILES))

    workspace.pulled()

    assert workspace.run("verify").returncode == 0


def test_a_hub_repository_is_pulled_and_its_hashes_are_recorded(hub: Workspace, server: FileServer):
    hub.pulled(REPOSITORY)

    kept = hub.store / "somebody--whisper-toy"
    assert sorted(path.name for path in kept.iterdir()) == [".voicepipe-model.json", *sorted(FILES)]
    assert hub.run("verify").stdout == f"{REPOSITORY}: intact\n"
    assert hub.state(REPOSITORY) == "present"
    server.requested.clear()
    hub.pulled(REPOSITORY)
    assert server.requested == []


def test_damage_to_a_hub_model_is_found_and_repaired(hub: Workspace):
    hub.pulled(REPOSITORY)
    (hub.store / "somebody--whisper-toy/config.json").write_bytes(b"[]")

    done = hub.run("verify")

    assert done.returncode == 1
    assert f"Repair it with: voicepipe-models pull {REPOSITORY}" in done.stdout
    hub.pulled(REPOSITORY)
    assert (hub.store / "somebody--whisper-toy/config.json").read_bytes() == b"{}"


def test_a_cached_repository_is_used_without_the_hub(hub: Workspace, server: FileServer):
    snapshots = hub.folder / "hf/hub/models--somebody--whisper-toy"
    filled(snapshots / "snapshots/abc")
    (snapshots / "refs").mkdir()
    (snapshots / "refs/main").write_text("abc")

    assert "from the hub's cache" in hub.pulled(REPOSITORY)
    assert server.requested == []


def test_an_unknown_repository_fails_with_a_sentence(hub: Workspace):
    done = hub.run("pull", "somebody/else")

    assert done.returncode == 3
    assert "somebody/else could not be downloaded from the hub" in done.stderr
    assert "HF_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreachable_hub_fails_with_a_sentence(hub: Workspace, server: FileServer):
    hub.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"

    done = hub.run("pull", "whisper-small")

    assert done.returncode == 3
    assert "Systran/faster-whisper-small could not be downloaded" in done.stderr
    assert "is the hub reachable from this machine?" in done.stderr


def test_a_repository_that_is_not_a_whisper_model_is_not_kept(hub: Workspace, server: FileServer):
    server.publish({"config.json": b"{}", "pytorch_model.bin": b"torch"})

    done = hub.run("pull", REPOSITORY)

    assert done.returncode == 3
    assert "is not a speech model: it has no model.bin and no tokenizer.json" in done.stderr
    assert not (hub.store / "somebody--whisper-toy").exists()


def filled(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


def test_a_folder_is_used_in_place(tmp_path: Path):
    folder = filled(tmp_path / "mine")

    assert resolve(str(folder), Kind.SPEECH, Store(tmp_path / "store"), load_catalogue()) == folder
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("reference", "kind", "sentence"),
    [
        ("", Kind.SPEECH, "No speech model is given. Give a name from the catalogue .distil-large-v2, .*whisper-base"),
        ("whisper-bass", Kind.SPEECH, "There is no speech model 'whisper-bass'. Give a name from the catalogue"),
        ("/no/such/folder", Kind.SPEECH, "There is no folder /no/such/folder"),
        ("pyannote-campplus", Kind.SPEECH, "pyannote-campplus is a speakers model, not a speech model"),
        ("base", Kind.SPEAKERS, r"whisper-base is a speech model, not a speakers model.* \(pyannote-campplus\)"),
        ("./", Kind.SPEECH, "is not a CTranslate2 Whisper: it has no model.bin and no config.json"),
        ("./", Kind.SPEAKERS, "is not a pyannote.audio pipeline: it has no config.yaml"),
        ("a/b/c", Kind.SPEECH, "There is no speech model 'a/b/c'"),
    ],
)
def test_an_invalid_reference_lists_the_alternatives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, kind: Kind, sentence: str
):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ModelUnavailable, match=sentence):
        resolve(reference, kind, Store(tmp_path / "store"), load_catalogue())


def test_a_reference_pulls_a_missing_model(by_url: Workspace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VOICEPIPE_MODELS_CATALOGUE", str(by_url.catalogue))
    lines: list[str] = []

    folder = resolve("toy", Kind.SPEECH, Store(by_url.store, lines.append))

    assert folder == by_url.store / "toy"
    assert any("Downloading model.bin (1.0 MB)" in line for line in lines)
