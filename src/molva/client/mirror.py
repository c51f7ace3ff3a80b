"""Mirror: a client without its socket, its clock and its screen.

Owns what a client must know to lose nothing and to show nothing twice: the state of the line, a
cursor for each log, the gaps, the writes in flight, the markers, who is online. Events go in with
the time at which they came; actions and happenings come out. Refuses to know bytes, sockets, the
clock, randomness and how anything looks.

Whoever drives it does, in a loop: `connected`, then `receive` for each event, `tick` when
`next_deadline` has passed, and `disconnected`; after each of these and of any request it sends
`actions_to_send()` in order and looks at `happenings()`. When `dead` is true it closes the line.

Invariants:
- an entry is shown once: a cursor only advances, and what is not beyond it is dropped;
- nothing is skipped in silence: a hole is a `GapFound`, and ends as `GapFilled` or `GapRemains`;
- a write is in the outbox before it is sent, is sent again under its old id after each welcome,
  and leaves the outbox only when the server says that it is stored, or refuses it for good;
- writes leave in the order they were made, also around a refusal that asks for patience;
- what a server says is believed within bounds: lists, gaps, logs and delays are limited.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from molva.client.happenings import (
    Acknowledged,
    AnyHappening,
    AnyRequest,
    AwayChanged,
    Farewell,
    Fenced,
    Finished,
    GapFilled,
    GapFound,
    GapRemains,
    HistoryReceived,
    ListReceived,
    LogChanged,
    LogRestarted,
    Notice,
    Postponed,
    PresenceChanged,
    Refused,
    RegistrationRefused,
    Shown,
    State,
    StateChanged,
    TypingSeen,
    Welcomed,
)
from molva.client.log import GAPS_MAX, Gap, Log
from molva.client.outbox import AnyWrite, MemoryOutbox, Outbox
from molva.terms import actions, events, limits
from molva.terms.errors import CLOSING, Code
from molva.terms.ids import TAG_SEPARATOR

COMMON_ROOM: Final = "#general"
FEATURES: Final = ("echo", "presence", "ping", "typing")

SEQ_MAX: Final = 2**53 - 1
LOGS_MAX: Final = 20_000
"""Logs kept: an account is in 200 rooms and has 2,000 direct conversations at most."""
ONLINE_MAX: Final = 100_000
"""Names of those online that are kept; their number is right beyond it."""
CURSOR_NAME_CHARACTERS_MAX: Final = 257
"""What a registration may hold as the name of a cursor."""
NAME_CHARACTERS_MAX: Final = 256
"""A longer name of a room or a person is not a field of an action."""
REQUESTS_MAX: Final = 64
"""Requests waiting for their answer; the oldest is given up for one more."""
GAP_ENTRIES_MAX: Final = 1_000
"""A longer gap is not filled unasked: nobody reads a thousand lines as they rush by."""

PING_SECONDS: Final = 45.0
"""Silence after which we ask whether the server is there, unless its welcome says another."""
PING_SECONDS_MIN: Final = 1.0
PING_SECONDS_MAX: Final = 300.0
ANSWER_SECONDS: Final = 10.0
"""A write or a ping unanswered for so long is asked after; a ping for so long again is the end."""
REGISTRATION_ANSWER_SECONDS: Final = 30.0
"""A registration unanswered for so long: passwords are hashed one after the other."""
RETRY_SECONDS_MIN: Final = 0.05
RETRY_SECONDS_MAX: Final = 60.0
RETRY_SECONDS_FIRST: Final = 0.25
RETRY_SECONDS_DOUBLED_MAX: Final = 10.0
"""Where the server asks for patience and does not say how much, it doubles from the first."""

RETRIED: Final = frozenset({Code.RATE_LIMITED, Code.UNAVAILABLE, Code.BUSY})
"""Nothing of the write took effect, and the same one may succeed later."""
UNREADABLE: Final = frozenset({Code.BAD_PROTOCOL, Code.TOO_LONG, Code.BAD_UTF8})
"""The line was closed over what we sent: sending the same again would close it again."""


class TextRefused(ValueError):
    """A text that the server would refuse; nothing was kept or sent. `code` says why."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


class _Filling:
    """The request for a part of a gap that is on its way."""

    __slots__ = ("gap", "id", "log")

    def __init__(self, log: Log, gap: Gap, id: str) -> None:
        self.log = log
        self.gap = gap
        self.id = id


class _Reading:
    """A read marker that is to be moved."""

    __slots__ = ("action", "sent")

    def __init__(self, action: actions.Read) -> None:
        self.action = action
        self.sent = False


