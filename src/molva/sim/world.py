"""The world: a heap of (time, event), one source of chance, and the trace.

Owns time: nothing here waits, the clock jumps to whatever is next. Invariant: the order of events
depends on the seed alone.
"""

import zlib
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

from molva.terms.instant import Instant

TRACE_LINES = 40
"""Steps shown when a seed fails."""


class World:
    """Time, chance and what happened."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.time = 0.0
        self.wall_offset = 1_700_000_000_000
        """Milliseconds that the wall clock is ahead of the elapsed one; a fault may change it."""
        self.digest = 0
        """Of everything that was noted; equal for two runs of the same seed."""
        self.steps = 0
        self.faults = 0
        self.last: deque[str] = deque(maxlen=TRACE_LINES)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0

    def now(self) -> Instant:
        """Return both clocks."""
        return Instant(self.time, self.wall_offset + int(self.time * 1000))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Have something happen in a while."""
        self.at(self.time + seconds, act)

    def at(self, time: float, act: Callable[[], None]) -> None:
        """Have something happen at a time; events of one time keep the order they were made in."""
        self._order += 1
        heappush(self._events, (time, self._order, act))

    def note(self, what: str) -> None:
        """Add a line to the trace."""
        line = f"{self.time:.6f} {what}"
        self.digest = zlib.crc32(line.encode(), self.digest)
        self.last.append(line)

    def run(self, until: float, done: Callable[[], bool] | None = None) -> None:
        """Let things happen until a time, or until `done` (asked now and then) says so."""
        while self._events and self._events[0][0] <= until:
            time, _, act = heappop(self._events)
            self.time = time
            self.steps += 1
            act()
            if done is not None and self.steps % 64 == 0 and done():
                return
        self.time = max(self.time, until)
