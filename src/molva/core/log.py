"""The log of a conversation as the hub sees it: where it ends, and a window of its newest entries.

Owns the order: an entry enters only as the next one. Refuses to know who reads it or where the rest
is kept. Invariants: 0 <= base <= head; the window is contiguous and ends at the head; entries never
change.
"""

from collections import deque
from itertools import islice

from molva.terms.entries import Entry, Message
from molva.terms.events import LogEvent
from molva.terms.ids import Seq
from molva.terms.limits import DEFAULT

Line = tuple[Entry, LogEvent]
"""An entry, and how it is told."""


class Log:
    """Head, ordinal and window."""

    __slots__ = ("head", "ordinal", "_window", "_bytes")

    def __init__(self, head: Seq, ordinal: int) -> None:
        self.head = head
        self.ordinal = ordinal
        """How many messages the log holds."""
        self._window: deque[Line] | None = None
        self._bytes = 0
        """Text in the window."""

    @property
    def base(self) -> Seq:
        """The seq before the window's first; after it, everything is in memory."""
        return Seq(self.head - len(self._window)) if self._window else self.head

    def append(
        self,
        entry: Entry,
        event: LogEvent,
        entries_max: int,
        bytes_max: int = DEFAULT.window_bytes_max,
    ) -> None:
        """Take the next entry; AssertionError when it is not the next one.

        The window keeps at most so many entries and so many bytes of text.
        """
        assert entry.seq == self.head + 1, f"{entry.seq} does not follow {self.head}"
        assert entry.ordinal - self.ordinal == (type(entry.body) is Message)
        self.head = entry.seq
        self.ordinal = entry.ordinal
        if self._window is None:
            self._window = deque()
        self._window.append((entry, event))
        self._bytes += _text_bytes(entry)
        while len(self._window) > entries_max or self._bytes > bytes_max:
            self._bytes -= _text_bytes(self._window.popleft()[0])

    def slice(self, *, after: Seq, limit: int, bytes_max: int) -> list[Line] | None:
        """Return entries after a seq, contiguous; None when the window does not reach back so far.

        Stops early, but not before one entry, where the texts reach `bytes_max` bytes.
        """
        base = self.base
        if after < base:
            return None
        if self._window is None or after >= self.head:
            return []
        start = after - base
        lines: list[Line] = []
        size = 0
        for line in islice(self._window, start, start + limit):
            lines.append(line)
            size += _text_bytes(line[0])
            if size >= bytes_max:
                break
        return lines

    def forget(self) -> None:
        """Drop the window, which the store can always give again."""
        self._window = None
        self._bytes = 0


def _text_bytes(entry: Entry) -> int:
    body = entry.body
    if not isinstance(body, Message):
        return 0
    return len(body.text) if body.text.isascii() else len(body.text.encode())