class Mirror:
    """One device of one person, at one server."""

    def __init__(
        self,
        name: str = "",
        *,
        new_id: Callable[[], str],
        outbox: Outbox | None = None,
        password: str | None = None,
        token: str | None = None,
        device: str | None = None,
        language: str | None = None,
        in_flight_max: int = 1,
        gap_entries_max: int | None = GAP_ENTRIES_MAX,
        ping_seconds: float | None = None,
    ) -> None:
        """Make a mirror that is OFFLINE.

        `name`: who we want to be; empty: `register` says it later. `new_id` returns an id that this
        account never used (printable ASCII, 64 at most). `in_flight_max`: writes sent and not
        answered at once; above 1 it is faster, and a refusal such as `rate_limited` may let a later
        write overtake. `gap_entries_max`: longer gaps are filled when `fill` asks only; None: all
        are filled. `ping_seconds`: instead of what the welcome says.
        """
        self.state = State.OFFLINE
        self.name = name
        """Who we are, spelled as the server does once we are welcome."""
        self.account = False
        """Whether the name has a password, as the last welcome said."""
        self.logs: dict[str, Log] = {}
        """All logs by key; `log` finds one by name."""
        self.users: dict[str, str] = {}
        """Who is online, by lower case, as far as we were told; ourselves included."""
        self.online = 0
        """How many are online, ourselves included."""
        self.away: dict[str, str] = {}
        """Who is away, by lower case, with what they said."""
        self.away_text: str | None = None
        """What we said ourselves when we went away; None while we are here."""
        self.features: frozenset[str] = frozenset()
        """What the server has of what we understand."""
        self.dead = False
        """The server does not answer: close the line, then tell `disconnected`."""
        self.resumed_elsewhere = False
        """This device lives on another connection now: coming back would only take it away."""

        self._new_id = new_id
        self._outbox: Outbox = MemoryOutbox() if outbox is None else outbox
        self._password = password
        self._token = token
        self._device = device
        self._language = language
        self._in_flight_max = in_flight_max
        self._gap_entries_max = gap_entries_max
        self._ping_seconds_fixed = ping_seconds
        self._ping_seconds = ping_seconds or PING_SECONDS

        self._outgoing: list[actions.AnyAction] = []
        self._happened: list[AnyHappening] = []
        self._welcomed_ever = False
        self._wanted = bool(name)
        """Whether the name may be tried: False once it was refused, until `register`."""
        self._registering_since: float | None = None
        self._unsent: deque[AnyWrite] = deque()
        self._in_flight: dict[str, AnyWrite] = {}
        self._last_write: str | None = None
        self._requests: dict[str, AnyRequest] = {}
        self._unsent_requests: deque[tuple[str, str | None]] = deque()
        """Requests to be sent, each with the write that must leave before it."""
        self._fences: dict[str, tuple[str, ...]] = {}
        self._readings: dict[str, _Reading] = {}
        self._to_fill: dict[str, None] = {}
        self._filling: _Filling | None = None
        self._retry_at = 0.0
        self._retries = 0
        self._heard_at = 0.0
        self._probe_at: float | None = None

    # -- What comes out ------------------------------------------------------------------------

    def actions_to_send(self) -> list[actions.AnyAction]:
        """Return what must be sent now, in this order, and let go of it."""
        out = self._outgoing
        if out:
            self._outgoing = []
        return out

    def happenings(self) -> list[AnyHappening]:
        """Return what happened since the last call, in order, and let go of it."""
        out = self._happened
        if out:
            self._happened = []
        return out

    @property
    def outbox(self) -> Outbox:
        """What is not acknowledged yet."""
        return self._outbox

    @property
    def token(self) -> str | None:
        """With what this device comes back."""
        return self._token

    def log(self, name: str) -> Log | None:
        """Return the log of a room or person (any case), or None when we know none.

        `name~tag` finds a person's also when the server calls them by the name alone.
        """
        key = name.lower()
        log = self.logs.get(key)
        if log is None and TAG_SEPARATOR in key:
            log = self.logs.get(key.partition(TAG_SEPARATOR)[0])
            if log is not None and log.address.lower() != key:
                return None
        return log

    def next_deadline(self) -> float | None:
        """Return the time at which `tick` is due, in seconds of the clock of `now`; or None."""
        if self.state is State.REGISTERING:
            if self._registering_since is not None:
                return self._registering_since + REGISTRATION_ANSWER_SECONDS
            return self._retry_at or None
        if self.state is not State.LIVE or self.dead:
            return None
        due = self._retry_at or None
        if "ping" in self.features:
            if self._probe_at is not None:
                asked = self._probe_at + ANSWER_SECONDS
            else:
                asked = self._heard_at + self._patience()
            due = asked if due is None else min(due, asked)
        return due

    # -- The line ------------------------------------------------------------------------------

    def connected(self, now: float) -> None:
        """There is a connection: register, if we know as whom and were not refused."""
        assert self.state is State.OFFLINE
        self.dead = False
        self.resumed_elsewhere = False
        self._heard_at = now
        self._probe_at = None
        self._retry_at = 0.0
        self._become(State.REGISTERING)
        if self._wanted:
            self._send_registration(now)

    def register(
        self,
        name: str,
        now: float,
        *,
        password: str | None = None,
        token: str | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        """Become somebody: before the first welcome, or after a `RegistrationRefused`.

        Another name than before needs an outbox of its own: writes are sent for who wrote them.
        Raises TextRefused for a name or a password that cannot be sent.
        """
        _check_name(name)
        if password is not None and not password.isprintable():
            raise TextRefused(Code.BAD_TEXT)
        if name.lower() != self.name.lower():
            self._forget_identity(rooms_too=True)
        self.name = name
        self._wanted = True
        self._password = password
        self._token = token
        if outbox is not None:
            self._outbox = outbox
        if self.state is State.REGISTERING and self._registering_since is None:
            self._send_registration(now)

    def disconnected(self, now: float) -> None:
        """The connection is gone. What was in flight is sent again after the next welcome."""
        if self.state is State.OFFLINE:
            return
        self._outgoing.clear()
        self._in_flight.clear()
        self._unsent.clear()
        self._unsent_requests.clear()
        self._fences.clear()
        self._filling = None
        self._registering_since = None
        self._retry_at = 0.0
        self._probe_at = None
        self.dead = False
        for reading in self._readings.values():
            reading.sent = False
        for id in [id for id, request in self._requests.items() if type(request) is actions.Ping]:
            del self._requests[id]
        self._become(State.OFFLINE)

    def receive(self, event: events.AnyEvent | events.Result, now: float) -> None:
        """Take in what the server said at `now`."""
        if self.state is State.OFFLINE:
            return
        self._heard_at = now
        self._probe_at = None
        kind = type(event)
        if self.state is State.REGISTERING and kind not in _BEFORE_WELCOME:
            return
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, event, now)

    def tick(self, now: float) -> None:
        """Do what is due at `now`: try again, ask whether the server is there, or give it up."""
        if self.state is State.REGISTERING:
            if self._registering_since is not None:
                if now >= self._registering_since + REGISTRATION_ANSWER_SECONDS:
                    self.dead = True
            elif self._retry_at and now >= self._retry_at:
                self._send_registration(now)
            return
        if self.state is not State.LIVE:
            return
        if "ping" in self.features:
            if self._probe_at is not None:
                self.dead = now >= self._probe_at + ANSWER_SECONDS
            elif now >= self._heard_at + self._patience():
                self._probe_at = now
                id = self._new_id()
                ping = self._requests[id] = actions.Ping(id=id)
                self._send_request(id, ping)
        if self._retry_at and now >= self._retry_at:
            self._pump(now)

    # -- Writes --------------------------------------------------------------------------------

    def send(self, text: str, now: float, *, room: str | None = None, to: str | None = None) -> str:
        """Say `text` in a room, or to a person, or in the common room; return the write's id.

        It is kept before this returns, and leaves when the line allows. Raises TextRefused,
        OutboxFull, and OSError when the outbox cannot keep it.
        """
        _check(text, empty_allowed=False, bytes_max=limits.TEXT_BYTES_MAX, lines=True)
        if to is not None:
            _check_name(to)
        elif room is not None:
            _check_name(room)
        id = self._new_id()
        if to is not None:
            return self._write(actions.NewWhisper(to=to, text=text, id=id), id, now)
        return self._write(actions.NewMessage(text=text, room=room or COMMON_ROOM, id=id), id, now)

    def create(self, room: str, now: float, *, topic: str | None = None) -> str:
        """Make a room; return the write's id. Raises as `send` does."""
        _check_name(room)
        _check(topic or "", empty_allowed=True, bytes_max=limits.TOPIC_BYTES_MAX, lines=False)
        id = self._new_id()
        return self._write(actions.Create(room=room, topic=topic, id=id), id, now)

    def join(self, room: str, now: float) -> str:
        """Become a member of a room; return the write's id. Raises as `send` does."""
        _check_name(room)
        id = self._new_id()
        return self._write(actions.Join(room=room, id=id), id, now)

    def leave(self, room: str, now: float) -> str:
        """Cease to be a member of a room; return the write's id. Raises as `send` does."""
        _check_name(room)
        id = self._new_id()
        return self._write(actions.Leave(room=room, id=id), id, now)

    def topic(self, room: str, text: str, now: float) -> str:
        """Set a room's topic, or with an empty text remove it; return the write's id.

        Raises as `send` does.
        """
        _check_name(room)
        _check(text, empty_allowed=True, bytes_max=limits.TOPIC_BYTES_MAX, lines=False)
        id = self._new_id()
        return self._write(actions.Topic(room=room, text=text, id=id), id, now)

    # -- Requests: they become no entry, so they are neither kept on disk nor sent in order -------

    def history(
        self,
        conversation: str,
        now: float,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = 50,
    ) -> str:
        """Ask for a page of a room or a direct conversation; return the request's id.

        Answered by `HistoryReceived` or `Refused`. Raises TextRefused.
        """
        _check_name(conversation)
        log = self.log(conversation)
        room, person = _addressed(conversation if log is None else log.address)
        return self._request(
            actions.History(
                room=room,
                with_=person,
                before=before,
                after=after,
                around=around,
                limit=min(max(limit, 1), limits.HISTORY_PAGE_MAX),
                id=self._new_id(),
            )
        )

    def list_users(self, now: float, *, room: str | None = None) -> str:
        """Ask who is online, or in a room; answered by `ListReceived` or `Refused`.

        Raises TextRefused.
        """
        if room is not None:
            _check_name(room)
        return self._request(actions.Users(room=room, id=self._new_id()))

    def list_rooms(self, now: float) -> str:
        """Ask which rooms there are; answered by `ListReceived` or `Refused`."""
        return self._request(actions.Rooms(id=self._new_id()))

    def set_away(self, text: str | None, now: float) -> str:
        """Say that we are away, or with None back; said again after each welcome.

        Answered by `Finished` or `Refused`. Raises TextRefused.
        """
        if text is not None:
            _check(text, empty_allowed=True, bytes_max=limits.AWAY_BYTES_MAX, lines=False)
        for id in [id for id, request in self._requests.items() if type(request) is actions.Away]:
            del self._requests[id]  # Only the newest counts, also after a cut.
        self.away_text = text
        return self._request(actions.Away(text=text, id=self._new_id()))

    def ping(self, now: float) -> str:
        """Ask for a `Fenced` once all that was sent before on this connection is stored."""
        return self._request(actions.Ping(id=self._new_id()))

    def read(self, conversation: str, now: float) -> None:
        """Mark as read all that was shown of a conversation. Nothing else moves the marker."""
        log = self.log(conversation)
        if log is None or log.is_own or log.cursor <= log.read:
            return
        key = log.name.lower()
        waiting = self._readings.get(key)
        if waiting is not None and waiting.action.through >= log.cursor:
            return
        room, person = _addressed(log.address)
        self._readings[key] = _Reading(
            actions.Read(through=log.cursor, room=room, with_=person, id=self._new_id())
        )
        self._pump(now)

    def typing(self, conversation: str, now: float) -> None:
        """Tell the others that we are typing; not kept, not sent when there is no line."""
        if self.state is State.LIVE:
            _check_name(conversation)
            room, person = _addressed(conversation)
            self._outgoing.append(actions.Typing(room=room, to=person))

    def quit(self, now: float) -> None:
        """Take leave: the server closes the line when what was asked before is answered."""
        if self.state is State.LIVE:
            self._outgoing.append(actions.Quit())

    def fill(self, conversation: str, now: float) -> None:
        """Ask for the gaps of a conversation that were too long to be filled unasked."""
        log = self.log(conversation)
        if log is not None and not log.is_own and log.gaps:
            for gap in log.gaps:
                gap.filling = True
            self._to_fill[log.name.lower()] = None
            self._pump(now)

    # -- Registration --------------------------------------------------------------------------

    def _send_registration(self, now: float) -> None:
        cursors = {
            log.address: log.cursor
            for log in self.logs.values()
            if log.joined and len(log.address) <= CURSOR_NAME_CHARACTERS_MAX
        }
        while len(cursors) > limits.CURSORS_MAX:
            # Logs are kept in the order they were last heard of at a welcome: the quiet ones go.
            # The server starts those at their read marker, and what was shown already is dropped.
            del cursors[next(iter(cursors))]
        self._registering_since = now
        self._retry_at = 0.0
        self._outgoing.append(
            actions.Registration(
                name=self.name,
                password=self._password,
                token=self._token,
                device=self._device,
                language=self._language,
                features=list(FEATURES),
                cursors=cursors,
            )
        )

    def _on_result(self, event: events.Result, now: float) -> None:
        if self._registering_since is None:
            return
        self._registering_since = None
        if event.result == "successful":
            self._welcome(event, now)
        elif event.code in RETRIED:
            self._retry_at = now + self._delay(event.retry_after)
            self._happened.append(Notice(event.text or "", event.code))
        elif event.code == Code.BAD_TOKEN and self._token is not None:
            # A guest whose name was held too long is a new guest now, whose direct conversations
            # begin anew. An account keeps its logs; it will be asked for its password.
            self._token = None
            if not self.account:
                self._forget_identity(rooms_too=False)
            self._send_registration(now)
        else:
            self._wanted = False
            self._happened.append(RegistrationRefused(event.code, event.text or ""))

    def _welcome(self, event: events.Result, now: float) -> None:
        first = not self._welcomed_ever
        self._welcomed_ever = True
        self._retries = 0
        if event.name and event.name.isprintable() and len(event.name) <= NAME_CHARACTERS_MAX:
            self.name = event.name
        self.account = bool(event.account)
        token = event.token
        if token is not None and not (
            token.isascii() and token.isprintable() and len(token) <= limits.TOKEN_CHARACTERS_MAX
        ):
            token = None  # We could not send it back.
        self._token = token or self._token
        if self._token is not None:
            self._password = None  # The token does from here on.
        self.features = frozenset(event.features or ())
        if self._ping_seconds_fixed is None:
            self._ping_seconds = _within(event.ping_seconds, PING_SECONDS)
        self._set_online(event.users or [], event.online)
        self.away.clear()
        self._become(State.LIVE)
        pending = self._outbox.pending()
        self._happened.append(
            Welcomed(
                self.name,
                first,
                token,
                self.account,
                self.online,
                list(event.users or []),
                event.text or "",
                len(pending),
            )
        )
        self._take_snapshots(event.conversations or [])
        self._unsent = deque(write.action for write in pending)
        if self.away_text is not None and not any(
            type(request) is actions.Away for request in self._requests.values()
        ):
            self._request(actions.Away(text=self.away_text, id=self._new_id()), send=False)
        self._pump(now)
        self._unsent_requests = deque((id, self._last_write) for id in self._requests)
        self._send_requests()

    def _forget_identity(self, *, rooms_too: bool) -> None:
        """Forget what belongs to the account; a room is the same log for everybody."""
        for key in [key for key, log in self.logs.items() if rooms_too or not log.is_room]:
            del self.logs[key]
            self._to_fill.pop(key, None)
            self._readings.pop(key, None)

    # -- Logs ----------------------------------------------------------------------------------

    def _on_conversations(self, event: events.Conversations, now: float) -> None:
        self._take_snapshots(event.conversations)
        self._pump(now)

    def _take_snapshots(self, snapshots: list[events.Conversation]) -> None:
        for snapshot in snapshots:
            name = snapshot.room or snapshot.with_ or snapshot.log
            if not name or not 0 <= snapshot.cursor <= snapshot.head <= SEQ_MAX:
                continue
            log = self._take_out(name, snapshot.tag)
            if log is None:
                if len(self.logs) >= LOGS_MAX:
                    continue
                log = Log(name, cursor=snapshot.cursor)
            elif snapshot.head < log.cursor:
                # The log we knew under this name has ended.
                log.restart(snapshot.cursor)
                self._happened.append(LogRestarted(name))
            elif snapshot.cursor > log.cursor:
                if log.joined:
                    self._open_gap(log, snapshot.cursor)
                else:
                    # We were away by our own will: what was said meanwhile was not for us.
                    log.restart(snapshot.cursor)
            self.logs[name.lower()] = log
            log.stand(snapshot)
            if any(gap.filling for gap in log.gaps):
                self._to_fill[name.lower()] = None
            self._happened.append(LogChanged(log.name))

    def _take_out(self, name: str, tag: str | None) -> Log | None:
        """Take the log that a snapshot is about from the others; None when it is new to us.

        A guest's name passes to another: the log that had it before steps aside under its tag.
        """
        key = name.lower()
        log = self.logs.get(key)
        if log is not None and log.tag is not None and tag is not None and log.tag != tag:
            self._to_fill.pop(key, None)
            self._readings.pop(key, None)
            del self.logs[key]
            log.name = log.address
            self.logs[log.name.lower()] = log
            self._happened.append(LogRestarted(name))
            log = None
        if log is None:
            log = self.log(name)
        if log is not None:
            before = log.name.lower()
            del self.logs[before]
            reading = self._readings.pop(before, None)
            if reading is not None:
                # It is this log's marker that moves, whoever has its name by then.
                self._readings[key] = reading
            if before != key:
                self._to_fill.pop(before, None)
        return log

    def _on_entry(self, event: events.LogEvent, now: float) -> None:
        self._show(event, now)
        # Also where it was shown before: the acknowledgement may have been lost with the line.
        self._acknowledge(event, now)

    def _show(self, event: events.LogEvent, now: float) -> None:
        name = self._conversation_of(event)
        seq = event.seq
        if seq is None:
            # A server of 2022: it numbers nothing, so nothing can come twice or be missing.
            self._happened.append(Shown(name, event))
            return
        log = self._log_or_new(name)
        if log is None or not log.cursor < seq <= SEQ_MAX:
            return
        hole = seq > log.cursor + 1
        if hole:
            self._open_gap(log, seq - 1)
        log.deliver(event, seq)
        self._happened.append(Shown(log.name, event))
        self._learn(log, event)
        if hole:
            self._pump(now)

    def _learn(self, log: Log, event: events.LogEvent) -> None:
        """Take in what an entry changes beside being shown."""
        kind = type(event)
        if kind is events.NewMessage or kind is events.NewWhisper:
            return
        if isinstance(event, events.Topic):
            log.topic = event.text
            self._happened.append(LogChanged(log.name))
        elif isinstance(event, events.Read):
            other = self.log(event.room or event.with_ or "")
            if other is not None:
                self._mark_read(other, event.through, event.unread)
        elif isinstance(event, events.RoomLeft):
            other = self.log(event.room)
            if other is not None:
                other.joined = False
                self._happened.append(LogChanged(other.name))
        elif isinstance(event, events.RoomJoined):
            other = self.log(event.room)
            if other is not None and not other.joined:
                other.joined = True
                self._happened.append(LogChanged(other.name))

    def _mark_read(self, log: Log, through: int, unread: int | None) -> None:
        log.mark_read(through, unread=unread)
        self._happened.append(LogChanged(log.name))
        key = log.name.lower()
        waiting = self._readings.get(key)
        if waiting is not None and waiting.action.through <= through:
            del self._readings[key]

    def _conversation_of(self, event: events.LogEvent) -> str:
        if isinstance(event, events.NewMessage):
            return event.room or COMMON_ROOM
        if isinstance(event, events.NewWhisper):
            if event.to is not None and self._is_own(event.from_):
                return event.to
            return event.from_
        if isinstance(event, events.Created | events.Joined | events.Left | events.Topic):
            return event.room
        return event.log

    def _log_or_new(self, name: str) -> Log | None:
        log = self.log(name)
        if log is None and len(self.logs) < LOGS_MAX:
            log = self.logs[name.lower()] = Log(name)
        return log

    def _is_own(self, name: str) -> bool:
        return name == self.name or name.lower() == self.name.lower()

    # -- Gaps ----------------------------------------------------------------------------------

    def _on_gap(self, event: events.Gap, now: float) -> None:
        name = event.room or event.with_ or event.log
        if not name or not 0 <= event.after < event.through <= SEQ_MAX:
            return
        log = self._log_or_new(name)
        if log is not None and event.through > log.cursor:
            self._open_gap(log, event.through)
            self._pump(now)

    def _open_gap(self, log: Log, through: int) -> None:
        """Skip to `through` and say so; the gap begins at the cursor, whatever the server says."""
        after = log.cursor
        log.skip(through)
        count = through - after
        filling = not log.is_own and (
            self._gap_entries_max is None or count <= self._gap_entries_max
        )
        self._happened.append(GapFound(log.name, after, through, filling))
        if log.is_own:
            # No `history` reaches it. What it told stands in the snapshots as well.
            self._happened.append(GapRemains(log.name, after, through))
            return
        log.gaps.append(Gap(after, through, filling=filling))
        if filling:
            self._to_fill[log.name.lower()] = None
        if len(log.gaps) > GAPS_MAX:
            lost = log.gaps.pop(0)
            self._happened.append(GapRemains(log.name, lost.after, lost.through))

    def _ask_to_fill(self) -> None:
        """Ask for the next page of the oldest gap, one page at a time."""
        while self._to_fill and self._filling is None:
            key = next(iter(self._to_fill))
            log = self.logs.get(key)
            gap = None
            if log is not None:
                gap = next((gap for gap in log.gaps if gap.filling), None)
            if log is None or gap is None:
                del self._to_fill[key]
                continue
            room, person = _addressed(log.address)
            id = self._new_id()
            self._filling = _Filling(log, gap, id)
            self._outgoing.append(
                actions.History(
                    room=room, with_=person, after=gap.after, limit=limits.HISTORY_PAGE_MAX, id=id
                )
            )

    def _fill_from(self, filling: _Filling, page: events.History, now: float) -> None:
        log, gap = filling.log, filling.gap
        if gap not in log.gaps:
            return  # Given up, or the log began anew, while the page was on its way.
        before = gap.after
        for entry in page.entries:
            self._acknowledge(entry, now)
            seq = entry.seq
            if seq is None or seq <= gap.after:
                continue
            if seq > gap.through:
                self._remain(log, gap, gap.through)
                break
            if seq > gap.after + 1:
                self._remain(log, gap, seq - 1)
            gap.after = seq
            log.backfill(entry, seq)
            self._happened.append(Shown(log.name, entry, True))
        if gap.after < gap.through and (not page.more or gap.after == before):
            self._remain(log, gap, gap.through)
        if gap.after >= gap.through:
            log.close(gap)
            self._happened.append(GapFilled(log.name, gap.start, gap.through))
            self._happened.append(LogChanged(log.name))

    def _remain(self, log: Log, gap: Gap, through: int, code: str | None = None) -> None:
        if through > gap.after:
            self._happened.append(GapRemains(log.name, gap.after, through, code))
            gap.after = through

    # -- Answers -------------------------------------------------------------------------------

    def _acknowledge(self, event: events.LogEvent, now: float) -> None:
        """An entry of ours that comes back under its id is its own acknowledgement."""
        id = getattr(event, "id", None)
        if id is None:
            return
        if isinstance(event, events.NewMessage | events.NewWhisper | events.Topic):
            author = event.from_
        elif isinstance(event, events.Created | events.Joined | events.Left):
            author = event.user
        else:
            return
        # Ids are unique for an account only: another's may look like ours.
        if self._is_own(author):
            self._settle(id, event.seq, now)

    def _settle(self, id: str, seq: int | None, now: float) -> bool:
        self._in_flight.pop(id, None)
        if not self._outbox.settle(id):
            return False
        self._retries = 0
        self._happened.append(Acknowledged(id, seq))
        self._pump(now)
        return True

    def _on_stored(self, event: events.Stored, now: float) -> None:
        if not self._settle(event.id, event.seq, now):
            self._finish_reading(event.id)

    def _on_done(self, event: events.Done, now: float) -> None:
        if event.id is None:
            return
        if self._settle(event.id, None, now) or self._finish_reading(event.id):
            return
        if self._requests.pop(event.id, None) is not None:
            self._happened.append(Finished(event.id))

    def _finish_reading(self, id: str) -> bool:
        for key, reading in self._readings.items():
            if reading.action.id == id:
                log = self.logs.get(key)
                del self._readings[key]
                if log is not None:
                    self._mark_read(log, reading.action.through, None)
                return True
        return False

    def _on_history(self, event: events.History, now: float) -> None:
        filling = self._filling
        if filling is not None and event.id == filling.id:
            self._filling = None
            self._fill_from(filling, event, now)
            self._pump(now)
            return
        request = self._requests.pop(event.id, None) if event.id else None
        if isinstance(request, actions.History) and event.id:
            name = event.room or event.with_ or request.room or request.with_ or COMMON_ROOM
            log = self.log(name)
            name = name if log is None else log.name
            for entry in event.entries:
                self._acknowledge(entry, now)
            self._happened.append(
                HistoryReceived(event.id, name, event.entries, event.head, event.more)
            )

    def _on_list(self, event: events.Users | events.Rooms, now: float) -> None:
        if isinstance(event, events.Users) and event.room is None:
            self._set_online(event.users, event.online)
            self.away = {name.lower(): text for name, text in (event.away or {}).items()}
        if event.id is not None and self._requests.pop(event.id, None) is not None:
            self._happened.append(ListReceived(event.id, event))

    def _on_pong(self, event: events.Pong, now: float) -> None:
        if event.id is None or self._requests.pop(event.id, None) is None:
            return
        self._happened.append(Fenced(event.id))
        # All that was sent before the ping is answered by now. What is not was never taken in.
        unanswered = [id for id in self._fences.pop(event.id, ()) if id in self._in_flight]
        if unanswered:
            for id in unanswered:
                del self._in_flight[id]
            self._queue_again()
            self._pump(now)

    def _on_error(self, event: events.Error, now: float) -> None:
        id = event.id
        if id is not None and self._outbox.is_pending(id):
            self._refuse_write(id, event, now)
        elif self._filling is not None and id == self._filling.id:
            filling, self._filling = self._filling, None
            if event.code in RETRIED:
                self._wait(event.retry_after, now)
            elif filling.gap in filling.log.gaps:
                self._remain(filling.log, filling.gap, filling.gap.through, event.code)
                filling.log.close(filling.gap)
            self._pump(now)
        elif id is not None and self._refuse_reading(id, event, now):
            pass
        elif id is not None and self._requests.pop(id, None) is not None:
            self._fences.pop(id, None)
            self._happened.append(Refused(id, event.code, event.text))
        elif event.code != Code.CURSOR_AHEAD:
            # That one is about a cursor of the registration, which the snapshots set right.
            self._happened.append(Notice(event.text, event.code))

    def _refuse_write(self, id: str, event: events.Error, now: float) -> None:
        if event.code in RETRIED or (event.code in CLOSING and event.code not in UNREADABLE):
            self._in_flight.pop(id, None)
            # This copy is answered: a pong asked for before says nothing of the next one.
            for fence, ids in self._fences.items():
                self._fences[fence] = tuple(other for other in ids if other != id)
            seconds = self._wait(event.retry_after, now)
            self._queue_again()
            self._happened.append(Postponed(id, event.code, event.text, seconds))
        else:
            self._give_up(id, event.code, event.text)
        self._pump(now)

    def _give_up(self, id: str, code: str, text: str) -> None:
        self._in_flight.pop(id, None)
        self._outbox.refuse(id, code)
        action = next(
            (write.action for write in self._outbox.refused() if write.action.id == id), None
        )
        self._happened.append(Refused(id, code, text, action))

    def _refuse_reading(self, id: str, event: events.Error, now: float) -> bool:
        for key, reading in self._readings.items():
            if reading.action.id == id:
                if event.code in RETRIED:
                    reading.sent = False
                    self._wait(event.retry_after, now)
                else:
                    del self._readings[key]
                return True
        return False

    def _on_bye(self, event: events.Bye, now: float) -> None:
        if event.code == Code.RESUMED_ELSEWHERE:
            self.resumed_elsewhere = True
        if event.code in UNREADABLE and self._in_flight:
            self._give_up(next(iter(self._in_flight)), event.code, event.text)
        self._happened.append(Farewell(event.text, event.code))

    def _on_ping(self, event: events.Ping, now: float) -> None:
        self._outgoing.append(actions.Pong(id=event.id))

    # -- People --------------------------------------------------------------------------------

    def _set_online(self, names: list[str], online: int | None) -> None:
        self.users = {name.lower(): name for name in names[:ONLINE_MAX]}
        self.online = len(names) if online is None else max(online, len(self.users))

    def _arrive(self, name: str) -> bool:
        key = name.lower()
        if key in self.users:
            return False
        if len(self.users) < ONLINE_MAX:
            self.users[key] = name
        return True

    def _depart(self, name: str) -> None:
        key = name.lower()
        self.users.pop(key, None)
        self.away.pop(key, None)

    def _on_new_user(self, event: events.NewUser, now: float) -> None:
        if self._arrive(event.user):
            self.online += 1
            self._happened.append(PresenceChanged([event.user], []))

    def _on_user_left(self, event: events.UserLeft, now: float) -> None:
        self._depart(event.user)
        self.online = max(len(self.users), self.online - 1)
        self._happened.append(PresenceChanged([], [event.user]))

    def _on_presence(self, event: events.Presence, now: float) -> None:
        left = event.left or []
        for name in left:
            self._depart(name)
        arrived = [name for name in event.arrived or [] if self._arrive(name)]
        self.online = max(event.online, 0)
        self._happened.append(PresenceChanged(arrived, left))

    def _on_away(self, event: events.Away, now: float) -> None:
        if event.text is None:
            self.away.pop(event.user.lower(), None)
        elif len(self.away) < ONLINE_MAX:
            self.away[event.user.lower()] = event.text
        self._happened.append(AwayChanged(event.user, event.text))

    def _on_typing(self, event: events.Typing, now: float) -> None:
        self._happened.append(TypingSeen(event.room or event.from_, event.from_))

    # -- Inside --------------------------------------------------------------------------------

    def _become(self, state: State) -> None:
        self.state = state
        self._happened.append(StateChanged(state))

    def _write(self, action: AnyWrite, id: str, now: float) -> str:
        self._outbox.put(action)
        self._last_write = id
        if self.state is State.LIVE:
            self._unsent.append(action)
            self._pump(now)
        return id

    def _request(self, request: AnyRequest, *, send: bool = True) -> str:
        assert request.id is not None
        self._requests[request.id] = request
        if len(self._requests) > REQUESTS_MAX:
            del self._requests[next(iter(self._requests))]
        if send and self.state is State.LIVE:
            self._unsent_requests.append((request.id, self._last_write))
            self._send_requests()
        return request.id

    def _send_requests(self) -> None:
        """Send the requests before which all has left that was written before them.

        Who asks for the people of a room right after joining it must not be told that they are not
        in it.
        """
        while self._unsent_requests:
            id, write = self._unsent_requests[0]
            if write is not None and write not in self._in_flight:
                if self._outbox.is_pending(write):
                    return
            self._unsent_requests.popleft()
            request = self._requests.get(id)
            if request is not None:
                self._send_request(id, request)

    def _send_request(self, id: str, request: AnyRequest) -> None:
        self._outgoing.append(request)
        if type(request) is actions.Ping:
            self._fences[id] = tuple(self._in_flight)
            while len(self._fences) > REQUESTS_MAX:
                del self._fences[next(iter(self._fences))]

    def _pump(self, now: float) -> None:
        """Send what may leave now: writes in order, markers, the next page of a gap."""
        if self.state is not State.LIVE or now < self._retry_at:
            return
        self._retry_at = 0.0
        while self._unsent and len(self._in_flight) < self._in_flight_max:
            action = self._unsent.popleft()
            id = action.id
            if id is None or not self._outbox.is_pending(id):
                continue
            self._in_flight[id] = action
            self._outbox.mark_sent(id)
            self._outgoing.append(action)
        self._send_requests()
        for reading in self._readings.values():
            if not reading.sent:
                reading.sent = True
                self._outgoing.append(reading.action)
        if self._to_fill:
            self._ask_to_fill()

    def _queue_again(self) -> None:
        """Line up all that is pending and not in flight, in the order it was written."""
        self._unsent = deque(
            write.action
            for write in self._outbox.pending()
            if write.action.id not in self._in_flight
        )

    def _wait(self, retry_after: float | None, now: float) -> float:
        seconds = self._delay(retry_after)
        self._retry_at = max(self._retry_at, now + seconds)
        return seconds

    def _delay(self, retry_after: float | None) -> float:
        self._retries += 1
        if retry_after is None:
            doubled = RETRY_SECONDS_FIRST * 2.0 ** min(self._retries - 1, 16)
            return min(doubled, RETRY_SECONDS_DOUBLED_MAX)
        return _within(
            retry_after, RETRY_SECONDS_FIRST, low=RETRY_SECONDS_MIN, high=RETRY_SECONDS_MAX
        )

    def _patience(self) -> float:
        """Seconds of silence before we ask; fewer while an answer is awaited."""
        if self._in_flight or self._filling is not None:
            return min(self._ping_seconds, ANSWER_SECONDS)
        return self._ping_seconds


