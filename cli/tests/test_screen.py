"""The screen shows what is in flight, and nothing that is over."""

import asyncio
import io

import pytest
from fake_server import STORY
from fake_speakers import AGAIN
from rich.console import Console
from voicepipe.batch import Batch, Item
from voicepipe.events import Event
from voicepipe.model import Options
from voicepipe.pace import Wait
from voicepipe.screen import Bars, Lines, screen_on


def console(*, terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=120, markup=False, highlight=False, emoji=False)


def shown(bars):
    """The live part of the terminal, as text."""
    page = console(terminal=False)
    page.print(bars._render())
    return page.file.getvalue()


def happen(screen, count, story=STORY):
    for number, (kind, data) in enumerate(story[:count]):
        screen.happened("a.wav", Event.from_json(str(number), kind, data))


def test_bars_are_only_for_terminals():
    assert isinstance(screen_on(console(terminal=True)), Bars)
    assert isinstance(screen_on(console(terminal=False)), Lines)


@pytest.mark.parametrize(
    ("events", "row"),
    [(2, "waiting for its turn"), (4, "reading the audio"), (7, "transcribing"), (11, "")],
)
def test_each_stage_in_flight_has_a_row(events, row):
    bars = Bars(console(terminal=True), with_text=False)
    bars.sent("a.wav", 5, 10)
    assert "5 bytes of 10 bytes" in shown(bars)
    bars.sent("a.wav", 10, 10)
    assert "10 bytes sent" in shown(bars)
    happen(bars, events)
    assert "uploading" not in shown(bars)
    assert row in shown(bars)
    assert bool(row) == ("a.wav" in shown(bars))


def test_diarize_has_a_row_next_to_transcribe():
    bars = Bars(console(terminal=True), with_text=False)
    happen(bars, 7, [*STORY[:6], AGAIN[0]])
    assert "transcribing" in shown(bars)
    assert "waiting to tell speakers apart" in shown(bars)
    happen(bars, 2, AGAIN[1:3])
    rows = {line.split("  ")[0]: line for line in shown(bars).splitlines()}
    assert [row for row in rows if "transcribing" in row]
    (diarize,) = [line for line in rows.values() if "telling speakers apart" in line]
    assert "0:02 of 0:03 of audio" in diarize


def test_progress_is_in_seconds_of_audio():
    bars = Bars(console(terminal=True), with_text=False)
    happen(bars, 4)
    assert "0:01 of 0:03 of audio" in shown(bars)


def test_text_appears_in_the_order_of_the_recording():
    bars = Bars(console(terminal=True), with_text=True)
    happen(bars, 7)
    assert "two" not in shown(bars)
    happen(bars, 8)
    assert "one two" in shown(bars)


def test_an_outage_is_shown_until_the_next_event():
    bars = Bars(console(terminal=True), with_text=False)
    bars.waiting(Wait("no connection", 3.0))
    assert "The server is unavailable: no connection. Trying again in 3 s." in shown(bars)
    happen(bars, 1)
    assert "unavailable" not in shown(bars)


def test_a_log_has_one_line_per_step_and_one_per_outage():
    log = console(terminal=False)
    with screen_on(log) as screen:
        for sent in range(11):
            screen.sent("a.wav", sent, 10)
        happen(screen, 6)
        screen.waiting(Wait("no connection", 1.0))
        screen.waiting(Wait("no connection", 2.0))
    assert log.file.getvalue().splitlines() == [
        "a.wav: uploading 10 bytes",
        "a.wav: reading the audio",
        "a.wav: transcribing",
        "The server is unavailable: no connection. Trying again.",
    ]


async def test_a_cancelled_batch_knows_which_files_were_uploading(recording):
    class NeverDone:
        async def upload(self, *_, **__):
            await asyncio.Event().wait()

    batch = Batch(NeverDone(), Lines(console(terminal=False)), Options(), "txt", wait=True, overwrite=False)
    running = asyncio.create_task(batch.run([Item("meeting.wav", recording, None)]))
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert batch.uploading == {"meeting.wav"}
