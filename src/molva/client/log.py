"""A log as one device knows it: how far it was shown, what is missing, how much is unread.

Owns the cursor, the gaps and the unread count of one conversation (or of one's own log), and which
log an entry belongs to. Refuses to know the network and the screen.

Invariants: the cursor only advances, but when the log itself begins anew; gaps lie below the
cursor, ascending and apart; the read marker only advances; `unread` counts the messages after the
marker, one's own included, as the server does.
"""

from bisect import bisect_right, insort
from typing import Final

from molva.client.standing import Standing, Verdicts
from molva.terms import events
from molva.terms.ids import GROUP_PREFIX, TAG_SEPARATOR
from molva.terms.names import GENERAL

RECENT_MAX: Final = 2_000
"""Unread messages whose places are remembered one by one; of older ones only their number."""

GAPS_MAX: Final = 64
"""Gaps remembered in one log. A server that keeps its rules makes one at a reconnect."""


COUNTED: Final = frozenset({events.NewMessage, events.NewWhisper, events.Gone})
"""What counts as a message. One that was taken away still does; one unheard never did."""


class Gap:
    """Entries after `after` and through `through` that were not shown."""

    __slots__ = ("after", "filling", "start", "through")

    def __init__(self, after: int, through: int, *, filling: bool) -> None:
        self.start = after
        """Where the gap began when it was found; `after` moves up while it is filled."""
        self.after = after
        self.through = through
        self.filling = filling


