"""A vocabulary of single bytes and Whisper's special tokens, so that tests need no tokenizer file."""

import importlib

vocabulary = importlib.import_module("whisper.1.vocabulary")

LANGUAGES = ("en", "zh", "de")
SPECIALS = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    *(f"<|{step / 50:.2f}|>" for step in range(1_501)),
)
CHARACTER_OF = {byte: character for character, byte in vocabulary._BYTE_OF.items()}


class ByteTokens:
    """Token n is byte n; the specials follow from 256 on."""

    names = (*(CHARACTER_OF[byte] for byte in range(256)), *SPECIALS)
    ids = {name: number for number, name in enumerate(names)}  # noqa: RUF012 - never changed

    def token_to_id(self, token):
        return self.ids.get(token)

    def id_to_token(self, number):
        return self.names[number] if number < len(self.names) else None

    def encode(self, sequence, *, add_special_tokens=True):
        assert not add_special_tokens
        parts = sequence.split("<|startoftranscript|>")  # like the real one, it finds special tokens in any text

        class Encoding:
            ids = [token for part in parts for token in [257, *part.encode()]][1:]

        return Encoding()


def known(*, multilingual=True):
    return vocabulary.Vocabulary(ByteTokens(), multilingual=multilingual)


def time_token(time_s):
    return ByteTokens.ids[f"<|{time_s:.2f}|>"]
