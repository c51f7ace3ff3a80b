"""Patience: when something that was refused for now may be tried again.

Owns the one moment before which nothing leaves, the moments before which nothing leaves for one
room (its slow mode), and how long is waited where the server does not say. Refuses to know what is
sent.

Invariant: what a server asks for is kept to within bounds, whatever number it sends.
"""

from typing import Final

RETRY_SECONDS_MIN: Final = 0.05
RETRY_SECONDS_MAX: Final = 60.0
RETRY_SECONDS_FIRST: Final = 0.25
RETRY_SECONDS_DOUBLED_MAX: Final = 10.0
"""Where the server asks for patience and does not say how much, it doubles from the first."""
SLOW_SECONDS_MAX: Final = 86_400.0
"""The slowest slow mode there is."""


class Patience:
    """Whether something may leave by now."""

    def __init__(self) -> None:
        self.until = 0.0
        """Before this nothing leaves; 0 when nobody asked for patience."""
        self.rooms: dict[str, float] = {}
        """Before when nothing is said in a room, by its name in lower case."""
        self._refusals = 0

    def succeeded(self) -> None:
        """Something was taken: the next wait of which nothing is said begins at the first."""
        self._refusals = 0

    def delay(self, asked: float | None) -> float:
        """Return the seconds to wait when the server asks for so many, or does not say."""
        self._refusals += 1
        if asked is None or asked != asked:
            doubled = RETRY_SECONDS_FIRST * 2.0 ** min(self._refusals - 1, 16)
            return min(doubled, RETRY_SECONDS_DOUBLED_MAX)
        return min(max(asked, RETRY_SECONDS_MIN), RETRY_SECONDS_MAX)

    def wait(self, asked: float | None, now: float) -> float:
        """Let nothing leave for so many seconds; return how many it is."""
        seconds = self.delay(asked)
        self.until = max(self.until, now + seconds)
        return seconds

    def wait_in(self, room: str, asked: float | None, now: float) -> float:
        """Let nothing be said in a room for so many seconds; return how many it is."""
        seconds = self.delay(None)
        if asked is not None and asked == asked:
            seconds = min(max(asked, RETRY_SECONDS_MIN), SLOW_SECONDS_MAX)
        self.rooms[room.lower()] = now + seconds
        return seconds

    def forgive(self, room: str) -> None:
        """Its slow mode is another now: what waits may be tried."""
        self.rooms.pop(room.lower(), None)

    def due(self) -> float | None:
        """Return when something may leave that may not yet."""
        moments = [*self.rooms.values()]
        if self.until:
            moments.append(self.until)
        return min(moments, default=None)

    def release(self, now: float) -> bool:
        """Let go of what is over for rooms; say whether there was something."""
        over = [room for room, until in self.rooms.items() if until <= now]
        for room in over:
            del self.rooms[room]
        return bool(over)

    def passes(self, now: float) -> bool:
        """Say whether anything may leave at `now`; if so, nobody asks for patience any more."""
        if now < self.until:
            return False
        self.until = 0.0
        return True
