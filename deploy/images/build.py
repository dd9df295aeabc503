"""Builds the container images, prints their sizes, and fails if one has grown by more than a tenth: `make images`.

    build.py [NAME...]     some of them; without names, all but those for GPUs

Settings are variables of the environment; README.md beside this file lists them.
"""

# ruff: noqa: INP001, T201 - a program: no package, and what it prints is its result

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SIZES = Path(__file__).with_name("sizes.txt")
DOCKERFILES = {
    "upload": "services/upload/Dockerfile",
    "status": "services/status/Dockerfile",
    "orchestrator": "services/orchestrator/Dockerfile",
    "diarizer": "services/diarizer/Dockerfile",
    "diarizer-gpu": "services/diarizer/Dockerfile",
    "autoscaler": "services/autoscaler/Dockerfile",
    "model-download": "models/Dockerfile",
    "triton": "triton-models/Dockerfile",
    "triton-gpu": "triton-models/Dockerfile.gpu",
    "gateway": "deploy/gateway/Dockerfile",
    "migrations": "migrations/Dockerfile",
    "nats": "deploy/servers/nats/Dockerfile",
    "postgres": "deploy/servers/postgres/Dockerfile",
    "object-store": "deploy/servers/object-store/Dockerfile",
}
# Not those for GPUs: CUDA takes gigabytes, and the base image of Triton must be given.
BY_DEFAULT = [name for name in DOCKERFILES if not name.endswith("-gpu")]
ARGUMENTS = {"diarizer-gpu": {"TORCH": "cuda"}}
# Images that start from another one of ours: the argument that names it, and which it is.
BUILT_ON = {"model-download": ("DIARIZER", "diarizer")}
# Arguments that say where packages come from, and not which ones.
ORIGINS = {"TORCH_INDEX"}
GROWTH = 1.1

Sizes = dict[str, float]
"""Megabytes of each image, without the image that it starts from: base images differ between the places that serve them."""


class CannotBuild(Exception):
    """The message says what to do."""


