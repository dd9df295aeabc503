import json

import pytest
from cluster.images import BUILD

BASE_MB, OWN_MB = 100, 40
# A docker that works, and answers with the size of an image: SIZE of our images, the base alone for those named `base-...`, and
# 5 MB more than SIZE for model-download.
DOCKER = """#!/bin/bash
echo "$@" >>{log}
case "$1 ${{@: -1}}" in
    info*) exit {broken} ;;
    image*/base-*) echo {base} ;;
    image*/model-download:*) echo $(({size} + 5000000)) ;;
    image*) echo {size} ;;
esac
"""


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Puts a tool on the PATH, instead of everything that is there."""
    monkeypatch.setattr(BUILD, "SIZES", tmp_path / "sizes.txt")
    (tmp_path / "sizes.txt").write_text("")
    (tmp_path / "log").touch()
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def install(name, *, broken=0, own_mb=OWN_MB):
        size = (BASE_MB + own_mb) * 1_000_000
        script = folder / name
        script.write_text(DOCKER.format(log=tmp_path / "log", broken=broken, base=BASE_MB * 1_000_000, size=size))
        script.chmod(0o755)

    install.log = tmp_path / "log"
    return install


def builds(tool):
    """How the builder was called for our images."""
    lines = [line for line in tool.log.read_text().splitlines() if line.startswith("build ")]
    return [line for line in lines if "/base-" not in line]


def built_tags(tool):
    return [line.split()[2] for line in builds(tool)]


def test_docker_without_its_daemon_is_passed_over(tool):
    tool("docker", broken=1)
    tool("podman")
    assert BUILD.Builder.of({}).build == ("podman", "build")


def test_docker_comes_before_podman(tool):
    tool("docker")
    tool("podman")
    assert BUILD.Builder.of({}).store == ("docker",)


def test_without_a_builder_the_error_says_what_to_do(tool):
    for name in ("docker", "podman", "buildah"):
        tool(name, broken=1)
    with pytest.raises(BUILD.CannotBuild, match="IMAGE_BUILDER"):
        BUILD.Builder.of({})


def test_the_builder_of_the_environment_is_used_before_one_that_is_found(tool):
    tool("docker")
    builder = BUILD.Builder.of({"IMAGE_BUILDER": "../cluster build", "IMAGE_STORE": "buildah --root '/a b'"})
    assert builder.build == ("../cluster", "build")
    assert builder.store == ("buildah", "--root", "/a b")


def test_an_image_is_built_from_the_root_with_its_tag_its_labels_and_more_arguments(tool):
    tool("docker")
    assert BUILD.main(["upload"], {"TAG": "1.2", "PREFIX": "mirror/voicepipe", "BUILD_ARGS": "TORCH=cuda X='a b'"}) == 0
    (built,) = builds(tool)
    assert "-t mirror/voicepipe/upload:1.2 " in built
    assert f"-f {BUILD.ROOT}/services/upload/Dockerfile" in built
    assert "--label=org.opencontainers.image.version=0.1.0 --label=org.opencontainers.image.revision=" in built
    assert f"--build-arg=TORCH=cuda --build-arg=X=a b {BUILD.ROOT}" in built


def test_without_names_all_images_are_built_but_those_for_gpus(tool):
    tool("docker")
    assert BUILD.main([], {}) == 0
    assert built_tags(tool) == [f"voicepipe/{name}:dev" for name in BUILD.DOCKERFILES if not name.endswith("-gpu")]


def test_the_diarizer_for_gpus_has_torch_with_cuda(tool):
    tool("docker")
    assert BUILD.main(["diarizer-gpu"], {"BUILD_ARGS": "TORCH=cpu"}) == 0
    (built,) = builds(tool)
    assert f"-f {BUILD.ROOT}/services/diarizer/Dockerfile" in built
    assert "--build-arg=TORCH=cuda" in built
    assert "TORCH=cpu" not in built


def test_an_image_that_starts_from_another_one_of_ours_is_built_after_it_on_its_tag(tool):
    tool("docker")
    assert BUILD.main(["model-download", "upload"], {"TAG": "1.2", "PREFIX": "mirror"}) == 0
    assert built_tags(tool) == ["mirror/upload:1.2", "mirror/diarizer:1.2", "mirror/model-download:1.2"]
    *others, download = builds(tool)
    assert "--build-arg=DIARIZER=mirror/diarizer:1.2" in download
    assert not any("DIARIZER" in build for build in others)


def test_what_an_image_adds_to_another_one_of_ours_is_its_size(tool):
    tool("docker")
    assert BUILD.main(["model-download"], {"UPDATE_SIZES": "1"}) == 0
    assert BUILD.known(BUILD.SIZES.read_text()) == {"diarizer": OWN_MB, "model-download": 5}


def test_the_size_is_compared_without_the_base_image(tool, capsys):
    tool("docker")
    BUILD.SIZES.write_text("upload 37\n")
    assert BUILD.main(["upload"], {}) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[:3] == ["upload", "40", "37"]


def test_an_image_that_has_grown_by_more_than_a_tenth_fails_the_build(tool, capsys):
    tool("docker", own_mb=42)
    BUILD.SIZES.write_text("upload 38\n")
    assert BUILD.main(["upload"], {}) == 1
    assert "upload has grown" in capsys.readouterr().err
    assert BUILD.SIZES.read_text() == "upload 38\n"


@pytest.mark.parametrize(("arguments", "status"), [("TORCH=cuda", 0), ("TORCH_INDEX=https://x/simple", 1)])
def test_only_arguments_that_make_another_image_switch_the_comparison_off(tool, arguments, status):
    tool("docker", own_mb=4000)
    BUILD.SIZES.write_text("diarizer 900\n")
    assert BUILD.main(["diarizer"], {"BUILD_ARGS": arguments}) == status


def test_new_sizes_are_written_beside_those_of_the_other_images(tool):
    tool("docker", own_mb=50)
    BUILD.SIZES.write_text("# sizes\nnats 19\nupload 40\n")
    assert BUILD.main(["upload"], {"UPDATE_SIZES": "1"}) == 0
    assert BUILD.known(BUILD.SIZES.read_text()) == {"upload": 50, "nats": 19}


def test_sizes_are_not_compared_if_nobody_knows_the_images(tool, capsys):
    tool("other")
    assert BUILD.main(["upload"], {"IMAGE_BUILDER": "other build"}) == 0
    assert "IMAGE_STORE" in capsys.readouterr().out


def test_buildah_is_asked_for_what_it_does_not_round(tool, tmp_path):
    """As buildah 1.28 shows an image, which has no template for JSON."""
    manifest = {"layers": [{"size": 1_446_032_960}, {"size": 15_023_104}]}
    shown = {"Manifest": json.dumps(manifest), "OCIv1": {"config": {"User": "10001:10001"}}}
    tool("buildah")
    (tmp_path / "bin" / "buildah").write_text(
        f"#!/bin/bash\n[ \"$*\" = 'inspect --type image x' ] && echo '{json.dumps(shown)}'\n"
    )
    builder = BUILD.Builder(("buildah", "build"), ("buildah",))
    assert builder.size_mb("x") == pytest.approx(1461.056)
    assert builder.config("x") == {"User": "10001:10001"}


def test_an_unknown_image_is_an_error_that_lists_the_images(tool):
    with pytest.raises(BUILD.CannotBuild, match=r"no image nope.*upload, status"):
        BUILD.main(["nope"], {})


def test_sizes_txt_has_every_image_that_is_built_without_names():
    assert set(BUILD.known((BUILD.ROOT / "deploy/images/sizes.txt").read_text())) == set(BUILD.BY_DEFAULT)


def test_the_configuration_of_an_image_is_read(tool, tmp_path):
    (tmp_path / "bin" / "docker").write_text("#!/bin/bash\necho '" + json.dumps({"User": "10001:10001"}) + "'\n")
    (tmp_path / "bin" / "docker").chmod(0o755)
    assert BUILD.Builder(("docker", "build"), ("docker",)).config("x") == {"User": "10001:10001"}
