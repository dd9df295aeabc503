"""Tests without a server: retries, the order of text, settings, file names, exit codes."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe import settings
from voicepipe.address import checked_url, grpc_target
from voicepipe.client import ApiError, InvalidFile, InvalidSettings, Options, ServerUnavailable, UnexpectedAnswer
from voicepipe.commands.transcribe import common_code, items_of
from voicepipe.exit_codes import MEANINGS, ExitCode, code_of
from voicepipe.pace import Outage, Pace, TransientError
from voicepipe.running_text import RunningText
from voicepipe.saving import check_targets, save, target_in
from voicepipe.screen import clock_time, printable


class Clock:
    """A clock that advances only in `sleep`."""

    def __init__(self):
        self.now_s = 0.0
        self.slept_s = []

    async def sleep(self, seconds):
        self.slept_s.append(seconds)
        self.now_s += seconds

    def pace(self, **more):
        return Pace(clock=lambda: self.now_s, sleep=self.sleep, **{"jitter": lambda: 1.0, **more})


async def wait_forever(outage):
    while True:
        await outage.wait(TransientError("gone"))


async def test_pauses_double_up_to_the_longest():
    clock = Clock()
    outage = Outage(clock.pace(first_s=1, longest_s=5), "http://server")
    for _ in range(5):
        await outage.wait(TransientError("gone"))
    assert clock.slept_s == [1, 2, 4, 5, 5]


async def test_retry_for_s_is_never_exceeded_and_starts_again_after_a_success():
    clock = Clock()
    outage = Outage(clock.pace(first_s=1, longest_s=4, retry_for_s=10), "http://server")
    for _ in range(3):
        with pytest.raises(ServerUnavailable, match="http://server is unavailable: gone"):
            await wait_forever(outage)
        assert sum(clock.slept_s) <= 10
        clock.slept_s.clear()
        outage.over()


async def test_retry_after_is_the_shortest_pause_up_to_a_limit():
    clock = Clock()
    await Outage(clock.pace(), "http://server").wait(TransientError("busy", retry_after_s=30))
    await Outage(clock.pace(), "http://server").wait(TransientError("busy", retry_after_s=90_000))
    assert clock.slept_s == [30, 60]


@given(st.integers(0, 5000))
def test_jitter_keeps_between_half_and_all_of_a_pause(tries):
    pace = Pace(first_s=0.5, longest_s=15)
    whole_s = min(15, 0.5 * 2 ** min(tries, 20))
    assert whole_s / 2 <= pace.delay_s(tries) <= whole_s


@given(st.permutations(range(8)), st.lists(st.integers(0, 7), max_size=5))
def test_text_is_in_order_and_without_duplicates(order, again):
    text = RunningText()
    shown = [line for index in [*order, *again] for line in text.add(index, f"w{index}")]
    assert shown == [f"w{index}" for index in range(8)]


@given(st.permutations(range(8)), st.integers(0, 7))
def test_text_after_a_chunk_that_never_comes_is_shown_at_the_end(order, lost):
    text = RunningText()
    shown = [line for index in order if index != lost for line in text.add(index, f"w{index}")]
    assert shown == [f"w{index}" for index in range(lost)]
    assert shown + text.rest() == [f"w{index}" for index in range(8) if index != lost]


def test_options_win_over_variables_and_variables_over_the_file(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('url = "http://file"\napi_key_file = "key"\n')
    (tmp_path / "key").write_text("vp_file\n")
    (tmp_path / "other").write_text("vp_option\n")
    environ = {"VOICEPIPE_URL": "http://variable", "VOICEPIPE_API_KEY": "vp_variable"}
    assert settings.load(None, None, {}, config) == settings.Connection("http://file", "vp_file")
    assert settings.load(None, None, environ, config) == settings.Connection("http://variable", "vp_variable")
    option = settings.load("http://option", tmp_path / "other", environ, config)
    assert option == settings.Connection("http://option", "vp_option")


def test_a_key_is_never_shown():
    assert "vp_secret" not in repr(settings.Connection("http://server", "vp_secret"))


@pytest.mark.parametrize(
    ("environ", "config", "says"),
    [
        ({}, None, "No server is given"),
        ({"VOICEPIPE_URL": "http://a"}, None, "No API key is given"),
        ({"VOICEPIPE_URL": "http://a", "VOICEPIPE_API_KEY": " "}, None, "No API key is given"),
        (
            {"VOICEPIPE_URL": "http://a", "VOICEPIPE_API_KEY": "vp_a\nX-Evil: 1"},
            None,
            "contains invalid characters",
        ),
        ({"VOICEPIPE_URL": "http://a", "VOICEPIPE_API_KEY_FILE": "/nowhere"}, None, "cannot be read from /nowhere"),
        ({}, "url = ", "cannot be read"),
        ({}, 'api_key = "vp_a"', "chmod 600"),
    ],
)
def test_invalid_settings_say_what_to_do(tmp_path, environ, config, says):
    path = tmp_path / "config.toml"
    if config is not None:
        path.write_text(config)
        path.chmod(0o644)
    with pytest.raises(InvalidSettings, match=says):
        settings.load(None, None, environ, path)


def test_a_private_configuration_file_may_hold_the_key(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('url = "http://a"\napi_key = "vp_a"')
    path.chmod(0o600)
    assert settings.load(None, None, {}, path).api_key == "vp_a"


@pytest.mark.parametrize(
    ("option", "variable", "saved", "protocol"),
    [
        (None, None, None, "rest"),
        (None, None, "true", "grpc"),
        (None, "false", "true", "rest"),
        (None, "1", None, "grpc"),
        (False, "true", "true", "rest"),
        (True, "false", "false", "grpc"),
    ],
)
def test_the_protocol_comes_from_the_option_else_the_variable_else_the_file(
    tmp_path, option, variable, saved, protocol
):
    config = tmp_path / "config.toml"
    config.write_text("" if saved is None else f"grpc = {saved}")
    environ = {"VOICEPIPE_URL": "http://a", "VOICEPIPE_API_KEY": "vp_a"}
    environ |= {} if variable is None else {"VOICEPIPE_GRPC": variable}
    assert settings.load(None, None, environ, config, grpc=option).protocol == protocol


def test_a_protocol_that_is_neither_true_nor_false_is_refused(tmp_path):
    environ = {"VOICEPIPE_URL": "http://a", "VOICEPIPE_API_KEY": "vp_a", "VOICEPIPE_GRPC": "h2"}
    with pytest.raises(InvalidSettings, match="VOICEPIPE_GRPC is 'h2'"):
        settings.load(None, None, environ, tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://example.org", ("example.org:80", False)),
        ("https://example.org", ("example.org:443", True)),
        ("https://example.org:8443", ("example.org:8443", True)),
        ("http://[::1]:8080", ("[::1]:8080", False)),
    ],
)
def test_a_call_goes_to_the_host_and_port_of_the_address(url, target):
    assert grpc_target(url) == target


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_a_client_loads_the_libraries_of_its_protocol_only(protocol):
    program = (
        "import sys; from voicepipe.client import Client;"
        f"Client('http://example.org', 'vp_a', protocol='{protocol}');"
        "print(*[name for name in ('httpx', 'grpc') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == [{"rest": "httpx", "grpc": "grpc"}[protocol]]


@pytest.mark.parametrize("url", ["", "example.org", "ftp://example.org", "http://", "/v1"])
def test_an_invalid_address_is_refused(url):
    with pytest.raises(InvalidSettings, match="not the address of a server"):
        checked_url(url)


def test_an_address_may_have_a_path():
    assert checked_url("https://example.org/voicepipe/") == "https://example.org/voicepipe"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("meeting.wav", "meeting.srt"),
        ("a.b.wav", "a.b.srt"),
        ("../../etc/passwd", "passwd.srt"),
        ("..\\..\\boot.ini", "boot.srt"),
        ("..", "transcript.srt"),
        ("", "transcript.srt"),
        (".hidden", "hidden.srt"),
    ],
)
def test_a_name_never_leads_out_of_the_folder(tmp_path, name, file):
    assert target_in(tmp_path, name, "srt") == tmp_path / file


def test_nothing_is_overwritten_without_force(tmp_path):
    target = tmp_path / "new" / "a.txt"
    save("first", target, overwrite=False)
    with pytest.raises(InvalidFile, match="--force"):
        save("second", target, overwrite=False)
    with pytest.raises(InvalidFile, match="--force"):
        check_targets([target], overwrite=False)
    assert target.read_text() == "first"
    save("third", target, overwrite=True)
    assert target.read_text() == "third"


def test_two_recordings_with_the_same_target_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.wav").write_text("sound")
    files = [tmp_path / "a" / "x.wav", tmp_path / "b" / "x.wav"]
    with pytest.raises(InvalidFile, match="both be saved"):
        items_of(files, tmp_path / "out", "txt", overwrite=True)
    assert len(items_of([files[0], files[0]], tmp_path / "out", "txt", overwrite=False)) == 1


def test_only_chosen_options_are_sent():
    assert Options().to_fields() == {}
    assert Options(diarize=False, min_speakers=2).to_fields() == {"diarize": "false", "min_speakers": "2"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ApiError(401, "key_unknown", ""), 3),
        (ApiError(403, "operators_only", ""), 3),
        (ApiError(404, "not_found", ""), 4),
        (ApiError(410, "audio_gone", ""), 4),
        (ApiError(422, "invalid_option", ""), 2),
        (ServerUnavailable("http://a", "gone", 1), 5),
        (UnexpectedAnswer("http://a", "odd"), 5),
        (InvalidFile(""), 2),
        (InvalidSettings(""), 2),
    ],
)
def test_each_error_has_its_exit_code(error, code):
    assert code_of(error) == code


def test_every_exit_code_is_explained():
    assert set(MEANINGS) == set(ExitCode)


def test_several_failures_share_one_exit_code():
    class Ended:
        def __init__(self, code):
            self.exit_code = code

    ok, unavailable, failed = Ended(ExitCode.OK), Ended(ExitCode.SERVER_UNAVAILABLE), Ended(ExitCode.NO_TRANSCRIPT)
    assert common_code([ok, ok]) == ExitCode.OK
    assert common_code([ok, unavailable, unavailable]) == ExitCode.SERVER_UNAVAILABLE
    assert common_code([unavailable, failed]) == ExitCode.NO_TRANSCRIPT


def test_names_cannot_control_the_terminal():
    assert printable("a\x1b[2Jb\n") == "a�[2Jb�"
    assert printable("a\u202egpj.exe\udce4\u2028") == "a�gpj.exe��"


@pytest.mark.parametrize(
    "name",
    [
        "\U0001f468\u200d\U0001f469\u200d\U0001f467.wav",
        "\u0645\u06cc\u200c\u0634\u0648\u062f.wav",
        "Cafe\u0301\u00a0.wav",
        "\U0001fae9.wav",
    ],
)
def test_a_name_is_shown_as_it_was_written(name):
    assert printable(name) == name


def test_times_read_like_a_clock():
    assert [clock_time(seconds) for seconds in (0, 59.6, 61, 3723)] == ["0:00", "1:00", "1:01", "1:02:03"]
