"""What the options of a transcription may be at most: upload checks it, status tells clients."""

from __future__ import annotations

from typing import Final

MAX_SPEAKERS: Final = 50
MAX_KEYTERMS: Final = 100
# All terms together: they become part of the model's prompt, of which Whisper reads the last 224 tokens.
MAX_KEYTERM_CHARACTERS: Final = 1000
