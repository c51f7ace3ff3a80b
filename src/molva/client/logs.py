"""Logs: all conversations of one device, moved by what the server says of them.

Owns which log an entry belongs to, what is shown of it, the gaps and what is asked to fill them,
the read markers on their way, and what became of messages and names since. Refuses to know the
line, the writes and who we are beside our name; whoever owns it asks what `question` returns and
gives back the answer.

Invariants:
- an entry is shown once: a cursor only advances, and what is not beyond it is dropped;
- nothing is skipped in silence: a hole is a `GapFound`, and ends as `GapFilled` or `GapRemains`;
- a message that was taken away is told without its text, in whatever order that is learnt;
- a room that is called otherwise keeps its log, its cursor and its marker.
"""

from collections.abc import Callable
from typing import Final

from molva.client.happenings import (
    AnyHappening,
    GapFilled,
    GapFound,
    GapRemains,
    LogChanged,
    LogRenamed,
    LogRestarted,
    Masked,
    Shown,
    Silenced,
    Unmasked,
)
from molva.client.log import GAPS_MAX, Gap, Log, author_of, log_of, person_of
from molva.client.standing import mask
from molva.terms import actions, events, limits
from molva.terms.ids import TAG_SEPARATOR

SEQ_MAX: Final = 2**53 - 1
LOGS_MAX: Final = 20_000
"""Logs kept: an account is in 200 rooms and has 2,000 direct conversations at most."""
SILENCED_MAX: Final = 10_000
"""People whose words are gone; of more of them what is held stays as it is."""
RESTORED_MAX: Final = 1_000
"""Messages put back that are to be asked for."""

SAID: Final = frozenset({events.NewMessage, events.NewWhisper})


class Reading:
    """A read marker that is to be moved."""

    __slots__ = ("action", "sent")

    def __init__(self, action: actions.Read) -> None:
        self.action = action
        self.sent = False


class _Question:
    """The request for a part of a gap, or for a message that was put back, on its way."""

    __slots__ = ("gap", "id", "log", "target", "word")

    def __init__(self, log: Log, id: str, gap: Gap | None, target: int, word: int) -> None:
        self.log = log
        self.id = id
        self.gap = gap
        self.target = target
        self.word = word
        """The seq of the entry by which the message was put back."""


