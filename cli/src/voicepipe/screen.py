"""Progress for people. All of it goes to stderr: stdout is for transcripts and JSON."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.filesize import decimal
from rich.live import Live
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from .events import ChunkTranscribed, Event, JobWarned, StageChanged, StageProgressed
from .model import Notice, Transcription
from .pace import Wait
from .running_text import RunningText

DOING: Final = {
    "prepare": "reading the audio",
    "transcribe": "transcribing",
    "diarize": "telling speakers apart",
    "assemble": "assembling",
}
UPLOAD: Final = "uploading"
WAITING: Final = "waiting for its turn"
# Shown next to the row of `transcribe`.
WAITING_FOR: Final = {"diarize": "waiting to tell speakers apart"}
# Embeddings, overrides and isolates: they show `gpj.exe` as `exe.jpg`.
_DIRECTIONS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ROWS_OF_TEXT: Final = 6
_CHARS_OF_TEXT: Final = 2000


class Screen(Protocol):
    """Shows the progress of several files, each under its name."""

    def say(self, line: str) -> None:
        """Print a line that stays."""

    def sent(self, name: str, sent_bytes: int, size_bytes: int) -> None: ...

    def happened(self, name: str, event: Event) -> None: ...

    def ended(self, name: str) -> None:
        """Nothing more will be shown for this file."""

    def waiting(self, wait: Wait) -> None:
        """The server is unavailable, and the client pauses before it tries again."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def printable(text: str) -> str:
    """Replace what controls a terminal or its direction of writing: names come from elsewhere. Joiners, as in emoji, are kept."""
    return "".join("�" if _controls(char) else char for char in text)


def _controls(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} or char in _DIRECTIONS


def warning_text(warning: Notice | JobWarned) -> str:
    """A warning, with its time in the recording if it has one."""
    at = "" if warning.start_s is None else f" at {clock_time(warning.start_s)}"
    return f"warning{at}: {warning.message}"


def notes_on(transcription: Transcription) -> Iterator[str]:
    """What a user may not expect of the file, and the warnings."""
    if transcription.media is not None and transcription.media.summary is not None:
        yield f"audio: {transcription.media.summary}"
    yield from map(warning_text, transcription.warnings)


def capitalized(text: str) -> str:
    """With a capital first letter; the others stay as they are."""
    return text[:1].upper() + text[1:]


def stderr_console() -> Console:
    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def screen_on(console: Console, *, with_text: bool = False) -> Screen:
    """Bars on a terminal, one line per step elsewhere. `with_text` adds the words to the bars; for a single file."""
    return Bars(console, with_text=with_text) if console.is_terminal else Lines(console)


class Lines:
    """One line per step, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._doing: dict[str, str] = {}
        self._outage = ""

    def say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)

    def sent(self, name: str, sent_bytes: int, size_bytes: int) -> None:  # noqa: ARG002 - the protocol's signature
        self._now(name, f"{UPLOAD} {decimal(size_bytes)}")

    def happened(self, name: str, event: Event) -> None:
        self._outage = ""
        if isinstance(event.detail, StageChanged) and event.detail.state == "running":
            self._now(name, DOING.get(event.detail.stage, event.detail.stage))

    def ended(self, name: str) -> None:
        self._doing.pop(name, None)

    def waiting(self, wait: Wait) -> None:
        if wait.reason != self._outage:
            self._outage = wait.reason
            self.say(f"The server is unavailable: {wait.reason}. Trying again.")

    def _now(self, name: str, doing: str) -> None:
        if self._doing.get(name) != doing:
            self._doing[name] = doing
            self.say(f"{printable(name)}: {doing}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Bars:
    """A bar for each stage in flight, and the latest words. Nothing of it stays on the terminal."""

    def __init__(self, console: Console, *, with_text: bool) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), _Detail(), console=console
        )
        self._rows: dict[tuple[str, str], TaskID] = {}
        self._text = RunningText() if with_text else None
        self._words = ""
        self._notice = ""
        # stdout is redirected only if it is a terminal, too, so that a transcript does not run into the bars.
        self._live = Live(
            get_renderable=self._render,
            console=console,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=sys.stdout.isatty(),
        )

    def say(self, line: str) -> None:
        self._console.print(line)

    def sent(self, name: str, sent_bytes: int, size_bytes: int) -> None:
        self._notice = ""
        self._show(name, UPLOAD, sent_bytes, size_bytes, "bytes")

    def happened(self, name: str, event: Event) -> None:
        self._notice = ""
        self._drop(name, UPLOAD)
        match event.detail:
            case StageChanged(stage=stage, state="queued"):
                self._show(name, stage, 0, 0, "turn")
            case StageChanged(stage=stage, state="running"):
                self._show(name, stage, 0, 0, "seconds")
            case StageChanged(stage=stage):
                self._drop(name, stage)
            case StageProgressed(stage=stage, done_s=done_s, total_s=total_s):
                self._show(name, stage, done_s, total_s, "seconds")
            case ChunkTranscribed() as chunk:
                self._show(name, "transcribe", chunk.done_s, chunk.total_s, "seconds")
                if self._text is not None:
                    self._words = " ".join([self._words, *self._text.add(chunk.chunk_index, chunk.text)])
                    self._words = self._words[-_CHARS_OF_TEXT:]
            case _:
                pass

    def ended(self, name: str) -> None:
        for key in [key for key in self._rows if key[0] == name]:
            self._drop(*key)

    def waiting(self, wait: Wait) -> None:
        self._notice = f"The server is unavailable: {wait.reason}. Trying again in {wait.delay_s:.0f} s."

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def _show(self, name: str, doing: str, done: float, total: float, unit: str) -> None:
        row = self._rows.get((name, doing))
        if row is None:
            row = self._rows[name, doing] = self._progress.add_task("", unit=unit)
        words = WAITING_FOR.get(doing, WAITING) if unit == "turn" else DOING.get(doing, doing)
        self._progress.update(row, completed=done, unit=unit, description=f"{printable(name)}: {words}")
        self._progress.update(row, total=total or None)

    def _drop(self, name: str, doing: str) -> None:
        row = self._rows.pop((name, doing), None)
        if row is not None:
            self._progress.remove_task(row)

    def _render(self) -> RenderableType:
        parts: list[RenderableType] = []
        if self._words:
            lines = Text(printable(self._words.strip())).wrap(self._console, self._console.width)
            parts.append(Text("\n").join(lines[-_ROWS_OF_TEXT:]))
        parts.append(self._progress.get_renderable())
        if self._notice:
            parts.append(Text(self._notice, style="yellow"))
        return Group(*parts)


class _Detail(ProgressColumn):
    """Amount done, speed, time left."""

    def render(self, task: Task) -> Text:
        left = "" if task.time_remaining is None else f", {clock_time(task.time_remaining)} left"
        match task.fields["unit"], task.total:
            case "bytes", float() | int() as total if task.completed == total:
                return Text(f"{decimal(int(total))} sent, waiting for the server")
            case "bytes", float() | int() as total:
                speed = f", {decimal(int(task.speed))}/s" if task.speed else ""
                return Text(f"{decimal(int(task.completed))} of {decimal(int(total))}{speed}{left}")
            case "seconds", float() | int() as total:
                return Text(f"{clock_time(task.completed)} of {clock_time(total)} of audio{left}")
            case _:
                return Text("")


def clock_time(seconds: float) -> str:
    """1:02:03, or 2:03 under an hour."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