@dataclass(frozen=True, slots=True)
class Builder:
    """`build`: a command that takes the options of `docker build`. `store`: a command that knows the images it has built."""

    build: tuple[str, ...]
    store: tuple[str, ...]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Builder:
        """The builder that the environment names, else the first that works on this machine.

        Raises:
            CannotBuild: there is none.
        """
        if command := environment.get("IMAGE_BUILDER"):
            return cls(tuple(shlex.split(command)), tuple(shlex.split(environment.get("IMAGE_STORE", ""))))
        for tool in ("docker", "podman", "buildah"):
            # The command of docker is of no use without its daemon.
            if shutil.which(tool) and subprocess.run([tool, "info"], check=False, capture_output=True).returncode == 0:
                return cls((tool, "build"), (tool,))
        raise CannotBuild("No docker, podman or buildah works here. Install one, or set IMAGE_BUILDER to a command.")

    def make(self, tag: str, dockerfile: Path, context: Path, *options: str) -> None:
        subprocess.run([*self.build, "-t", tag, "-f", str(dockerfile), *options, str(context)], check=True)

    def size_mb(self, tag: str) -> float:
        if self._is_buildah:
            # `buildah images` prints three digits only, and so the gigabyte of an image to 10 MB.
            manifest = json.loads(self._inspect(tag)["Manifest"])
            return sum(int(layer["size"]) for layer in manifest["layers"]) / 1e6
        return float(self._ask("image", "inspect", "--format", "{{.Size}}", tag)) / 1e6

    def config(self, tag: str) -> dict[str, Any]:
        """User, Env, Entrypoint, Labels, ... of an image."""
        if self._is_buildah:
            return dict(self._inspect(tag)["OCIv1"]["config"])
        return dict(json.loads(self._ask("image", "inspect", "--format", "{{json .Config}}", tag)))

    @property
    def _is_buildah(self) -> bool:
        return Path(self.store[0]).name == "buildah"

    def _inspect(self, tag: str) -> dict[str, Any]:
        return dict(json.loads(self._ask("inspect", "--type", "image", tag)))

    def _ask(self, *arguments: str) -> str:
        return subprocess.run([*self.store, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def main(names: list[str], environment: Mapping[str, str]) -> int:
    if unknown := set(names) - DOCKERFILES.keys():
        raise CannotBuild(f"There is no image {', '.join(sorted(unknown))}. Images: {', '.join(DOCKERFILES)}.")
    builder = Builder.of(environment)
    prefix, tag = environment.get("PREFIX") or "voicepipe", environment.get("TAG") or "dev"
    own = dict(pair.split("=", 1) for pair in shlex.split(environment.get("BUILD_ARGS", "")))
    labels = [f"--label=org.opencontainers.image.{key}={value}" for key, value in _source(environment).items()]
    seconds = {}
    for name in in_order(names or BY_DEFAULT):
        print(f"Building {prefix}/{name}:{tag} ...", flush=True)
        began = time.monotonic()
        arguments = own | ARGUMENTS.get(name, {})
        if name in BUILT_ON:
            argument, base = BUILT_ON[name]
            arguments[argument] = f"{prefix}/{base}:{tag}"
        options = [f"--build-arg={key}={value}" for key, value in arguments.items()]
        builder.make(f"{prefix}/{name}:{tag}", ROOT / DOCKERFILES[name], ROOT, *labels, *options)
        seconds[name] = time.monotonic() - began
    if not builder.store:
        print("Sizes are not compared: set IMAGE_STORE to the command that knows the images (deploy/images/README.md).")
        return 0
    sizes = _sizes(builder, prefix, tag, seconds)
    if environment.get("UPDATE_SIZES"):
        SIZES.write_text(written(known(SIZES.read_text(encoding="utf-8")) | sizes), encoding="utf-8")
    limits = known(SIZES.read_text(encoding="utf-8"))
    print(table(sizes, limits, seconds))
    # Other arguments make other images: torch with CUDA is several times as large.
    grown = too_large(sizes, limits) if own.keys() <= ORIGINS else []
    for name in grown:
        print(
            f"{name} has grown by more than a tenth. If that is wanted, run UPDATE_SIZES=1 make images I={name}",
            file=sys.stderr,
        )
    return 1 if grown else 0


def in_order(names: Iterable[str]) -> list[str]:
    """The images to build, each after the one that it starts from."""
    needed = set(names)
    needed |= {base for name, (_, base) in BUILT_ON.items() if name in needed}
    return [name for name in DOCKERFILES if name in needed]


def too_large(sizes: Sizes, limits: Sizes) -> list[str]:
    return [name for name, size in sizes.items() if size > limits.get(name, size) * GROWTH]


def known(text: str) -> Sizes:
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(size) for name, size in rows}


def written(sizes: Sizes) -> str:
    rows = [f"{name} {sizes[name]:.0f}" for name in DOCKERFILES if name in sizes]
    return "\n".join(
        ["# Megabytes of each image without the one it starts from: UPDATE_SIZES=1 make images", *rows, ""]
    )


def table(sizes: Sizes, limits: Sizes, seconds: Mapping[str, float]) -> str:
    rows = [("image", "MB without base", "before", "built in s")]
    rows += [
        (name, f"{size:.0f}", f"{limits.get(name, size):.0f}", f"{seconds[name]:.0f}") for name, size in sizes.items()
    ]
    return "\n".join(f"{name:<15}{size:>16}{before:>8}{took:>12}" for name, size, before, took in rows)


def final_base(dockerfile: str) -> str:
    """The image that the last stage of a Dockerfile starts from."""
    *_, last = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    return str(last)


def _sizes(builder: Builder, prefix: str, tag: str, names: Iterable[str]) -> Sizes:
    bases: Sizes = {}
    sizes: Sizes = {}
    for name in names:
        size = builder.size_mb(f"{prefix}/{name}:{tag}")
        base = final_base((ROOT / DOCKERFILES[name]).read_text(encoding="utf-8"))
        if name in BUILT_ON:
            sizes[name] = size - builder.size_mb(f"{prefix}/{BUILT_ON[name][1]}:{tag}")
        elif not base.startswith("$"):  # not given by an argument
            if base not in bases:
                bases[base] = _base_size_mb(builder, base, f"{prefix}/base-{len(bases)}:{tag}")
            sizes[name] = size - bases[base]
    return sizes


def _base_size_mb(builder: Builder, base: str, tag: str) -> float:
    """Measured on an image that adds nothing, because a builder need not know its base images by name."""
    with tempfile.TemporaryDirectory() as folder:
        dockerfile = Path(folder, "Dockerfile")
        dockerfile.write_text(f'FROM {base}\nLABEL base="{base}"\n', encoding="utf-8")
        builder.make(tag, dockerfile, Path(folder))
    return builder.size_mb(tag)


def _source(environment: Mapping[str, str]) -> dict[str, str]:
    """What the labels of an image say about its source. Its other labels are in its Dockerfile."""
    version = tomllib.loads((ROOT / "services/upload/pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    commit = _git("rev-parse", "HEAD") or "unknown"
    changed = "-dirty" if _git("status", "--porcelain", "--untracked-files=no") else ""
    return {"version": str(version), "revision": commit + changed, "source": environment.get("SOURCE", "")}


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=False, capture_output=True, text=True, cwd=ROOT)
    return str(done.stdout).strip()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:], os.environ))
    except CannotBuild as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(f"This failed: {shlex.join(error.cmd)}")
