"""The Job that downloads models."""

from __future__ import annotations

from typing import Any

import pytest

from chart.rendering import Object, containers, environment, job, render

AUTHORITIES = {"PIP_CERT", "SSL_CERT_FILE"}


def pod(values: dict[str, Any] | None = None) -> Object:
    spec: Object = job(render(values), "models")["spec"]["template"]["spec"]
    return spec


def test_it_runs_in_the_only_image_that_has_pip() -> None:
    assert {item["image"] for item in containers({"spec": pod()})} == {"voicepipe/model-download:0.1.0"}
    assert "model-download" not in str([item for item in render() if item["kind"] != "Job"])


@pytest.mark.parametrize("kind", ["configMap", "secret"])
def test_a_private_authority_is_trusted_beside_those_of_the_system(kind: str) -> None:
    spec = pod({"caBundle": {kind: "company-ca", "key": "authority.pem"}})
    (trust,) = spec["initContainers"]
    folder = next(mount["mountPath"] for mount in trust["volumeMounts"] if mount["name"] == "ca")
    (written,) = {environment(item)[name] for item in spec["containers"] for name in AUTHORITIES}
    assert trust["command"][-1] == f"cat /etc/ssl/certs/ca-certificates.crt {folder}/ca.crt >{written}"
    (volume,) = [item[kind] for item in spec["volumes"] if item["name"] == "ca"]
    assert volume["items"] == [{"key": "authority.pem", "path": "ca.crt"}]


def test_without_a_private_authority_nothing_changes_whom_it_trusts() -> None:
    assert "initContainers" not in pod()
    assert not any(AUTHORITIES & set(environment(item)) for item in pod()["containers"])


def test_a_mirror_is_a_variable_of_both_downloads() -> None:
    mirror = {"name": "PIP_INDEX_URL", "value": "https://mirror.example.org/simple"}
    downloads = pod({"models": {"download": {"pod": {"extraEnv": [mirror]}}}})["containers"]
    assert [environment(item)["PIP_INDEX_URL"] for item in downloads] == [mirror["value"]] * 2
