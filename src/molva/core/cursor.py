"""Cursors and read markers: how far a connection was sent, and how far an account has read.

Both only advance. Neither knows what lies between.
"""

import msgspec

from molva.terms.ids import Seq


class Cursor(msgspec.Struct, gc=False):
    """The last seq sent to one connection of one conversation."""

    sent: Seq

    def advance(self, through: Seq) -> None:
        """Move to a seq; AssertionError when that would go back: nothing is sent twice."""
        assert through >= self.sent, f"cursor at {self.sent} cannot go back to {through}"
        self.sent = through


class ReadMarker(msgspec.Struct, frozen=True, gc=False):
    """How far an account has read, and how many messages that is."""

    through: Seq
    ordinal: int

    def unread(self, ordinal: int) -> int:
        """Return how many messages lie after the marker, where the log holds `ordinal` in all."""
        assert ordinal >= self.ordinal, "a marker stands beyond the head"
        return ordinal - self.ordinal


NOTHING_READ = ReadMarker(Seq(0), 0)
