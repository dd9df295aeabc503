"""Which speakers of two versions of a transcript are the same."""

from voicepipe_wire.jobs.speaker_names import same_speakers


def turns(*speakers: str, step_s: float = 1.0) -> list[dict[str, object]]:
    return [{"start_s": n * step_s, "end_s": n * step_s + 0.5, "speaker": each} for n, each in enumerate(speakers)]


def test_speakers_with_the_same_turns_are_the_same_whatever_their_numbers():
    assert same_speakers(turns("a", "b", "a"), turns("b", "a", "b")) == {"a": "b", "b": "a"}


def test_other_times_or_another_grouping_are_other_speakers():
    for other in (turns("a", "b", "c"), turns("a", "a", "a"), turns("a", "b"), turns("a", "b", "a", step_s=2.0)):
        assert same_speakers(turns("a", "b", "a"), other) == {}


def test_without_turns_nobody_is_the_same():
    assert same_speakers([], []) == {}
