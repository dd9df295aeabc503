import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from speech_contract.errors import BadParams
from speech_contract.params import Params, parse

values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.integers())


def test_missing_keys_have_defaults():
    assert parse(b"{}") == parse(b"") == Params()


def test_every_key_is_parsed():
    document = {
        "op": "transcribe",
        "language": "de",
        "task": "translate",
        "prompt": "preceding text",
        "beam": 5,
        "temperature": 0.4,
        "word_timestamps": False,
        "timestamps": True,
        "suppress_blank": True,
        "max_new_tokens": 10,
        "seed": 3,
        "switch_above": 0.8,
    }
    assert parse(json.dumps(document).encode()) == Params(**document)
    assert set(document) == set(Params.__slots__)


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (b"{", "JSON"),
        (b"\xff", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "object"),
        (b'{"beams": 3}', "'beams'"),
        (b'{"op": "sing"}', "op"),
        (b'{"op": ["detect"]}', "op"),
        (b'{"op": null}', "op"),
        (b'{"task": "summarise"}', "task"),
        (b'{"language": ""}', "language"),
        (b'{"language": 7}', "language"),
        (b'{"language": "much too long"}', "language"),
        (b'{"prompt": 1}', "prompt"),
        (json.dumps({"prompt": "x" * 4_001}).encode(), "prompt"),
        (b'{"beam": 0}', "beam"),
        (b'{"beam": 11}', "beam"),
        (b'{"beam": true}', "beam"),
        (b'{"beam": 2.0}', "beam"),
        (b'{"temperature": -0.1}', "temperature"),
        (b'{"temperature": NaN}', "temperature"),
        (b'{"temperature": Infinity}', "temperature"),
        (b'{"temperature": "hot"}', "temperature"),
        (b'{"word_timestamps": 1}', "word_timestamps"),
        (b'{"timestamps": null}', "timestamps"),
        (b'{"suppress_blank": "no"}', "suppress_blank"),
        (b'{"max_new_tokens": 0}', "max_new_tokens"),
        (b'{"max_new_tokens": 225}', "max_new_tokens"),
        (b'{"seed": -1}', "seed"),
        (b'{"seed": 1e3}', "seed"),
    ],
)
def test_an_invalid_value_is_refused_with_its_key(raw, names):
    with pytest.raises(BadParams, match=r"^bad_params: ") as refused:
        parse(raw)
    assert names in str(refused.value)


@given(st.dictionaries(st.sampled_from(sorted(Params.__slots__)) | st.text(max_size=5), values, max_size=5))
def test_a_document_is_parsed_unchanged_or_refused(document):
    try:
        params = parse(json.dumps(document).encode())
    except BadParams:
        return
    assert {key: getattr(params, key) for key in document} == document


@given(st.binary(max_size=40))
def test_any_bytes_are_parsed_or_refused(raw):
    with suppress(BadParams):
        assert isinstance(parse(raw), Params)
