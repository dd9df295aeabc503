"""A Kubernetes cluster, and one release of the chart in it.

`KUBECONFIG` names the cluster, and `IMAGE_LOADER` the command that loads an image into it. Without them it is the one-node
cluster beside this repository, where that is.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from cluster.images import BUILD, ROOT, TAG, cluster_environment, tag_of
from support.eventually import eventually
from support.front_door import FrontDoor

CHART = ROOT / "deploy/helm/voicepipe"
LAPTOP = CHART / "examples/laptop.yaml"
RELEASE = "voicepipe"
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
# Names of the images in the values of the chart.
VALUE_NAMES = {"object-store": "objectStore", "model-download": "modelDownload"}

# The images of this checkout, and models that are in an image: the tests need no network.
VALUES: dict[str, Any] = {
    "models": {"source": "image"},
    "images": {VALUE_NAMES.get(name, name): {"tag": TAG} for name in BUILD.BY_DEFAULT}
    | {"models": {"repository": "voicepipe/models", "tag": TAG}},
    "gateway": {"service": {"type": "NodePort"}},
}


_SQL = """
import asyncio, asyncpg, sys
url = open("/run/voicepipe/secrets/voicepipe_database_url").read()
async def main():
    connection = await asyncpg.connect(url)
    print(await connection.fetchval(sys.argv[1]))
