"""The hub: the one door between the chat and the world.

`effects = hub.step(inputs, now)`: inputs tell what happened, effects ask for what is to be done,
and nothing else passes. Owns the dispatch of actions (a table: what handles each; who may is
`policy`'s), the life of sessions and the order in which one step works. It never waits: a store
write is an effect out and a completion in, so that a slow or failing disk is one more input.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from molva.core import messages, moderation, people, policy, rooms
from molva.core.administration import Administration
from molva.core.affairs import Affairs
from molva.core.chat import RETRY_SECONDS, Chat
from molva.core.effects import (
    AdmissionChanged,
    Committed,
    Connected,
    Disconnected,
    Effect,
    Hold,
    Input,
    LimitsChanged,
    Loaded,
    PasswordHashed,
    PasswordVerified,
    Received,
    Stopping,
    WindowClosed,
    WindowOpened,
)
from molva.core.gate import Gate
from molva.core.membership import Membership
from molva.core.presence import Presence
from molva.core.rate import ACTION, BYTES_PER_UNIT, ERROR, PAGE, charge, spend
from molva.core.reading import Reader
from molva.core.registration import Registrar
from molva.core.removals import Removals
from molva.core.restoration import restore
from molva.core.retirement import Retirement
from molva.core.session import Session, State, Trigger
from molva.terms import actions, events
from molva.terms.admission import Admission
from molva.terms.catalogue import say
from molva.terms.errors import CLOSING, Code, Refusal
from molva.terms.ids import ConnectionId
from molva.terms.instant import Instant
from molva.terms.limits import Limits
from molva.terms.ports import Contents, IdSource

PIPELINED = frozenset(
    {
        actions.NewMessage,
        actions.NewWhisper,
        actions.Topic,
        actions.Ping,
        actions.Pong,
        actions.Quit,
        Refusal,
    }
)
"""What need not wait for earlier writes: further ones, and what is answered after them anyway."""

REFUSALS_HEARD = 64
"""Actions refused for their number, one after the other, before the socket is read no more."""

Handler = tuple[frozenset[State], float, Callable[[Session, Any], None], bool]
"""In which states an action is heard, what it costs, what handles it, and whether the operator's
is."""


class Hub:
    """One node's chat."""

    def __init__(
        self,
        contents: Contents,
        *,
        limits: Limits,
        ids: IdSource,
        now: Instant,
        reports: bool = False,
        admission: Admission | None = None,
    ) -> None:
        """Take up what the store holds, at `now`.

        `ids` is the only source of chance. `reports`: whether the shell shows
        `Report` effects.
        """
        chat = Chat(
            limits=limits,
            ids=ids,
            now=now,
            reports=reports,
            admission=admission or Admission(),
        )
        restore(chat, contents)
        self._chat = chat
        self._registrar = Registrar(chat)
        self._reader = Reader(chat)
        self._gate = Gate(chat)
        self._removals = Removals(chat)
        self._membership = Membership(chat)
        self._retirement = Retirement(chat)
        chat.fold = self._membership.announce
        chat.hold = self._retirement.hold
        self._registrar.seat = self._membership.seat
        self._addresses: dict[str, int] = {}
        """Open connections of each address."""
        self._unregistered: dict[ConnectionId, Session] = {}
        """In the order of their deadlines; one that is gone leaves nothing behind."""
        self._expiring = False
        """Whether there is a timer for the first of them."""
        self._retrying = False
        self._handlers: dict[type[actions.Action], Handler] = {}
        self._add_handlers()
        self._membership.restore()
        self._retirement.restore()

    def _add_handlers(self) -> None:
        chat, handle = self._chat, self._handle
        reader, removals = self._reader, self._removals
        affairs = Affairs(chat, self._registrar, self._retirement)
        administration = Administration(chat, self._registrar, self._retirement)
        handle(actions.Registration, self._registrar.register)
        handle(actions.NewMessage, partial(messages.new_message, chat))
        handle(actions.NewWhisper, partial(messages.new_whisper, chat))
        handle(actions.Create, partial(rooms.create, chat))
        handle(actions.Join, partial(rooms.join, chat))
        handle(actions.Leave, partial(rooms.leave, chat))
        handle(actions.Topic, partial(rooms.topic, chat))
        handle(actions.Rename, partial(rooms.rename, chat))
        handle(actions.Mode, partial(rooms.mode, chat))
        handle(actions.Invite, partial(rooms.invite, chat))
        handle(actions.Rooms, partial(rooms.rooms, chat))
        handle(actions.Kick, partial(moderation.kick, chat))
        handle(actions.Ban, partial(moderation.ban, chat))
        handle(actions.Unban, partial(moderation.unban, chat))
        handle(actions.Mute, partial(moderation.mute, chat))
        handle(actions.Unmute, partial(moderation.unmute, chat))
        handle(actions.SetRole, partial(moderation.set_role, chat))
        handle(actions.Sanctions, partial(moderation.sanctions, chat))
        handle(actions.Remove, removals.remove)
        handle(actions.Restore, removals.restore)
        handle(actions.Report, removals.report)
        handle(actions.Ledger, removals.ledger)
        handle(actions.Users, partial(people.users, chat))
        handle(actions.Away, partial(people.away, chat))
        handle(actions.Read, reader.read)
        handle(actions.History, reader.history)
        handle(actions.Typing, partial(people.typing, chat))
        handle(actions.SetPassword, affairs.password)
        handle(actions.Devices, affairs.devices)
        handle(actions.ForgetDevice, affairs.forget_device)
        handle(actions.SignOut, affairs.sign_out)
        handle(actions.Link, affairs.link)
        handle(actions.DeleteAccount, affairs.delete)
        handle(actions.Block, affairs.block)
        handle(actions.Unblock, affairs.unblock)
        handle(actions.Blocks, affairs.blocks)
        handle(actions.Invitation, administration.invitation)
        handle(actions.Invitations, administration.invitations)
        handle(actions.EndInvitation, administration.end_invitation)
        handle(actions.Accounts, administration.accounts)
        handle(actions.ResetPassword, administration.reset_password)
        handle(actions.RemoveAccount, administration.remove_account)
        handle(actions.Ping, lambda s, a: chat.reply(s, events.Pong(id=a.id)))
        handle(actions.Pong, lambda s, a: None)
        handle(actions.Quit, lambda s, a: self._quit(s))

    def _handle(self, action: type[actions.Action], handler: Callable[..., None]) -> None:
        """Let a handler hear an action, behind the row of the table that says for whom."""
        cost = PAGE if action in (actions.History, actions.Ledger) else ACTION
        row = policy.TABLE[action]
        self._handlers[action] = (
            row.states,
            cost,
            self._gate.admitting(row, handler),
            row.operator,
        )

    @property
    def presence(self) -> Presence:
        """Who is online."""
        return self._chat.presence

    def let_operator_in(self, token: str) -> None:
        """Let who holds the machine register by a token that the shell has made."""
        self._chat.accounts.operator_digest = self._chat.ids.digest(token)

    @property
    def handled(self) -> frozenset[type[actions.Action]]:
        """The actions that have a handler."""
        return frozenset(self._handlers)

    # -- The door ------------------------------------------------------------------------------

    def step(self, inputs: Sequence[Input], now: Instant) -> list[Effect]:
        """Take one turn's inputs, in order, and return what is to be done, in order."""
        chat = self._chat
        chat.now = now
        chat.run_timers()
        for input in inputs:
            self._take(input)
        self._serve_idle()
        if chat.presence.tell_at is not None and chat.presence.tell_at <= now.elapsed:
            people.tell_presence(chat)
        chat.pump.run(chat.limits, chat.effects)
        if chat.pump.failed and not self._retrying:
            self._retrying = True
            chat.at(now.elapsed + RETRY_SECONDS, self._retry)
        if chat.stopping and not chat.writing and not chat.writes:
            self._say_bye()
        return chat.take_effects()

    def next_deadline(self) -> float | None:
        """Return when `step` is to be called even without inputs; None for never.

        A time that has passed means at once.
        """
        chat = self._chat
        if chat.pump.eager or chat.writes:
            return chat.now.elapsed
        due = [t for t in (chat.next_timer(), chat.presence.tell_at) if t is not None]
        return min(due) if due else None

    def _take(self, input: Input) -> None:
        chat = self._chat
        # The two of every message first; a pattern of classes costs more than what it finds.
        kind = type(input)
        if kind is Received:
            assert isinstance(input, Received)
            session = chat.sessions.get(input.connection)
            if session is not None:
                self._received(session, input)
        elif kind is Committed:
            assert isinstance(input, Committed)
            for outcome in input.outcomes:
                chat.committed(outcome)
            chat.flush()
        else:
            self._take_other(input)

    def _take_other(self, input: Input) -> None:
        chat = self._chat
        match input:
            case Loaded(request, loaded):
                if loaded is not None:
                    loaded = chat.masked(loaded)
                if not chat.pump.loaded(request, loaded, chat.effects):
                    if not self._removals.loaded(request, loaded):
                        self._reader.loaded(request, loaded)
                chat.loads_ended()
            case WindowClosed(connection):
                self._close_window(connection)
            case WindowOpened(connection):
                self._open_window(connection)
            case Connected(connection, address):
                self._connected(connection, address)
            case Disconnected(connection):
                self._disconnected(connection)
            case PasswordHashed(request, hash):
                self._registrar.hashed(request, hash)
            case PasswordVerified(request, fits):
                self._registrar.verified(request, fits)
            case LimitsChanged(limits):
                chat.limits = limits
            case AdmissionChanged(admission):
                chat.accounts.admission = admission
            case Stopping():
                chat.stopping = True

    # -- Connections ---------------------------------------------------------------------------

    def _connected(self, connection: ConnectionId, address: str) -> None:
        chat = self._chat
        limits = chat.limits
        session = Session(connection, address, chat.now.elapsed)
        chat.sessions[connection] = session
        here = self._addresses.get(address, 0) + 1
        self._addresses[address] = here
        chat.strangers += 1
        chat.report("report.connected", address=address)
        if chat.stopping:
            chat.violate(session, Code.SHUTTING_DOWN)
        elif (
            len(chat.sessions) > limits.connections_max
            or here > limits.connections_per_address_max
            or chat.strangers > limits.connections_new_max
        ):
            chat.violate(session, Code.TOO_MANY_CONNECTIONS)
        else:
            self._unregistered[connection] = session
            if not self._expiring:
                self._expiring = True
                chat.at(session.born_at + limits.registration_seconds, self._expire_registrations)

    def _expire_registrations(self) -> None:
        """End those who have not become anybody in time, and come again for the next."""
        chat = self._chat
        self._expiring = False
        passed: list[Session] = []
        for session in self._unregistered.values():
            due = session.born_at + chat.limits.registration_seconds
            if session.state in (State.NEW, State.CHECKING) and due > chat.now.elapsed:
                self._expiring = True
                chat.at(due, self._expire_registrations)
                break
            passed.append(session)
        for session in passed:
            del self._unregistered[session.connection]
            if session.state in (State.NEW, State.CHECKING):
                chat.violate(session, Code.REGISTRATION_TIMEOUT)

    def _disconnected(self, connection: ConnectionId) -> None:
        chat = self._chat
        session = chat.sessions.pop(connection, None)
        if session is None:
            return
        left = self._addresses[session.address] - 1
        if left:
            self._addresses[session.address] = left
        else:
            del self._addresses[session.address]
        if session.account is None:
            chat.strangers -= 1
            chat.report("report.disconnected", address=session.address)
        chat.part(session)
        session.move(Trigger.DISCONNECTED)
        session.waiting = session.backlog = None
        chat.idle.pop(connection, None)
        self._unregistered.pop(connection, None)

    def _close_window(self, connection: ConnectionId) -> None:
        chat = self._chat
        session = chat.sessions.get(connection)
        if session is None or not session.window_open or not session.open():
            return
        session.window_open = False
        session.window_closed_at = chat.now.elapsed
        chat.pump.close_window(session)
        closed_at = session.window_closed_at
        due = closed_at + chat.limits.stall_seconds
        chat.at(due, lambda: self._expire_window(session, closed_at))

    def _expire_window(self, session: Session, closed_at: float) -> None:
        if not session.window_open and session.window_closed_at == closed_at:
            seconds = round(self._chat.limits.stall_seconds)
            self._chat.violate(session, Code.STALLED, seconds=seconds)

    def _open_window(self, connection: ConnectionId) -> None:
        session = self._chat.sessions.get(connection)
        if session is not None and not session.window_open:
            session.window_open = True
            self._chat.pump.open_window(session)

    def _quit(self, session: Session) -> None:
        text = say("bye", session.language)
        self._chat.reply(session, events.Bye(text=text))

    # -- Actions -------------------------------------------------------------------------------

    def _received(self, session: Session, input: Received) -> None:
        chat = self._chat
        if not session.open():
            return
        session.heard_at = chat.now.elapsed
        session.pinged = False
        if session.state is not State.LIVE:
            self._time_frame(session, input.partial)
        rate = chat.limits.actions_per_connection
        if rate is not None:
            charge(session, rate, input.bytes / BYTES_PER_UNIT, chat.now.elapsed)
        for request in input.requests:
            if session.backlog or self._must_wait(session, request):
                if session.backlog is None:
                    session.backlog = deque()
                session.backlog.append(request)
            else:
                self._act(session, request)
                if not session.open():
                    return
        self._bound(session)

    def _time_frame(self, session: Session, partial: bool) -> None:
        """Give a stranger a while to end a frame it has begun."""
        if not partial:
            session.frame_began_at = None
            return
        if session.frame_began_at is None:
            began_at = session.frame_began_at = self._chat.now.elapsed
            due = began_at + self._chat.limits.frame_seconds
            self._chat.at(due, lambda: self._expire_frame(session, began_at))

    def _expire_frame(self, session: Session, began_at: float) -> None:
        if session.frame_began_at == began_at and session.state is not State.LIVE:
            self._chat.violate(session, Code.REGISTRATION_TIMEOUT)

    def _bound(self, session: Session) -> None:
        """Hear no more from who has asked for more than is done, until half of it is."""
        waiting = session.writes_sent - session.writes_done + len(session.backlog or ())
        maximum = self._chat.limits.inbox_actions_max
        if not session.held and waiting > maximum:
            session.held = True
            self._chat.effects.append(Hold(session.connection))
        elif session.held and not session.slowed and waiting * 2 <= maximum:
            self._chat.release(session)

    def _slow(self, session: Session, wait: float) -> None:
        """Read no more for a while from who goes on though it is told to wait.

        Telling costs as much as doing; the socket's own buffers tell it for nothing.
        """
        session.refusals += 1
        if session.refusals < REFUSALS_HEARD or session.slowed:
            return
        chat = self._chat
        session.slowed = True
        if not session.held:
            session.held = True
            chat.effects.append(Hold(session.connection))
        chat.at(chat.now.elapsed + wait, lambda: self._hear_again(session))

    def _hear_again(self, session: Session) -> None:
        session.slowed = False
        session.refusals = 0
        if session.open():
            self._bound(session)

    def _serve_idle(self) -> None:
        """Take up the actions that waited for an earlier one of their session."""
        chat = self._chat
        while chat.idle:
            sessions, chat.idle = chat.idle, {}
            for session in sessions.values():
                while session.backlog and session.open():
                    if self._must_wait(session, session.backlog[0]):
                        break
                    self._act(session, session.backlog.popleft())
                if session.open():
                    self._bound(session)

    def _must_wait(self, session: Session, request: actions.AnyAction | Refusal) -> bool:
        """Say whether an action must wait for earlier ones of its session.

        What is said follows without waiting. Whatever asks how things stand, or changes who may do
        what, waits until what was said before is in the log: one reads one's own writes.
        """
        account = session.account
        if session.busy or (account is not None and account.retiring):
            return True
        if self._chat.changing and self._gate.awaits(session, request):
            return True
        if session.writes_sent == session.writes_done:
            return False
        return type(request) not in PIPELINED

    def _act(self, session: Session, request: actions.AnyAction | Refusal) -> None:
        chat = self._chat
        if isinstance(request, Refusal):
            self._refuse(session, request)
            return
        states, cost, handler, operator = self._handlers[type(request)]
        if session.state not in states:
            known = session.account is not None
            code = Code.ALREADY_REGISTERED if known else Code.NOT_AUTHENTICATED
            self._refuse(session, Refusal(code, {}, request.id))
            return
        if chat.stopping:
            self._refuse(session, Refusal(Code.SHUTTING_DOWN, {}, request.id))
            return
        wait = self._spend(session, cost)
        if wait:
            refusal = Refusal(Code.RATE_LIMITED, {"seconds": round(wait, 3)}, request.id)
            chat.reply(session, chat.error(session, refusal))
            self._slow(session, wait)
            return
        session.refusals = 0
        if session.account is chat.accounts.operator and not operator:
            self._refuse(session, Refusal(Code.NOT_ALLOWED, {}, request.id))
            return
        handler(session, request)

    def _spend(self, session: Session, cost: float) -> float:
        """Take an action's cost from its connection and its account; return the seconds to wait."""
        chat = self._chat
        rate = chat.limits.actions_per_connection
        now = chat.now.elapsed
        if rate is not None:
            wait = spend(session, rate, cost, now)
            if wait:
                return wait
        rate = chat.limits.actions_per_account
        if rate is not None and session.account is not None:
            return spend(session.account, rate, cost, now)
        return 0.0

    def _refuse(self, session: Session, refusal: Refusal) -> None:
        chat = self._chat
        rate = chat.limits.actions_per_connection
        if rate is not None:
            charge(session, rate, ERROR, chat.now.elapsed)
        if refusal.code in CLOSING and refusal.code is not Code.SHUTTING_DOWN:
            chat.violate(session, refusal.code, **refusal.values)
        else:
            chat.reply(session, chat.error(session, refusal))

    # -- Time and the end ----------------------------------------------------------------------

    def _retry(self) -> None:
        self._retrying = False
        self._chat.pump.retry()

    def _say_bye(self) -> None:
        """Everything asked for is done: let everybody go."""
        for session in tuple(self._chat.sessions.values()):
            self._chat.violate(session, Code.SHUTTING_DOWN)
