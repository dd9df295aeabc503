"""Values and upper limits of transcription options. Upload enforces them, status publishes them."""

from __future__ import annotations

from typing import Final

# The default first.
CHANNELS: Final = ("auto", "mix", "separate")
MAX_TRACK: Final = 64
MAX_SPEAKERS: Final = 50
MAX_KEYTERMS: Final = 100
# Of all terms together. They become part of the prompt, of which Whisper reads the last 224 tokens.
MAX_KEYTERM_CHARACTERS: Final = 1000
