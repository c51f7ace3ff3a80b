"""Send: say something and leave, when it is stored.

Owns which texts go out and what is told of each. Refuses to know how one gets in (the errand's).
Invariant: it ends with 0 only when every text was acknowledged as stored.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from molva.client import exit_codes
from molva.client.errand import Errand
from molva.client.happenings import Acknowledged, AnyHappening, LogRenamed, Refused
from molva.client.mirror import TextRefused
from molva.terms import actions, limits

AHEAD_MAX: Final = 100
"""Texts taken from the input and not stored yet."""


class Send(Errand):
    """Texts for one room or person."""

    def __init__(self, *rest: Any, target: str, texts: AsyncIterator[str], **more: Any) -> None:
        """`texts` are said in their order, as they come; the rest is as for an errand."""
        super().__init__(*rest, **more)
        self._target = target
        self._texts = texts
        self._taking: asyncio.Task[None] | None = None
        self._taken_all = False
        self._room_left = asyncio.Event()

    async def run(self) -> int:
        """See `Errand.run`; says how many texts are not known to be stored."""
        try:
            code = await super().run()
        finally:
            if self._taking is not None:
                self._taking.cancel()
                await asyncio.gather(self._taking, return_exceptions=True)
        if code == exit_codes.UNAVAILABLE:
            unsure = sum(
                not isinstance(write.action, actions.Join) for write in self.mirror.outbox.pending()
            )
            if unsure:
                lines = self.renderer.counted("chat.lines", unsure)
                self.complain("chat.unconfirmed", n=unsure, lines=lines)
        return code

    def begin(self) -> None:
        """See `Errand.begin`."""
        with contextlib.suppress(TextRefused):  # Each text will be refused for it.
            self.enter_room(self._target)
        self._taking = asyncio.create_task(self._take(), name="molva-texts")

    def busy(self) -> bool:
        """See `Errand.busy`."""
        return bool(self.mirror.outbox.pending())

    def hear(self, happening: AnyHappening) -> None:
        """See `Errand.hear`."""
        if isinstance(happening, Refused):
            self.refused = True
            self.complain("chat.server_says", text=happening.text)
            if isinstance(happening.write, actions.NewMessage | actions.NewWhisper):
                self.complain("chat.not_sent", text=happening.write.text)
            self.mirror.outbox.forget(happening.id)
        if isinstance(happening, LogRenamed) and happening.was.lower() == self._target.lower():
            self._target = happening.conversation
        if isinstance(happening, Acknowledged | Refused):
            self.progress()
            self._room_left.set()
            self._finish_if_done()

    async def _take(self) -> None:
        async for text in self._texts:
            if text.strip():
                self._say(text)
            while len(self.mirror.outbox.pending()) >= AHEAD_MAX:
                self._room_left.clear()
                await self._room_left.wait()
        self._taken_all = True
        self._finish_if_done()

    def _say(self, text: str) -> None:
        room = self._target if self._target.startswith("#") else None
        to = None if room else self._target.removeprefix("@")
        try:
            self.mirror.send(text, self.loop.time(), room=room, to=to)
        except TextRefused as refused:
            self.refused = True
            self.complain(f"error.{refused.code.value}", bytes=limits.TEXT_BYTES_MAX, detail="")
            self.complain("chat.not_sent", text=text)
        self.progress()
        self.transport.flush()

    def _finish_if_done(self) -> None:
        if self._taken_all and not self.mirror.outbox.pending():
            self.finish()
