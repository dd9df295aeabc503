"""Invalid recordings and requests: a stable code, a sentence that says what to do, and no data left behind."""

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
    """Files that refer to a secret. A service that followed them would reveal it in a transcript, an error or a log."""
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
    """A complete sentence for a person."""
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


@pytest.mark.parametrize("case", REFUSED)
def test_an_invalid_request_is_refused(user: User, case):
    body, options, status, code = REFUSED[case]
    check_problem(user.door.send(body, **options), status, code)
    assert user.stored() == []


def test_text_with_the_name_of_an_audio_file_is_refused(user: User, folder):
    check_problem(user.door.send(media.text(folder / "minutes.mp3")), 415, "not_audio")
    assert user.stored() == []


def test_a_zip_is_refused(user: User, spoken_wav, folder):
    check_problem(user.door.send(media.zipped(spoken_wav, folder / "recordings.zip")), 415, "not_audio")
    assert user.stored() == []


def test_a_body_over_the_limit_is_refused_before_it_is_sent(user: User):
    with start_upload(user, length=TOO_LARGE) as connection:
        answer = b""
        while b'"code":"too_large"' not in answer and (more := connection.recv(65_536)):
            answer += more
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"too_large"' in answer
    check_problem(user.door.http.post("/v1/uploads", headers=TUS | {"Upload-Length": str(TOO_LARGE)}), 413, "too_large")
    assert user.stored() == []


def test_a_refusal_reaches_a_client_that_is_still_sending(user: User):
    def body():
        yield b"PK\x03\x04"
        for _ in range(64):
            yield bytes(MIB)

    check_problem(user.door.http.post("/v1/transcriptions", content=body()), 415, "not_audio")
    assert user.stored() == []


def test_an_upload_shorter_than_its_declared_length_leaves_nothing(user: User, spoken_wav):
    with start_upload(user, length=20 * MIB) as connection:
        connection.sendall(spoken_wav.read_bytes())
        eventually(lambda: user.stored() != [])
    eventually(lambda: user.stored() == [], about=user.stored)


def start_upload(user: User, *, length: int) -> socket.socket:
    """A connection that has sent the head of a request with a body of `length` bytes."""
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


def test_a_wrong_tus_offset_or_checksum_changes_nothing_and_the_upload_continues(user: User, spoken_wav):
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
    assert user.stored() == []


def failed_job(user: User, audio, name: str | None = None) -> dict:
    """Send a recording that fails; return its job, after deleting it and all its data."""
    job_id = user.door.accepted(audio, name)
    job = user.door.end_of(job_id)
    assert job["state"] == "failed", job
    check_sentence(job["error"]["message"])
    transcript = user.door.http.get(f"/v1/transcriptions/{job_id}/transcript")
    check_problem(transcript, 409, job["error"]["code"])
    assert user.door.events(job_id)[-1].data["code"] == job["error"]["code"]
    user.door.delete(job_id)
    eventually(lambda: user.stored() == [], about=user.stored)
    return job


@pytest.fixture
def discard_dead_letters(door: FrontDoor):
    """A rejected command becomes a dead letter, which an operator can list and discard."""
    yield
    entries = door.http.get("/v1/admin/dead-letters").json()["items"]
    assert entries
    for entry in entries:
        door.http.delete(f"/v1/admin/dead-letters/{entry['sequence']}")
    eventually(lambda: door.http.get("/v1/admin/dead-letters").json()["items"] == [])


@pytest.mark.usefixtures("discard_dead_letters")
def test_a_film_without_sound_fails(user: User, folder):
    assert failed_job(user, media.video_without_audio(folder / "film.mp4"))["error"]["code"] == "no_audio_stream"


@pytest.mark.usefixtures("discard_dead_letters")
def test_a_clip_of_a_fifth_of_a_second_fails(user: User, folder):
    assert failed_job(user, silence(0.2).save(folder / "clip.wav"))["error"]["code"] == "too_short"


@pytest.mark.usefixtures("discard_dead_letters")
def test_a_truncated_film_fails(user: User, spoken_wav, folder):
    whole = media.encode(spoken_wav, folder / "whole.m4a")
    assert failed_job(user, media.truncated(whole, folder / "half.m4a"))["error"]["code"] == "damaged_media"


def test_the_part_that_a_truncated_recording_has_is_transcribed(door: FrontDoor, spoken_wav, folder):
    document = door.completed(door.accepted(media.truncated(spoken_wav, folder / "half.wav")))
    assert document["duration_s"] == pytest.approx(10, abs=0.1)
    assert document["text"]
    assert [warning["code"] for warning in document["warnings"]] == ["truncated_media"]


def test_a_file_whose_header_claims_more_is_transcribed_to_its_actual_end(door: FrontDoor, spoken_wav, folder):
    document = door.completed(door.accepted(media.lying_wav(spoken_wav, folder / "lie.wav", claimed_s=36_000)))
    assert document["duration_s"] == pytest.approx(20, abs=0.1)
    assert [warning["code"] for warning in document["warnings"]] == ["truncated_media"]


@pytest.mark.timeout(400)
def test_an_hour_of_silence_is_an_empty_transcript(user: User, folder):
    job_id = user.door.accepted(media.quiet(folder / "hour.flac", 3600))
    document = user.door.completed(job_id, 350)
    assert (document["text"], document["segments"], document["duration_s"]) == ("", [], 3600)
    user.door.delete(job_id)
    eventually(lambda: user.stored() == [], about=user.stored)


# The files of `media.pointers`, by name, so that each is a test of its own.
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
def test_a_playlist_that_names_another_file_is_refused(user: User, pointers, name):
    check_problem(user.door.send(pointers[name]), 415, "not_audio")
    assert user.stored() == []


@pytest.mark.usefixtures("discard_dead_letters")
@pytest.mark.parametrize("name", FILMS)
def test_a_film_whose_samples_are_in_another_file_fails(user: User, pointers, name):
    assert failed_job(user, pointers[name])["error"]["code"] in {"damaged_media", "unsupported_media"}


@pytest.mark.usefixtures("discard_dead_letters")
def test_a_failed_job_can_be_retried_and_fails_again(user: User, folder):
    job_id = user.door.accepted(media.video_without_audio(folder / "again.mp4"))
    assert user.door.end_of(job_id)["state"] == "failed"
    assert user.door.http.post(f"/v1/transcriptions/{job_id}/retry").status_code == 200
    eventually(lambda: [event.type for event in user.door.events(job_id)].count("job-failed") == 2)
    assert user.door.get(job_id)["state"] == "failed"
    user.door.delete(job_id)
    eventually(lambda: user.stored() == [], about=user.stored)


def test_a_recording_of_one_word_is_transcribed(door: FrontDoor, folder):
    """A recording of one word, the shortest that a person would send."""
    document = door.completed(door.accepted(sentence(["coffee"], "linda").save(folder / "word.wav")))
    assert document["text"].lower().strip(" .") == "coffee"
