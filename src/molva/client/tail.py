"""Tail: print what is said in one conversation.

Owns the order of what is printed: first what was said before, then what comes. Refuses to know how
one gets in (the errand's) and how an entry looks (the renderer's).
Invariant: each entry is printed once, in the order of its conversation; what cannot be had is said.
"""

import os
import sys
from typing import Any

import msgspec

from molva.client import exit_codes
from molva.client.errand import Errand
from molva.client.happenings import (
    Acknowledged,
    AnyHappening,
    GapFound,
    GapRemains,
    HistoryReceived,
    LogRenamed,
    PutOut,
    Refused,
    Shown,
    Unmasked,
)
from molva.client.mirror import TextRefused
from molva.terms import events, limits
from molva.wire.terminal import safe_json


class Tail(Errand):
    """The entries of one room or direct conversation."""

    def __init__(
        self, *rest: Any, target: str, lines: int, follow: bool, json: bool, **more: Any
    ) -> None:
        """`lines`: how many earlier entries to begin with; the rest is as for an errand."""
        super().__init__(*rest, **more)
        self._target = target.removeprefix("@")
        self._lines = lines
        self._follow = follow
        self._json = json
        self._encoder = msgspec.json.Encoder()
        self._earlier: list[events.LogEvent] = []
        self._held: list[events.LogEvent] | None = []
        """What comes while the earlier entries are asked for; None when they are printed."""
        self._wanted = 0
        self._page: str | None = None
        self._answered = False

    def begin(self) -> None:
        """See `Errand.begin`."""
        try:
            if not self.enter_room(self._target):
                self._ask()
        except TextRefused as refused:
            self.complain(f"error.{refused.code.value}", detail="")
            self.finish(exit_codes.REFUSED)

    def busy(self) -> bool:
        """See `Errand.busy`."""
        return not self._answered

    def patient(self) -> bool:
        """See `Errand.patient`."""
        return self._answered and self._follow

    def hear(self, happening: AnyHappening) -> None:
        """See `Errand.hear`."""
        if isinstance(happening, Shown):
            if happening.conversation.lower() == self._target.lower():
                self._take(happening.entry)
        elif isinstance(happening, LogRenamed):
            if happening.was.lower() == self._target.lower():
                self._target = happening.conversation
        elif isinstance(happening, PutOut):
            if happening.conversation.lower() == self._target.lower():
                self._complain_of_end(happening)
        elif isinstance(happening, Unmasked):
            if happening.conversation.lower() == self._target.lower() and not self._json:
                self._print_lines(happening.entry, back=True)
        elif isinstance(happening, Acknowledged):
            self._ask()  # We are in the room now.
        elif isinstance(happening, HistoryReceived):
            if happening.id == self._page:
                self._take_page(happening)
        elif isinstance(happening, Refused):
            self.complain("chat.server_says", text=happening.text)
            self.finish(exit_codes.REFUSED)
        elif isinstance(happening, GapRemains) or (
            isinstance(happening, GapFound) and not happening.filling
        ):
            self._complain_of_gap(happening)

    def _ask(self) -> None:
        """Ask for the last entries before those that come by themselves."""
        log = self.mirror.log(self._target)
        if log is not None and self._lines:
            # What is unread comes by itself, and counts.
            unread = log.head - log.since
            self._wanted = max(self._lines - unread, 0) if self._follow else self._lines
            before = log.since if self._follow else log.head
            if self._wanted and before:
                self._ask_before(before + 1)
                return
        elif log is None and self._lines:
            # Nothing was ever said to this person by us, or they are not there: history says which.
            self._wanted = self._lines
            self._ask_before(None)
            return
        self._print_all()

    def _ask_before(self, before: int | None) -> None:
        limit = min(self._wanted - len(self._earlier), limits.HISTORY_PAGE_MAX)
        self._page = self.mirror.history(self._target, self.loop.time(), before=before, limit=limit)

    def _take_page(self, page: HistoryReceived) -> None:
        self.progress()
        self._earlier[:0] = page.entries
        first = page.entries[0].seq if page.entries else None
        if page.more and first is not None and first > 1 and len(self._earlier) < self._wanted:
            self._ask_before(first)
        else:
            self._print_all()

    def _print_all(self) -> None:
        self._answered = True
        held, self._held = self._held or [], None
        for entry in self._earlier:
            self._print(entry)
        self._earlier = []
        if self._follow:
            for entry in held:
                self._print(entry)
            self.progress()
        else:
            self.finish()

    def _take(self, entry: events.LogEvent) -> None:
        if self._held is not None:
            self._held.append(entry)
        else:
            self._print(entry)

    def _print(self, entry: events.LogEvent) -> None:
        if isinstance(entry, events.Unheard):
            return
        entry = self.mirror.as_it_stands(self._target, entry)
        if not self._json:
            self._print_lines(entry)
            return
        self._write(safe_json(self._encoder.encode(entry).decode()))

    def _print_lines(self, entry: events.LogEvent, *, back: bool = False) -> None:
        for line in self.renderer.entry(entry, here=self._target, back=back):
            self._write("".join(text for _, text in line))

    def _write(self, line: str) -> None:
        try:
            print(line, flush=True)
        except BrokenPipeError:
            # Nobody reads any more, as after `| head`. What is left in the buffer is written at
            # exit, where it would be complained of: it goes nowhere instead.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.finish(exit_codes.OK)

    def _complain_of_end(self, out: PutOut) -> None:
        key = "chat.put_out_banned" if out.cause == "banned" else "chat.put_out"
        self.complain(key, room=out.conversation, by=out.by or "")
        if out.reason:
            self.complain("chat.reason", text=out.reason)
        self.finish(exit_codes.REFUSED)

    def _complain_of_gap(self, gap: GapFound | GapRemains) -> None:
        if gap.conversation.lower() == self._target.lower():
            number = gap.through - gap.after
            key = "chat.gap" if isinstance(gap, GapFound) else "chat.gap_remains"
            lines = self.renderer.counted("chat.lines", number)
            self.complain(key, where=gap.conversation, n=number, lines=lines)
