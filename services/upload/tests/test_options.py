"""Options are validated strictly and resolved against the served models."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_upload.options import (
    NAMES,
    QUALITY_TIERS,
    Model,
    Options,
    RawOptions,
    option_meant_by,
    read,
    resolve,
)
from voicepipe_wire.errors import Problem

ENGLISH = frozenset({"en"})
BOTH = frozenset({"transcribe", "translate"})
ACCURATE = Model("large", "accurate", frozenset({"en", "de"}), BOTH)
FAST = Model("small", "fast", frozenset({"en", "de", "ja"}), frozenset({"transcribe"}))
ENGLISH_ONLY = Model("tiny.en", "fast", ENGLISH, frozenset({"transcribe"}))


def collected(**values):
    made = RawOptions()
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            made.add(name, one)
    return made


def test_the_defaults_apply_without_options():
    assert read(RawOptions()) == Options()


def test_an_empty_field_of_a_form_means_the_default():
    assert read(collected(language="", min_speakers=" ")) == Options()


def test_every_option_is_parsed():
    options = read(
        collected(
            model="Fast",
            language="DE",
            task="translate",
            keyterms=["NATS,  Jet  Stream", "NATS", ",S3,"],
            diarize="true",
            min_speakers="2",
            max_speakers="3",
            priority="premium",
            channels="Mix",
            track="2",
        )
    )
    assert options == Options(
        "fast", "de", "translate", ("NATS", "Jet Stream", "S3"), True, 2, 3, "premium", channels="mix", track=2
    )


def test_an_unknown_option_is_named_with_the_known_options():
    with pytest.raises(Problem) as caught:
        RawOptions().add("lang", "en")
    assert (caught.value.status, caught.value.code) == (400, "unknown_option")
    assert "'lang'" in caught.value.detail
    assert "Is 'language' meant?" in caught.value.detail
    assert all(name in caught.value.detail for name in NAMES)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        *((name, name) for name in NAMES),
        ("langauge", "language"),
        ("Language", "language"),
        ("language_code", "language"),
        ("lang", "language"),
        ("diarise", "diarize"),
        ("diarization", "diarize"),
        ("keyterm", "keyterms"),
        ("key-terms", "keyterms"),
        ("minSpeakers", "min_speakers"),
        ("max_speaker", "max_speakers"),
        ("modle", "model"),
        ("prioritiy", "priority"),
    ],
)
def test_a_slip_means_an_option(given, meant):
    assert option_meant_by(given) == meant


@pytest.mark.parametrize(
    "names",
    [
        "relativePath name type filename filetype caption license title description author tags folder project userId",
        "token size lastModified contentType date mask desk id null meeting_id",
    ],
)
def test_usual_metadata_means_no_option(names):
    assert {name: option_meant_by(name) for name in names.split()} == dict.fromkeys(names.split())


@pytest.mark.parametrize("name", ["", "_", "ф", "x" * 10_000])
def test_what_is_no_name_means_no_option(name):
    assert option_meant_by(name) is None


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"model": "huge"}, ["model", "huge", "accurate"]),
        ({"language": "klingon"}, ["language", "klingon", "auto"]),
        ({"language": "German"}, ["language", "'de'"]),
        ({"language": ["en", "de"]}, ["language", "once"]),
        ({"task": "summarize"}, ["task", "summarize", "translate"]),
        ({"keyterms": ",".join(f"t{i}" for i in range(101))}, ["keyterms", "101", "100"]),
        ({"keyterms": "x" * 1001}, ["keyterms", "1001", "1000"]),
        ({"keyterms": "a\u202eb"}, ["keyterms"]),
        ({"diarize": "maybe"}, ["diarize", "maybe", "true"]),
        ({"diarize": "true", "min_speakers": "0"}, ["min_speakers", "0", "50"]),
        ({"diarize": "true", "max_speakers": "51"}, ["max_speakers", "51", "50"]),
        ({"diarize": "true", "max_speakers": "²"}, ["max_speakers", "50"]),
        ({"diarize": "true", "min_speakers": "3", "max_speakers": "2"}, ["min_speakers", "3", "2"]),
        ({"max_speakers": "2"}, ["max_speakers", "diarize"]),
        ({"priority": "urgent"}, ["priority", "urgent", "premium"]),
        ({"channels": "left"}, ["channels", "left", "mix", "separate", "auto"]),
        ({"channels": "separate", "diarize": "true"}, ["channels", "separate", "diarize"]),
        ({"track": "0"}, ["track", "0", "64"]),
        ({"track": "65"}, ["track", "65", "64"]),
        ({"track": "first"}, ["track", "first", "64"]),
        ({"track": ["1", "2"]}, ["track", "once"]),
    ],
)
def test_a_bad_value_is_rejected_with_its_option_and_the_allowed_values(values, names):
    with pytest.raises(Problem) as caught:
        read(collected(**values))
    assert (caught.value.status, caught.value.code) == (422, "invalid_option")
    assert all(name in caught.value.detail for name in names)


@given(st.sampled_from(NAMES), st.lists(st.text(max_size=3000), max_size=3))
def test_any_value_is_accepted_or_rejected_with_a_short_message(name, values):
    problem = None
    try:
        read(collected(**{name: values}))
    except Problem as caught:
        problem = caught
    assert problem is None or problem.status == 422
    assert problem is None or (len(problem.detail) < 300 and problem.detail.isprintable())


@pytest.mark.parametrize("values", [{"channels": "separate"}, {"channels": "separate", "diarize": "false"},
                                    {"channels": "auto", "diarize": "true"}])  # fmt: skip
def test_channels_can_be_separate_unless_speakers_are_told_apart(values):
    assert read(collected(**values)).channels == values["channels"]


def test_channels_and_track_are_stored_with_the_job():
    assert resolve(Options(), [ACCURATE]).items() >= {"channels": "auto", "track": None}.items()
    assert (
        resolve(Options(channels="separate", track=3), [ACCURATE]).items()
        >= {"channels": "separate", "track": 3}.items()
    )


def test_auto_chooses_the_best_capable_model():
    assert resolve(Options(), [FAST, ACCURATE])["model"] == {"name": "large", "tier": "accurate"}
    assert resolve(Options(language="ja"), [FAST, ACCURATE])["model"] == {"name": "small", "tier": "fast"}


def test_a_named_tier_is_not_replaced_by_another():
    with pytest.raises(Problem) as caught:
        resolve(Options(model="accurate"), [ENGLISH_ONLY])
    assert (caught.value.status, caught.value.code) == (422, "model_not_served")
    assert "Choose one of: fast, auto." in caught.value.detail


def test_a_language_unknown_to_the_best_tier_goes_to_the_next():
    served = [Model("accurate", "accurate", ENGLISH, BOTH), Model("fast", "fast", frozenset({"en", "de"}), BOTH)]
    assert resolve(Options(language="de"), served)["model"] == {"name": "fast", "tier": "fast"}
    assert resolve(Options(language="en"), served)["model"] == {"name": "accurate", "tier": "accurate"}


@pytest.mark.parametrize("options", [Options(model="fast", language="de"), Options(model="fast", task="translate")])
def test_an_incapable_tier_is_rejected_and_a_capable_one_is_named(options):
    with pytest.raises(Problem) as caught:
        resolve(options, [ENGLISH_ONLY, ACCURATE])
    assert (caught.value.status, caught.value.code) == (422, "invalid_option")
    assert "model 'fast'" in caught.value.detail
    assert caught.value.detail.endswith("Model 'accurate' can do it.")


@pytest.mark.parametrize(
    "options", [Options(language="de"), Options(task="translate"), Options(model="fast", language="de")]
)
def test_options_that_the_only_model_does_not_support_are_rejected(options):
    with pytest.raises(Problem) as caught:
        resolve(options, [ENGLISH_ONLY])
    assert (caught.value.status, caught.value.code) == (422, "invalid_option")


def test_without_any_model_the_problem_has_retry_after():
    with pytest.raises(Problem) as caught:
        resolve(Options(), [])
    assert (caught.value.status, caught.value.code) == (503, "no_model")
    assert int(caught.value.headers["Retry-After"]) > 0


def models():
    return st.builds(
        Model,
        st.text(min_size=1, max_size=5),
        st.sampled_from(QUALITY_TIERS),
        st.frozensets(st.sampled_from(["en", "de", "ja"]), min_size=1),
        st.frozensets(st.sampled_from(["transcribe", "translate"]), min_size=1),
    )


@given(
    st.lists(models(), max_size=4),
    st.sampled_from(["auto", *QUALITY_TIERS]),
    st.sampled_from(["auto", "en", "de", "ja"]),
    st.sampled_from(["transcribe", "translate"]),
)
def test_the_chosen_model_is_capable_and_no_better_one_is(served, tier, language, task):
    able = [m for m in served if m.can(language, task) and tier in {"auto", m.tier}]
    options = Options(model=tier, language=language, task=task)
    try:
        chosen = resolve(options, served)["model"]
    except Problem:
        assert not able
    else:
        assert chosen["tier"] == min((m.tier for m in able), key=QUALITY_TIERS.index)
        assert chosen["name"] in {m.name for m in able}