class Logs:
    """Every log that one device knows."""

    def __init__(
        self,
        happen: Callable[[AnyHappening], None],
        *,
        redirect: Callable[[str, str], None],
        gap_entries_max: int | None,
    ) -> None:
        """`happen` takes what happened, `redirect` that a room is called otherwise: was, is.

        `gap_entries_max`: longer gaps are not filled unasked; None: all are.
        """
        self.by_key: dict[str, Log] = {}
        """By name in lower case."""
        self.own_name = ""
        self.readings: dict[Log, Reading] = {}
        self._happen = happen
        self._redirect = redirect
        self._gap_entries_max = gap_entries_max
        self._rooms_by_tag: dict[str, Log] = {}
        self._silenced: dict[str, None] = {}
        self._to_fill: dict[Log, None] = {}
        self._to_restore: dict[tuple[Log, int], int] = {}
        """Messages put back that are to be asked for: by which entry."""
        self._question: _Question | None = None

    # -- Which there are -----------------------------------------------------------------------

    def find(self, name: str) -> Log | None:
        """Return the log of a room or person (any case), or None when we know none.

        `name~tag` finds a person's also when the server calls them by the name alone.
        """
        key = name.lower()
        log = self.by_key.get(key)
        if log is None and TAG_SEPARATOR in key:
            log = self.by_key.get(key.partition(TAG_SEPARATOR)[0])
            if log is not None and log.address.lower() != key:
                return None
        return log

    def forget(self, *, rooms_too: bool) -> None:
        """Forget what belongs to an account; a room is the same log for everybody."""
        for log in [log for log in self.by_key.values() if rooms_too or not log.is_room]:
            self._drop(log)
        if rooms_too:
            self._silenced.clear()

    def cut_off(self) -> None:
        """The line is gone: what was asked on it is asked again, and nothing is confirmed."""
        self._question = None
        for reading in self.readings.values():
            reading.sent = False
        for log in self.by_key.values():
            log.listed = False

    def _drop(self, log: Log) -> None:
        del self.by_key[log.name.lower()]
        self.readings.pop(log, None)
        self._to_fill.pop(log, None)
        if log.is_room and log.tag is not None:
            self._rooms_by_tag.pop(log.tag, None)

    def _find_or_make(self, name: str) -> Log | None:
        log = self.find(name)
        if log is None and len(self.by_key) < LOGS_MAX:
            log = self.by_key[name.lower()] = Log(name)
        return log

    # -- How they stand ------------------------------------------------------------------------

    def take_snapshots(self, snapshots: list[events.Conversation]) -> None:
        """Take in how conversations stood when the server made a list of them."""
        for snapshot in snapshots:
            name = snapshot.room or snapshot.with_ or snapshot.log
            if name and 0 <= snapshot.cursor <= snapshot.head <= SEQ_MAX:
                self._take_snapshot(name, snapshot)

    def _take_snapshot(self, name: str, snapshot: events.Conversation) -> None:
        log = self._take_out(name, snapshot.tag)
        if log is None:
            if len(self.by_key) >= LOGS_MAX:
                return
            log = Log(name, cursor=snapshot.cursor)
        elif snapshot.head < log.cursor:
            # The log we knew under this name has ended.
            log.restart(snapshot.cursor)
            self._happen(LogRestarted(name))
        elif snapshot.cursor > log.cursor:
            if log.joined:
                self._open_gap(log, snapshot.cursor)
            else:
                # We were away by our own will: what was said meanwhile was not for us.
                log.restart(snapshot.cursor)
        self.by_key[name.lower()] = log
        log.stand(snapshot)
        log.renamed = max(log.renamed, snapshot.head if log.tag is not None else 0)
        if log.is_room and log.tag is not None:
            self._rooms_by_tag[log.tag] = log
        if any(gap.filling for gap in log.gaps):
            self._to_fill[log] = None
        self._happen(LogChanged(log.name))

    def _take_out(self, name: str, tag: str | None) -> Log | None:
        """Take the log that a snapshot is about from the others; None when it is new to us.

        A name passes to another, a guest's or a room's: the log that had it steps aside under its
        tag. A room that we knew under another name is the one of its tag.
        """
        key = name.lower()
        log = self.by_key.get(key)
        if log is not None and log.tag is not None and tag is not None and log.tag != tag:
            self._step_aside(log)
            log = None
        if tag is not None and name.startswith("#"):
            known = self._rooms_by_tag.get(tag)
            if known is not None and known is not log:
                self._call(known, name)
            log = known or log
        if log is None:
            log = self.find(name)
        if log is not None:
            del self.by_key[log.name.lower()]
        return log

    def _step_aside(self, log: Log) -> None:
        """Keep a log under what names it whoever has its name; one without a tag is forgotten."""
        was = log.name
        self._to_fill.pop(log, None)
        if log.cursor_name == was:
            self._drop(log)
            self._happen(LogRestarted(was))
            return
        del self.by_key[was.lower()]
        log.name = log.cursor_name
        self.by_key[log.name.lower()] = log
        if log.is_room:
            # What waits for it must not be said in the room that has its name now.
            self._happen(LogRenamed(was, log.name))
            self._redirect(was, log.name)
        else:
            self.readings.pop(log, None)
            self._happen(LogRestarted(was))

    def _call(self, log: Log, name: str) -> None:
        """Have a room's log be under another name from now on, and all that goes there."""
        was = log.name
        if was == name:
            return
        other = self.by_key.get(name.lower())
        if other is not None and other is not log:
            self._step_aside(other)
        del self.by_key[was.lower()]
        log.name = name
        self.by_key[name.lower()] = log
        reading = self.readings.get(log)
        if reading is not None:
            action = reading.action
            reading.action = actions.Read(through=action.through, room=name, id=action.id)
            reading.sent = False
        self._happen(LogRenamed(was, name))
        self._redirect(was, name)

    # -- What they hold ------------------------------------------------------------------------

    def show(self, event: events.LogEvent) -> Log | None:
        """Take in an entry; return its log if it is shown, or passed over for good, by this."""
        seq = event.seq
        if seq is None:
            # A server of 2022: it numbers nothing, so nothing can come twice or be missing.
            self._happen(Shown(log_of(event, self.own_name), event))
            return None
        renamed = isinstance(event, events.Renamed)
        if isinstance(event, events.Renamed):
            log = self._log_of_renamed(event)
        else:
            log = self._find_or_make(log_of(event, self.own_name))
        if log is None or not log.cursor < seq <= SEQ_MAX:
            return None
        if seq > log.cursor + 1:
            self._open_gap(log, seq - 1)
        log.deliver(event, seq)
        if renamed:
            assert isinstance(event, events.Renamed)
            self._rename(log, event)
        self._tell(log, event, backfill=False)
        self._learn(log, event)
        return log

    def judged(self, log: Log, event: events.LogEvent) -> events.LogEvent:
        """Return an entry as it is to be shown by now."""
        if type(event) not in SAID or event.seq is None:
            return event
        if log.verdicts.is_removed(event.seq) or person_of(author_of(event)) in self._silenced:
            return mask(event)
        return event

    def heed(self, log: Log, event: events.LogEvent) -> None:
        """Take in what an entry says of others that may be shown already."""
        if isinstance(event, events.Removed | events.Restored):
            if not log.verdicts.take(event):
                return
            if isinstance(event, events.Removed):
                self._to_restore.pop((log, event.target), None)
                self._happen(Masked(log.name, event.target))
            elif len(self._to_restore) < RESTORED_MAX:
                self._to_restore[log, event.target] = event.seq
        elif isinstance(event, events.Departed) and not event.words:
            person = person_of(event.user)
            if person not in self._silenced and len(self._silenced) < SILENCED_MAX:
                self._silenced[person] = None
                self._happen(Silenced(person))

    def _tell(self, log: Log, event: events.LogEvent, *, backfill: bool) -> None:
        if type(event) is not events.Unheard:
            self._happen(Shown(log.name, self.judged(log, event), backfill))
        self.heed(log, event)

    def _learn(self, log: Log, event: events.LogEvent) -> None:
        """Take in what an entry changes in the state of logs."""
        if type(event) in SAID:
            return
        if isinstance(event, events.Topic):
            log.topic = event.text
            self._happen(LogChanged(log.name))
        elif isinstance(event, events.Read):
            other = self.find(event.room or event.with_ or "")
            if other is not None:
                self.mark_read(other, event.through, event.unread)
        elif isinstance(event, events.RoomLeft | events.RoomJoined):
            other = self.find(event.room)
            joined = isinstance(event, events.RoomJoined)
            if other is not None and (other.joined is not joined or not joined):
                other.joined = joined
                self._happen(LogChanged(other.name))
        elif log.is_room and log.standing.learn(event, self._is_own):
            self._happen(LogChanged(log.name))

    def _is_own(self, name: str) -> bool:
        return name.lower() == self.own_name.lower()

    # -- Names ---------------------------------------------------------------------------------

    def _log_of_renamed(self, event: events.Renamed) -> Log | None:
        """Return the log in which a room's change of name stands; None where that is not certain.

        The entry says how the room was called then, and it may have been called otherwise since.
        What is left out here shows as a hole before the next entry.
        """
        exact = self._rooms_by_tag.get(event.tag) if event.tag is not None else None
        if exact is not None:
            return exact
        new, old = self.find(event.room), self.find(event.was)
        if new is not None and new.renamed >= event.seq:
            return new
        near = [log for log in (new, old) if log is not None and log.joined]
        for log in near:
            if log.cursor == event.seq - 1:
                return log
        behind = [
            log
            for log in self.by_key.values()
            if log.is_room and log.joined and log.cursor == event.seq - 1
        ]
        for found in (behind, near):
            if len(found) == 1:
                return found[0]
        return None if behind or near else self._find_or_make(event.room)

    def _rename(self, log: Log, event: events.Renamed) -> None:
        if event.tag is not None and event.tag == log.tag:
            # Where the list was made later than this entry, it has a later name.
            if event.seq > log.renamed:
                log.renamed = event.seq
                self._call(log, event.room)
            return
        log.renamed = event.seq
        other = self.find(event.was)
        if other is log:
            self._call(log, event.room)
        elif (
            other is not None
            and other.joined
            and other.cursor < event.seq
            and (other.tag is None or log.tag is None)
            and not (other.listed and log.listed)
        ):
            # What came before this was told under the new name already, as to one who was away or
            # is behind: this is the log that we knew under the old one.
            self._drop(other)
            for gap in log.take_over(other):
                self._happen(GapFilled(log.name, gap.start, gap.through))
            self._happen(LogRenamed(other.name, log.name))
            self._redirect(other.name, log.name)

    # -- Markers -------------------------------------------------------------------------------

    def mark_read(self, log: Log, through: int, unread: int | None) -> None:
        """A marker was moved."""
        log.mark_read(through, unread=unread)
        self._happen(LogChanged(log.name))
        waiting = self.readings.get(log)
        if waiting is not None and waiting.action.through <= through:
            del self.readings[log]

    def finish_reading(self, id: str) -> bool:
        """The marker that was to be moved by this request is; say whether there is one."""
        for log, reading in self.readings.items():
            if reading.action.id == id:
                del self.readings[log]
                self.mark_read(log, reading.action.through, None)
                return True
        return False

    # -- Gaps ----------------------------------------------------------------------------------

    def skip(self, event: events.Gap) -> None:
        """Take in that entries are not delivered."""
        name = event.room or event.with_ or event.log
        if not name or not 0 <= event.after < event.through <= SEQ_MAX:
            return
        log = self._find_or_make(name)
        if log is not None and event.through > log.cursor:
            self._open_gap(log, event.through)

    def fill(self, log: Log) -> None:
        """Ask for the gaps that were too long to be filled unasked."""
        for gap in log.gaps:
            gap.filling = True
        self._to_fill[log] = None

    def _open_gap(self, log: Log, through: int) -> None:
        """Skip to `through` and say so; the gap begins at the cursor, whatever the server says."""
        after = log.cursor
        log.skip(through)
        count = through - after
        filling = not log.is_own and (
            self._gap_entries_max is None or count <= self._gap_entries_max
        )
        self._happen(GapFound(log.name, after, through, filling))
        if log.is_own:
            # No `history` reaches it. What it told stands in the snapshots as well.
            self._happen(GapRemains(log.name, after, through))
            return
        log.gaps.append(Gap(after, through, filling=filling))
        if filling:
            self._to_fill[log] = None
        if len(log.gaps) > GAPS_MAX:
            lost = log.gaps.pop(0)
            self._happen(GapRemains(log.name, lost.after, lost.through))

    @property
    def asking(self) -> bool:
        """Whether an answer is awaited."""
        return self._question is not None

    @property
    def wants(self) -> bool:
        """Whether `question` may have something."""
        return self._question is None and bool(self._to_fill or self._to_restore)

    def question(self, new_id: Callable[[], str]) -> actions.History | None:
        """Return what is to be asked now, one page at a time; None while one is on its way."""
        if self._question is not None:
            return None
        while self._to_restore:
            (log, target), word = next(iter(self._to_restore.items()))
            if self.by_key.get(log.name.lower()) is log:
                return self._ask(_Question(log, new_id(), None, target, word))
            del self._to_restore[log, target]
        while self._to_fill:
            log = next(iter(self._to_fill))
            gap = next((gap for gap in log.gaps if gap.filling), None)
            if gap is not None and self.by_key.get(log.name.lower()) is log:
                return self._ask(_Question(log, new_id(), gap, 0, 0))
            del self._to_fill[log]
        return None

    def _ask(self, question: _Question) -> actions.History:
        self._question = question
        room, person = addressed(question.log.address)
        after = around = None
        limit = 1
        if question.gap is None:
            around = question.target
        else:
            after, limit = question.gap.after, limits.HISTORY_PAGE_MAX
        return actions.History(
            room=room, with_=person, after=after, around=around, limit=limit, id=question.id
        )

    def answer(self, page: events.History) -> bool:
        """Take the answer to the question; say whether it is that."""
        question = self._question
        if question is None or page.id != question.id:
            return False
        self._question = None
        if question.gap is not None:
            self._fill_from(question.log, question.gap, page)
            return True
        place = (question.log, question.target)
        if self._to_restore.get(place) == question.word:
            # Put back once more since it was asked for, it is asked for once more.
            del self._to_restore[place]
        for entry in page.entries:
            if entry.seq == question.target and type(entry) in SAID:
                entry = self.judged(question.log, entry)
                if type(entry) in SAID:
                    self._happen(Unmasked(question.log.name, entry))
        return True

    def refuse(self, id: str | None, code: str, *, later: bool) -> bool:
        """The question was refused; `later`: it may be asked again. Say whether it was this one."""
        question = self._question
        if question is None or id != question.id:
            return False
        self._question = None
        gap = question.gap
        if later:
            return True
        if gap is None:
            self._to_restore.pop((question.log, question.target), None)
        elif gap in question.log.gaps:
            self._remain(question.log, gap, gap.through, code)
            question.log.close(gap)
        return True

    def _fill_from(self, log: Log, gap: Gap, page: events.History) -> None:
        if gap not in log.gaps:
            return  # Given up, or the log began anew, while the page was on its way.
        before = gap.after
        for entry in page.entries:
            seq = entry.seq
            if seq is None or seq <= gap.after:
                continue
            if seq > gap.through:
                self._remain(log, gap, gap.through)
                break
            if seq > gap.after + 1:
                self._remain(log, gap, seq - 1)
            gap.after = seq
            log.backfill(entry, seq)
            self._tell(log, entry, backfill=True)
            if log.is_room:
                log.standing.learn(entry, self._is_own)
        if gap.after < gap.through and (not page.more or gap.after == before):
            self._remain(log, gap, gap.through)
        if gap.after >= gap.through:
            log.close(gap)
            self._happen(GapFilled(log.name, gap.start, gap.through))
            self._happen(LogChanged(log.name))

    def _remain(self, log: Log, gap: Gap, through: int, code: str | None = None) -> None:
        if through > gap.after:
            self._happen(GapRemains(log.name, gap.after, through, code))
            gap.after = through


def addressed(conversation: str) -> tuple[str | None, str | None]:
    """Return a conversation as an action names it: a room, or a person."""
    if conversation.startswith("#"):
        return conversation, None
    return None, conversation
