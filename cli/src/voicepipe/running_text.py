"""Text as it is transcribed, in the order of the recording although chunks finish in any order."""

from __future__ import annotations


class RunningText:
    """Holds a chunk back until all earlier ones have arrived. Duplicates are ignored."""

    def __init__(self) -> None:
        self._early: dict[int, str] = {}
        self._next = 0

    def add(self, chunk_index: int, text: str) -> list[str]:
        """Add a chunk and return the texts that can be shown now, in order."""
        if chunk_index >= self._next:
            self._early.setdefault(chunk_index, text)
        ready = []
        while self._next in self._early:
            ready.append(self._early.pop(self._next))
            self._next += 1
        return [text for text in ready if text]

    def rest(self) -> list[str]:
        """The texts that are still held back, in order. At the end there are some if an earlier chunk failed."""
        held = [self._early[index] for index in sorted(self._early)]
        self._next = max(self._early, default=self._next - 1) + 1
        self._early.clear()
        return [text for text in held if text]
