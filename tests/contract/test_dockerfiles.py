"""Every Dockerfile makes an image as deploy/images/README.md describes them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cluster.images import BUILD, ROOT
from voicepipe_local import objectstore
from voicepipe_local.data_dir import DataDir

FILES = {name: ROOT / path for name, path in BUILD.DOCKERFILES.items()}
# Images with our code, which differ in little else.
SERVICES = ("upload", "status", "orchestrator", "autoscaler")
# Those that serve gRPC too, and so contain its stubs.
GRPC = ("upload", "status")
PYTHON = (*SERVICES, "diarizer", "migrations", "triton")


def instructions(file: Path) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, each with its arguments in one line."""
    text = re.sub(r"^\s*#.*\n", "", file.read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line]


def last_stage(file: Path) -> list[tuple[str, str]]:
    given = instructions(file)
    starts = [number for number, (name, _) in enumerate(given) if name == "FROM"]
    return given[starts[-1] :]


def every_image(function):
    return pytest.mark.parametrize("file", FILES.values(), ids=FILES.keys())(function)


def test_every_dockerfile_makes_an_image_of_make_images():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*Dockerfile*"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    assert {ROOT / path for path in found if "/tests/" not in path and "test_" not in path} == set(FILES.values())


@every_image
def test_it_runs_as_a_numeric_user_without_rights(file):
    users = [value for name, value in last_stage(file) if name == "USER"]
    assert users == ["10001:10001"]


@every_image
def test_its_process_is_the_first_one_and_gets_the_signals(file):
    (entry,) = [value for name, value in last_stage(file) if name == "ENTRYPOINT"]
    program = json.loads(entry)[0]
    assert not any(name == "CMD" for name, _ in last_stage(file))
    if program.endswith(".sh"):
        scripts = {"/srv/triton/serve.sh": ROOT / "triton-models/serve.sh", "start.sh": file.with_name("start.sh")}
        last_command = scripts[program].read_text().replace("\\\n", " ").splitlines()[-1]
        assert last_command.startswith("exec ")


@pytest.mark.parametrize("image", FILES)
def test_its_labels_say_what_it_is(image):
    """build.py adds those of the source."""
    (labels,) = [value for name, value in last_stage(FILES[image]) if name == "LABEL"]
    given = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="(.+?)"', labels))
    assert given.keys() == {"title", "description", "licenses"}
    assert given["title"] == f"voicepipe-{image.removesuffix('-gpu')}"


def test_the_dockerfiles_of_services_differ_only_in_the_name_of_the_service_and_in_grpc():
    def without_labels(image):
        found = [(name, value) for name, value in instructions(FILES[image]) if name != "LABEL"]
        return [(name, value.replace("autoscaler.operator", "autoscaler")) for name, value in found]

    def without_grpc(found):
        texts = [(name, re.sub(r" ?(libs/api\S*|9000$|VOICEPIPE_GRPC_HOST=\S+)", "", value)) for name, value in found]
        return [(name, value.strip()) for name, value in texts if (name, value) != ("COPY", "")]

    upload = without_labels("upload")
    for image in SERVICES:
        expected = [(name, value.replace("upload", image)) for name, value in upload]
        assert without_labels(image) == (expected if image in GRPC else without_grpc(expected))


@pytest.mark.parametrize("image", SERVICES)
def test_an_image_contains_the_stubs_of_grpc_exactly_if_its_service_imports_them(image):
    code = (ROOT / "services" / image / "src").rglob("*.py")
    imports = any(re.search(r"^(from|import) voicepipe_api\b", file.read_text(), re.MULTILINE) for file in code)
    assert imports == (image in GRPC) == ("libs/api/src" in FILES[image].read_text())


def test_every_image_with_our_python_makes_its_user_and_its_standard_library_alike():
    made = [[value for name, value in last_stage(FILES[image]) if name == "RUN"] for image in PYTHON]
    assert made == [made[0]] * len(PYTHON)


@every_image
def test_whatever_it_copies_exists_and_may_enter_a_build(file):
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [value.split()[:-1] for name, value in instructions(file) if name == "COPY" and "--from=" not in value]
    for source in (Path(name) for names in copied for name in names):
        assert (ROOT / source).exists(), source
        assert any(folder.match(pattern) for folder in (source, *source.parents) for pattern in allowed), source


def test_nothing_enters_a_build_that_is_not_listed():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert all(line.startswith(("!", "**/")) for line in lines[1:])
    assert not [line for line in lines if "test" in line or line.startswith(("!.", "!*"))]


@every_image
def test_it_names_no_registry(file):
    images = [value.split()[0] for name, value in instructions(file) if name == "FROM"]
    images += re.findall(r"BASE=(\S+)", " ".join(value for name, value in instructions(file) if name == "ARG"))
    assert not [image for image in images if "/" in image]


@pytest.mark.parametrize("name", ["upload", "status", "orchestrator", "autoscaler", "diarizer", "migrations"])
def test_a_change_of_our_code_does_not_install_anything_again(name):
    stages = "\n".join(f"{instruction} {value}" for instruction, value in instructions(FILES[name])).split("FROM ")
    (installs,) = [stage for stage in stages if "install.py" in stage]
    assert "/src" not in installs
    (code,) = [stage for stage in stages if "/src " in stage]
    assert "pip" not in code


def test_the_object_store_is_configured_as_on_one_machine(tmp_path):
    """But for its addresses and folders."""

    def settings(command):
        return {flag for flag in command if not re.match(r"-(dir|ip.*|[\w.]+(\.port|\.grpc|\.config|Socket))=", flag)}

    script = (ROOT / "deploy/servers/object-store/start.sh").read_text()
    component = objectstore.component(DataDir.at(tmp_path))
    *_, flags = script.split("exec weed ")
    assert settings(re.findall(r"-\S+=\S+", flags)) == settings(flag for flag in component.command if "=" in flag)
    assert f"GOMEMLIMIT:-{component.env['GOMEMLIMIT']}" in script


def test_hadolint_finds_nothing():
    beside_python = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside_python) if beside_python.exists() else shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed: `make test` installs it (requirements/tests.txt)")
    done = subprocess.run([hadolint, *FILES.values()], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "")
