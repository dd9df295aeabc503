"""Text as it is heard, in the order of the recording though chunks are finished in any order."""

from __future__ import annotations


class RunningText:
    """Holds a chunk back until all before it have come. A chunk that comes twice is taken once."""

    def __init__(self) -> None:
        self._early: dict[int, str] = {}
        self._next = 0

    def add(self, chunk_index: int, text: str) -> list[str]:
        """The chunks that may be shown now, in order."""
        if chunk_index >= self._next:
            self._early.setdefault(chunk_index, text)
        ready = []
        while self._next in self._early:
            ready.append(self._early.pop(self._next))
            self._next += 1
        return [text for text in ready if text]

    def rest(self) -> list[str]:
        """What is still held back, in order: at the end, when a chunk before it failed for good."""
        held = [self._early[index] for index in sorted(self._early)]
        self._next = max(self._early, default=self._next - 1) + 1
        self._early.clear()
        return [text for text in held if text]
