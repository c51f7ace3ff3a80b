"""Transcript: the lines that a screen holds, as they stand by now.

Owns which entries of which conversation are held, and what becomes of them when a message is taken
away, put back, or its room is called otherwise. Refuses to know how a line looks and where an entry
comes from: it is given a mirror's happenings, in their order.

Invariants: a place of a log is held once; a message that was taken away has no text here; what is
held is bounded, the earliest of a conversation go first.
"""

from bisect import bisect_left, insort
from typing import Final

from molva.client.happenings import (
    AnyHappening,
    HistoryReceived,
    LogRenamed,
    LogRestarted,
    Masked,
    Shown,
    Silenced,
    Unmasked,
)
from molva.client.log import person_of
from molva.client.standing import mask
from molva.terms import events

LINES_MAX: Final = 2_000
"""Entries held of one conversation."""
CONVERSATIONS_MAX: Final = 500
"""Conversations held; the one not heard of longest goes first."""

SAID: Final = (events.NewMessage, events.NewWhisper)


class _Lines:
    __slots__ = ("by_seq", "seqs")

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.by_seq: dict[int, events.LogEvent] = {}


class Transcript:
    """What is held of all conversations."""

    def __init__(self, *, lines_max: int = LINES_MAX) -> None:
        self._lines_max = lines_max
        self._held: dict[str, _Lines] = {}

    def take(self, happening: AnyHappening) -> None:
        """Take in what happened."""
        match happening:
            case Shown(conversation=where, entry=entry):
                self._put(where, entry)
            case HistoryReceived(conversation=where, entries=entries):
                for entry in entries:
                    self._put(where, entry)
            case Masked(conversation=where, target=target):
                self._change(where, target, None)
            case Unmasked(conversation=where, entry=entry):
                if entry.seq is not None:
                    self._change(where, entry.seq, entry)
            case Silenced(user=user):
                self._silence(user)
            case LogRenamed(was=was, conversation=where):
                self._rename(was, where)
            case LogRestarted(conversation=where):
                self._held.pop(where.lower(), None)
            case _:
                pass

    def entries(self, conversation: str) -> list[events.LogEvent]:
        """Return what is held of a conversation, in order."""
        lines = self._held.get(conversation.lower())
        return [] if lines is None else [lines.by_seq[seq] for seq in lines.seqs]

    def entry(self, conversation: str, seq: int) -> events.LogEvent | None:
        """Return the entry at a place, if it is held."""
        lines = self._held.get(conversation.lower())
        return None if lines is None else lines.by_seq.get(seq)

    def last_of(self, conversation: str, user: str) -> int | None:
        """Return the place of the last message of somebody that still has its text."""
        for entry in reversed(self.entries(conversation)):
            if isinstance(entry, SAID) and entry.from_.lower() == user.lower():
                return entry.seq
        return None

    def _put(self, where: str, entry: events.LogEvent) -> None:
        seq = entry.seq
        if seq is None:
            return
        key = where.lower()
        lines = self._held.pop(key, None) or _Lines()
        self._held[key] = lines
        if len(self._held) > CONVERSATIONS_MAX:
            del self._held[next(iter(self._held))]
        if seq not in lines.by_seq:
            insort(lines.seqs, seq)
        lines.by_seq[seq] = entry
        if len(lines.seqs) > self._lines_max:
            del lines.by_seq[lines.seqs.pop(0)]

    def _change(self, where: str, seq: int, entry: events.LogEvent | None) -> None:
        lines = self._held.get(where.lower())
        if lines is not None and seq in lines.by_seq:
            lines.by_seq[seq] = mask(lines.by_seq[seq]) if entry is None else entry

    def _silence(self, user: str) -> None:
        for lines in self._held.values():
            for seq, entry in lines.by_seq.items():
                if isinstance(entry, SAID) and person_of(entry.from_) == user:
                    lines.by_seq[seq] = mask(entry)

    def _rename(self, was: str, where: str) -> None:
        old = self._held.pop(was.lower(), None)
        if old is None:
            return
        new = self._held.setdefault(where.lower(), old)
        if new is not old:
            for seq in old.seqs:
                if seq not in new.by_seq:
                    new.seqs.insert(bisect_left(new.seqs, seq), seq)
                    new.by_seq[seq] = old.by_seq[seq]
