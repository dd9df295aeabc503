"""Turns frames of any sample format, rate and layout into 16 kHz mono PCM, with constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from .channels import CHANNELS_OF_A_CALL, Mixer, Samples, without_leaks

RATE: Final = 16_000
BLOCK_S: Final = 1.0
SILENCE_SAMPLES: Final = 1 << 16
_FULL_SCALE: Final = {"u8": 1 << 7, "s16": 1 << 15, "s32": 1 << 31, "s64": 1 << 63, "flt": 1, "dbl": 1}


class Frames:
    """Collects frames of one format until they are worth converting. Arrays of single frames would cost more than decoding them."""

    def __init__(self) -> None:
        self._fifo = AudioFifo()
        self.samples = 0
        self.rate = 0
        self._kind: tuple[str, str, int] | None = None

    def takes(self, frame: AudioFrame) -> bool:
        """Whether the frame has the same format as the last ones. If not, take the collected samples before adding it."""
        return self._kind in {None, _kind(frame)}

    def add(self, frame: AudioFrame) -> None:
        if self._kind != _kind(frame):
            self._fifo, self._kind, self.rate = AudioFifo(), _kind(frame), frame.sample_rate
        frame.pts = None
        self._fifo.write(frame)
        self.samples += frame.samples

    def blocks(self) -> Iterator[Samples]:
        """Take all whole blocks of `BLOCK_S`, and leave the rest."""
        size = round(self.rate * BLOCK_S)
        while self.samples >= size:
            yield self.take(size)

    def take(self, samples: int = 0) -> Samples:
        """The next `samples` samples, or all of them, as `(channels, samples)` in [-1, 1], more if a codec overshoots.

        Values that are no numbers, as in damaged files, are 0.
        """
        frame = self._fifo.read(samples)
        if frame is None:
            return np.zeros((1, 0), np.float32)
        self.samples -= frame.samples
        name, array = frame.format.name.removesuffix("p"), frame.to_ndarray()
        if not frame.format.is_planar:
            array = array.reshape(-1, frame.layout.nb_channels).T
        if name in {"flt", "dbl"}:
            block = array.astype(np.float32, order="C", copy=False)
            return block if np.isfinite(block.sum()) else np.clip(np.nan_to_num(block, posinf=0, neginf=0), -1, 1)
        scaled = array.astype(np.float32, order="C")
        if name == "u8":
            scaled -= 128
        scaled /= np.float32(_FULL_SCALE[name])
        return scaled


def _kind(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


class Pcm:
    """Writes one voice: the mix of all channels, or the channel `only` (from 0) of them.

    `write` gets s16le. Frames and silences are added in order; the sum of their lengths decides how much is written, so that resampling
    moves nothing. A frame with fewer channels than `only` has nothing of it; one with more than `voices` channels has the rest in the last one.
    """

    def __init__(self, write: Callable[[bytes], None], mixer: Mixer, *, only: int | None, voices: int) -> None:
        self._write, self._mixer, self._only, self._voices = write, mixer, only, voices
        self._frames = Frames()
        self._resampler: AudioResampler | None = None
        self._position_s = 0.0
        self.samples = 0
        self.peak = 0

    def add(self, frame: AudioFrame) -> None:
        if not self._frames.takes(frame):
            self._flush()
        self._frames.add(frame)
        self._position_s += frame.samples / self._frames.rate
        for block in self._frames.blocks():
            self._convert(block)

    def silence(self, duration_s: float) -> None:
        self._flush()
        self._position_s += duration_s
        self._pad()

    def finish(self, multiple: int = 1) -> None:
        """Write the rest, and silence up to a multiple of so many samples."""
        self._flush()
        self._pad()
        rest = -self.samples % multiple
        if rest:
            self._write(bytes(2 * rest))

    def _convert(self, block: Samples) -> None:
        rate = self._frames.rate
        mono = self._pick(block, rate)
        if rate == RATE:
            self._emit(np.rint(mono * 32768).clip(-32768, 32767).astype("<i2"))
            return
        if self._resampler is None:
            self._resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(mono.reshape(1, -1)), format="flt", layout="mono")
        frame.sample_rate = rate
        self._resample(frame)

    def _pick(self, block: Samples, rate: int) -> Samples:
        if self._only is None:
            return self._mixer.mix(block, rate)
        if self._only >= len(block):
            return np.zeros(block.shape[1], np.float32)
        if self._only == self._voices - 1 and len(block) > self._voices:
            return self._mixer.mix(block[self._only :], rate)
        own = np.asarray(block[self._only])
        return (
            without_leaks(own, block[1 - self._only], rate) if len(block) == self._voices == CHANNELS_OF_A_CALL else own
        )

    def _resample(self, frame: AudioFrame | None) -> None:
        if self._resampler is None:
            return
        for converted in self._resampler.resample(frame):
            self._emit(converted.to_ndarray().reshape(-1).astype(np.int16, copy=False))

    def _flush(self) -> None:
        if self._frames.samples:
            self._convert(self._frames.take())
        self._resample(None)
        self._resampler = None

    def _emit(self, pcm: npt.NDArray[np.int16]) -> None:
        # What a resampler gives too much, a sample at most, would move everything behind it.
        allowed = max(0, round(self._position_s * RATE) - self.samples)
        pcm = pcm[:allowed]
        if len(pcm):
            self.peak = max(self.peak, int(np.abs(pcm.astype(np.int32)).max()))
            self.samples += len(pcm)
            self._write(pcm.astype("<i2", copy=False).tobytes())

    def _pad(self) -> None:
        missing = round(self._position_s * RATE) - self.samples
        while missing > 0:
            count = min(missing, SILENCE_SAMPLES)
            self._write(bytes(2 * count))
            self.samples += count
            missing -= count
