"""CAM++, a speaker embedding network, as a model of pyannote.audio.

Wang et al., "CAM++: A Fast and Efficient Network for Speaker Verification Using Context-Aware Masking", Interspeech
2023, https://arxiv.org/abs/2303.00332. The layers and the names of their weights are those of 3D-Speaker (Apache-2.0,
https://github.com/modelscope/3D-Speaker, `speakerlab/models/campplus`); the code was rewritten for this project.

Everything before the final pooling is independent of the speaker. So `forward_frames` runs once per window, and
`forward_embedding` once per speaker in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial

import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention
from pyannote.audio.core.model import Model
from pyannote.audio.core.task import Task
from pyannote.audio.models.blocks.pooling import StatsPool
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchaudio.compliance import kaldi

FRAME_SAMPLES, HOP_SAMPLES = 400, 160  # 25 ms every 10 ms
STRIDE = 2  # frames, in the first layer over time
DENSE_BLOCKS = ((12, 1), (24, 2), (16, 2))  # layers, dilation
WIDTH, GROWTH, BOTTLENECK = 128, 32, 128  # channels
SEGMENT = 100  # frames that share one context mask
# The network was trained on features of 16-bit samples: with samples in [-1, 1), kaldi's energy floor would hide quiet
# ones.
FULL_SCALE = 1 << 15


class _Activation(nn.Sequential):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.add_module("batchnorm", nn.BatchNorm1d(channels))
        self.add_module("relu", nn.ReLU())


class _Residual(nn.Module):
    """Two convolutions over frequency and time, with a shortcut."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut.append(nn.Conv2d(channels, channels, 1, stride=(stride, 1), bias=False))
            self.shortcut.append(nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))