def _addressed(conversation: str) -> tuple[str | None, str | None]:
    """Tell a room from a person: (room, None) or (None, name)."""
    return (conversation, None) if conversation.startswith("#") else (None, conversation)


def _within(
    value: float | None,
    default: float,
    *,
    low: float = PING_SECONDS_MIN,
    high: float = PING_SECONDS_MAX,
) -> float:
    """Bound a number of a server, which may be anything, also not a number."""
    if value is None or value != value:
        return default
    return min(max(value, low), high)


def _check_name(name: str) -> None:
    """Refuse what cannot even be sent; what a name may be is the server's to say."""
    if not name:
        raise TextRefused(Code.NAME_EMPTY)
    if len(name) > NAME_CHARACTERS_MAX:
        raise TextRefused(Code.NAME_TOO_LONG)
    if not name.isprintable():
        raise TextRefused(Code.BAD_TEXT)


def _check(text: str, *, empty_allowed: bool, bytes_max: int, lines: bool) -> None:
    """Refuse what the server would; `lines`: whether newlines and tabs may be in it."""
    if not empty_allowed and not text.strip():
        raise TextRefused(Code.TEXT_EMPTY)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise TextRefused(Code.BAD_TEXT) from None
    if size > bytes_max:
        raise TextRefused(Code.TEXT_TOO_LONG)
    if any(
        character < " " and not (lines and character in "\n\t") or "\x7f" <= character <= "\x9f"
        for character in text
    ):
        raise TextRefused(Code.BAD_TEXT)


