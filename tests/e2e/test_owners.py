"""The holder of another key cannot see the data of an owner, nor learn that it exists."""

from __future__ import annotations

import httpx
import pytest
from support.front_door import FrontDoor

TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture(scope="module")
def finished(door: FrontDoor, spoken_wav) -> str:
    job_id = door.accepted(spoken_wav, keyterms="mine")
    door.completed(job_id)
    return job_id


@pytest.fixture(scope="module")
def stranger(new_user) -> FrontDoor:
    return new_user().door


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/events"),
        ("GET", "/transcript"),
        ("GET", "/audio"),
        ("HEAD", "/audio"),
        ("POST", "/cancel"),
        ("POST", "/retry"),
        ("DELETE", ""),
    ],
)
def test_another_owners_transcription_is_not_found(stranger: FrontDoor, door: FrontDoor, finished: str, method, path):
    theirs = stranger.http.request(method, f"/v1/transcriptions/{finished}{path}")
    unknown = stranger.http.request(method, f"/v1/transcriptions/00000000-0000-4000-8000-000000000000{path}")
    assert theirs.status_code == unknown.status_code == httpx.codes.NOT_FOUND
    assert theirs.content == unknown.content
    if method != "HEAD":
        assert theirs.json()["code"] == "not_found"
    assert door.get(finished)["state"] == "completed"


def test_lists_contain_only_ones_own_transcriptions(stranger: FrontDoor, door: FrontDoor, finished: str):
    assert stranger.http.get("/v1/transcriptions").json()["items"] == []
    assert stranger.http.get("/v1/transcriptions", params={"ids": finished}).json()["items"] == []
    (mine,) = door.http.get("/v1/transcriptions", params={"ids": finished}).json()["items"]
    assert mine["id"] == finished


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_another_owners_upload_is_not_found_and_continues_for_its_owner(stranger: FrontDoor, door: FrontDoor, method):
    location = door.http.post("/v1/uploads", headers=TUS | {"Upload-Length": "10"}).headers["location"]
    more = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"} if method == "PATCH" else {}
    assert stranger.http.request(method, location, headers=TUS | more).status_code == httpx.codes.NOT_FOUND
    response = door.http.head(location, headers=TUS)
    assert (response.status_code, response.headers["upload-offset"]) == (200, "0")
    assert door.http.delete(location, headers=TUS).status_code == httpx.codes.NO_CONTENT


def test_the_same_recording_of_another_owner_is_transcribed_again(stranger: FrontDoor, finished: str, spoken_wav):
    job_id = stranger.accepted(spoken_wav, keyterms="mine")
    assert job_id != finished
    stranger.completed(job_id)
    stranger.delete(job_id)


def test_dead_letters_are_for_operators_only(stranger: FrontDoor, door: FrontDoor):
    refused = stranger.http.get("/v1/admin/dead-letters")
    assert (refused.status_code, refused.json()["code"]) == (403, "operators_only")
    assert door.http.get("/v1/admin/dead-letters").status_code == httpx.codes.OK