class _Head(nn.Module):
    """[batch, 1, bands, frames] -> [batch, channels, frames]; an eighth of the bands, folded into the channels."""

    def __init__(self, bands: int, channels: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.layer1 = nn.Sequential(_Residual(channels, 2), _Residual(channels, 1))
        self.layer2 = nn.Sequential(_Residual(channels, 2), _Residual(channels, 1))
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.out_channels = channels * bands // 8

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(self.bn2(self.conv2(x))).flatten(1, 2)


class _Tdnn(nn.Module):
    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(inside, outside, 5, stride=STRIDE, padding=2, bias=False)
        self.nonlinear = _Activation(outside)

    def forward(self, x: Tensor) -> Tensor:
        return self.nonlinear(self.linear(x))


class _ContextMask(nn.Module):
    """A convolution whose output is weighted by the mean of all frames and of the segment."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(BOTTLENECK, GROWTH, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = nn.Conv1d(BOTTLENECK, BOTTLENECK // 2, 1)
        self.linear2 = nn.Conv1d(BOTTLENECK // 2, GROWTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        # One mask per segment, repeated for its frames: the same numbers as one mask per frame, for less work.
        context = x.mean(2, keepdim=True) + F.avg_pool1d(x, SEGMENT, stride=SEGMENT, ceil_mode=True)
        mask = torch.sigmoid(self.linear2(F.relu(self.linear1(context))))
        return self.linear_local(x) * mask.repeat_interleave(SEGMENT, dim=2)[..., : x.shape[2]]


class _DenseLayer(nn.Module):
    """`GROWTH` new channels from all preceding ones."""

    def __init__(self, inside: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _Activation(inside)
        self.linear1 = nn.Conv1d(inside, BOTTLENECK, 1, bias=False)
        self.nonlinear2 = _Activation(BOTTLENECK)
        self.cam_layer = _ContextMask(dilation)

    def forward(self, x: Tensor) -> Tensor:
        return self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(x))))


class _DenseBlock(nn.Module):
    def __init__(self, inside: int, layers: int, dilation: int) -> None:
        super().__init__()
        for number in range(layers):
            self.add_module(f"tdnnd{number + 1}", _DenseLayer(inside + number * GROWTH, dilation))
        self.out_channels = inside + layers * GROWTH

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = torch.cat((x, layer(x)), dim=1)
        return x


class _Transit(nn.Module):
    """Halves the number of channels."""

    def __init__(self, inside: int) -> None:
        super().__init__()
        self.nonlinear = _Activation(inside)
        self.linear = nn.Conv1d(inside, inside // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.nonlinear(x))


class _Embedding(nn.Module):
    """Pooled statistics [..., 2 * channels] -> [..., dimension], without a ReLU, as in 3D-Speaker."""

    def __init__(self, inside: int, dimension: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(inside, dimension, 1, bias=False)
        self.nonlinear = nn.Sequential()
        self.nonlinear.add_module("batchnorm", nn.BatchNorm1d(dimension, affine=False))

    def forward(self, statistics: Tensor) -> Tensor:
        flat = statistics.flatten(0, -2).unsqueeze(2)
        return self.nonlinear(self.linear(flat)).squeeze(2).unflatten(0, statistics.shape[:-1])


class CAMPPlus(Model):
    """192-dimensional speaker embeddings of speech at 16 kHz."""

    def __init__(
        self,
        sample_rate: int = 16_000,
        num_channels: int = 1,
        num_mel_bins: int = 80,
        embedding_dimension: int = 192,
        task: Task | None = None,
    ) -> None:
        super().__init__(sample_rate=sample_rate, num_channels=num_channels, task=task)
        self.save_hyperparameters("sample_rate", "num_channels", "num_mel_bins", "embedding_dimension")
        self._fbank = partial(kaldi.fbank, num_mel_bins=num_mel_bins, sample_frequency=sample_rate, dither=0.0)
        self.head = _Head(num_mel_bins)
        self.xvector = nn.Sequential()
        self.xvector.add_module("tdnn", _Tdnn(self.head.out_channels, WIDTH))
        channels = WIDTH
        for number, (layers, dilation) in enumerate(DENSE_BLOCKS, start=1):
            block = _DenseBlock(channels, layers, dilation)
            self.xvector.add_module(f"block{number}", block)
            self.xvector.add_module(f"transit{number}", _Transit(block.out_channels))
            channels = block.out_channels // 2
        self.xvector.add_module("out_nonlinear", _Activation(channels))
        self.pool = StatsPool()
        self.xvector.add_module("dense", _Embedding(2 * channels, embedding_dimension))

    def fold_normalizations(self) -> None:
        """Fold every batch normalization that follows a convolution into its weights, and let each ReLU work in place.

        The numbers change only by rounding. For inference; the network cannot be trained or saved afterwards.
        """
        for parent in list(self.modules()):
            for convolution, normalization in _FOLDABLE.get(type(parent), ()):
                _fold(parent, convolution, normalization)
            if isinstance(parent, _Residual) and len(parent.shortcut):
                _fold(parent.shortcut, "0", "1")
            if isinstance(parent, nn.ReLU):
                parent.inplace = True

    @property
    def dimension(self) -> int:
        return int(self.hparams.embedding_dimension)

    def compute_fbank(self, waveforms: Tensor) -> Tensor:
        """[batch, 1, samples] in [-1, 1) -> [batch, frames, bands]: log energies minus the mean of each band."""
        features: Tensor = torch.vmap(self._fbank)(waveforms * FULL_SCALE)
        return features - features.mean(1, keepdim=True)

    def forward_frames(self, waveforms: Tensor) -> Tensor:
        """[batch, 1, samples] in [-1, 1) -> [batch, channels, frames]."""
        x: Tensor = self.head(self.compute_fbank(waveforms).transpose(1, 2).unsqueeze(1))
        for layer in self.xvector[:-1]:
            x = layer(x)
        return x

    def forward_embedding(self, frames: Tensor, weights: Tensor | None = None) -> Tensor:
        """[batch, dimension]; with weights [batch, speakers, frames], [batch, speakers, dimension]."""
        return self.xvector.dense(self.pool(frames, weights=weights))

    def forward(self, waveforms: Tensor, weights: Tensor | None = None) -> Tensor:
        return self.forward_embedding(self.forward_frames(waveforms), weights)

    @lru_cache  # noqa: B019 - a process has one model; pyannote.audio's models do the same
    def num_frames(self, num_samples: int) -> int:
        return ((num_samples - FRAME_SAMPLES) // HOP_SAMPLES) // STRIDE + 1

    def receptive_field_size(self, num_frames: int = 1) -> int:
        """In samples, from the strides only: the context mask spans the whole window."""
        return FRAME_SAMPLES + HOP_SAMPLES * STRIDE * (num_frames - 1)

    def receptive_field_center(self, frame: int = 0) -> int:
        return FRAME_SAMPLES // 2 + HOP_SAMPLES * STRIDE * frame


# (convolution, normalization after it) in each kind of layer.
_FOLDABLE: Mapping[type[nn.Module], tuple[tuple[str, str], ...]] = {
    _Residual: (("conv1", "bn1"), ("conv2", "bn2")),
    _Head: (("conv1", "bn1"), ("conv2", "bn2")),
    _Tdnn: (("linear", "nonlinear.batchnorm"),),
    _DenseLayer: (("linear1", "nonlinear2.batchnorm"),),
}


def _fold(parent: nn.Module, convolution: str, normalization: str) -> None:
    folded = fuse_conv_bn_eval(parent.get_submodule(convolution), parent.get_submodule(normalization))
    parent.set_submodule(convolution, folded)
    parent.set_submodule(normalization, nn.Identity())
