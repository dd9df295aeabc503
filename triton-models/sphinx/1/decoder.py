"""PocketSphinx with US English, its own acoustic model, language model and dictionary: the only importer of pocketsphinx.

Every chunk starts from the same state (batch cepstral mean normalisation, front end reset), or what was said before would
change what is heard now. The lattice is pruned to 3,000 active states and 20 words a frame: less than half the
time of the defaults for one more word in ten wrong (README.md).
"""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from .hypothesis import Heard

ACTIVE_STATES_MAX = 3_000
WORDS_A_FRAME_MAX = 20
INAUDIBLE = (
    8  # steps of int16 between the lowest and the highest sample; out of digital silence PocketSphinx hears words
)
SAMPLES_MIN = 1_600  # 0.1 s; nothing shorter is a word, and below one window PocketSphinx raises


class Decoder:
    """Not for use by two threads; PocketSphinx holds the GIL while it decodes."""

    def __init__(self) -> None:
        import pocketsphinx

        self.version = version("pocketsphinx")
        folder = Path(pocketsphinx.get_model_path("en-us"))
        self.model_files = [path for path in folder.rglob("*") if path.is_file()]
        self._decoder: Any = pocketsphinx.Decoder(
            samprate=16000,
            cmn="batch",
            maxhmmpf=ACTIVE_STATES_MAX,
            maxwpf=WORDS_A_FRAME_MAX,
            loglevel="FATAL",
        )

    def decode(self, pcm: np.ndarray) -> list[Heard]:
        """Segments of int16 PCM at 16 kHz, fillers included; none where nothing can be heard."""
        if not audible(pcm):
            return []
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        try:
            self._decoder.process_raw(pcm.tobytes(), full_utt=True)
            self._decoder.end_utt()
        except Exception:
            with suppress(RuntimeError):  # else the next chunk could not begin
                self._decoder.end_utt()
            raise
        if self._decoder.hyp() is None:
            return []
        self._decoder.get_prob()  # computes the posteriors that the segments then carry
        return [Heard(part.word, part.start_frame, part.end_frame, part.prob) for part in self._decoder.seg()]


def audible(pcm: np.ndarray) -> bool:
    """Whether there can be a word in it."""
    # as Python numbers: the difference of two int16 may overflow
    return len(pcm) >= SAMPLES_MIN and int(pcm.max()) - int(pcm.min()) >= INAUDIBLE
