"""The peers: programs that run in their own environments on the same weights.

Their results do not change, so they are cached, under the digests of program, weights, packages, options and recording.
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

CACHE = ROOT / ".make" / "accuracy" / "peers"
PROGRAMS = Path(__file__).parent
MODEL_SUFFIXES = {".bin", ".safetensors", ".json", ".yaml", ".txt"}
NETWORKS = ROOT / "services" / "diarizer" / "src" / "voicepipe_diarizer"


class PeerFailed(RuntimeError):
    """A peer failed or its environment is missing. The message names it and gives the last line of its log."""


@dataclass(frozen=True, slots=True)
class Peer:
    """`program` runs in `environment` (a folder of the checkout) and receives `options` and `model` (a folder).

    `packages` and `sources` also affect its results, so they are part of the cache key.
    """

    name: str
    program: str
    environment: str
    model: Path
    options: Mapping[str, Any]
    packages: Sequence[str]
    sources: Sequence[Path] = ()

    def run_all(self, recordings: Sequence[Recording], *, only_cached: bool = False) -> Iterator[Hypothesis]:
        """The result for each recording, cached or new.

        With `only_cached` nothing runs and the other recordings are omitted.

        Raises:
            PeerFailed.
        """
        context = self._context()
        paths = {one.id: _cache_path(context, one.path) for one in recordings}
        new = [one for one in recordings if not paths[one.id].exists()]
        for one in recordings:
            if one not in new:
                yield Hypothesis.from_json(json.loads(paths[one.id].read_text()) | {"id": one.id})
        if new and not only_cached:
            for line in self._run(new):
                result = json.loads(line)
                path = paths[result["id"]]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(line)
                yield Hypothesis.from_json(result)

    def _run(self, recordings: Sequence[Recording]) -> Iterator[str]:
        request = {**self.options, "model": str(self.model)}
        request["recordings"] = [{"id": one.id, "path": str(one.path)} for one in recordings]
        python = ROOT / self.environment / "bin" / "python"
        if not python.exists():
            raise PeerFailed(
                f"{self.name} needs {self.environment}, which does not exist: run deploy/local/install.sh peers"
            )
        log = ROOT / ".make" / "accuracy" / f"{self.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w") as stderr, tempfile.TemporaryFile("w+") as stdin:
            json.dump(request, stdin)
            stdin.seek(0)
            command = [python, "-W", "ignore", PROGRAMS / self.program]
            with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, text=True) as running:
                yield from running.stdout or ()
        if running.returncode:
            last = (log.read_text().strip().splitlines() or ["no output"])[-1]
            raise PeerFailed(f"{self.name} exited with status {running.returncode}: {last}. The whole log: {log}")

    def _context(self) -> str:
        """Everything but the recording that affects the results."""
        installed = ROOT / self.environment
        packages = [
            metadata.name
            for name in self.packages
            for metadata in installed.glob(f"lib/python3*/site-packages/{name}-*.dist-info")
        ]
        weights = {
            str(path.relative_to(self.model)): _sha256(path)
            for path in sorted(self.model.rglob("*"))
            if path.suffix in MODEL_SUFFIXES and not path.name.startswith(".")
        }
        sources = [_sha256(path) for path in (PROGRAMS / self.program, *self.sources)]
        return json.dumps([sources, weights, sorted(packages), dict(self.options)], sort_keys=True)


def whisper(how: str, model: Path, threads: int) -> Peer:
    """faster-whisper; `how` is `sequential`, `filtered` (sequential with its VAD filter) or `batched`."""
    packages = ("faster_whisper", "ctranslate2", "av", "onnxruntime", "tokenizers")
    return Peer(how, "peer_whisper.py", ".venv-peers", model, {"how": how, "threads": threads}, packages)


def pyannote(model: Path, threads: int) -> Peer:
    """The unmodified pipeline of pyannote.audio on networks that the product's own code builds."""
    packages = ("pyannote_audio", "torch", "torchaudio", "scipy")
    sources = (NETWORKS / "campplus.py", NETWORKS / "checkpoints.py")
    return Peer("stock", "peer_pyannote.py", ".venv-diarizer", model, {"threads": threads}, packages, sources)


def _cache_path(context: str, recording: Path) -> Path:
    return CACHE / f"{hashlib.sha256((context + _sha256(recording)).encode()).hexdigest()}.json"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
