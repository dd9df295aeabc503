import pytest
from byte_tokens import ByteTokens, known, time_token, vocabulary
from hypothesis import given
from hypothesis import strategies as st

tokens = known()


@given(st.text())
def test_text_of_any_script_survives_tokenization(text):
    ids = list(text.encode("utf-8", "ignore"))
    pieces = tokens.pieces(ids)
    assert "".join(piece.text for piece in pieces) == tokens.text(ids) == bytes(ids).decode()
    assert sum(piece.tokens for piece in pieces) == len(ids)
    assert all(len(piece.text) == 1 for piece in pieces)


@given(st.binary(max_size=30))
def test_broken_bytes_never_raise_and_lose_no_token(raw):
    pieces = tokens.pieces(list(raw))
    assert sum(piece.tokens for piece in pieces) == len(raw)
    assert all(piece.text for piece in pieces)


def test_text_excludes_special_tokens_and_timestamps():
    ids = [tokens.start, time_token(0.0), *b" hello", time_token(1.5), tokens.end]
    assert tokens.text(ids) == " hello"
    assert tokens.timestamp_s(time_token(1.5)) == pytest.approx(1.5)


def test_a_prompt_contains_language_and_task():
    names = [ByteTokens.names[i] for i in tokens.prompt("de", "translate", text=None, timestamps=False)]
    assert names == ["<|startoftranscript|>", "<|de|>", "<|translate|>", "<|notimestamps|>"]


def test_with_timestamps_the_prompt_lacks_the_token_that_forbids_them():
    assert tokens.prompt("en", "transcribe", text="  ", timestamps=True) == tokens.sot_sequence("en", "transcribe")


def test_a_long_preceding_text_keeps_its_end():
    prompt = tokens.prompt("en", "transcribe", text="x" * 500 + " the end", timestamps=False)
    before = prompt[: prompt.index(tokens.start)]
    assert ByteTokens.names[before[0]] == "<|startofprev|>"
    assert len(before) == 1 + vocabulary.PROMPT_MAX_TOKENS
    assert bytes(before[1:]).endswith(b"the end")


def test_a_special_token_written_in_the_prompt_is_text():
    prompt = tokens.prompt("en", "transcribe", text="a <|startoftranscript|> b", timestamps=False)
    assert prompt.count(tokens.start) == 1


def test_the_prompt_of_an_english_only_model_has_neither_language_nor_task():
    english = known(multilingual=False)
    assert english.prompt("en", "transcribe", text=None, timestamps=False) == [english.start, english.no_timestamps]
    assert (english.languages, english.tasks) == (("en",), ("transcribe",))


def test_the_languages_of_a_multilingual_model_are_those_of_its_tokens():
    assert tokens.languages == ("en", "zh", "de")
    assert tokens.tasks == ("transcribe", "translate")


def test_a_tokenizer_of_another_model_is_refused_with_a_reason():
    class Foreign(ByteTokens):
        def token_to_id(self, _token):
            return None

    with pytest.raises(KeyError, match="is this a Whisper model"):
        vocabulary.Vocabulary(Foreign(), multilingual=True)
