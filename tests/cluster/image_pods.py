"""Single pods of our images, in a namespace that allows only restricted pods."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from typing import Any, Self

from cluster.images import load_image, tag_of
from cluster.kubernetes import RESTRICTED, is_ready
from support.eventually import eventually

USER = 10001


# The shortest grace period of a pod is 20 s. How long a process really takes is measured, not tested.
STOPS_WITHIN_S = 15


class Pods:
    """The pods of one namespace."""

    def __init__(self, namespace: str, environment: Mapping[str, str]) -> None:
        self._namespace = namespace
        self._environment = dict(environment)

    def __enter__(self) -> Self:
        self.delete_namespace()
        metadata = {"name": self._namespace, "labels": RESTRICTED}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        return self

    def __exit__(self, *_: object) -> None:
        self.delete_namespace()

    def delete_namespace(self) -> None:
        self.kubectl("delete", "pods", "--all", "--grace-period=0", "--force", "--ignore-not-found", check=False)
        self.kubectl("delete", "namespace", self._namespace, "--ignore-not-found")

    def kubectl(self, *arguments: str, given: str | bytes | None = None, check: bool = True) -> str:
        done = subprocess.run(
            ["kubectl", "--namespace", self._namespace, *arguments],
            input=given.encode() if isinstance(given, str) else given,
            env=self._environment,
            capture_output=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def apply(self, manifest: Mapping[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", given=json.dumps(manifest))

    def secret(self, name: str, **values: str) -> None:
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values})

    def start(self, name: str, image: str, *, restart: str = "Never", **container: Any) -> None:
        """Start a pod. `container` has more of its fields; `volumes` are a mount path and a source each."""
        load_image(image)
        volumes = {"/tmp": {"emptyDir": {}}, **container.pop("volumes", {})}  # noqa: S108 - in the pod
        init = container.pop("init", None)
        main = _container("main", image, volumes) | container
        spec: dict[str, Any] = {
            "restartPolicy": restart,
            "automountServiceAccountToken": False,
            # No runAsUser: the kubelet starts it only if the image names a numeric user who is not root.
            "securityContext": {
                "runAsNonRoot": True,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [main],
            "initContainers": [_container("init", image, volumes) | init] if init else [],
            "volumes": [{"name": _volume(path), **source} for path, source in volumes.items()],
        }
        self.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})

    def status(self, name: str) -> dict[str, Any]:
        return dict(json.loads(self.kubectl("get", "pod", name, "-o", "json"))["status"])

    def logs(self, name: str) -> str:
        return self.kubectl("logs", name, check=False)

    def wait_until_ready(self, name: str, timeout_s: float = 60) -> None:
        eventually(lambda: self._is_ready(name), timeout_s, lambda: f"{self.status(name)}\n{self.logs(name)}", 0.2)

    def wait_for_end(self, name: str, timeout_s: float = 60) -> int:
        """The exit status of a pod that is not started again."""
        ended = eventually(lambda: self._ended(name), timeout_s, lambda: f"{self.status(name)}\n{self.logs(name)}", 0.1)
        return int(ended["exitCode"])

    def exec(
        self, name: str, *command: str, given: bytes | None = None, container: str = "main", check: bool = True
    ) -> str:
        stdin = ["--stdin"] if given is not None else []
        return self.kubectl("exec", *stdin, name, "-c", container, "--", *command, given=given, check=check)

    def seconds_to_stop(self, name: str, signal: str, timeout_s: float = 30) -> tuple[float, int]:
        """Send a signal to the first process; how long it took to end, and its exit status."""
        began = time.monotonic()
        # The end of the first process ends every other process of the container, and so this command.
        self.exec(name, "/bin/sh", "-c", f"kill -s {signal} 1; sleep {timeout_s}", check=False)
        took_s = time.monotonic() - began
        return took_s, self.wait_for_end(name)

    def _is_ready(self, name: str) -> bool:
        status = self.status(name)
        assert status.get("phase") not in {"Failed", "Succeeded"}, f"{name} has ended: {status}\n{self.logs(name)}"
        return is_ready({"status": status})

    def _ended(self, name: str) -> dict[str, Any] | None:
        states = [container["state"] for container in self.status(name).get("containerStatuses", ())]
        return next((state["terminated"] for state in states if "terminated" in state), None)


def http_probe(path: str, port: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 120}


def exec_probe(*command: str) -> dict[str, Any]:
    return {"exec": {"command": list(command)}, "periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 120}


def variables(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _container(name: str, image: str, volumes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "image": tag_of(image),
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": _volume(path), "mountPath": path} for path in volumes],
    }


def _volume(path: str) -> str:
    return path.strip("/").replace("/", "-")