asyncio.run(main())
"""


class Kubernetes:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)

    def run(self, *command: str, given: str | None = None, check: bool = True, timeout_s: float = 400) -> str:
        """Run kubectl or helm; returns what it prints.

        Raises:
            AssertionError: it failed; the message is what it said.
        """
        done = subprocess.run(
            command,
            input=given,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
        return done.stdout

    def node_address(self) -> str:
        nodes = json.loads(self.run("kubectl", "get", "nodes", "-o", "json"))["items"]
        return next(
            str(address["address"]) for address in nodes[0]["status"]["addresses"] if address["type"] == "InternalIP"
        )


class Installation:
    """One release of the chart, in a namespace of its own that allows only restricted pods."""

    def __init__(self, kubernetes: Kubernetes, namespace: str) -> None:
        self.kubernetes = kubernetes
        self.namespace = namespace
        self._door: FrontDoor | None = None

    def kubectl(self, *arguments: str, **more: Any) -> str:
        return self.kubernetes.run("kubectl", "-n", self.namespace, *arguments, **more)

    def helm(self, *arguments: str, **more: Any) -> str:
        return self.kubernetes.run("helm", "-n", self.namespace, *arguments, **more)

    def create_namespace(self) -> None:
        metadata = {"name": self.namespace, "labels": RESTRICTED}
        self.kubectl(
            "apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        )

    def delete_namespace(self) -> None:
        self.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--timeout=120s")

    def deploy(self, *arguments: str, wait: bool = True, **values: Any) -> str:
        """`helm upgrade --install` with the laptop example and `values`, which replace top-level values."""
        waiting = ("--wait", "--timeout", "5m") if wait else ()
        with _values_file(VALUES | values) as file:
            command = ("upgrade", "--install", RELEASE, str(CHART), "-f", str(LAPTOP), "-f", file)
            return self.helm(*command, *waiting, *arguments)

    def render(self, **values: Any) -> list[dict[str, Any]]:
        """The objects of the chart, as `helm template` prints them."""
        with _values_file(VALUES | values) as file:
            text = self.helm("template", RELEASE, str(CHART), "-f", str(LAPTOP), "-f", file, "--no-hooks")
        return [item for item in yaml.safe_load_all(text) if item]

    def uninstall(self) -> None:
        self.helm("uninstall", RELEASE, "--wait", "--timeout", "2m", "--ignore-not-found")

    def get(self, kind: str, name: str = "") -> Any:
        arguments = [name] if name else []
        return json.loads(self.kubectl("get", kind, *arguments, "-o", "json"))

    def pods(self, component: str | None = None) -> list[dict[str, Any]]:
        """The pods of the release; those of Jobs and tests only if they are asked for."""
        found = self.get("pods")["items"]
        labels = [(pod, pod["metadata"]["labels"].get("app.kubernetes.io/component")) for pod in found]
        if component:
            return [pod for pod, label in labels if label == component]
        return [pod for pod, label in labels if label not in {"migrations", "models", "test"}]

    def restarts(self) -> dict[str, int]:
        """Restarts of each container that has any."""
        counts = {
            f"{pod['metadata']['name']}/{container['name']}": container["restartCount"]
            for pod in self.get("pods")["items"]
            for key in ("containerStatuses", "initContainerStatuses")
            for container in pod["status"].get(key, ())
        }
        return {name: count for name, count in counts.items() if count}

    def unready(self) -> list[str]:
        return [
            f"{pod['metadata']['name']}: {pod['status'].get('phase')}"
            for pod in self.pods()
            if pod["metadata"].get("deletionTimestamp") or not is_ready(pod)
        ]

    def wait_until_ready(self, timeout_s: float = 180) -> float:
        """Wait until every pod is ready and none is ending; returns how long that took."""
        began = time.monotonic()
        eventually(lambda: self.pods() and not self.unready(), timeout_s, self.unready, 0.5)
        return time.monotonic() - began

    def delete_pod(self, component: str, *, grace_s: int | None = None) -> None:
        """Delete the pods of a component; with a grace of 0 they are killed at once."""
        grace = () if grace_s is None else (f"--grace-period={grace_s}", "--force")
        self.kubectl("delete", "pods", "-l", f"app.kubernetes.io/component={component}", "--wait=false", *grace)

    def exec(self, component: str, *command: str, container: str = "") -> str:
        pod = self.pods(component)[0]["metadata"]["name"]
        chosen = ("-c", container) if container else ()
        return self.kubectl("exec", pod, *chosen, "--", *command)

    def metrics(self, component: str) -> str:
        """The metrics of a component, read in its own pod."""
        read = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/metrics').read().decode())"
        return self.exec(component, "python", "-c", read, container=component)

    def sql(self, statement: str) -> str:
        """Run a statement in the database of the release, as its services do; returns its first value."""
        return self.exec("controller", "python", "-c", _SQL, statement).strip()

    def api_key(self) -> str:
        data = self.get("secret", f"{RELEASE}-bundled")["data"]
        return base64.b64decode(data["api-key"]).decode()

    def door(self) -> FrontDoor:
        """A client that comes through the gateway. A new one closes the one before: another release has another port."""
        self.close()
        (port,) = self.get("service", f"{RELEASE}-gateway")["spec"]["ports"]
        self._door = FrontDoor(f"http://{self.kubernetes.node_address()}:{port['nodePort']}", self.api_key())
        return self._door

    def close(self) -> None:
        if self._door is not None:
            self._door.http.close()


def is_ready(pod: Mapping[str, Any]) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions", ()))


def find() -> Kubernetes | None:
    environment = cluster_environment()
    return None if environment is None else Kubernetes(environment)


@contextmanager
def _values_file(values: Mapping[str, Any]) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(dict(values), file)
        file.flush()
        yield file.name


# Whoever pulled the models may have been root, with a umask.
_MODELS_IMAGE = """
FROM debian:bookworm-slim
COPY . /models
RUN chmod -R a+rX /models
"""


def build_models_image(builder: Any, models_folder: Path) -> str:
    """An image with the models in /models, as `models.source: image` wants it; returns its tag."""
    with tempfile.TemporaryDirectory() as folder:
        dockerfile = Path(folder, "Dockerfile")
        dockerfile.write_text(_MODELS_IMAGE, encoding="utf-8")
        builder.make(tag_of("models"), dockerfile, models_folder)
    return tag_of("models")


def models_folder() -> Path:
    return Path(os.environ.get("VOICEPIPE_MODELS_DIR", ROOT / ".models"))
