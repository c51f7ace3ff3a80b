"""The pump: the one way out of a log, for live entries, backlog and resume alike.

Owns who stands where (through each conversation's audience) and what leaves next. A connection at
the head hears an entry together with all others there, by one effect. One that is behind is served
slices in turn with the others that are behind, from the window or by a `Load`; nothing is queued
for it. Invariants: cursors only advance, nothing is delivered twice to one session, every jump is
said by a `gap`, and the work of one step is bounded.
"""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import count

from molva.core.accounts import Account
from molva.core.conversation import Conversation, Direct
from molva.core.cursor import Cursor
from molva.core.effects import Deliver, Effect, Load
from molva.core.log import Line
from molva.core.policy import unheard, visible
from molva.core.session import Session
from molva.terms.entries import Entry
from molva.terms.events import Gap, LogEvent
from molva.terms.ids import AccountId, ConnectionId, Seq
from molva.terms.limits import ENTRY_OVERHEAD_BYTES, Limits

SLICES_PER_STEP = 64
"""Slices that leave in one step for those behind, before other inputs have their turn."""


def shown(conversation: Conversation, account: Account, entry: Entry, event: LogEvent) -> LogEvent:
    """Return what an account is shown of an entry: the event, or a sign that something is there."""
    if visible(account, conversation, entry):
        return event
    assert isinstance(conversation, Direct), "nobody hears a log before its floor"
    return conversation.veil(entry)


