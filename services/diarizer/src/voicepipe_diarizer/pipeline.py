"""pyannote.audio's pipeline with an embedding stage that gives the same numbers in a third of the time.

The stock stage runs the network once per (window, speaker), and a mask selects the speaker's frames only afterwards, in
the pooling. Up to the pooling the three runs of a window are identical, so this stage runs the network once per window
and pools once per speaker. A window without speech needs no run at all: with an empty mask the pooling gives zeros for
any input.
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

from .campplus import CAMPPlus

Hook = Callable[..., None]
Floats = npt.NDArray[np.float32]


class Embedding(Protocol):
    """A network independent of the speaker before its pooling: pyannote.audio's WeSpeaker ResNets, and CAM++."""

    def forward_frames(self, waveforms: torch.Tensor) -> torch.Tensor:
        """[batch, 1, samples] -> [batch, ..., frames]."""

    def forward_embedding(self, frames: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Weights [batch, speakers, frames], with any number of frames -> [batch, speakers, dimension]."""


class OncePerWindow(SpeakerDiarization):
    """`SpeakerDiarization` with a different `get_embeddings`."""

    half_precision = False

    def speed_up(self) -> None:
        """Prepare the embedding network for inference: one window at a time, on a processor or a GPU.

        2D convolutions are faster in the channels-last memory format. CAM++ folds its normalizations.
        """
        if isinstance(self._network, CAMPPlus):
            self._network.fold_normalizations()
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
        """[windows, speakers, dimension]; never NaN, like the stock stage."""
        masks = self._masks(binary_segmentations, exclude_overlap)
        windows, speakers, _ = masks.shape
        embeddings = np.empty((windows, speakers, self._embedding.dimension), np.float32)
        embeddings[:] = self._empty_embedding()
        report = hook or _ignore
        report("embeddings", None, total=windows, completed=0)
        for number in range(windows):
            if masks[number].any():
                waveform, _ = self._audio.crop(file, binary_segmentations.sliding_window[number], mode="pad")
                embeddings[number] = self._embed(waveform[None], masks[number : number + 1])[0]
            report("embeddings", None, total=windows, completed=number + 1)
        return embeddings

    def _masks(self, segmentations: SlidingWindowFeature, exclude_overlap: bool) -> Floats:
        """[windows, speakers, frames]: the frames used for each speaker; overlaps only if the rest is too short."""
        active = np.nan_to_num(segmentations.data, nan=0.0).astype(np.float32)
        if not exclude_overlap:
            return np.ascontiguousarray(active.transpose(0, 2, 1))
        window_samples = segmentations.sliding_window.duration * self._embedding.sample_rate
        needed = math.ceil(active.shape[1] * self._embedding.min_num_samples / window_samples)
        alone = active * (active.sum(axis=2, keepdims=True) <= 1)
        chosen = np.where(alone.sum(axis=1, keepdims=True) > needed, alone, active)
        return np.ascontiguousarray(chosen.transpose(0, 2, 1))

    def _embed(self, waveforms: torch.Tensor, masks: Floats) -> Floats:
        """[batch, 1, samples] and masks [batch, speakers, frames] -> [batch, speakers, dimension]."""
        network, device = self._network, self._embedding.device
        precision = torch.autocast(device.type, torch.bfloat16) if self.half_precision else nullcontext()
        with torch.inference_mode(), precision:
            frames = network.forward_frames(waveforms.to(device))
            embeddings = network.forward_embedding(frames, torch.from_numpy(masks).to(device))
        return np.asarray(embeddings.float().cpu().numpy(), np.float32)

    def _empty_embedding(self) -> Floats:
        """The embedding [dimension] of an empty mask: pooled statistics are zero, so it is the last layer's offset."""
        network, device = self._network, self._embedding.device
        with torch.inference_mode():
            frames = network.forward_frames(torch.zeros(1, 1, self._embedding.sample_rate, device=device))
            empty_mask = torch.zeros(1, 1, frames.shape[-1], device=device)
            return np.asarray(network.forward_embedding(frames, empty_mask)[0, 0].cpu().numpy(), np.float32)

    @property
    def _network(self) -> Embedding:
        return self._embedding.model_


def _ignore(*_: Any, **__: Any) -> None:
    """The default progress hook."""
