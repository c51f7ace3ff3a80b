"""Pages: what a screen shows of conversations, in which order: earlier lines before later ones.

Owns which page is asked for next, and what waits for one that is on its way. Refuses to know how a
line looks (the renderer's) and where it is shown.

Invariants: what comes while the first page is on its way is shown after it; each page begins where
the one before it ended; what was taken away meanwhile is not shown.
"""

from collections.abc import Callable
from typing import Final

from molva.client.happenings import (
    GapFound,
    GapRemains,
    HistoryReceived,
    LogRenamed,
    LogRestarted,
    Shown,
)
from molva.client.mirror import COMMON_ROOM, Mirror
from molva.client.rendering import Renderer
from molva.client.screen import Fragments
from molva.terms import limits

HISTORY_LINES: Final = 20
"""Lines of the common room that a newcomer sees, and of one `/history`."""


class Pages:
    """What is shown of every conversation on one screen."""

    def __init__(
        self,
        mirror: Mirror,
        renderer: Renderer,
        *,
        show: Callable[[Fragments], None],
        here: Callable[[], str],
    ) -> None:
        """`show` takes a line; `here` returns the room whose name need not be said."""
        self._mirror = mirror
        self._renderer = renderer
        self._show = show
        self._here = here
        self._asked: dict[str, str] = {}
        """Pages asked for by the person: their ids, and of what."""
        self._next: list[tuple[str, int]] = []
        """Asked for while a page was on its way: where the next begins, that one tells."""
        self.oldest: dict[str, int] = {}
        """The earliest seq shown of a conversation, by lower case."""
        self._first: str | None = None
        self._held: list[Shown] = []
        """Entries of the common room that come after the first page, and wait for it."""

    def tell_unread(self) -> None:
        """Say where something is unread."""
        unread = [
            f"{self._renderer.label(log.name)} {log.unread}"
            for log in self._mirror.logs.values()
            if log.unread and not log.is_own
        ]
        if unread:
            self._show(self._renderer.note("chat.unread", list=", ".join(unread)))

    def begin(self, now: float) -> None:
        """Ask for what is missing of a screenful of the common room; what is unread comes."""
        log = self._mirror.log(COMMON_ROOM)
        if log is None:
            return
        missing = HISTORY_LINES - (log.head - log.since)
        if missing > 0 and log.since > 0:
            self._first = self._mirror.history(
                COMMON_ROOM, now, before=log.since + 1, limit=missing
            )

    def ask(self, conversation: str, count: int, now: float) -> None:
        """Ask for earlier lines of a conversation. Raises TextRefused."""
        if self._asked or self._first is not None:
            self._next.append((conversation, count))
            return
        log = self._mirror.log(conversation)
        before = self.oldest.get(conversation.lower())
        if before is None and log is not None:
            before = log.since + 1
        if before is not None and before <= 1:
            self._note("chat.nothing_earlier", conversation)
            return
        count = min(max(count, 1), limits.HISTORY_PAGE_MAX)
        id = self._mirror.history(conversation, now, before=before, limit=count)
        self._asked[id] = conversation

    def shown(self, happening: Shown) -> None:
        """Show an entry, now or after the first page."""
        if self._first is not None and happening.conversation == COMMON_ROOM:
            self._held.append(happening)
            return
        entry = self._mirror.as_it_stands(happening.conversation, happening.entry)
        if entry.seq is not None and not happening.backfill:
            self.oldest.setdefault(happening.conversation.lower(), entry.seq)
        for line in self._renderer.entry(entry, here=self._here(), missed=happening.backfill):
            self._show(line)

    def received(self, page: HistoryReceived, now: float) -> None:
        """Show a page, if it was asked for here."""
        first = page.id == self._first
        if not first and self._asked.pop(page.id, None) is None:
            return
        self._show_page(page, headed=not first)
        if first:
            self.release(now)
        else:
            self._turn(now)

    def refused(self, id: str, now: float) -> None:
        """A request was refused, perhaps for a page."""
        self._asked.pop(id, None)
        if id == self._first:
            self.release(now)
        else:
            self._turn(now)

    def release(self, now: float) -> None:
        """Show what waited for the first page, whether that came or not."""
        self._first = None
        held, self._held = self._held, []
        for happening in held:
            self.shown(happening)
        self._turn(now)

    def gap(self, gap: GapFound | GapRemains) -> None:
        """Say that lines are not shown, unless they are about to be or nobody would read them."""
        filling = isinstance(gap, GapFound) and gap.filling
        if filling or gap.conversation.startswith("@"):
            return
        number = gap.through - gap.after
        self._show(
            self._renderer.note(
                "chat.gap" if isinstance(gap, GapFound) else "chat.gap_remains",
                style="trouble",
                where=self._renderer.label(gap.conversation),
                n=number,
                lines=self._renderer.counted("chat.lines", number),
            )
        )

    def renamed(self, happening: LogRenamed) -> None:
        """A room is called otherwise."""
        oldest = self.oldest.pop(happening.was.lower(), None)
        if oldest is not None:
            self.oldest[happening.conversation.lower()] = oldest

    def restarted(self, happening: LogRestarted) -> None:
        """A conversation begins anew."""
        self.oldest.pop(happening.conversation.lower(), None)

    def _turn(self, now: float) -> None:
        """Ask for the page that was asked for while another was on its way."""
        while self._next and not self._asked and self._first is None:
            self.ask(*self._next.pop(0), now)

    def _show_page(self, page: HistoryReceived, *, headed: bool) -> None:
        key = page.conversation.lower()
        if page.entries and page.entries[0].seq is not None:
            self.oldest[key] = page.entries[0].seq
        lines: list[Fragments] = []
        for entry in page.entries:
            lines += self._renderer.entry(entry, here=self._here())
        if headed and not page.entries:
            self._note("chat.nothing_earlier", page.conversation)
            self.oldest[key] = 1
        elif headed:
            self._note("chat.earlier", page.conversation)
        for line in lines:
            self._show(line)
        if headed and page.entries:
            self._show(self._renderer.note("chat.earlier_end"))

    def _note(self, key: str, where: str) -> None:
        self._show(self._renderer.note(key, where=self._renderer.label(where)))
