"""A running server, asked as the operator: over TCP on this machine, by the token of its pass.

Owns one connection. Refuses to know what is asked. It is not encrypted: what it carries never
leaves the machine.

Invariant: nothing is asked before the server has let the operator in; a server that does not is not
the one whose pass it is.
"""

import socket
import time
from contextlib import suppress

from molva.admin.line import Complaint
from molva.client import exit_codes
from molva.core.accounts import OPERATOR
from molva.server.operator import Pass
from molva.terms import events
from molva.terms.actions import AnyAction, Registration
from molva.terms.catalogue import Language, say
from molva.terms.errors import Code
from molva.terms.events import AnyEvent, Result
from molva.terms.limits import FRAME_BYTES_MAX
from molva.wire.jsonl import BadEvent, format_action, parse_event
from molva.wire.terminal import safe_line

SILENCE_SECONDS = 60.0
"""How long a server may do nothing of what was asked."""

PATIENCE_SECONDS = 120.0
"""How long it may say that it is too much at once."""


class Running:
    """A `Line` to a server."""

    def __init__(self, shown: Pass, *, language: Language) -> None:
        """Connect and be let in. Raises Complaint."""
        self._shown = shown
        self._language = language
        try:
            address = (shown.host, shown.port)
            self._socket = socket.create_connection(address, timeout=SILENCE_SECONDS)
        except OSError:
            raise self._gone() from None
        self._lines = self._socket.makefile("rb")
        try:
            entering = Registration(
                name=OPERATOR, token=shown.token, language=language, features=["echo"]
            )
            self._send(entering)
            reply = self._receive()
            while not isinstance(reply, Result):
                reply = self._receive()
            if reply.result != "successful":
                raise self._gone()
        except BaseException:
            self.close()
            raise

    def put(self, action: AnyAction) -> AnyEvent:
        """Return what answers an action, which has an id. Raises Complaint when nothing does."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            self._send(action)
            answer = self._answer(action)
            if not isinstance(answer, events.Error) or answer.code != Code.RATE_LIMITED:
                return answer
            wait = answer.retry_after
            if wait is None or time.monotonic() + wait > until:
                return answer
            time.sleep(wait)

    def _answer(self, action: AnyAction) -> AnyEvent:
        while True:
            event = self._receive()
            if isinstance(event, events.Bye):
                raise Complaint(safe_line(event.text), exit_codes.UNAVAILABLE)
            if isinstance(event, Result) or event is None:
                continue
            if getattr(event, "id", None) == action.id:
                return event

    def _send(self, action: AnyAction) -> None:
        frame = format_action(action)
        try:
            self._socket.sendall(frame)
        except OSError:
            raise self._gone() from None

    def _receive(self) -> AnyEvent | Result | None:
        try:
            frame = self._lines.readline(FRAME_BYTES_MAX + 2)
            if frame.endswith(b"\n"):
                return parse_event(frame.rstrip(b"\r\n"))
        except (OSError, BadEvent):
            pass
        raise self._gone() from None

    def _gone(self) -> Complaint:
        text = say("admin.gone", self._language, pid=self._shown.pid)
        return Complaint(text, exit_codes.UNAVAILABLE)

    def close(self) -> None:
        """Go."""
        with suppress(OSError):
            self._lines.close()
        self._socket.close()
