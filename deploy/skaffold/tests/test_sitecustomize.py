"""The process of a pod in the profile `dev`: started from a copy of its code, and again when the copy changes."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.eventually import eventually

PROGRAM = Path(__file__).resolve().parents[1] / "sitecustomize.py"
# Supervises `python -m PROCESS` as the first process of a container would.
FIRST_PROCESS = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("reloading", {str(PROGRAM)!r})
reloading = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reloading)
from pathlib import Path
reloading.POLL_S = 0.05
reloading.STOP_S = 1
sys.exit(reloading.Supervisor([sys.executable, "-u", "-m", "process"], Path(sys.argv[1])).run() % 256)
"""
RUNS = "import time\nprint('{} runs', flush=True)\ntime.sleep(60)\n"


@pytest.fixture(scope="module")
def reloading():
    spec = importlib.util.spec_from_file_location("reloading", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Container:
    def __init__(self, code, log):
        self.code = code
        self._log = log
        with log.open("w") as out:
            self.process = subprocess.Popen([sys.executable, "-c", FIRST_PROCESS, code], stdout=out, stderr=out)

    def write(self, text):
        """As tar does when skaffold copies a file."""
        draft = self.code / "draft"
        draft.write_text(text)
        draft.rename(self.code / "process.py")

    def wait_for(self, text):
        eventually(lambda: text in self._log.read_text(), 10, self._log.read_text, 0.02)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@pytest.fixture
def container(tmp_path):
    code = tmp_path / "code"
    code.mkdir()
    (code / "process.py").write_text(RUNS.format("first"))
    started = Container(code, tmp_path / "log")
    yield started
    started.process.kill()
    started.process.wait()


def test_a_changed_file_starts_the_process_again(container):
    container.wait_for("first runs")
    container.write(RUNS.format("second"))
    container.wait_for("second runs")
    assert container.process.poll() is None


def test_a_new_file_starts_the_process_again(container):
    container.wait_for("first runs")
    (container.code / "other.py").write_text("")
    container.wait_for("starts again")


def test_a_broken_file_does_not_end_the_container_and_the_next_change_repairs_it(container):
    container.wait_for("first runs")
    container.write("this is not Python")
    container.wait_for("starts again when a file changes")
    container.write(RUNS.format("third"))
    container.wait_for("third runs")


def test_a_process_that_ends_without_an_error_ends_the_container(container):
    container.wait_for("first runs")
    container.write("print('done')")
    assert container.process.wait(10) == 0


def test_it_passes_sigterm_on_and_returns_the_status_of_the_process(container):
    container.wait_for("first runs")
    handler = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
    container.write(handler + RUNS.format("handler"))
    container.wait_for("handler runs")
    assert container.stop() == 7


def test_a_process_that_ignores_sigterm_is_killed(container):
    container.wait_for("first runs")
    container.write("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + RUNS.format("deaf"))
    container.wait_for("deaf runs")
    assert container.stop() == 256 - signal.SIGKILL


def test_an_earlier_copy_with_its_changes_is_kept(reloading, tmp_path):
    source, target = tmp_path / "app", tmp_path / "code"
    (source / "package").mkdir(parents=True)
    (source / "package" / "module.py").write_text("image")
    assert reloading.copied(source, target) == target
    (target / "package" / "module.py").write_text("changed")
    reloading.copied(source, target)
    assert (target / "package" / "module.py").read_text() == "changed"


def test_a_copy_that_was_interrupted_is_made_again(reloading, tmp_path):
    source, target = tmp_path / "app", tmp_path / "code"
    source.mkdir()
    (source / "module.py").write_text("image")
    (tmp_path / "code.draft").mkdir()
    (tmp_path / "code.draft" / "half.py").write_text("")
    reloading.copied(source, target)
    assert [path.name for path in target.iterdir()] == ["module.py"]


def test_only_the_first_process_of_a_container_is_supervised():
    environment = os.environ | {"PYTHONPATH": str(PROGRAM.parent)}
    command = [sys.executable, "-c", "import sitecustomize; print(sitecustomize.__file__)"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(PROGRAM)
