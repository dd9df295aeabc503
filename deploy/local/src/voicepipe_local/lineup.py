"""Which parts a stack has, in which order, with which settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import gateway, nats, objectstore, postgres, services, triton
from .home import Home
from .parts import CannotStart, Part
from .supervisor import Step, Supervisor, Task

API_KEY = "api-key"
DATABASE = "voicepipe"

# Twice what is worked on together: what waits in the model's queue cannot be overtaken by a shorter recording.
GPU = Path("/dev/nvidiactl")
REQUESTS_GPU = 16  # batches of eight
REQUESTS_CPU = 1  # one chunk has all cores; batches of eight would gain 9 % (tests/bench, Whisper base)
REQUESTS_SPHINX = 4  # two instances


@dataclass(frozen=True, slots=True)
class Speech:
    """The Triton model that recognizes speech, its settings, a sentence about the choice, how many requests it gets at once."""

    model: str
    env: Mapping[str, str]
    about: str
    requests: int


@dataclass(frozen=True, slots=True)
class Speakers:
    """The diarizer's settings, none where there is none, and a sentence about the choice."""

    env: Mapping[str, str]
    about: str


@dataclass(frozen=True, slots=True)
class Lineup:
    steps: tuple[Step, ...]
    facts: Mapping[str, str] = field(default_factory=dict)


def choose_speech(environment: Mapping[str, str]) -> Speech:
    """Whisper where a model is named, PocketSphinx where none is: never a silent fallback from one to the other.

    Raises:
        CannotStart: the name looks like a folder, and there is none.
    """
    named = environment.get("VOICEPIPE_WHISPER_MODEL", "")
    if not named:
        about = "sphinx: real words, low accuracy. For Whisper set VOICEPIPE_WHISPER_MODEL to a CTranslate2 folder or a name"
        return Speech("sphinx", {}, about, REQUESTS_SPHINX)
    if Path(named).is_dir():
        named = str(Path(named).resolve())
    elif named.startswith((".", "/", "~")) or named.count("/") > 1:
        raise CannotStart(f"VOICEPIPE_WHISPER_MODEL names {named}, and there is no such folder")
    requests = REQUESTS_GPU if GPU.exists() else REQUESTS_CPU
    return Speech("whisper", {"VOICEPIPE_WHISPER_MODEL": named}, f"whisper: {named}", requests)


def choose_speakers(environment: Mapping[str, str]) -> Speakers:
    """pyannote.audio where a model is named; else no diarizer runs, and jobs that ask for speakers are warned.

    Raises:
        CannotStart: the name looks like a folder, and there is none.
    """
    named = environment.get("VOICEPIPE_DIARIZATION_MODEL", "")
    if not named:
        about = "not told apart. For speakers set VOICEPIPE_DIARIZATION_MODEL to a pyannote folder or a name"
        return Speakers({}, about)
    if Path(named).is_dir():
        named = str(Path(named).resolve())
    elif named.startswith((".", "/", "~")):
        raise CannotStart(f"VOICEPIPE_DIARIZATION_MODEL names {named}, and there is no such folder")
    return Speakers({"VOICEPIPE_DIARIZATION_MODEL": named}, f"pyannote: {named}")


def full(home: Home, workers: Mapping[str, int], environment: Mapping[str, str] = os.environ) -> Lineup:
    """The whole line. `workers`: how many processes of a service, one where it is not named.

    Raises:
        CannotStart: something is not installed, or a setting cannot be.
    """
    for name in workers:
        if name not in (known := [service.name for service in services.ALL]):
            raise CannotStart(f"there is no service {name!r}; those that can be more than one are {', '.join(known)}")
    speech = choose_speech(environment)
    requests = environment.get("VOICEPIPE_MODEL_REQUESTS") or str(speech.requests)
    env = _environment(home) | {"VOICEPIPE_MODEL_REQUESTS": requests}
    count = {service.name: workers.get(service.name, 1) for service in services.ALL}
    upload = tuple(services.replicas(home, services.UPLOAD, count["upload"], env))
    status = tuple(services.replicas(home, services.STATUS, count["status"], env))
    work = tuple(part for each in services.WORKERS for part in services.replicas(home, each, count[each.name], env))
    speakers = choose_speakers(environment)
    if speakers.env:
        work += tuple(services.replicas(home, services.DIARIZER, count["diarizer"], env | dict(speakers.env)))
    front = gateway.part(home, upload=_addresses(upload), status=_addresses(status))
    speech_server = triton.part(home, speech.model, speech.env)
    servers = (nats.part(home), postgres.part(home), objectstore.part(home), speech_server)
    return Lineup(
        steps=(
            servers,
            Task("migrations", _migrate),
            Task("first-key", _first_key),
            (*upload, *status, *work),
            (front,),
        ),
        facts={
            "url": gateway.url(home),
            "api_key_file": str(home.path / API_KEY),
            "speech": speech.about,
            "speakers": speakers.about,
        },
    )


def _environment(home: Home) -> dict[str, str]:
    bucket = objectstore.store(home)
    return {
        # glibc keeps an arena for every thread, and in each what large blocks it once held: tens of megabytes a process.
        "MALLOC_ARENA_MAX": "2",
        "VOICEPIPE_DATABASE_URL": postgres.url(home, DATABASE),
        "VOICEPIPE_NATS_URL": nats.url(home),
        "VOICEPIPE_S3_ENDPOINT": bucket.endpoint,
        "VOICEPIPE_S3_BUCKET": bucket.bucket,
        "VOICEPIPE_S3_ACCESS_KEY": bucket.access_key,
        "VOICEPIPE_S3_SECRET_KEY": bucket.secret_key,
        "VOICEPIPE_TRITON_URLS": f"accurate={triton.url(home)}",
        "VOICEPIPE_PUBLIC_URL": gateway.url(home),
    }


def _addresses(parts: tuple[Part, ...]) -> tuple[str, ...]:
    return tuple(part.address for part in parts)


async def _migrate(supervisor: Supervisor) -> None:
    home = supervisor.home
    await postgres.ensure_database(home, DATABASE)
    await supervisor.do("migrations", sys.executable, "-m", "voicepipe_migrations", env=_environment(home))


async def _first_key(supervisor: Supervisor) -> None:
    home = supervisor.home
    if (home.path / API_KEY).exists():
        return
    draft = home.write_private(f"{API_KEY}.new", "")
    module = ("voicepipe_wire.keys", "create", "--user", "local", "--name", "this machine", "--operator")
    await supervisor.do("first-key", sys.executable, "-m", *module, env=_environment(home), output=draft)
    draft.replace(home.path / API_KEY)
