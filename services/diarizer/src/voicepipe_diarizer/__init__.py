"""Tells speakers apart: a worker around pyannote.audio. The only part of the project that imports torch."""
