from types import SimpleNamespace

import pytest
from cluster.images import INSTALL, ROOT


def project(tmp_path, name, *dependencies):
    folder = tmp_path / name
    folder.mkdir()
    listed = ", ".join(f'"{dependency}"' for dependency in dependencies)
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\ndependencies = [{listed}]\n')
    return folder


def names(requirements):
    return {INSTALL.normal(requirement.name) for requirement in requirements}


def test_the_dependencies_of_several_packages_do_not_include_the_packages(tmp_path):
    wire = project(tmp_path, "voicepipe-wire", "asyncpg")
    upload = project(tmp_path, "voicepipe-upload", "voicepipe-wire", "Python_Multipart")
    assert names(INSTALL.declared([wire, upload])) == {"asyncpg", "python-multipart"}


def test_a_package_of_ours_that_is_needed_and_not_given_is_an_error(tmp_path):
    with pytest.raises(SystemExit, match="voicepipe-wire"):
        INSTALL.declared([project(tmp_path, "voicepipe-upload", "voicepipe-wire")])


def test_a_dependency_that_is_not_pinned_is_an_error(tmp_path):
    (tmp_path / "lib/python3.11/site-packages").mkdir(parents=True)
    (tmp_path / "pins.txt").write_text("# pins\nasyncpg==1\n")
    with pytest.raises(SystemExit, match="does not pin nats-py"):
        INSTALL.main(tmp_path / "pins.txt", tmp_path, [project(tmp_path, "voicepipe-wire", "asyncpg", "nats-py")])


def test_only_what_is_pinned_and_needed_is_installed(tmp_path, monkeypatch):
    site = tmp_path / "lib/python3.11/site-packages"
    site.mkdir(parents=True)
    requires = {
        "silero-vad": ["torch>=1", "onnxruntime"],  # torch is not pinned
        "onnxruntime": ["numpy>=1", "colorama; sys_platform == 'win32'"],
        "tritonclient": ["numpy", "grpcio; extra == 'grpc'", "aiohttp; extra == 'http'"],
    }
    (tmp_path / "pins.txt").write_text(
        "".join(f"{name}==1\n" for name in (*requires, "numpy", "grpcio", "aiohttp", "colorama", "pytest"))
    )
    calls = []

    def pip(_, pins):
        calls.append(pins)
        for pin in pins:
            name = pin.partition("==")[0]
            folder = site / f"{name.replace('-', '_')}-1.dist-info"
            folder.mkdir()
            lines = [f"Name: {name}", "Version: 1", *(f"Requires-Dist: {line}" for line in requires.get(name, []))]
            (folder / "METADATA").write_text("\n".join(lines) + "\n")

    monkeypatch.setattr(INSTALL, "_pip", pip)
    INSTALL.main(
        tmp_path / "pins.txt", tmp_path, [project(tmp_path, "voicepipe-x", "silero-vad", "tritonclient[grpc]")]
    )
    installed = [pin.partition("==")[0] for pins in calls for pin in pins]
    assert sorted(installed) == ["grpcio", "numpy", "onnxruntime", "silero-vad", "tritonclient"]


def test_an_extra_that_is_asked_for_later_is_found():
    client = SimpleNamespace(name="tritonclient", requires=["grpcio; extra == 'grpc'"])
    needed = {}
    INSTALL.add(needed, [INSTALL.Requirement("tritonclient")])
    assert list(INSTALL.required_by(needed, [client])) == []
    assert INSTALL.add(needed, [INSTALL.Requirement("tritonclient[grpc]")])
    assert names(INSTALL.required_by(needed, [client])) == {"grpcio"}


@pytest.mark.parametrize("requirements", ["services", "diarizer"])
def test_the_requirements_can_be_read(requirements):
    pins = INSTALL.pins((ROOT / f"requirements/{requirements}.txt").read_text())
    assert pins["nats-py"].startswith("nats-py==")
