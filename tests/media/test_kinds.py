"""Every kind of recording that people have, through the whole product: words in their place, none twice, and the right warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import pytest
from support.front_door import FrontDoor
from voicepipe_local.disposable_stack import DisposableStack

from media import codecs, lies, shared_files, times, voices
from media.hearing import faults
from media.makers import Made, Maker, Workshop

KINDS: Final[Mapping[str, Maker]] = {
    **codecs.KINDS,
    **voices.KINDS,
    **times.KINDS,
    **lies.KINDS,
    **shared_files.KINDS,
}
AT_ONCE: Final = 2

Sent = tuple[Made, str]


@pytest.fixture(scope="module")
def door(stack: DisposableStack) -> Iterator[FrontDoor]:
    front = FrontDoor(stack.url, stack.api_key)
    yield front
    front.http.close()


@pytest.fixture(scope="module")
def sent(
    request: pytest.FixtureRequest, door: FrontDoor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Sent]]]:
    """All files that are needed, made and sent while the first tests wait for their results."""

    folder = tmp_path_factory.mktemp("kinds")  # the factory is not for threads

    def send(name: str) -> Sent:
        shop = folder / name
        shop.mkdir()
        made = KINDS[name](Workshop(shop))
        answer = door.send(made.path, fresh="true", **made.options)
        assert answer.status_code == 202, answer.text
        return made, str(answer.json()["id"])

    wanted = [
        name
        for item in request.session.items
        if (name := getattr(item, "callspec", None) and item.callspec.params.get("kind"))
    ]
    pool = ThreadPoolExecutor(AT_ONCE)
    yield {name: pool.submit(send, name) for name in wanted}
    pool.shutdown(cancel_futures=True)


def test_there_is_a_row_for_each_of_at_least_sixty_kinds():
    parts = (codecs, voices, times, lies, shared_files)
    assert len(KINDS) == sum(len(part.KINDS) for part in parts) >= 60


@pytest.mark.parametrize("kind", KINDS)
def test_words_are_in_their_place_and_warnings_are_true(kind: str, sent: Mapping[str, Future[Sent]], door: FrontDoor):
    if kind in shared_files.KINDS and not shared_files.FOLDER.exists():
        pytest.skip(shared_files.NO_FILE)
    made, job_id = sent[kind].result()
    job = door.end_of(job_id)
    document = door.transcript(job_id) if job["state"] == "completed" else None
    assert faults(made, job, document) == []
