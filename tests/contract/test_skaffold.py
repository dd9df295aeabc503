"""skaffold.yaml builds and deploys what the chart runs. skaffold itself is not needed for these tests."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess

import jsonschema
import pytest
import yaml
from chart import rendering
from cluster.images import BUILD
from contract import skaffold_config
from contract.skaffold_config import ROOT, activated, artifacts, dockerfile, release, rendered

SCHEMA = ROOT.parent / "shared" / "cluster" / "schemas" / "skaffold-v4beta13.json"
SCRIPT = "deploy/skaffold/build.sh"
# `skaffold dev` activates `dev` before the profiles of the command line.
COMBINATIONS = [
    (),
    ("cpu",),
    ("dev",),
    ("gpu",),
    ("autoscaler",),
    ("buildah",),
    ("dev", "gpu"),
    ("dev", "buildah", "gpu"),
]
GPU_IMAGES = {"voicepipe/triton-gpu", "voicepipe/diarizer-gpu"}

each_combination = pytest.mark.parametrize("profiles", COMBINATIONS, ids=lambda names: "+".join(names) or "default")


@pytest.fixture
def helm():
    if rendering.helm() is None:
        pytest.skip(rendering.NO_HELM)


def images(objects):
    return {container["image"] for _, pod in rendering.pods(objects) for container in rendering.containers(pod)}


def test_it_is_valid():
    if not SCHEMA.exists():
        pytest.skip("the schema of skaffold is missing: skaffold v2 has it (docs-v2/content/en/schemas/v4beta13.json)")
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    for config in (skaffold_config.written(), *(activated(profiles) for profiles in COMBINATIONS)):
        assert [error.message for error in validator.iter_errors(config)] == []


@each_combination
def test_every_image_has_a_dockerfile(profiles):
    for artifact in artifacts(activated(profiles)).values():
        assert "context" not in artifact  # the root of the repository
        assert (ROOT / dockerfile(artifact)).is_file()


@pytest.mark.parametrize("profiles", [("gpu", "autoscaler"), ("buildah", "gpu", "autoscaler")], ids="+".join)
def test_it_builds_the_images_of_make_images(profiles):
    built = {image.removeprefix("voicepipe/"): artifact for image, artifact in artifacts(activated(profiles)).items()}
    assert {name: dockerfile(artifact) for name, artifact in built.items()} == BUILD.DOCKERFILES
    for name, arguments in BUILD.ARGUMENTS.items():
        given = [f"{argument}={value}" for argument, value in arguments.items()]
        assert skaffold_config.build_command(built[name]) == [SCRIPT, BUILD.DOCKERFILES[name], *given]


@each_combination
def test_an_image_that_starts_from_another_one_of_ours_is_built_on_the_new_one(profiles):
    required = {image.removeprefix("voicepipe/"): needs for image, needs in skaffold_config.required(profiles).items()}
    assert required == {name: {argument: f"voicepipe/{base}"} for name, (argument, base) in BUILD.BUILT_ON.items()}
    for name, needs in required.items():
        artifact = artifacts(activated(profiles))[f"voicepipe/{name}"]
        # skaffold passes arguments to docker by itself, and variables to the custom builder.
        if "custom" in artifact:
            given = [f'{argument}="${argument}"' for argument in needs]
            assert skaffold_config.build_command(artifact) == [SCRIPT, BUILD.DOCKERFILES[name], *given]


def test_images_and_values_of_the_chart_are_one_to_one():
    of_chart = yaml.safe_load((rendering.CHART / "values.yaml").read_text())["images"]
    own = {key: image["repository"] for key, image in of_chart.items() if image["repository"]}
    config = activated(("gpu", "autoscaler"))
    assert set(own.values()) == set(artifacts(config))
    templates = release(config)["setValueTemplates"]
    assert set(templates) == {f"images.{key}.{part}" for key in own for part in ("repository", "tag")}
    values = skaffold_config.set_values(config)
    for key, repository in own.items():
        named = f"{values[f'images.{key}.repository']}:{values[f'images.{key}.tag']}"
        assert named == skaffold_config.reference(repository)


@each_combination
def test_every_value_that_it_sets_is_in_the_schema_of_the_chart(profiles):
    schema = json.loads((rendering.CHART / "values.schema.json").read_text())
    for key in release(activated(profiles))["setValueTemplates"]:
        at = schema
        for name in key.split("."):
            at = at["properties"][name]
            at = schema["definitions"][at["$ref"].rpartition("/")[2]] if "$ref" in at else at
        assert at["type"] == "string"


@each_combination
def test_pods_run_exactly_the_images_that_it_builds(helm, profiles):
    config = activated(profiles)
    # Beside diarizers on GPUs, the other one is only what model-download starts from.
    not_run = {"voicepipe/diarizer"} if "gpu" in profiles else set()
    expected = {skaffold_config.reference(image) for image in artifacts(config).keys() - not_run}
    assert images(rendered(profiles)) == expected
    assert bool(GPU_IMAGES & artifacts(config).keys()) == ("gpu" in profiles)


def test_an_image_that_was_not_pushed_is_named_by_its_tag_alone(helm):
    config = activated(())
    expected = {skaffold_config.reference(image, pushed=False) for image in artifacts(config)}
    assert images(rendered((), pushed=False)) == expected


def test_the_forwarded_port_is_that_of_a_service(helm):
    (forwarded,) = activated(())["portForward"]
    services = {item["metadata"]["name"]: item for item in rendered(()) if item["kind"] == "Service"}
    assert forwarded["port"] in [port["port"] for port in services[forwarded["resourceName"]]["spec"]["ports"]]
    assert forwarded["namespace"] == release(activated(()))["namespace"]


def test_profiles_with_an_activation_are_those_of_skaffold_dev():
    activations = {profile["name"]: profile.get("activation") for profile in skaffold_config.written()["profiles"]}
    assert {name: given for name, given in activations.items() if given} == {"dev": [{"command": "dev"}]}


@each_combination
def test_a_changed_file_is_copied_to_where_the_image_has_it(profiles):
    """Relative to /app in the image, and to /tmp/code in the pod of the profile `dev`."""
    synced = {name: artifact for name, artifact in artifacts(activated(profiles)).items() if "sync" in artifact}
    assert {"upload", "status", "orchestrator", "diarizer"} <= {name.removeprefix("voicepipe/") for name in synced}
    for artifact in synced.values():
        copied = re.search(r"^COPY (.+) /app/$", (ROOT / dockerfile(artifact)).read_text(), re.MULTILINE)
        assert copied
        for rule in artifact["sync"]["manual"]:
            assert rule["dest"] == "/tmp/code"  # noqa: S108 - in the pod
            assert rule["src"] == f"{rule['strip']}/**/*.py"
            assert rule["strip"] in copied[1].split()


def test_in_the_profile_dev_every_process_of_a_synced_image_runs_from_the_copy(helm):
    config = activated(("dev", "gpu"))
    objects = rendered(("dev", "gpu"))
    synced = {skaffold_config.reference(name) for name, artifact in artifacts(config).items() if "sync" in artifact}
    processes = [
        (name, container, pod["spec"])
        for name, pod in rendering.pods(objects)
        if name.startswith("Deployment")
        for container in pod["spec"]["containers"]
        if container["image"] in synced
    ]
    assert len(processes) == len(
        ["upload", "status", "prepare", "accurate", "fast", "assemble", "controller", "diarizer"]
    )
    for _, container, pod in processes:
        environment = {variable["name"]: variable.get("value") for variable in container["env"]}
        folder, code = environment["PYTHONPATH"].split(":")
        assert code == "/app"
        (volume,) = [mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == folder]
        (source,) = [item["configMap"]["name"] for item in pod["volumes"] if item["name"] == volume]
        files = rendering.one(objects, "ConfigMap", source)["data"]
        assert files == {"sitecustomize.py": (ROOT / "deploy/skaffold/sitecustomize.py").read_text()}
        assert container["securityContext"]["readOnlyRootFilesystem"]


@each_combination
def test_the_custom_builder_is_given_a_dockerfile_and_arguments_that_exist(profiles):
    for artifact in artifacts(activated(profiles)).values():
        if "custom" not in artifact:
            continue
        script, path, *arguments = skaffold_config.build_command(artifact)
        assert script == SCRIPT
        assert os.access(ROOT / script, os.X_OK)
        assert path == dockerfile(artifact)
        known = re.findall(r"\b([A-Z_]+)=", "".join(re.findall(r"^ARG .*$", (ROOT / path).read_text(), re.MULTILINE)))
        assert {argument.partition("=")[0] for argument in arguments} <= set(known)


@pytest.fixture
def fake_builder(tmp_path):
    """A command that writes down how it was called."""
    command = tmp_path / "builder"
    command.write_text('#!/bin/sh\nprintf "%s\\n" "$*" >>"$0.calls"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return command


def build(builder, *arguments, **environment):
    """Run the script as skaffold does, and return its exit status, its errors and how it called the builder."""
    given = {
        "IMAGE_BUILDER": f"{builder} build",
        "IMAGE_STORE": str(builder),
        "IMAGE": "example.org/upload:v1",
        "PUSH_IMAGE": "false",
        "BUILD_CONTEXT": str(ROOT),
        "PLATFORMS": "",
        "SKIP_TEST": "false",
    }
    command = [ROOT / SCRIPT, *arguments]
    done = subprocess.run(
        command, env=os.environ | given | environment, capture_output=True, text=True, check=False, cwd=ROOT
    )
    calls = builder.with_name(f"{builder.name}.calls")
    return done.returncode, done.stderr, calls.read_text().splitlines() if calls.exists() else []


def test_the_custom_builder_builds_the_tag_for_the_platform(fake_builder):
    given = build(fake_builder, "a/Dockerfile", "TORCH=cuda", "BASE=", PLATFORMS="linux/arm64")
    expected = "build -t example.org/upload:v1 -f a/Dockerfile --platform=linux/arm64"
    assert given == (0, "", [f"{expected} --build-arg=TORCH=cuda --build-arg=BASE= {ROOT}"])


def test_the_custom_builder_is_the_one_that_make_images_finds(fake_builder, monkeypatch):
    broken = fake_builder.with_name("docker")
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    podman = fake_builder.rename(fake_builder.with_name("podman"))
    monkeypatch.setenv("PATH", f"{podman.parent}:/usr/bin:/bin")
    assert BUILD.Builder.of({}).build == ("podman", "build")
    status, _, calls = build(podman, "a/Dockerfile", IMAGE_BUILDER="", PUSH_IMAGE="true")
    assert status == 0
    assert calls[-2:] == [f"build -t example.org/upload:v1 -f a/Dockerfile {ROOT}", "push example.org/upload:v1"]


def test_the_custom_builder_pushes_only_on_request(fake_builder):
    status, _, calls = build(fake_builder, "a/Dockerfile", PUSH_IMAGE="true")
    assert status == 0
    assert [call.split()[0] for call in calls] == ["build", "push"]
    assert calls[1] == "push example.org/upload:v1"


def test_the_custom_builder_refuses_several_platforms(fake_builder):
    status, errors, calls = build(fake_builder, "a/Dockerfile", PLATFORMS="linux/amd64,linux/arm64")
    assert status == 1
    assert "--platform" in errors
    assert calls == []


def test_the_custom_builder_says_which_setting_it_needs_to_push(fake_builder):
    status, errors, _ = build(fake_builder, "a/Dockerfile", PUSH_IMAGE="true", IMAGE_STORE="")
    assert status == 1
    assert "IMAGE_STORE" in errors
