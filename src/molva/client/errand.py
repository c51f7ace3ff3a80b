"""Errand: connect, do one thing, leave; for commands that nobody watches.

Owns the way in (under which name, with which token, how long to try) and the way out (when to give
up, the exit code). Refuses to know what the thing is: `send` and `tail` say that.

Invariants: it ends, with 0 only when the thing is done; a device that is in use by a window of this
person is left alone; what it has to complain of goes to the standard error, one line each.
"""

import asyncio
import contextlib
import getpass
import re
import secrets
import sys
from random import Random
from typing import Any, Final

from molva.client import exit_codes
from molva.client.credentials import Credentials
from molva.client.happenings import (
    AnyHappening,
    Farewell,
    Notice,
    Postponed,
    RegistrationRefused,
    State,
    Welcomed,
)
from molva.client.mirror import COMMON_ROOM, Mirror, TextRefused
from molva.client.outbox import FileOutbox, OutboxLocked
from molva.client.plain import new_id
from molva.client.rendering import Renderer
from molva.client.transport import Backoff, Cause, Cut, Transport
from molva.client.trust import Assurance, Trust, assurance_phrases, distrust_phrases
from molva.terms.errors import Code

WAIT_SECONDS: Final = 5.0
"""How long a server that is not there is tried: long enough for a restart."""
PROGRESS_SECONDS: Final = 60.0
"""How long a server that is there may do nothing of what was asked."""

GUESTS_TRIED_MAX: Final = 3
_NAME_CODES: Final = frozenset(
    {
        Code.NAME_TAKEN,
        Code.NAME_CONFUSABLE,
        Code.NAME_RESERVED,
        Code.NAME_BAD_CHARACTER,
        Code.PASSWORD_REQUIRED,
    }
)


def guest_name(login: str) -> str:
    """Return a name that is free, very likely: the login's letters and a random end."""
    letters = re.sub(r"[^a-z0-9]", "", login.lower())[:20] or "guest"
    return f"{letters}-{secrets.token_hex(3)}"