class Log:
    """A room, a direct conversation or one's own log, as far as this device has seen it."""

    __slots__ = (
        "_base",
        "_counted",
        "_recent",
        "_recent_after",
        "cursor",
        "gaps",
        "head",
        "joined",
        "listed",
        "name",
        "read",
        "renamed",
        "since",
        "standing",
        "tag",
        "topic",
        "verdicts",
    )

    def __init__(self, name: str, *, cursor: int = 0) -> None:
        self.name = name
        """`#room`, a person's name, or `@name`; as the server spelled it last."""
        self.joined = True
        """False once one has left the room."""
        self.tag: str | None = None
        """Whose direct conversation it is, or which room, exactly; a name may pass to another."""
        self.listed = False
        """Whether the server listed it, under this name, on this connection."""
        self.renamed = 0
        """The seq at which it got its name, as far as we know."""
        self.topic = ""
        self.gaps: list[Gap] = []
        self._begin(cursor)

    def _begin(self, cursor: int) -> None:
        self.cursor = cursor
        """The seq of the last entry shown, or skipped as a gap."""
        self.since = cursor
        """Where this device began: what is not after it was never delivered here."""
        self.head = cursor
        """The highest seq heard of."""
        self.read = 0
        """The read marker: messages after it are unread."""
        # unread = _base + len(_recent). `_recent` holds the places of the messages that were
        # delivered here, after `_recent_after` and after the marker. The base is the rest: what
        # the server counted, through `_counted`, and what was not delivered here (yet).
        self._recent: list[int] = []
        self._recent_after = cursor
        self._counted = cursor
        self._base = 0
        self.standing = Standing()
        """What a room's rules are, and what one is in it."""
        self.verdicts = Verdicts()
        """Which of its messages were taken away."""

    @property
    def is_own(self) -> bool:
        """Whether this is one's own log, which no `history` reaches."""
        return self.name.startswith("@")

    @property
    def is_room(self) -> bool:
        """Whether this is a room."""
        return self.name.startswith("#")

    @property
    def is_group(self) -> bool:
        """Whether this is a group, whose name on the wire is no name for people."""
        return self.name.startswith(GROUP_PREFIX)

    @property
    def address(self) -> str:
        """What names this very log on the wire, also when its name is another's by now."""
        if self.tag is None or TAG_SEPARATOR in self.name:
            return self.name
        return self.name if self.is_room else f"{self.name}{TAG_SEPARATOR}{self.tag}"

    @property
    def cursor_name(self) -> str:
        """What names it among the cursors of a registration; a room may be called otherwise now."""
        if self.tag is not None and self.is_room:
            return f"{GROUP_PREFIX}{self.tag}"
        return self.address

    @property
    def unread(self) -> int:
        """Messages after the read marker."""
        return self._base + len(self._recent)

    def restart(self, cursor: int) -> None:
        """Begin anew at `cursor`: the old log has ended, and this one only has its name."""
        self.gaps.clear()
        self.topic = ""
        self._begin(cursor)

    def stand(self, snapshot: events.Conversation) -> None:
        """Take marker, topic and unread count as the server counted them through its head."""
        self.name = snapshot.room or snapshot.with_ or snapshot.log or self.name
        self.tag = snapshot.tag
        self.topic = snapshot.topic or ""
        self.joined = True
        self.listed = True
        self.standing = Standing(snapshot)
        self.head = max(self.head, snapshot.head)
        self._counted = max(self.cursor, snapshot.head)
        self._advance_read(snapshot.read)
        self._base = max(0, snapshot.unread - len(self._recent))
        self._settle()

    def deliver(self, entry: events.LogEvent, seq: int) -> None:
        """Show an entry: the cursor moves to it, and a message counts as unread."""
        assert seq > self.cursor
        self.cursor = seq
        if seq > self.head:
            self.head = seq
        self._count(entry, seq)

    def backfill(self, entry: events.LogEvent, seq: int) -> None:
        """Count an entry of a gap that is shown after all; the cursor is beyond it already."""
        assert seq <= self.cursor
        self._count(entry, seq)

    def skip(self, through: int) -> None:
        """Move the cursor over entries that are not delivered; the caller records the gap."""
        assert through > self.cursor
        self.cursor = through
        if through > self.head:
            self.head = through

    def take_over(self, other: "Log") -> list[Gap]:
        """Be the same log as another, of which this is the later part; return the gaps so filled.

        What was shown of the other is not asked for again, and its gaps are this one's.
        """
        filled = []
        for gap in self.gaps[:]:
            gap.after = max(gap.after, min(other.cursor, gap.through))
            if gap.after == gap.through:
                self.gaps.remove(gap)
                filled.append(gap)
        self.gaps = sorted(self.gaps + other.gaps, key=lambda gap: gap.after)
        self.since = min(self.since, other.since)
        self.mark_read(other.read)
        return filled

    def close(self, gap: Gap) -> None:
        """Forget a gap: what there is of it has been shown, or cannot be had."""
        self.gaps.remove(gap)
        self._settle()

    def mark_read(self, through: int, *, unread: int | None = None) -> None:
        """Advance the read marker; `unread` is what the server counts after it, if it told."""
        if through <= self.read:
            return
        self._advance_read(through)
        if unread is not None and not self._knows_all():
            self._base = max(0, unread - len(self._recent))
        self._settle()

    def _advance_read(self, through: int) -> None:
        if through > self.read:
            self.read = through
            del self._recent[: bisect_right(self._recent, through)]

    def _count(self, entry: events.LogEvent, seq: int) -> None:
        if seq > self.read and type(entry) in COUNTED:
            if seq <= self._counted and self._base:
                self._base -= 1
            insort(self._recent, seq)
            if len(self._recent) > RECENT_MAX:
                self._recent_after = self._recent.pop(0)
                self._base += 1
        self._settle()

    def _knows_all(self) -> bool:
        """Whether every message after the marker was delivered here and is remembered."""
        return self.read >= self._recent_after and self.cursor >= self._counted and not self.gaps

    def _settle(self) -> None:
        if self._base and self._knows_all():
            self._base = 0


def log_of(event: events.LogEvent, own: str) -> str:
    """Return the name of the log that an entry belongs to; `own` is one's own name.

    Between two it is the other one, whoever did it. A room that was called otherwise is not known
    by this alone: `Renamed` says how it was called when it happened.
    """
    if isinstance(event, events.NewMessage):
        return event.room or GENERAL
    log: str | None = getattr(event, "log", None)
    room: str | None = getattr(event, "room", None)
    if log is not None or room is not None:
        return log or room or ""
    to: str | None = getattr(event, "to", None)
    author = author_of(event)
    return to if to is not None and author.lower() == own.lower() else author


def author_of(event: events.LogEvent) -> str:
    """Return who did what an entry of a conversation says."""
    author: str | None = getattr(event, "from_", None)
    return author or getattr(event, "user", None) or ""


def person_of(name: str) -> str:
    """Return what two spellings of a person's name have in common, with a tag or without."""
    return name.lower().partition(TAG_SEPARATOR)[0]
