"""Log-mel spectrogram, the input of Whisper's encoder.

The definition is openai-whisper's `audio.py` (`log_mel_spectrogram`): periodic Hann window of 400 samples, hop 160,
centred frames with reflected edges, power spectrum, mel filters, log10 floored at 1e-10, floored again 8 below the
loudest bin, then (x + 4) / 4. The filters are those of librosa.filters.mel (Slaney's scale and area normalisation),
computed here.

Speed: a real DFT as two matrix products. cos is even and sin is odd around the middle of the frame, so the frame is
folded first (x[n] + x[400-n], x[n] - x[400-n]), which halves both products. Frames of nothing but zero padding are not
computed.
"""

from __future__ import annotations

import numpy as np

SAMPLE_RATE = 16_000
WINDOW = 400
HOP = 160
FRAMES = 3_000
SAMPLES = FRAMES * HOP
_BINS = WINDOW // 2 + 1
_HALF = WINDOW // 2


class LogMel:
    """Callable: int16 PCM at 16 kHz, at most 30 s -> float32 [n_mels, 3000], after zero padding to 30 s."""

    def __init__(self, n_mels: int) -> None:
        n = np.arange(_BINS)
        turn = 2 * np.pi / WINDOW
        self._cos = np.cos(turn * np.outer(n, n)).astype(np.float32)
        self._sin = np.sin(turn * np.outer(n[1:-1], n[1:-1])).astype(np.float32)
        self._window = (0.5 - 0.5 * np.cos(turn * np.arange(WINDOW))).astype(np.float32)
        self._filters = np.ascontiguousarray(mel_filters(n_mels).T)

    def __call__(self, pcm: np.ndarray) -> np.ndarray:
        sounding = min(FRAMES, (len(pcm) + _HALF) // HOP + 1)  # frames that are not all padding
        power = self._power(_centred(pcm), sounding)
        log = np.full((FRAMES, self._filters.shape[1]), -10.0, dtype=np.float32)
        np.log10(np.maximum(power @ self._filters, 1e-10), out=log[:sounding])
        np.maximum(log, log.max() - 8.0, out=log)
        log += 4.0
        log *= 0.25
        return np.ascontiguousarray(log.T)

    def _power(self, signal: np.ndarray, frames: int) -> np.ndarray:
        """Power spectrum of the first `frames` frames, float32 [frames, 201]."""
        framed = np.lib.stride_tricks.sliding_window_view(signal, WINDOW)[::HOP][:frames] * self._window
        mirrored = framed[:, :_HALF:-1]
        even = framed[:, :_BINS].copy()
        even[:, 1:_HALF] += mirrored
        odd = framed[:, 1:_HALF] - mirrored
        real = even @ self._cos
        imaginary = odd @ self._sin
        real *= real
        imaginary *= imaginary
        real[:, 1:_HALF] += imaginary
        return real


def _centred(pcm: np.ndarray) -> np.ndarray:
    """float32 in [-1, 1), zero-padded to 30 s, then reflected by half a window at both ends."""
    signal = np.zeros(SAMPLES + WINDOW, dtype=np.float32)
    signal[_HALF : _HALF + len(pcm)] = pcm
    signal *= np.float32(1 / 32768)
    signal[:_HALF] = signal[WINDOW:_HALF:-1]
    signal[-_HALF:] = signal[-_HALF - 2 : -WINDOW - 2 : -1]
    return signal


def mel_filters(n_mels: int) -> np.ndarray:
    """Triangles of equal area on Slaney's mel scale from 0 to 8 kHz, float32 [n_mels, 201]."""
    edges_hz = _mel_to_hz(np.linspace(0.0, _hz_to_mel(SAMPLE_RATE / 2), n_mels + 2))
    bins_hz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    low, middle, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    triangles = np.maximum(0, np.minimum((bins_hz - low) / (middle - low), (high - bins_hz) / (high - middle)))
    return (triangles * (2 / (high - low))).astype(np.float32)


# Slaney's Auditory Toolbox: linear below 1 kHz (3 mel per 200 Hz), logarithmic above (27 mel per factor of 6.4).
_KNEE_HZ, _KNEE_MEL, _LOG_STEP = 1_000.0, 15.0, np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    return hz * 3 / 200 if hz < _KNEE_HZ else float(_KNEE_MEL + np.log(hz / _KNEE_HZ) / _LOG_STEP)


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < _KNEE_MEL, mel * 200 / 3, _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL)))
