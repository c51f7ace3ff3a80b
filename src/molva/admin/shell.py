"""A shell without sockets: the hub over a store that no server has, for one operator.

Owns the loop that steps the hub until what was asked is answered and all that it asks for is done;
everything is done at once, in this thread. Refuses to know what is asked.

Invariant: an action comes in as the wire has it, so that what a server would refuse is refused here
in the same words.
"""

import asyncio
import time
from collections import deque
from typing import assert_never

from molva.admin.line import Complaint
from molva.client import exit_codes
from molva.config import lifted
from molva.core.accounts import OPERATOR
from molva.core.effects import (
    Close,
    Commit,
    Committed,
    Connected,
    Deliver,
    Disconnected,
    Effect,
    HashPassword,
    Hold,
    Input,
    Load,
    Loaded,
    PasswordHashed,
    PasswordVerified,
    Received,
    Release,
    Report,
    Send,
    Speak,
    Stopping,
    VerifyPassword,
)
from molva.core.hub import Hub
from molva.server.identity import Passwords, SecretIds
from molva.terms.actions import AnyAction, Registration
from molva.terms.catalogue import Language, say
from molva.terms.events import AnyEvent, Result
from molva.terms.ids import ConnectionId
from molva.terms.instant import Instant
from molva.terms.limits import FRAME_BYTES_MAX, Limits
from molva.terms.ports import Store, StoreLost
from molva.wire.jsonl import format_action, parse_action

OPERATORS = ConnectionId(1)
"""The one connection that there is."""

ANSWER_SECONDS = 30.0
"""How long an answer may depend on a timer of the hub: a store that cannot is asked again."""


class Shell:
    """A `Line` to a hub of our own, over a store that it closes."""

    def __init__(self, store: Store, *, limits: Limits, language: Language) -> None:
        """Take up a store. Raises StoreUnavailable."""
        self._store = store
        self._language = language
        self._passwords = Passwords(limits.hashes_waiting_max)
        self._told: deque[AnyEvent | Result] = deque()
        ids = SecretIds()
        self._hub = Hub(store.contents(), limits=lifted(limits), ids=ids, now=_now())
        token = ids.token()
        self._hub.let_operator_in(token)
        self._step([Connected(OPERATORS, "127.0.0.1")])
        self._hear(Registration(name=OPERATOR, token=token, language=language))
        reply = self._told.popleft()
        assert isinstance(reply, Result) and reply.result == "successful", reply

    def put(self, action: AnyAction) -> AnyEvent:
        """Return what answers an action, which has an id. Raises Complaint when nothing does."""
        until = time.monotonic() + ANSWER_SECONDS
        self._hear(action)
        while True:
            while self._told:
                event = self._told.popleft()
                if not isinstance(event, Result) and getattr(event, "id", None) == action.id:
                    return event
            due = self._hub.next_deadline()
            if due is None or due > until:
                text = say("admin.no_answer", self._language)
                raise Complaint(text, exit_codes.UNAVAILABLE)
            time.sleep(max(due - time.monotonic(), 0.0))
            self._step([])

    def _hear(self, action: AnyAction) -> None:
        frame = format_action(action)
        if len(frame) > FRAME_BYTES_MAX:
            text = say("error.too_long", self._language, bytes=FRAME_BYTES_MAX)
            raise Complaint(text, exit_codes.USAGE)
        self._step([Received(OPERATORS, [parse_action(frame.rstrip(b"\n"))], len(frame))])

    def _step(self, inputs: list[Input]) -> None:
        """Step the hub, and do what it asks for, until it asks for nothing more."""
        while True:
            effects = self._hub.step(inputs, _now())
            inputs = [done for effect in effects if (done := self._perform(effect)) is not None]
            due = self._hub.next_deadline()
            if not inputs and (due is None or due > time.monotonic()):
                return

    def _perform(self, effect: Effect) -> Input | None:
        match effect:
            case Commit(writes):
                try:
                    return Committed(self._store.commit(writes))
                except StoreLost as lost:
                    text = say("admin.lost", self._language)
                    raise Complaint(text, exit_codes.UNAVAILABLE) from lost
            case Load(request):
                return Loaded(request, effect.read(self._store))
            case HashPassword(request, password):
                return PasswordHashed(request, asyncio.run(self._passwords.hash(password)))
            case VerifyPassword(request, hash, password):
                fits = asyncio.run(self._passwords.verify(hash, password))
                return PasswordVerified(request, fits)
            case Send(_, event):
                self._told.append(event)
            case Speak() | Deliver() | Hold() | Release() | Close() | Report():
                pass
            case _:
                assert_never(effect)
        return None

    def close(self) -> None:
        """End in order: what was begun is stored."""
        try:
            self._step([Disconnected(OPERATORS), Stopping()])
        finally:
            self._passwords.close()
            self._store.close()


def _now() -> Instant:
    return Instant(time.monotonic(), time.time_ns() // 1_000_000)
