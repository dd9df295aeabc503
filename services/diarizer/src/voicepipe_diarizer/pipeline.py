"""The pipeline of pyannote.audio with an embedding stage that gives the same numbers in a third of the time.

The stock stage runs the network once for every (window, speaker) and lets a mask choose the frames afterwards, in the pooling.
Up to the pooling the three runs of a window are one and the same, so here the network runs once per window and is pooled once
per speaker. A window in which nobody speaks needs no run at all: with an empty mask the pooling gives zeros whatever it is fed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from pyannote.audio.pipelines import SpeakerDiarization
from pyannote.core import SlidingWindowFeature
from torch import nn

Hook = Callable[..., None]
Floats = npt.NDArray[np.float32]


class Embedding(Protocol):
    """A network that knows nobody before its pooling: WeSpeaker's ResNets in pyannote.audio, and CAM++ here."""

    def forward_frames(self, waveforms: torch.Tensor) -> torch.Tensor:
        """[batch, ..., frames] of [batch, 1, samples]."""

    def forward_embedding(self, frames: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """[batch, speakers, dimension] under [batch, speakers, frames], of any number of frames."""


class OncePerWindow(SpeakerDiarization):
    """`SpeakerDiarization`, of which only `get_embeddings` is another."""

    half_precision = False

    def speed_up(self) -> None:
        """Convolutions over frequency and time are faster with the channels last, one window at a time."""
        for module in self._embedding.model_.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)

    def get_embeddings(
        self,
        file: Any,
        binary_segmentations: SlidingWindowFeature,
        exclude_overlap: bool = False,
        hook: Hook | None = None,
    ) -> Floats:
        """[windows, speakers, dimension]; NaN never, where the stock stage gives none."""
        masks = self._masks(binary_segmentations, exclude_overlap)
        windows, speakers, _ = masks.shape
        found = np.empty((windows, speakers, self._embedding.dimension), np.float32)
        found[:] = self._of_nothing()
        tell = hook or _nobody
        tell("embeddings", None, total=windows, completed=0)
        for number in range(windows):
            if masks[number].any():
                waveform, _ = self._audio.crop(file, binary_segmentations.sliding_window[number], mode="pad")
                found[number] = self._embed(waveform[None], masks[number : number + 1])[0]
            tell("embeddings", None, total=windows, completed=number + 1)
        return found

    def _masks(self, segmentations: SlidingWindowFeature, exclude_overlap: bool) -> Floats:
        """[windows, speakers, frames]: what of each speaker is listened to; overlaps only where nothing else is long enough."""
        active = np.nan_to_num(segmentations.data, nan=0.0).astype(np.float32)
        if not exclude_overlap:
            return np.ascontiguousarray(active.transpose(0, 2, 1))
        window_samples = segmentations.sliding_window.duration * self._embedding.sample_rate
        needed = math.ceil(active.shape[1] * self._embedding.min_num_samples / window_samples)
        alone = active * (active.sum(axis=2, keepdims=True) <= 1)
        chosen = np.where(alone.sum(axis=1, keepdims=True) > needed, alone, active)
        return np.ascontiguousarray(chosen.transpose(0, 2, 1))

    def _embed(self, waveforms: torch.Tensor, masks: Floats) -> Floats:
        """[batch, speakers, dimension] of [batch, 1, samples] under [batch, speakers, frames]."""
        network, device = self._network, self._embedding.device
        precision = torch.autocast(device.type, torch.bfloat16) if self.half_precision else nullcontext()
        with torch.inference_mode(), precision:
            frames = network.forward_frames(waveforms.to(device))
            embeddings = network.forward_embedding(frames, torch.from_numpy(masks).to(device))
        return np.asarray(embeddings.float().cpu().numpy(), np.float32)

    def _of_nothing(self) -> Floats:
        """What an empty mask gives: the pooled statistics are zero, so only the last layer's offset is left."""
        network, device = self._network, self._embedding.device
        with torch.inference_mode():
            frames = network.forward_frames(torch.zeros(1, 1, self._embedding.sample_rate, device=device))
            nobody = torch.zeros(1, 1, frames.shape[-1], device=device)
            return np.asarray(network.forward_embedding(frames, nobody)[0, 0].cpu().numpy(), np.float32)

    @property
    def _network(self) -> Embedding:
        return self._embedding.model_


def _nobody(*_: Any, **__: Any) -> None:
    """Who listens to progress when nobody does."""
