"""Removals: taking a message away, putting it back, reporting it, and reading a room's ledger.

A message that was taken away keeps its place: the log stays whole, and an entry says who did it and
why. One takes away one's own words; a moderator, those of who stands lower. What was put away by a
moderator, only moderators put back.
"""

from collections import deque
from collections.abc import Callable

from molva.core import policy
from molva.core.chat import Chat
from molva.core.conversation import Conversation, Direct, Room
from molva.core.effects import Load
from molva.core.session import Session
from molva.terms import actions, entries, events, limits
from molva.terms.actions import AnyAction
from molva.terms.entries import Entry
from molva.terms.errors import Code, Refusal
from molva.terms.ids import Seq, StaffRoom
from molva.terms.ports import Appended, Known, Outcome

LEDGER_PAGE_MAX = limits.HISTORY_PAGE_BYTES_MAX // (
    4 * limits.REASON_CHARACTERS_MAX + limits.ENTRY_OVERHEAD_BYTES
)
"""Entries of one page that a frame holds, each with the longest reason in the widest characters."""

Then = Callable[[Entry | None], None]


def _said(body: entries.AnyBody) -> bool:
    return isinstance(body, entries.Message | entries.Unheard) and bool(body.text)


def _gone(body: entries.AnyBody) -> bool:
    return isinstance(body, entries.Gone) or (isinstance(body, entries.Unheard) and not body.text)


