"""Whisper's tokens: the prompt of a chunk, and tokens to text.

Special tokens are those of openai-whisper's `tokenizer.py`. Text is decoded from the tokens' bytes, so a character that
spans several tokens is never torn (byte-level BPE of GPT-2, `bytes_to_unicode` in openai/gpt-2's `encoder.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PROMPT_MAX_TOKENS = 223  # half of the text context of 448, less <|startofprev|>
TIMESTAMP_STEP_S = 0.02


class Bpe(Protocol):
    """The part of `tokenizers.Tokenizer` that is used here."""

    def token_to_id(self, token: str) -> int | None: ...
    def id_to_token(self, id: int) -> str | None: ...  # noqa: A002 - the library's name
    def encode(self, sequence: str, *, add_special_tokens: bool = ...) -> object: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of a shortest run of tokens whose bytes are whole characters; `tokens` is their number."""

    text: str
    tokens: int


class Vocabulary:
    """`multilingual` is false for English-only models, whose prompts have neither language nor task."""

    def __init__(self, bpe: Bpe, *, multilingual: bool) -> None:
        self._bpe = bpe
        self._multilingual = multilingual
        self.end = self._id("<|endoftext|>")
        self.start = self._id("<|startoftranscript|>")
        self.no_timestamps = self._id("<|notimestamps|>")
        self.first_timestamp = self.no_timestamps + 1
        self._previous = self._id("<|startofprev|>")
        codes = [self._token(i).strip("<|>") for i in range(self.start + 1, self._id("<|translate|>"))]
        self.languages: tuple[str, ...] = tuple(codes) if multilingual else ("en",)
        self.tasks: tuple[str, ...] = ("transcribe", "translate") if multilingual else ("transcribe",)

    @classmethod
    def load(cls, folder: Path, *, multilingual: bool) -> Vocabulary:
        from tokenizers import Tokenizer

        return cls(Tokenizer.from_file(str(folder / "tokenizer.json")), multilingual=multilingual)

    def sot_sequence(self, language: str, task: str) -> list[int]:
        """<|startoftranscript|>, and for multilingual models the language and the task."""
        if not self._multilingual:
            return [self.start]
        return [self.start, self._id(f"<|{language}|>"), self._id(f"<|{task}|>")]

    def prompt(self, language: str, task: str, *, text: str | None, timestamps: bool) -> list[int]:
        """All tokens before the first generated one. A long `text` is cut at its start."""
        previous: list[int] = []
        if text and text.strip():
            # the tokenizer would read "<|" in the text as a special token
            ids = self._bpe.encode(" " + text.strip().replace("<|", "< |"), add_special_tokens=False).ids  # type: ignore[attr-defined]
            previous = [self._previous, *ids[-PROMPT_MAX_TOKENS:]]
        ending = [] if timestamps else [self.no_timestamps]
        return previous + self.sot_sequence(language, task) + ending

    def is_text(self, token: int) -> bool:
        return token < self.end

    def timestamp_s(self, token: int) -> float:
        return (token - self.first_timestamp) * TIMESTAMP_STEP_S

    def text(self, tokens: list[int]) -> str:
        """The text of the text tokens, without specials and timestamps; broken bytes become U+FFFD."""
        return b"".join(self._bytes(token) for token in tokens if self.is_text(token)).decode("utf-8", "replace")

    def pieces(self, tokens: list[int]) -> list[Piece]:
        """Text tokens grouped into whole characters; the counts add up to len(tokens)."""
        pieces: list[Piece] = []
        held, count = b"", 0
        for token in tokens:
            held, count = held + self._bytes(token), count + 1
            if not _is_torn(held):
                pieces.append(Piece(held.decode("utf-8", "replace"), count))
                held, count = b"", 0
        if count:
            pieces.append(Piece(held.decode("utf-8", "replace"), count))
        return pieces

    def _bytes(self, token: int) -> bytes:
        return bytes(_BYTE_OF[character] for character in self._token(token))

    def _token(self, token: int) -> str:
        text = self._bpe.id_to_token(token)
        if text is None:
            raise KeyError(f"token {token} is not in tokenizer.json")
        return text

    def _id(self, token: str) -> int:
        number = self._bpe.token_to_id(token)
        if number is None:
            raise KeyError(f"{token} is not in tokenizer.json: is this a Whisper model?")
        return number


def _is_torn(raw: bytes) -> bool:
    """Whether these bytes end in the middle of a character."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's printable character for every byte: the byte itself if printable, else the next character from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(hidden)}


_BYTE_OF = _byte_alphabet()
