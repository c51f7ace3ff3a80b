"""Reading: read markers, and pages of what was said before."""

from collections.abc import Sequence

from molva.core import policy
from molva.core.chat import Chat
from molva.core.conversation import Conversation
from molva.core.effects import Load
from molva.core.log import Line
from molva.core.pump import shown as shown_to
from molva.core.session import Session
from molva.terms import actions, entries, events, limits
from molva.terms.errors import Code, Refusal
from molva.terms.ids import Seq, own_log_id

Part = tuple[Seq | None, Seq | None, int]
"""A part of a page: after, before, how many entries."""


class Reader:
    """Moves markers and answers for pages."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._pages: dict[int, Page] = {}

    def read(self, session: Session, action: actions.Read, found: Conversation) -> None:
        """Move one's read marker forward; where it stands there already, nothing is written."""
        chat = self._chat
        account = session.account
        assert account is not None
        if action.through > found.log.head:
            chat.reply(session, chat.error(session, Refusal(Code.CURSOR_AHEAD), action.id))
            return
        if action.through <= account.marker(found.id).through:
            chat.reply(session, events.Done(id=action.id))
            return
        body = entries.Read(found.id, Seq(action.through))
        chat.append_for(session, own_log_id(account.id), body, action)

    def history(self, session: Session, action: actions.History, found: Conversation) -> None:
        """Answer with a page, from memory or from the store."""
        chat = self._chat
        account = session.account
        assert account is not None
        anchors = [a for a in (action.before, action.after, action.around) if a is not None]
        if len(anchors) > 1:
            refusal = Refusal(Code.BAD_FIELD, {"detail": "before, after, around"})
            chat.reply(session, chat.error(session, refusal, action.id))
            return
        floor = policy.floor(account, found)
        page = Page(session, action, found, floor or Seq(1))
        if not found.log.head:
            self._answer(page)
            return
        session.busy = True
        self._next(page)

    def _next(self, page: "Page") -> None:
        """Load the next part of a page, or answer when it has all."""
        part = page.next_part()
        if part is None:
            self._answer(page)
            return
        after, before, limit = part
        request = next(self._chat.requests)
        self._pages[request] = page
        self._chat.effects.append(
            Load(
                request,
                page.conversation.id,
                limit=limit,
                bytes_max=limits.HISTORY_PAGE_BYTES_MAX,
                after=after,
                before=before,
            )
        )

    def loaded(self, request: int, loaded: list[entries.Entry] | None) -> None:
        """Take the answer to a load."""
        page = self._pages.pop(request)
        if loaded is None:
            session = page.session
            self._chat.free(session)
            refusal = Refusal(Code.UNAVAILABLE)
            self._chat.reply(session, self._chat.error(session, refusal, page.action.id))
            return
        page.take(loaded)
        self._next(page)

    def _answer(self, page: "Page") -> None:
        chat = self._chat
        session = page.session
        chat.free(session)
        account = session.account
        assert account is not None
        # They may have left while it was loading, or come back and see less.
        floor = policy.floor(account, page.conversation)
        if floor is None:
            absent = Refusal(Code.NOT_A_MEMBER, {"room": page.action.room or ""})
            chat.reply(session, chat.error(session, absent, page.action.id))
            return
        page.raise_floor(floor)
        place = page.conversation
        lines = [
            (entry, shown_to(place, account, entry, place.tell(entry))) for entry in page.entries
        ]
        shown, cut = _fitting(lines, first=page.anchor)
        told = [event for _, event in shown]
        more = cut or page.more(shown[0][0].seq, shown[-1][0].seq) if shown else False
        chat.reply(
            session,
            events.History(
                entries=told,
                head=page.conversation.log.head,
                more=more,
                id=page.action.id,
                **page.conversation.label(account),
            ),
        )


class Page:
    """One answer to `history` in the making."""

    __slots__ = ("session", "action", "conversation", "floor", "entries", "_parts")

    def __init__(
        self, session: Session, action: actions.History, conversation: Conversation, floor: Seq
    ) -> None:
        self.session = session
        self.action = action
        self.conversation = conversation
        self.floor = floor
        """The first seq that the asker may see."""
        self.entries: list[entries.Entry] = []
        self._parts = self._plan(action, conversation.log.head, floor)

    @staticmethod
    def _plan(
        action: actions.History, head: Seq, floor: Seq
    ) -> list[tuple[Seq | None, Seq | None, int]]:
        """Return the parts to load, last first: after, before, how many."""
        limit = action.limit
        if action.after is not None:
            return [(Seq(max(action.after, floor - 1)), None, limit)]
        if action.around is not None:
            earlier = limit // 2
            middle = Seq(max(min(action.around, head), floor))
            return [(Seq(max(middle - 1, 0)), None, limit - earlier)] + (
                [(None, middle, earlier)] if earlier else []
            )
        before = head + 1 if action.before is None else min(action.before, head + 1)
        return [(None, Seq(before), limit)]

    def next_part(self) -> Part | None:
        """Return what to load next; None when the page is whole."""
        return self._parts.pop() if self._parts else None

    def take(self, loaded: Sequence[entries.Entry]) -> None:
        """Add a part, in order; what this node has not taken yet is not for anybody's eyes."""
        head = self.conversation.log.head
        self.entries.extend(entry for entry in loaded if self.floor <= entry.seq <= head)

    def raise_floor(self, floor: Seq) -> None:
        """Drop what may not be seen any more."""
        self.floor = max(self.floor, floor)
        self.entries = [entry for entry in self.entries if entry.seq >= self.floor]

    @property
    def anchor(self) -> int:
        """Return the place of the entry to keep when the page must be cut: what was asked for."""
        last = max(len(self.entries) - 1, 0)
        if self.action.after is not None:
            return 0
        if self.action.around is not None and self.entries:
            middle = min(self.action.around, self.entries[-1].seq)
            return max(middle - self.entries[0].seq, 0)
        return last

    def more(self, first: Seq, last: Seq) -> bool:
        """Say whether there are further entries in the direction asked for."""
        head = self.conversation.log.head
        if self.action.after is not None:
            return last < head
        if self.action.around is not None:
            return first > self.floor or last < head
        return first > self.floor


def _fitting(lines: list[Line], *, first: int) -> tuple[list[Line], bool]:
    """Cut a page to what one frame holds, around a place; return it, and whether it was cut."""
    left = limits.HISTORY_PAGE_BYTES_MAX
    start = stop = first
    # Whichever side is shorter grows, until an entry does not fit.
    while start > 0 or stop < len(lines):
        later = stop < len(lines) and (start == 0 or stop - first <= first - start)
        line = lines[stop] if later else lines[start - 1]
        text = getattr(line[0].body, "text", "") + getattr(line[0].body, "reason", "")
        left -= 2 * len(text.encode()) + limits.ENTRY_OVERHEAD_BYTES
        if left < 0 and start < stop:
            return lines[start:stop], True
        if later:
            stop += 1
        else:
            start -= 1
    return lines, False
