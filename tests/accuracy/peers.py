"""The peers on the same weights: programs in environments of their own. What they found is kept, since it does not change.

It is found again under the same program, weights, recording, options and packages, and else made anew.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .corpus import ROOT, Recording
from .runs import Hypothesis

KEPT = ROOT / ".make" / "accuracy" / "peers"
PROGRAMS = Path(__file__).parent
OF_A_MODEL = {".bin", ".safetensors", ".json", ".yaml", ".txt"}
NETWORKS = ROOT / "services" / "diarizer" / "src" / "voicepipe_diarizer"


class PeerFailed(RuntimeError):
    """A peer ended with an error, or its environment is not there; the message says which, and what it said."""


@dataclass(frozen=True, slots=True)
class Peer:
    """`program` runs in `environment` (a folder of the checkout) and gets `options` in its order, `model` (a folder) among them.

    `packages` and `sources` are what it runs on, beside its program.
    """

    name: str
    program: str
    environment: str
    model: Path
    options: Mapping[str, Any]
    packages: Sequence[str]
    sources: Sequence[Path] = ()

    def hear_all(self, recordings: Sequence[Recording], *, only_kept: bool = False) -> Iterator[Hypothesis]:
        """What it heard in each, kept or new; with `only_kept` nothing is run, and what is not kept is left out.

        Raises:
            PeerFailed: it cannot be run, or ended with an error.
        """
        context = self._context()
        places = {one.id: _place(context, one.path) for one in recordings}
        new = [one for one in recordings if not places[one.id].exists()]
        for one in recordings:
            if one not in new:
                yield Hypothesis.of(json.loads(places[one.id].read_text()) | {"id": one.id})
        if new and not only_kept:
            for line in self._run(new):
                found = json.loads(line)
                place = places[found["id"]]
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(line)
                yield Hypothesis.of(found)

    def _run(self, recordings: Sequence[Recording]) -> Iterator[str]:
        order = {**self.options, "model": str(self.model)}
        order["recordings"] = [{"id": one.id, "path": str(one.path)} for one in recordings]
        python = ROOT / self.environment / "bin" / "python"
        if not python.exists():
            raise PeerFailed(f"{self.name} needs {self.environment}, which is not there: deploy/local/install.sh peers")
        log = ROOT / ".make" / "accuracy" / f"{self.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w") as said, tempfile.TemporaryFile("w+") as asked:
            json.dump(order, asked)
            asked.seek(0)
            command = [python, "-W", "ignore", PROGRAMS / self.program]
            with subprocess.Popen(command, stdin=asked, stdout=subprocess.PIPE, stderr=said, text=True) as running:
                yield from running.stdout or ()
        if running.returncode:
            last = (log.read_text().strip().splitlines() or ["nothing"])[-1]
            raise PeerFailed(f"{self.name} ended with status {running.returncode} and said: {last}. All of it: {log}")

    def _context(self) -> str:
        """What decides about its results, beside the recording."""
        installed = ROOT / self.environment
        packages = [
            found.name
            for name in self.packages
            for found in installed.glob(f"lib/python3*/site-packages/{name}-*.dist-info")
        ]
        weights = {
            str(path.relative_to(self.model)): _sha256(path)
            for path in sorted(self.model.rglob("*"))
            if path.suffix in OF_A_MODEL and not path.name.startswith(".")
        }
        sources = [_sha256(path) for path in (PROGRAMS / self.program, *self.sources)]
        return json.dumps([sources, weights, sorted(packages), dict(self.options)], sort_keys=True)


def whisper(how: str, model: Path, threads: int) -> Peer:
    """faster-whisper; `how` is `sequential`, `filtered` (with its speech filter) or `batched`."""
    packages = ("faster_whisper", "ctranslate2", "av", "onnxruntime", "tokenizers")
    return Peer(how, "peer_whisper.py", ".venv-peers", model, {"how": how, "threads": threads}, packages)


def pyannote(model: Path, threads: int) -> Peer:
    """The pipeline of pyannote.audio as it comes, on networks that the product's own code builds."""
    packages = ("pyannote_audio", "torch", "torchaudio", "scipy")
    sources = (NETWORKS / "campplus.py", NETWORKS / "checkpoints.py")
    return Peer("stock", "peer_pyannote.py", ".venv-diarizer", model, {"threads": threads}, packages, sources)


def _place(context: str, recording: Path) -> Path:
    return KEPT / f"{hashlib.sha256((context + _sha256(recording)).encode()).hexdigest()}.json"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