_HANDLERS: Final[dict[type, Callable[[Mirror, Any, float], None]]] = {
    events.Result: Mirror._on_result,
    events.Conversations: Mirror._on_conversations,
    events.NewMessage: Mirror._on_entry,
    events.NewWhisper: Mirror._on_entry,
    events.Created: Mirror._on_entry,
    events.Joined: Mirror._on_entry,
    events.Left: Mirror._on_entry,
    events.Topic: Mirror._on_entry,
    events.RoomJoined: Mirror._on_entry,
    events.RoomLeft: Mirror._on_entry,
    events.Opened: Mirror._on_entry,
    events.Read: Mirror._on_entry,
    events.Gap: Mirror._on_gap,
    events.Stored: Mirror._on_stored,
    events.Done: Mirror._on_done,
    events.History: Mirror._on_history,
    events.Users: Mirror._on_list,
    events.Rooms: Mirror._on_list,
    events.Error: Mirror._on_error,
    events.Bye: Mirror._on_bye,
    events.Ping: Mirror._on_ping,
    events.Pong: Mirror._on_pong,
    events.NewUser: Mirror._on_new_user,
    events.UserLeft: Mirror._on_user_left,
    events.Presence: Mirror._on_presence,
    events.Away: Mirror._on_away,
    events.Typing: Mirror._on_typing,
}

_BEFORE_WELCOME: Final = frozenset({events.Result, events.Error, events.Bye, events.Ping})
"""What a server may say to somebody who is nobody yet."""
