"""How much of Whisper's 30 s window the encoder receives. Pure.

Whisper was trained on audio padded with silence to 30 s, and the encoder costs the same whatever the window contains:
on a CPU it takes 60 % of the time of short recordings. The encoder also works on a shorter window, but with too little
silence after the speech Whisper expects more speech and repeats itself.

Measured with Whisper base (int8, beam 5) over 91 real recordings in 15 languages, 117 chunks, first attempt only: with
2 s after chunks of at least 13 s, and the whole window for shorter ones, 257 of 2,196 words and characters were wrong,
with the whole window for all 266; no language got worse. Shorter windows for short chunks cost words: with 15 s for
chunks of less than 13 s 259 were wrong, French lost two more; with 1.5 s after every chunk one of 3 s became a loop.

Language detection needs less: of 51 recordings in nine languages, cut to 2 to 7 s, 48 were right with 30 s and 49 with
half a second after the speech, in a fourteenth of the time.
"""

from __future__ import annotations

import numpy as np
from speech_contract.serving import Chunk

FRAMES_PER_S = 100
TRANSCRIBE_WHOLE_BELOW_S = 13.0
TRANSCRIBE_PADDING_S = 2.0
DETECT_PADDING_S = 0.5


def trimmed(mel: np.ndarray, chunk: Chunk, *, on_cpu: bool) -> np.ndarray:
    """The frames of `mel` (float32 [bands, 3000]) that the encoder receives, in whole seconds.

    All of them on a GPU, where equal lengths fill batches; for short chunks; and for a retry (with timestamps or a
    temperature), which should use the window that the model was trained on.
    """
    params = chunk.params
    if params.op == "detect":
        window_s = chunk.duration_s + DETECT_PADDING_S
    elif on_cpu and chunk.duration_s >= TRANSCRIBE_WHOLE_BELOW_S and not _is_retry(chunk):
        window_s = chunk.duration_s + TRANSCRIBE_PADDING_S
    else:
        return mel
    frames = -(-int(window_s * FRAMES_PER_S) // FRAMES_PER_S) * FRAMES_PER_S
    return np.ascontiguousarray(mel[:, : min(frames, mel.shape[1])])


def _is_retry(chunk: Chunk) -> bool:
    return chunk.params.timestamps or chunk.params.temperature > 0