class Pump:
    """What leaves next, and for whom."""

    def __init__(self, find: Callable[[AccountId], Account | None], requests: "count[int]") -> None:
        self._find = find
        self._requests = requests
        self._behind: deque[tuple[Conversation, Session]] = deque()
        """Those to be served a slice, in turn; who is no longer behind is passed over."""
        self._loading: dict[int, tuple[Conversation, Session]] = {}
        self._asked: set[tuple[Conversation, Session]] = set()
        """The same, to be found: after a restart everybody is behind at once."""
        self._failed: list[tuple[Conversation, Session]] = []

    @property
    def eager(self) -> bool:
        """Whether somebody could be served at once."""
        return bool(self._behind)

    @property
    def failed(self) -> bool:
        """Whether somebody waits for a store that could not read."""
        return bool(self._failed)

    def attach(
        self,
        conversation: Conversation,
        session: Session,
        after: Seq,
        limits: Limits,
        effects: list[Effect],
        *,
        floor: Seq,
    ) -> None:
        """Let a session hear a conversation from after a seq on.

        What lies before `floor`, the first that its account may see, or further back than
        `backlog_entries_max`, is not streamed but named by a `gap`.
        """
        assert session.account is not None
        assert after <= conversation.log.head, "a cursor beyond the head is refused before"
        assert conversation not in session.attached
        session.attached.append(conversation)
        head = conversation.log.head
        oldest = Seq(min(head, max(head - limits.backlog_entries_max, floor - 1)))
        if after < oldest:
            gap = Gap(after=after, through=oldest, **conversation.label(session.account))
            effects.append(Deliver((session.connection,), [gap]))
            after = oldest
        if after == conversation.log.head and session.window_open:
            self._to_head(conversation, session)
        else:
            conversation.audience.lagging[session.connection] = (session, Cursor(after))
            self._behind.append((conversation, session))

    def lag(self, conversation: Conversation, session: Session, after: Seq) -> None:
        """Attach a session whose window is closed."""
        conversation.audience.lagging[session.connection] = (session, Cursor(after))

    def detach(self, conversation: Conversation, session: Session) -> None:
        """Let a session hear nothing more of a conversation."""
        session.attached.remove(conversation)
        audience = conversation.audience
        audience.echo.pop(session.connection, None)
        audience.quiet.pop(session.connection, None)
        audience.lagging.pop(session.connection, None)
        if not audience:
            conversation.log.forget()

    def close_window(self, session: Session) -> None:
        """The session's socket takes no more: from here on its cursors lag."""
        for conversation in session.attached:
            audience = conversation.audience
            group = conversation.group(session)
            if group.pop(session.connection, None) is not None:
                audience.lagging[session.connection] = (session, Cursor(conversation.log.head))

    def open_window(self, session: Session) -> None:
        """The session's socket takes more again: serve what it missed."""
        for conversation in session.attached:
            if session.connection in conversation.audience.lagging:
                self._behind.append((conversation, session))

    def announce(
        self, conversation: Conversation, lines: Sequence[Line], effects: list[Effect]
    ) -> None:
        """Tell those at the head of entries that the log has just taken."""
        audience = conversation.audience
        if isinstance(conversation, Direct) and any(unheard(e) for e, _ in lines):
            for session in (*audience.echo.values(), *audience.quiet.values()):
                self._deliver(conversation, session, lines, effects)
            return
        events = [event for _, event in lines]
        if audience.echo:
            effects.append(Deliver(tuple(audience.echo), events))
        if audience.quiet:
            self._announce_quietly(conversation, lines, effects)

    def _announce_quietly(
        self, conversation: Conversation, lines: Sequence[Line], effects: list[Effect]
    ) -> None:
        quiet = conversation.audience.quiet
        authors: dict[ConnectionId, Session] = {}
        for entry, _ in lines:
            author = self._find(entry.account)
            for session in author.sessions if author else ():
                if session.connection in quiet:
                    authors[session.connection] = session
        others = tuple(c for c in quiet if c not in authors) if authors else tuple(quiet)
        if others:
            effects.append(Deliver(others, [event for _, event in lines]))
        for session in authors.values():
            self._deliver(conversation, session, lines, effects)

    def _deliver(
        self,
        conversation: Conversation,
        session: Session,
        lines: Sequence[Line],
        effects: list[Effect],
    ) -> None:
        assert session.account is not None
        own = None if conversation.tells_author(session) else session.account.id
        events = [
            shown(conversation, session.account, entry, event)
            for entry, event in lines
            if entry.account != own
        ]
        if events:
            effects.append(Deliver((session.connection,), events))

    def run(self, limits: Limits, effects: list[Effect]) -> None:
        """Serve those behind, each a slice in turn, as much as one step may."""
        # A session may be behind in hundreds of conversations, and its window closes after a step.
        given: dict[Session, int] = {}
        for _ in range(min(len(self._behind), SLICES_PER_STEP)):
            conversation, session = self._behind.popleft()
            if given.get(session, 0) >= limits.deliver_bytes_max:
                self._behind.append((conversation, session))
                continue
            place = conversation.audience.lagging.get(session.connection)
            if place is None or not session.window_open:
                continue
            cursor = place[1]
            lines = conversation.log.slice(
                after=cursor.sent,
                limit=limits.deliver_entries_max,
                bytes_max=limits.deliver_bytes_max,
            )
            if lines is None:
                self._load(conversation, session, cursor, limits, effects)
            else:
                size = sum(len(getattr(entry.body, "text", "").encode()) for entry, _ in lines)
                given[session] = given.get(session, 0) + size + len(lines) * ENTRY_OVERHEAD_BYTES
                self._advance(conversation, session, cursor, lines, effects)

    def _load(
        self,
        conversation: Conversation,
        session: Session,
        cursor: Cursor,
        limits: Limits,
        effects: list[Effect],
    ) -> None:
        if (conversation, session) in self._asked:
            return
        request = next(self._requests)
        self._loading[request] = (conversation, session)
        self._asked.add((conversation, session))
        effects.append(
            Load(
                request,
                conversation.id,
                limit=limits.deliver_entries_max,
                bytes_max=limits.deliver_bytes_max,
                after=cursor.sent,
            )
        )

    def loaded(self, request: int, entries: list[Entry] | None, effects: list[Effect]) -> bool:
        """Take the answer to a load; return False when it was not this pump's."""
        waiting = self._loading.pop(request, None)
        if waiting is None:
            return False
        self._asked.discard(waiting)
        conversation, session = waiting
        place = conversation.audience.lagging.get(session.connection)
        if place is None or not session.window_open:
            return True
        if entries is None:
            self._failed.append(waiting)
            return True
        # The store may be ahead of this node, which has not yet drawn the consequences of what it
        # has not taken: who left by then must not see it.
        entries = [entry for entry in entries if entry.seq <= conversation.log.head]
        cursor = place[1]
        if entries and entries[0].seq != cursor.sent + 1:
            # It was asked for an earlier place of this cursor: ask again from where it stands.
            self._behind.append(waiting)
            return True
        assert entries or cursor.sent == conversation.log.head, "the store has lost entries"
        lines = [(entry, conversation.tell(entry)) for entry in entries]
        self._advance(conversation, session, cursor, lines, effects)
        return True

    def retry(self) -> None:
        """Try again for those whom the store could not serve."""
        self._behind.extend(self._failed)
        self._failed.clear()

    def _advance(
        self,
        conversation: Conversation,
        session: Session,
        cursor: Cursor,
        lines: Sequence[Line],
        effects: list[Effect],
    ) -> None:
        if lines:
            assert lines[0][0].seq == cursor.sent + 1, "a hole would open unsaid"
            self._deliver(conversation, session, lines, effects)
            cursor.advance(lines[-1][0].seq)
        if cursor.sent == conversation.log.head:
            del conversation.audience.lagging[session.connection]
            self._to_head(conversation, session)
        else:
            self._behind.append((conversation, session))

    def _to_head(self, conversation: Conversation, session: Session) -> None:
        conversation.group(session)[session.connection] = session
