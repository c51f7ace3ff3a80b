"""Standing: what a client knows of a room beside what is said there, and what was taken away.

Owns the rules of a room as far as a screen needs them, one's own place in it, and for each message
that was taken away or put back what holds now. Refuses to know who is asked and what is shown.

Invariants: of two things said of the same the one with the higher seq holds, in whatever order they
come: a gap is filled after what follows it; what is kept is bounded.
"""

from collections.abc import Callable
from typing import Final

from molva.terms import events, limits
from molva.terms.roles import Role, RoomKind

VERDICTS_MAX: Final = 2_000
"""Messages of one log of which it is remembered that they were taken away or put back."""
PEOPLE_MAX: Final = limits.GROUP_PEOPLE_MAX + 1


class Standing:
    """The rules of one room, and one's own place in it."""

    __slots__ = ("_moved", "frozen", "kind", "muted", "people", "role", "slow_seconds", "through")

    def __init__(self, snapshot: events.Conversation | None = None) -> None:
        """Take what a snapshot says; without one, what a room is unless something is said."""
        self.kind = RoomKind.PUBLIC.value
        """One of RoomKind, or what a newer server calls it."""
        self.role = Role.MEMBER.value
        """One's own; in `#general` on the server."""
        self.frozen = False
        self.slow_seconds = 0
        self.muted: str | None = None
        """Until when one only reads here, as RFC 3339; empty: for good; None: one may write."""
        self.people: dict[str, str] = {}
        """Of a group, the others in it by lower case."""
        self.through = 0
        """Up to which seq the snapshot tells all this."""
        self._moved: dict[str, int] = {}
        if snapshot is not None:
            self.kind = snapshot.kind or self.kind
            self.role = snapshot.role or self.role
            self.frozen = bool(snapshot.frozen)
            self.slow_seconds = snapshot.slow_seconds or 0
            self.muted = snapshot.muted
            self.people = {name.lower(): name for name in (snapshot.people or [])[:PEOPLE_MAX]}
            self.through = snapshot.head

    def learn(self, event: events.LogEvent, is_own: Callable[[str], bool]) -> bool:
        """Take in what an entry says of the room; say whether anything may be another now."""
        match event:
            case events.Created(kind=kind, user=user, seq=seq):
                if self._newer("kind", seq):
                    self.kind = kind
                if is_own(user) and self._newer("role", seq):
                    self.role = Role.OWNER.value
            case events.Mode():
                self._learn_mode(event)
            case events.Role(user=user, role=role, seq=seq) if is_own(user):
                if self._newer("role", seq):
                    self.role = role
            case events.Muted(user=user, until=until, seq=seq) if is_own(user):
                if self._newer("muted", seq):
                    self.muted = until or ""
            case events.Unmuted(user=user, seq=seq) if is_own(user):
                if self._newer("muted", seq):
                    self.muted = None
            case events.Joined(user=user, seq=seq) | events.Added(user=user, seq=seq):
                self._move(user, seq, here=not is_own(user))
            case events.Left(user=user, seq=seq) | events.Kicked(user=user, seq=seq):
                self._move(user, seq, here=False)
            case events.Banned(user=str(user), seq=seq):
                self._move(user, seq, here=False)
            case _:
                return False
        return True

    def _learn_mode(self, event: events.Mode) -> None:
        if event.kind is not None and self._newer("kind", event.seq):
            self.kind = event.kind
        if event.slow_seconds is not None and self._newer("slow", event.seq):
            self.slow_seconds = event.slow_seconds
        if event.frozen is not None and self._newer("frozen", event.seq):
            self.frozen = event.frozen

    def _move(self, user: str, seq: int, *, here: bool) -> None:
        if self.kind != RoomKind.GROUP:
            return
        key = user.lower()
        if not self._newer(f"@{key}", seq):
            return
        if not here:
            self.people.pop(key, None)
        elif len(self.people) < PEOPLE_MAX:
            self.people[key] = user

    def _newer(self, what: str, seq: int) -> bool:
        if seq <= self._moved.get(what, self.through) or len(self._moved) >= VERDICTS_MAX:
            return False
        self._moved[what] = seq
        return True


class Verdicts:
    """Which messages of a log were taken away, or put back since."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[int, tuple[int, bool]] = {}

    def take(self, event: events.Removed | events.Restored) -> bool:
        """Take in what an entry says; say whether it is the last word on its message so far."""
        target, seq = event.target, event.seq
        before = self._kept.get(target)
        if before is not None and before[0] >= seq:
            return False
        self._kept.pop(target, None)
        self._kept[target] = (seq, type(event) is events.Removed)
        if len(self._kept) > VERDICTS_MAX:
            del self._kept[next(iter(self._kept))]
        return True

    def is_removed(self, seq: int) -> bool:
        """Say whether the last word on the message at `seq` is that it is taken away."""
        return self._kept.get(seq, (0, False))[1]


def mask(event: events.LogEvent) -> events.LogEvent:
    """Return a message as one that was taken away; anything else as it is."""
    if isinstance(event, events.NewMessage) and event.seq is not None:
        room: str | None = event.room
        to: str | None = None
    elif isinstance(event, events.NewWhisper) and event.seq is not None:
        room, to = None, event.to
    else:
        return event
    return events.Gone(
        from_=event.from_, room=room, to=to, seq=event.seq, at=event.at or "", id=event.id
    )
