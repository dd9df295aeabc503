"""The models that a stack serves: chosen by the environment, pulled before anything starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voicepipe_models import Kind, Model, ModelError, State, Store, catalogue_of, named, resolve
from voicepipe_models.progress import size

from .component import CannotStart
from .services import DIARIZER, ROOT

# The tiers that a job can request. Each may have a pool.
QUALITY_TIERS: Final = ("accurate", "fast")
DEFAULT_SPEECH: Final = "accurate=whisper-base,fast=whisper-tiny.en"
DEFAULT_SPEAKERS: Final = "pyannote-campplus"
NO_SPEAKERS: Final = "none"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Model references as the operator gave them. `speech` is by tier; `speakers` None means no diarizer."""

    speech: Mapping[str, str]
    speakers: str | None


@dataclass(frozen=True, slots=True)
class Models:
    """The folders of the wanted models on this machine."""

    wanted: Wanted
    speech: Mapping[str, Path]
    speakers: Path | None

    @property
    def about_speech(self) -> str:
        return ", ".join(f"{tier}: {reference}" for tier, reference in self.wanted.speech.items())

    @property
    def about_speakers(self) -> str:
        return self.wanted.speakers or f"not told apart (VOICEPIPE_DIARIZATION_MODEL={NO_SPEAKERS})"


def wanted(environment: Mapping[str, str]) -> Wanted:
    """The models named by `VOICEPIPE_MODELS` and `VOICEPIPE_DIARIZATION_MODEL`, or the defaults.

    Raises:
        CannotStart: a setting is invalid.
    """
    if environment.get("VOICEPIPE_WHISPER_MODEL"):
        raise CannotStart(
            "VOICEPIPE_WHISPER_MODEL was replaced by VOICEPIPE_MODELS: unset it and name the model of each tier, "
            f"as in VOICEPIPE_MODELS=accurate={environment['VOICEPIPE_WHISPER_MODEL']}"
        )
    speakers = environment.get("VOICEPIPE_DIARIZATION_MODEL") or DEFAULT_SPEAKERS
    return Wanted(
        speech=_by_tier(environment.get("VOICEPIPE_MODELS") or DEFAULT_SPEECH),
        speakers=None if speakers == NO_SPEAKERS else speakers,
    )


def _by_tier(text: str) -> dict[str, str]:
    references: dict[str, str] = {}
    for entry in text.split(","):
        tier, _, reference = (word.strip() for word in entry.partition("="))
        if not reference:
            raise CannotStart(f"VOICEPIPE_MODELS has {entry.strip()!r}: write TIER=MODEL, as in {DEFAULT_SPEECH}")
        if tier not in QUALITY_TIERS:
            raise CannotStart(f"VOICEPIPE_MODELS names the tier {tier!r}: the tiers are {' and '.join(QUALITY_TIERS)}")
        if tier in references:
            raise CannotStart(f"VOICEPIPE_MODELS names two models for the tier {tier!r}: a tier has only one")
        references[tier] = reference
    return {tier: references[tier] for tier in QUALITY_TIERS if tier in references}


def put_in_place(
    choice: Wanted, report: Callable[[str], None], environment: MutableMapping[str, str] = os.environ
) -> Models:
    """Pull the models that this machine does not have yet, reporting each, and return the folders of all.

    Raises:
        CannotStart: a model is unavailable.
    """
    # The catalogue runs the converter of speaker models with this Python.
    environment.setdefault("VOICEPIPE_DIARIZER_PYTHON", DIARIZER.python)
    store = Store(folder_of_models(environment), report)
    try:
        catalogue = catalogue_of(environment)

        def folder_of(reference: str, kind: Kind) -> Path:
            model = named(reference, kind, catalogue)
            if model and store.state(model) is not State.PRESENT:
                report(pull_notice(model))
            return resolve(reference, kind, store, catalogue)

        return Models(
            choice,
            speech={tier: folder_of(reference, Kind.SPEECH) for tier, reference in choice.speech.items()},
            speakers=folder_of(choice.speakers, Kind.SPEAKERS) if choice.speakers else None,
        )
    except ModelError as error:
        raise CannotStart(str(error)) from error


def pull_notice(model: Model) -> str:
    """One line that announces a pull, with its size."""
    download = f" ({size(model.download_bytes)})" if model.download_bytes else ""
    return f"Pulling {model.name}{download} from {model.source} ..."


def folder_of_models(environment: Mapping[str, str]) -> Path:
    """The models directory, which all stacks of this checkout share."""
    return Path(environment.get("VOICEPIPE_MODELS_DIR") or ROOT / ".models").expanduser().resolve()
