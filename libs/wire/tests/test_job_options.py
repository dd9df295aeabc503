"""The options of jobs of earlier versions are completed with what was done then."""

from voicepipe_wire.jobs.options import complete, options_hash


def test_a_job_of_an_earlier_version_was_mixed():
    assert complete({"language": "en"}) == {"language": "en", "channels": "mix", "track": None}


def test_stored_options_are_kept():
    stored = {"channels": "separate", "track": 3, "priority": "premium"}
    assert complete(stored) == stored


def test_other_channels_or_another_track_make_another_transcript():
    stored = {"channels": "auto", "track": None}
    assert options_hash(stored) != options_hash(stored | {"track": 2})
    assert options_hash(stored) != options_hash(stored | {"channels": "mix"})
    assert options_hash(stored) == options_hash(stored | {"priority": "premium"})