class Errand:
    """One thing to do at one server."""

    def __init__(
        self,
        renderer: Renderer,
        *,
        host: str,
        port: int,
        name: str | None,
        password: str | None,
        credentials: Credentials,
        device: str | None = None,
        wait_seconds: float = WAIT_SECONDS,
        code: str | None = None,
        trust: Trust | None = None,
    ) -> None:
        """Make an errand; `run` is the whole of it. Without a name it is done by a guest.

        `wait_seconds`: how long a server that is not there is tried. `code`: the join code or an
        invitation. `trust`: see `Transport`.
        """
        self.renderer = renderer
        self.loop = asyncio.get_running_loop()
        self.mirror = Mirror(new_id=new_id, device=device, language=renderer.language)
        self.transport = Transport(
            self.mirror,
            host,
            port,
            heard=self._heard,
            cut=self._cut_off,
            backoff=Backoff(Random()),
            trust=trust,
            assured=self._assured,
        )
        self._server = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._host = host
        self._port = port
        self._name = name
        self._password = password
        self._invitation = code
        self._assurance: Assurance | None = None
        self._credentials = credentials
        self._device: FileOutbox | None = None
        """Held while the token of a name is in use; nothing is kept in it."""
        self._wait_seconds = wait_seconds
        self._guests_tried = 0
        self._patience: asyncio.TimerHandle | None = None
        self._last_cut: Cut | None = None
        self._code: asyncio.Future[int] = self.loop.create_future()
        self.refused = False
        """Something was refused on the way; the exit code says so in the end."""

    async def run(self) -> int:
        """Do it; return the exit code."""
        try:
            self._enter()
        except TextRefused as refused:
            self.complain(f"error.{refused.code.value}", detail="")
            return exit_codes.REFUSED
        self.progress()
        line = asyncio.create_task(self.transport.run(), name="molva-transport")
        try:
            waited: set[asyncio.Future[Any]] = {line, self._code}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not self._code.done():
                line.result()
                if self.transport.distrusted is not None:
                    why = distrust_phrases(self.transport.distrusted, self._server)
                    for key, values in why:
                        self.complain(key, **values)
                    return exit_codes.DISTRUSTED
                self.complain("chat.elsewhere")
                return exit_codes.REFUSED
            return self._code.result()
        finally:
            if self._patience is not None:
                self._patience.cancel()
            await self.transport.close()
            line.cancel()
            await asyncio.gather(line, return_exceptions=True)
            if self._device is not None:
                self._device.close()

    # -- For those who say what the thing is -----------------------------------------------------

    def begin(self) -> None:
        """Called at the first welcome."""
        raise NotImplementedError

    def hear(self, happening: AnyHappening) -> None:
        """Called for each happening."""
        raise NotImplementedError

    def busy(self) -> bool:
        """Say whether the server owes us something, so that patience may end."""
        return True

    def patient(self) -> bool:
        """Say whether a line that breaks is waited for without end."""
        return False

    def finish(self, code: int | None = None) -> None:
        """End with a code; without one, with that of what was refused."""
        if not self._code.done():
            self._code.set_result(
                (exit_codes.REFUSED if self.refused else exit_codes.OK) if code is None else code
            )

    def complain(self, key: str, **values: object) -> None:
        """Say one line on the standard error."""
        self.complain_text(self.renderer.phrase(key, **values))

    def complain_text(self, text: str) -> None:
        """Say a text that is safe already."""
        print(f"molva: {text}", file=sys.stderr, flush=True)

    def progress(self) -> None:
        """Something went forward: patience begins anew."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self.mirror.state is State.LIVE:
            if self.busy():
                self._patience = self.loop.call_later(PROGRESS_SECONDS, self._give_up)
        elif not self.patient():
            self._patience = self.loop.call_later(self._wait_seconds, self._give_up)

    def enter_room(self, target: str) -> bool:
        """Join a room that one must be in; return whether that is asked now."""
        if target.startswith("#") and target.lower() != COMMON_ROOM:
            log = self.mirror.log(target)
            if log is None or not log.joined:
                self.mirror.join(target, self.loop.time())
                return True
        return False

    # -- The way in and out ----------------------------------------------------------------------

    def _enter(self) -> None:
        name, token = self._name, None
        if name is None:
            self._guests_tried += 1
            name = guest_name(_login() if self._guests_tried == 1 else "guest")
        elif self._password is None and self._device is None:
            try:
                path = self._credentials.outbox_path(self._host, self._port, name)
                self._device = FileOutbox(path)
                token = self._credentials.token(self._host, self._port, name)
            except (OutboxLocked, OSError):
                pass  # It is in use: with its token we would take its line away.
        self.mirror.register(
            name, self.loop.time(), password=self._password, token=token, code=self._invitation
        )

    def _heard(self, happened: list[AnyHappening]) -> None:
        for happening in happened:
            if isinstance(happening, RegistrationRefused):
                self._refused_registration(happening)
            elif isinstance(happening, Notice):
                self.complain("chat.server_says", text=happening.text)
            elif isinstance(happening, Welcomed):
                self._welcomed(happening)
            elif isinstance(happening, Farewell) and self.mirror.ousted is not None:
                self._put_out(happening)
            if not isinstance(happening, Postponed):
                self.hear(happening)

    def _welcomed(self, happening: Welcomed) -> None:
        self.renderer.own_name = happening.name
        if self._device is not None:
            try:
                self._credentials.keep(self._host, self._port, happening.name, happening.token)
            except OSError as error:
                self.complain("chat.no_token", error=error.strerror or str(error))
        if happening.first:
            self.begin()
        self.progress()

    def _refused_registration(self, happening: RegistrationRefused) -> None:
        guest = self._name is None and happening.code in _NAME_CODES
        if guest and self._guests_tried < GUESTS_TRIED_MAX:
            self._enter()
            return
        self.complain("chat.server_says", text=happening.text or str(happening.code or ""))
        self.finish(exit_codes.REFUSED)

    def _put_out(self, happening: Farewell) -> None:
        """The server put us out for longer: coming back by ourselves would be refused."""
        if self.mirror.ousted == Code.SIGNED_OUT and self._device is not None:
            with contextlib.suppress(OSError):
                self._credentials.forget(self._host, self._port, self.mirror.name)
        self.complain("chat.server_says", text=happening.text)
        self.finish(exit_codes.REFUSED)

    def _assured(self, assurance: Assurance) -> None:
        before, self._assurance = self._assurance, assurance
        if before is None or before.ground is not assurance.ground:
            for key, values in assurance_phrases(assurance, self._server):
                self.complain(key, **values)

    def _cut_off(self, cut: Cut) -> None:
        first = self._last_cut is None or self._last_cut.cause is not cut.cause
        self._last_cut = cut
        if self.patient() and first:
            self._complain_of(cut)
        if self._patience is None or cut.cause is not Cause.UNREACHABLE:
            self.progress()

    def _give_up(self) -> None:
        if self.mirror.state is not State.LIVE:
            cut = self._last_cut or Cut(Cause.SILENT, "", 0.0)
            detail = cut.detail or self.renderer.phrase("chat.cut.no_detail")
            self.complain("chat.unavailable", server=self._server, detail=detail)
        self.finish(exit_codes.UNAVAILABLE)

    def _complain_of(self, cut: Cut) -> None:
        detail = cut.detail or self.renderer.phrase("chat.cut.no_detail")
        self.complain(f"chat.cut.{cut.cause.value}", server=self._server, detail=detail)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
