"""Which models a stack serves: read from the environment, and put into place before anything starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voicepipe_models import Kind, Model, ModelError, State, Store, catalogue_of, named, resolve
from voicepipe_models.telling import size

from .component import CannotStart
from .services import DIARIZER, ROOT

# The tiers that a job can ask for. Each may have a pool.
QUALITY_TIERS: Final = ("accurate", "fast")
DEFAULT_SPEECH: Final = "accurate=whisper-base,fast=whisper-tiny.en"
DEFAULT_SPEAKERS: Final = "pyannote-campplus"
NO_SPEAKERS: Final = "none"


@dataclass(frozen=True, slots=True)
class Wanted:
    """References as the operator gave them: of the speech model of each tier, and of the diarizer's, None for no diarizer."""

    speech: Mapping[str, str]
    speakers: str | None


@dataclass(frozen=True, slots=True)
class Models:
    """Where the wanted models are, as folders on this machine."""

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
    """What `VOICEPIPE_MODELS` and `VOICEPIPE_DIARIZATION_MODEL` say, or the defaults.

    Raises:
        CannotStart: they cannot be read.
    """
    if environment.get("VOICEPIPE_WHISPER_MODEL"):
        raise CannotStart(
            "VOICEPIPE_WHISPER_MODEL was replaced by VOICEPIPE_MODELS: unset it, and name the model of each tier, "
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
            raise CannotStart(f"VOICEPIPE_MODELS names two models for the tier {tier!r}: a tier has one")
        references[tier] = reference
    return {tier: references[tier] for tier in QUALITY_TIERS if tier in references}


def put_in_place(
    choice: Wanted, say: Callable[[str], None], environment: MutableMapping[str, str] = os.environ
) -> Models:
    """The folders of the models. What this machine does not have yet is pulled, and said so.

    Raises:
        CannotStart: a model cannot be had.
    """
    # Read by the catalogue, which runs the converter of speaker models with it.
    environment.setdefault("VOICEPIPE_DIARIZER_PYTHON", DIARIZER.python)
    store = Store(folder_of_models(environment), say)
    try:
        catalogue = catalogue_of(environment)

        def folder_of(reference: str, kind: Kind) -> Path:
            model = named(reference, kind, catalogue)
            if model and store.state(model) is not State.PRESENT:
                say(pull_notice(model))
            return resolve(reference, kind, store, catalogue)

        return Models(
            choice,
            speech={tier: folder_of(reference, Kind.SPEECH) for tier, reference in choice.speech.items()},
            speakers=folder_of(choice.speakers, Kind.SPEAKERS) if choice.speakers else None,
        )
    except ModelError as error:
        raise CannotStart(str(error)) from error


def pull_notice(model: Model) -> str:
    """A line about what is pulled now, and how large it is."""
    download = f", {size(model.download_bytes)}" if model.download_bytes else ""
    return f"Getting {model.name}{download}, from {model.source} ..."


def folder_of_models(environment: Mapping[str, str]) -> Path:
    """Where models are kept, for all stacks of this checkout together."""
    return Path(environment.get("VOICEPIPE_MODELS_DIR") or ROOT / ".models").expanduser().resolve()
