"""skaffold.yaml as skaffold reads it: with its profiles applied, and with the values that it gives to helm."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from chart import rendering

ROOT = Path(__file__).resolve().parents[2]
Config = dict[str, Any]


def written() -> Config:
    config: Config = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
    return config


def activated(profiles: Iterable[str]) -> Config:
    """The configuration with profiles, in the order in which skaffold applies them."""
    config = written()
    by_name = {profile["name"]: profile for profile in config.pop("profiles")}
    for name in profiles:
        profile = copy.deepcopy(by_name[name])
        _overlay(config, {key: profile[key] for key in profile.keys() & {"build", "deploy", "portForward"}})
        for patch in profile.get("patches", ()):
            _add(config, patch)
    return config


def artifacts(config: Config) -> dict[str, Config]:
    """The artifacts by the name of their image."""
    named = {artifact["image"]: artifact for artifact in config["build"]["artifacts"]}
    assert len(named) == len(config["build"]["artifacts"])
    return named


def required(profiles: Iterable[str]) -> dict[str, dict[str, str]]:
    """The images that start from others: the name of the other one, by the build argument that gets it."""
    built = artifacts(activated(profiles))
    return {
        image: {need["alias"]: need["image"] for need in artifact["requires"]}
        for image, artifact in built.items()
        if "requires" in artifact
    }


def release(config: Config) -> Config:
    (only,) = config["deploy"]["helm"]["releases"]
    return dict(only)


def dockerfile(artifact: Config) -> str:
    if "docker" in artifact:
        return str(artifact["docker"]["dockerfile"])
    return str(artifact["custom"]["dependencies"]["dockerfile"]["path"])


def build_command(artifact: Config) -> list[str]:
    return str(artifact["custom"]["buildCommand"]).split()


def reference(image: str, *, pushed: bool = True) -> str:
    """The name under which skaffold deploys an image that it has built; only a pushed one has a digest."""
    name = image.replace("/", "_")
    digest = f"@sha256:{hashlib.sha256(image.encode()).hexdigest()}"
    return f"registry.example.org/team/{name}:tag-of-{name}{digest if pushed else ''}"


def set_values(config: Config, *, pushed: bool = True) -> dict[str, str]:
    """What skaffold makes of setValueTemplates."""
    variables = {}
    for image in artifacts(config):
        named, _, digest = reference(image, pushed=pushed).partition("@")
        repository, tag = named.rsplit(":", 1)
        suffix = re.sub(r"[/\-.:]", "_", image)
        parts = {"REPO": repository, "TAG": tag, "DIGEST": digest}
        variables |= {f"IMAGE_{part}_{suffix}": value for part, value in parts.items()}
    templates: dict[str, str] = release(config)["setValueTemplates"]
    return {
        key: re.sub(r"\{\{\.(\w+)\}\}", lambda match: variables[match[1]], template).removesuffix("@")
        for key, template in templates.items()
    }


def helm_arguments(config: Config, *, pushed: bool = True) -> list[str]:
    """The options of helm that skaffold makes of a release."""
    deployed = release(config)
    values = [f"--values={ROOT / path}" for path in deployed["valuesFiles"]]
    images = [f"--set={key}={value}" for key, value in set_values(config, pushed=pushed).items()]
    files = [f"--set-file={key}={ROOT / path}" for key, path in deployed.get("setFiles", {}).items()]
    return [*values, *images, *files]


@cache
def rendered(profiles: tuple[str, ...], *, pushed: bool = True) -> list[Config]:
    """The objects of the chart as skaffold deploys it."""
    config = activated(profiles)
    deployed = release(config)
    place = ["--kube-version", "1.34.0", "--namespace", deployed["namespace"]]
    chart = str(ROOT / deployed["chartPath"])
    text = rendering.run_helm("template", deployed["name"], chart, *place, *helm_arguments(config, pushed=pushed))
    return [item for item in yaml.safe_load_all(text) if item]


def _overlay(config: Config, profile: Config) -> None:
    """Maps are merged, everything else is replaced."""
    for key, value in profile.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            _overlay(config[key], value)
        else:
            config[key] = value


def _add(config: Config, patch: Config) -> None:
    """Apply a patch as JSON Patch (RFC 6902) defines `add`."""
    assert patch["op"] == "add"
    *way, last = patch["path"].strip("/").split("/")
    place: Any = config
    for key in way:
        place = place[int(key) if isinstance(place, list) else key]
    if isinstance(place, list):
        assert last == "-"
        place.append(patch["value"])
    else:
        place[last] = patch["value"]