class Removals:
    """Looks at the message an action names, then does what is asked."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._waiting: dict[int, Callable[[list[Entry] | None], None]] = {}

    # -- One message ---------------------------------------------------------------------------

    def _look(
        self, session: Session, action: AnyAction, place: Conversation, seq: int, then: Then
    ) -> None:
        """Load an entry and go on with it; with None where the asker sees no such one."""
        chat = self._chat
        account = session.account
        assert account is not None
        if not 0 < seq <= place.log.head:
            then(None)
            return
        session.busy = True
        request = next(chat.requests)

        def loaded(found: list[Entry] | None) -> None:
            chat.free(session)
            if not session.open():
                # Whoever was put out meanwhile does nothing more.
                return
            if found is None:
                chat.reply(session, chat.error(session, Refusal(Code.UNAVAILABLE), action.id))
                return
            if isinstance(action, actions.Remove | actions.Restore) and self._unsettled(place):
                # Who may is being changed: it is asked anew once that is answered.
                session.backlog = session.backlog or deque()
                session.backlog.appendleft(action)
                return
            entry = found[0] if found else None
            if entry is not None and (
                entry.seq != seq or not policy.visible(account, place, entry)
            ):
                entry = None
            then(entry)

        self._waiting[request] = loaded
        effect = Load(request, place.id, limit=1, bytes_max=1, after=Seq(seq - 1))
        chat.effects.append(effect)

    def _unsettled(self, place: Conversation) -> bool:
        chat = self._chat
        here = place.changing if isinstance(place, Room) else 0
        return bool(here or chat.hall.common.changing)

    def loaded(self, request: int, found: list[Entry] | None) -> bool:
        """Take the answer to a load; return False when it was not of this."""
        waiting = self._waiting.pop(request, None)
        if waiting is not None:
            waiting(found)
        return waiting is not None

    # -- Taking away and putting back ----------------------------------------------------------

    def remove(self, session: Session, action: actions.Remove, place: Conversation) -> None:
        """Take a message away."""
        chat = self._chat

        def then(entry: Entry | None) -> None:
            if entry is None or not _said(entry.body):
                chat.refuse_write(session, action, Refusal(Code.NO_SUCH_MESSAGE))
            elif not self._may(session, entry, place):
                chat.refuse_write(session, action, Refusal(Code.NOT_ALLOWED))
            else:
                body = entries.Removed(
                    entry.seq,
                    entry.name,
                    entry.account,
                    action.reason,
                    unheard=policy.unheard(entry),
                )
                chat.append_for(session, place.id, body, action)

        self._look(session, action, place, action.seq, then)

    def restore(self, session: Session, action: actions.Restore, place: Conversation) -> None:
        """Put a message back."""
        chat = self._chat

        def then(entry: Entry | None) -> None:
            if entry is None or not _gone(entry.body):
                chat.refuse_write(session, action, Refusal(Code.NO_SUCH_MESSAGE))
            elif not self._may(session, entry, place, own=isinstance(place, Direct)):
                chat.refuse_write(session, action, Refusal(Code.NOT_ALLOWED))
            else:
                body = entries.Restored(
                    entry.seq,
                    entry.name,
                    entry.account,
                    action.reason,
                    unheard=policy.unheard(entry),
                )
                chat.append_for(session, place.id, body, action)

        self._look(session, action, place, action.seq, then)

    def _may(
        self, session: Session, entry: Entry, place: Conversation, *, own: bool = True
    ) -> bool:
        """Say whether one may take a message away; `own`: that one wrote it is enough."""
        account = session.account
        assert account is not None
        if own and entry.account == account.id:
            return policy.member(account, place)
        if not isinstance(place, Room):
            return False
        if not policy.standing(account, place) & policy.MODERATORS:
            return False
        author = self._chat.accounts.get(entry.account)
        return (
            author is None
            or author is account
            or author.retired
            or policy.outranks(account, author, place)
        )

    # -- Reports -------------------------------------------------------------------------------

    def report(self, session: Session, action: actions.Report, place: Conversation) -> None:
        """Show a message to the moderators; what it said is kept with the report."""
        chat = self._chat
        account = session.account
        assert account is not None
        limited = chat.limited("reports_per_account", account.id)
        if limited is not None:
            chat.reply(session, chat.error(session, limited, action.id))
            return

        def then(entry: Entry | None) -> None:
            if entry is None or not isinstance(entry.body, entries.Message | entries.Unheard):
                chat.refuse_write(session, action, Refusal(Code.NO_SUCH_MESSAGE))
                return
            body = entries.Reported(
                place=place.shown if isinstance(place, Room) else "",
                target=entry.seq,
                name=entry.name,
                text=entry.body.text,
                reason=action.reason,
            )
            self._write_report(session, action, body)

        self._look(session, action, place, action.seq, then)

    def _write_report(
        self, session: Session, action: actions.Report, body: entries.Reported
    ) -> None:
        chat = self._chat
        assert session.account is not None
        session.writes_sent += 1

        def reported(outcome: Outcome) -> None:
            event: events.AnyEvent = events.Done(id=action.id)
            if isinstance(outcome, Appended):
                chat.take(outcome.entry)
            elif isinstance(outcome, Known):
                event = chat.known(session, outcome.entry, StaffRoom, action)
            else:
                event = chat.error(session, Refusal(Code.UNAVAILABLE), action.id)
            chat.written(session, event)

        chat.append(session.account, StaffRoom, body, action.id, reported)

    # -- The ledger ----------------------------------------------------------------------------

    def ledger(self, session: Session, action: actions.Ledger, room: Room) -> None:
        """Answer with a page of who did what to whom."""
        chat = self._chat
        account = session.account
        assert account is not None
        before = room.log.head + 1 if action.before is None else action.before
        limit = min(action.limit, LEDGER_PAGE_MAX)
        session.busy = True
        request = next(chat.requests)

        def loaded(found: list[Entry] | None) -> None:
            chat.free(session)
            if found is None:
                chat.reply(session, chat.error(session, Refusal(Code.UNAVAILABLE), action.id))
                return
            # The operator is no member of anything, and may read what the server's people may.
            operator = account is chat.accounts.operator
            shown = [
                room.tell(entry)
                for entry in found
                if entry.seq <= room.log.head and (operator or policy.visible(account, room, entry))
            ]
            more = len(shown) > limit
            page = events.Ledger(room=room.shown, entries=shown[-limit:], more=more, id=action.id)
            chat.reply(session, page)

        self._waiting[request] = loaded
        effect = Load(
            request,
            room.id,
            limit=limit + 1,
            bytes_max=limits.HISTORY_PAGE_BYTES_MAX,
            before=Seq(min(before, room.log.head + 1)),
            ledger=True,
        )
        chat.effects.append(effect)
