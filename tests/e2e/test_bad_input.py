"""What is no recording, or no request: a stable code, a sentence that says what to do, and nothing left behind."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import httpx
import pytest
from fixtures import media
from fixtures.meeting import sentence, silence
from support.eventually import eventually
from support.front_door import FrontDoor
from support.user import User

PROBLEM = "application/problem+json"
MIB = 1024 * 1024
TOO_LARGE = 6 * 1024 * MIB
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = TUS | {"Content-Type": "application/offset+octet-stream"}


@pytest.fixture
def user(new_user) -> User:
    return new_user()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bad")


@pytest.fixture(scope="module")
def pointers(folder):
    """The files point to secrets; whatever reads them would put these words into a transcript, an error or a log."""
    secret = folder / "secret.wav"
    silence(1).save(secret)
    return media.pointers(folder, file_url=f"file://{secret}", http_url="http://127.0.0.1:9/secret.ts")


def check_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    assert problem["type"] == f"urn:voicepipe:problem:{code}"
    assert problem["title"]
    assert problem["status"] == status
    check_sentence(problem["detail"])


def check_sentence(text: str) -> None:
    """It says something to a person, in words and to its end."""
    assert text.endswith(".")
    assert len(text.split()) >= 5
    assert "Traceback" not in text
    assert "/tmp" not in text  # noqa: S108 - the name that must not appear


REFUSED = {
    "an empty body": (b"", {}, 400, "empty_body"),
    "an unknown option": (b"\x00", {"lang": "en"}, 400, "unknown_option"),
    "a language that does not exist": (b"\x00", {"language": "klingon"}, 422, "invalid_option"),
    "a model that is not served": (b"\x00", {"model": "fast"}, 422, "model_not_served"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_request_that_does_not_fit_is_refused(user: User, what):
    body, options, status, code = REFUSED[what]
    check_problem(user.door.send(body, **options), status, code)
    assert user.left() == []


def test_text_with_the_name_of_an_audio_file_is_refused(user: User, folder):
    check_problem(user.door.send(media.text(folder / "minutes.mp3")), 415, "not_audio")
    assert user.left() == []


def test_a_zip_is_refused(user: User, spoken_wav, folder):
    check_problem(user.door.send(media.zipped(spoken_wav, folder / "recordings.zip")), 415, "not_audio")
    assert user.left() == []


def test_a_body_over_the_limit_is_refused_before_it_is_sent(user: User):
    with begun(user, length=TOO_LARGE) as connection:
        answer = b""
        while b'"code":"too_large"' not in answer and (more := connection.recv(65_536)):
            answer += more
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"too_large"' in answer
    check_problem(user.door.http.post("/v1/uploads", headers=TUS | {"Upload-Length": str(TOO_LARGE)}), 413, "too_large")
    assert user.left() == []


def test_a_refusal_reaches_a_client_that_is_still_sending(user: User):
    def body():
        yield b"PK\x03\x04"
        for _ in range(64):
            yield bytes(MIB)

    check_problem(user.door.http.post("/v1/transcriptions", content=body()), 415, "not_audio")
    assert user.left() == []


def test_an_upload_shorter_than_its_declared_length_leaves_nothing(user: User, spoken_wav):
    with begun(user, length=20 * MIB) as connection:
        connection.sendall(spoken_wav.read_bytes())
        eventually(lambda: user.left() != [])
    eventually(lambda: user.left() == [], about=user.left)


def begun(user: User, *, length: int) -> socket.socket:
    """A connection on which a recording of `length` bytes was announced."""
    address = urlsplit(user.door.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=30)
    head = f"POST /v1/transcriptions HTTP/1.1\r\nHost: x\r\nX-API-Key: {user.door.key}\r\nContent-Length: {length}"
    connection.sendall(f"{head}\r\n\r\n".encode())
    return connection


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer vp_wrong"}, {"X-API-Key": "wrong"}])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bad_key_is_refused_by_both_services(stack, method, headers):
    code = "key_unknown" if headers else "key_missing"
    check_problem(httpx.request(method, f"{stack.url}/v1/transcriptions", headers=headers), 401, code)


@pytest.mark.parametrize("path", ["", "/events", "/transcript", "/audio"])
@pytest.mark.parametrize("job_id", ["00000000-0000-4000-8000-000000000000", "meeting.wav"])
def test_an_unknown_id_is_not_found(door: FrontDoor, path, job_id):
    check_problem(door.http.get(f"/v1/transcriptions/{job_id}{path}"), 404, "not_found")


def test_a_wrong_tus_offset_or_checksum_changes_nothing_and_the_upload_goes_on(user: User, spoken_wav):
    audio, http = spoken_wav.read_bytes(), user.door.http
    location = http.post("/v1/uploads", headers=TUS | {"Upload-Length": str(len(audio))}).headers["location"]
    first = http.patch(location, content=audio[:1000], headers=BYTES | {"Upload-Offset": "0"})
    assert first.headers["upload-offset"] == "1000"
    check_problem(
        http.patch(location, content=audio[:1000], headers=BYTES | {"Upload-Offset": "7"}), 409, "wrong_offset"
    )
    wrong = {"Upload-Offset": "1000", "Upload-Checksum": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="}
    check_problem(http.patch(location, content=audio[1000:2000], headers=BYTES | wrong), 460, "checksum_mismatch")
    assert http.head(location, headers=TUS).headers["upload-offset"] == "1000"
    assert http.delete(location, headers=TUS).status_code == httpx.codes.NO_CONTENT
    assert user.left() == []


def fails(user: User, audio, name: str | None = None) -> dict:
    """The job that the recording became, after it failed and was deleted with all it had."""
    job_id = user.door.accepted(audio, name)
    job = user.door.end_of(job_id)
    assert job["state"] == "failed", job
    check_sentence(job["error"]["message"])
    transcript = user.door.http.get(f"/v1/transcriptions/{job_id}/transcript")
    check_problem(transcript, 409, job["error"]["code"])
    assert user.door.events(job_id)[-1].data["code"] == job["error"]["code"]
    user.door.delete(job_id)
    eventually(lambda: user.left() == [], about=user.left)
    return job


@pytest.fixture
def no_letters_left(door: FrontDoor):
    """What is rejected for good is a dead letter: operators find it and throw it away."""
    yield
    letters = door.http.get("/v1/admin/dead-letters").json()["items"]
    assert letters
    for letter in letters:
        door.http.delete(f"/v1/admin/dead-letters/{letter['sequence']}")
    eventually(lambda: door.http.get("/v1/admin/dead-letters").json()["items"] == [])


@pytest.mark.usefixtures("no_letters_left")
def test_a_film_without_sound_fails(user: User, folder):
    assert fails(user, media.video_without_audio(folder / "film.mp4"))["error"]["code"] == "no_audio_stream"


@pytest.mark.usefixtures("no_letters_left")
def test_a_clip_of_a_fifth_of_a_second_fails(user: User, folder):
    assert fails(user, silence(0.2).save(folder / "clip.wav"))["error"]["code"] == "too_short"


@pytest.mark.usefixtures("no_letters_left")
def test_a_film_whose_end_is_missing_fails(user: User, spoken_wav, folder):
    whole = media.encode(spoken_wav, folder / "whole.m4a")
    assert fails(user, media.truncated(whole, folder / "half.m4a"))["error"]["code"] == "damaged_media"


def test_the_rest_of_a_truncated_recording_is_transcribed(door: FrontDoor, spoken_wav, folder):
    document = door.completed(door.accepted(media.truncated(spoken_wav, folder / "half.wav")))
    assert document["duration_s"] == pytest.approx(10, abs=0.1)
    assert document["text"]
    assert [warning["code"] for warning in document["warnings"]] == ["truncated_media"]


def test_a_file_that_claims_to_be_longer_is_transcribed_as_far_as_it_goes(door: FrontDoor, spoken_wav, folder):
    document = door.completed(door.accepted(media.lying_wav(spoken_wav, folder / "lie.wav", claimed_s=36_000)))
    assert document["duration_s"] == pytest.approx(20, abs=0.1)
    assert [warning["code"] for warning in document["warnings"]] == ["truncated_media"]


@pytest.mark.timeout(400)
def test_an_hour_of_silence_is_an_empty_transcript(user: User, folder):
    job_id = user.door.accepted(media.quiet(folder / "hour.flac", 3600))
    document = user.door.completed(job_id, 350)
    assert (document["text"], document["segments"], document["duration_s"]) == ("", [], 3600)
    user.door.delete(job_id)
    eventually(lambda: user.left() == [], about=user.left)


# By name, so that each is told apart in the list of tests; `media.pointers` makes them.
TEXTS = (
    "hls_file.m3u8",
    "hls_http.m3u8",
    "hls_file_disguised.mp3",
    "hls_http_disguised.wav",
    "concat_file.ffconcat",
    "concat_http.ffconcat",
    "concat_file_disguised.m4a",
    "dash_http.mpd",
    "dash_http_disguised.mp4",
)
FILMS = ("reference_file.mov", "reference_file_disguised.m4a")


def test_every_file_that_names_another_file_is_tested(pointers):
    assert set(pointers) == {*TEXTS, *FILMS}


@pytest.mark.parametrize("name", TEXTS)
def test_a_list_that_names_another_file_is_refused(user: User, pointers, name):
    check_problem(user.door.send(pointers[name]), 415, "not_audio")
    assert user.left() == []


@pytest.mark.usefixtures("no_letters_left")
@pytest.mark.parametrize("name", FILMS)
def test_a_film_whose_samples_lie_in_another_file_fails(user: User, pointers, name):
    assert fails(user, pointers[name])["error"]["code"] in {"damaged_media", "unsupported_media"}


@pytest.mark.usefixtures("no_letters_left")
def test_a_failed_job_can_be_retried_and_fails_again(user: User, folder):
    job_id = user.door.accepted(media.video_without_audio(folder / "again.mp4"))
    assert user.door.end_of(job_id)["state"] == "failed"
    assert user.door.http.post(f"/v1/transcriptions/{job_id}/retry").status_code in {200, 202}
    eventually(lambda: [event.type for event in user.door.events(job_id)].count("job-failed") == 2)
    assert user.door.get(job_id)["state"] == "failed"
    user.door.delete(job_id)
    eventually(lambda: user.left() == [], about=user.left)


def test_a_recording_of_one_word_is_transcribed(door: FrontDoor, folder):
    """A recording of one word, the shortest that a person would send."""
    document = door.completed(door.accepted(sentence(["coffee"], "linda").save(folder / "word.wav")))
    assert document["text"].lower().strip(" .") == "coffee"
