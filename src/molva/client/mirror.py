"""Mirror: a client without its socket, its clock and its screen.

Owns what a client must know to lose nothing and to show nothing twice: the state of the line, the
logs, the writes in flight, the requests, who is online, whom we block. Events go in with the time
at which they came; actions and happenings come out. Refuses to know bytes, sockets, the clock,
randomness and how anything looks.

Whoever drives it does, in a loop: `connected`, then `receive` for each event, `tick` when
`next_deadline` has passed, and `disconnected`; after each of these and of any request it sends
`actions_to_send()` in order and looks at `happenings()`. When `dead` is true it closes the line.

Invariants:
- an entry is shown once: a cursor only advances, and what is not beyond it is dropped;
- nothing is skipped in silence: a hole is a `GapFound`, and ends as `GapFilled` or `GapRemains`;
- a message that was taken away is told without its text, in whatever order that is learnt;
- a write is in the outbox before it is sent, is sent again under its old id after each welcome,
  and leaves the outbox only when the server says that it is stored, or refuses it for good;
- writes leave in the order they were made, also around a refusal that asks for patience, but that
  what waits for the slow mode of a room holds up what is said there alone;
- what a server says is believed within bounds: lists, gaps, logs and delays are limited.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final, get_args

import msgspec

from molva.client.crowd import ONLINE_MAX as ONLINE_MAX
from molva.client.crowd import Crowd
from molva.client.happenings import (
    Acknowledged,
    AnyAct,
    AnyHappening,
    AnyList,
    AnyOnce,
    AnyQuestion,
    AnyRequest,
    AwayChanged,
    BlockingChanged,
    Farewell,
    Fenced,
    Finished,
    HistoryReceived,
    InvitedTo,
    ListReceived,
    Notice,
    Postponed,
    PresenceChanged,
    PutOut,
    Refused,
    RegistrationRefused,
    State,
    StateChanged,
    TypingSeen,
    Unanswered,
    Welcomed,
)
from molva.client.log import Log, author_of, person_of
from molva.client.logs import SEQ_MAX as SEQ_MAX
from molva.client.logs import Logs, Reading, addressed
from molva.client.outbox import AnyWrite, MemoryOutbox, Outbox
from molva.client.patience import Patience
from molva.client.texts import NAME_CHARACTERS_MAX, check_action, check_name, check_text
from molva.client.texts import TextRefused as TextRefused
from molva.terms import actions, events, limits
from molva.terms.errors import CLOSING, Code
from molva.terms.roles import Role, RoomKind

COMMON_ROOM: Final = "#general"
FEATURES: Final = ("echo", "presence", "ping", "typing")

CURSOR_NAME_CHARACTERS_MAX: Final = 257
"""What a registration may hold as the name of a cursor."""
REQUESTS_MAX: Final = 64
"""Requests waiting for their answer; the oldest is given up for one more."""
PEOPLE_MAX: Final = 10_000
"""People whom we block, or whose words are gone, and rooms that we may join."""
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

RETRIED: Final = frozenset({Code.RATE_LIMITED, Code.UNAVAILABLE, Code.BUSY})
"""Nothing of the write took effect, and the same one may succeed later."""
OUSTED: Final = frozenset({Code.BANNED, Code.KICKED, Code.SIGNED_OUT})
"""Somebody wants us out of a room, the server or this device: asking again changes nothing."""
ONCE: Final = get_args(AnyOnce)
UNREADABLE: Final = frozenset({Code.BAD_PROTOCOL, Code.TOO_LONG, Code.BAD_UTF8})
"""The line was closed over what we sent: sending the same again would close it again."""


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
        code: str | None = None,
        device: str | None = None,
        language: str | None = None,
        in_flight_max: int = 1,
        gap_entries_max: int | None = GAP_ENTRIES_MAX,
        ping_seconds: float | None = None,
    ) -> None:
        """Make a mirror that is OFFLINE.

        `name`: who we want to be; empty: `register` says it later. `new_id` returns an id that this
        account never used (printable ASCII, 64 at most). `code`: a join code, an invitation or the
        code for a second device, sent until it has let us in. `in_flight_max`: writes sent and not
        answered at once; above 1 it is faster, and a refusal such as `rate_limited` may let a later
        write overtake. `gap_entries_max`: longer gaps are filled when `fill` asks only; None: all
        are filled. `ping_seconds`: instead of what the welcome says.
        """
        self.state = State.OFFLINE
        self.name = name
        """Who we are, spelled as the server does once we are welcome."""
        self.account = False
        """Whether the name has a password, as the last welcome said."""
        self.blocked: dict[str, str] = {}
        """Whom we block, by lower case."""
        self.invited: dict[str, str] = {}
        """Rooms that we may join because somebody invited us, by lower case."""
        self.away_text: str | None = None
        """What we said ourselves when we went away; None while we are here."""
        self.features: frozenset[str] = frozenset()
        """What the server has of what we understand."""
        self.dead = False
        """The server does not answer: close the line, then tell `disconnected`."""
        self.resumed_elsewhere = False
        """This device lives on another connection now: coming back would only take it away."""
        self.ousted: str | None = None
        """Why the server put us out for longer than this line: `banned` or `signed_out`. Until
        `register` nobody is registered."""

        self._new_id = new_id
        self._outbox: Outbox = MemoryOutbox() if outbox is None else outbox
        self._password = password
        self._token = token
        self._code = code
        self._device = device
        self._language = language
        self._in_flight_max = in_flight_max
        self._ping_seconds_fixed = ping_seconds
        self._ping_seconds = ping_seconds or PING_SECONDS

        self._happened: list[AnyHappening] = []
        self._logs = Logs(self._happen, redirect=self._redirect, gap_entries_max=gap_entries_max)
        self._crowd = Crowd()
        self._patience = Patience()
        self._outgoing: list[actions.AnyAction] = []
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
        self._held: set[str] = set()
        """Writes that wait for the slow mode of their room."""
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

    @property
    def logs(self) -> dict[str, Log]:
        """All logs by key; `log` finds one by name."""
        return self._logs.by_key

    @property
    def role(self) -> str:
        """What we are on the server."""
        common = self.log(COMMON_ROOM)
        return Role.GUEST.value if common is None else common.standing.role

    @property
    def users(self) -> dict[str, str]:
        """Who is online, by lower case, as far as we were told; ourselves included."""
        return self._crowd.users

    @property
    def online(self) -> int:
        """How many are online, ourselves included."""
        return self._crowd.online

    @property
    def away(self) -> dict[str, str]:
        """Who is away, by lower case, with what they said."""
        return self._crowd.away

    def is_blocked(self, name: str) -> bool:
        """Say whether we block somebody, however the name is spelled."""
        return name.lower() in self.blocked or person_of(name) in self.blocked

    def as_it_stands(self, conversation: str, entry: events.LogEvent) -> events.LogEvent:
        """Return an entry that was told before as it is to be shown now: perhaps as `Gone`."""
        log = self.log(conversation)
        return entry if log is None else self._logs.judged(log, entry)

    def log(self, name: str) -> Log | None:
        """Return the log of a room or person (any case), or None when we know none.

        `name~tag` finds a person's also when the server calls them by the name alone.
        """
        return self._logs.find(name)

    def group_of(self, people: list[str]) -> Log | None:
        """Return a group that we are in with just these people, or None."""
        wanted = {name.lower() for name in people} - {self.name.lower()}
        for log in self.logs.values():
            if log.is_group and log.joined and log.standing.people.keys() == wanted:
                return log
        return None

    def next_deadline(self) -> float | None:
        """Return the time at which `tick` is due, in seconds of the clock of `now`; or None."""
        if self.state is State.REGISTERING:
            if self._registering_since is not None:
                return self._registering_since + REGISTRATION_ANSWER_SECONDS
            return self._patience.until or None
        if self.state is not State.LIVE or self.dead:
            return None
        due = self._patience.due()
        if "ping" in self.features:
            if self._probe_at is not None:
                asked = self._probe_at + ANSWER_SECONDS
            else:
                asked = self._heard_at + self._silence_seconds()
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
        self._patience.until = 0.0
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
        code: str | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        """Become somebody: before the first welcome, or after a `RegistrationRefused`.

        Another name than before needs an outbox of its own: writes are sent for who wrote them.
        Raises TextRefused for a name, a password or a code that cannot be sent.
        """
        check_name(name)
        for text in (password, code):
            if text is not None and not text.isprintable():
                raise TextRefused(Code.BAD_TEXT)
        if code is not None and len(code) > limits.CODE_CHARACTERS_MAX:
            raise TextRefused(Code.BAD_CODE)
        if name.lower() != self.name.lower():
            self._logs.forget(rooms_too=True)
        self.name = name
        self.ousted = None
        self._wanted = True
        self._password = password
        self._token = token
        self._code = code or self._code
        if outbox is not None:
            self._outbox = outbox
        if self.state is State.REGISTERING and self._registering_since is None:
            self._send_registration(now)

    def disconnected(self, now: float) -> None:
        """The connection is gone. What was in flight is sent again after the next welcome."""
        if self.state is State.OFFLINE:
            return
        if self.state is State.LIVE:
            self._give_up_once()
        self._outgoing.clear()
        self._in_flight.clear()
        self._unsent.clear()
        self._unsent_requests.clear()
        self._fences.clear()
        self._logs.cut_off()
        self._registering_since = None
        self._patience.until = 0.0
        self._probe_at = None
        self.dead = False
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
            elif self._patience.until and now >= self._patience.until:
                self._send_registration(now)
            return
        if self.state is not State.LIVE:
            return
        if "ping" in self.features:
            if self._probe_at is not None:
                self.dead = now >= self._probe_at + ANSWER_SECONDS
            elif now >= self._heard_at + self._silence_seconds():
                self._probe_at = now
                id = self._new_id()
                ping = self._requests[id] = actions.Ping(id=id)
                self._send_request(id, ping)
        due = self._patience.due()
        if due is not None and now >= due:
            self._pump(now)

    # -- Writes --------------------------------------------------------------------------------

    def send(self, text: str, now: float, *, room: str | None = None, to: str | None = None) -> str:
        """Say `text` in a room, or to a person, or in the common room; return the write's id.

        It is kept before this returns, and leaves when the line allows. Raises TextRefused,
        OutboxFull, and OSError when the outbox cannot keep it.
        """
        check_text(text, empty_allowed=False, bytes_max=limits.TEXT_BYTES_MAX, lines=True)
        if to is not None:
            check_name(to)
        elif room is not None:
            check_name(room)
        id = self._new_id()
        if to is not None:
            return self._write(actions.NewWhisper(to=to, text=text, id=id), id, now)
        return self._write(actions.NewMessage(text=text, room=room or COMMON_ROOM, id=id), id, now)

    def create(
        self,
        room: str,
        now: float,
        *,
        topic: str | None = None,
        kind: RoomKind = RoomKind.PUBLIC,
    ) -> str:
        """Make a room; return the write's id. Raises as `send` does."""
        check_name(room)
        check_text(topic or "", empty_allowed=True, bytes_max=limits.TOPIC_BYTES_MAX, lines=False)
        id = self._new_id()
        return self._write(actions.Create(room=room, topic=topic, kind=kind, id=id), id, now)

    def group(self, people: list[str], now: float) -> str:
        """Begin a conversation of several people; return the write's id. Raises as `send` does.

        Its `Acknowledged` says under which label: a group has no name.
        """
        if len(people) > limits.GROUP_PEOPLE_MAX:
            raise TextRefused(Code.LIMIT_REACHED)
        id = self._new_id()
        action = actions.Create(kind=RoomKind.GROUP, people=people, id=id)
        check_action(action)
        return self._write(action, id, now)

    def join(self, room: str, now: float) -> str:
        """Become a member of a room; return the write's id. Raises as `send` does."""
        check_name(room)
        id = self._new_id()
        return self._write(actions.Join(room=room, id=id), id, now)

    def leave(self, room: str, now: float) -> str:
        """Cease to be a member of a room; return the write's id. Raises as `send` does."""
        check_name(room)
        id = self._new_id()
        return self._write(actions.Leave(room=room, id=id), id, now)

    def topic(self, room: str, text: str, now: float) -> str:
        """Set a room's topic, or with an empty text remove it; return the write's id.

        Raises as `send` does.
        """
        check_name(room)
        check_text(text, empty_allowed=True, bytes_max=limits.TOPIC_BYTES_MAX, lines=False)
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
        check_name(conversation)
        log = self.log(conversation)
        room, person = addressed(conversation if log is None else log.address)
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

    def ask(self, request: AnyQuestion | AnyAct | AnyOnce, now: float) -> str:
        """Ask for something or change something; return the request's id, whatever it had.

        Answered by `ListReceived`, `Finished` or `Refused`; by `Unanswered` when it is of AnyOnce
        and the line breaks. Raises TextRefused.
        """
        check_action(request)
        return self._request(msgspec.structs.replace(request, id=self._new_id()))

    def list_users(self, now: float, *, room: str | None = None) -> str:
        """Ask who is online, or in a room; answered by `ListReceived` or `Refused`.

        Raises TextRefused.
        """
        if room is not None:
            check_name(room)
        return self._request(actions.Users(room=room, id=self._new_id()))

    def list_rooms(self, now: float) -> str:
        """Ask which rooms there are; answered by `ListReceived` or `Refused`."""
        return self._request(actions.Rooms(id=self._new_id()))

    def set_away(self, text: str | None, now: float) -> str:
        """Say that we are away, or with None back; said again after each welcome.

        Answered by `Finished` or `Refused`. Raises TextRefused.
        """
        if text is not None:
            check_text(text, empty_allowed=True, bytes_max=limits.AWAY_BYTES_MAX, lines=False)
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
        waiting = self._logs.readings.get(log)
        if waiting is not None and waiting.action.through >= log.cursor:
            return
        room, person = addressed(log.address)
        self._logs.readings[log] = Reading(
            actions.Read(through=log.cursor, room=room, with_=person, id=self._new_id())
        )
        self._pump(now)

    def typing(self, conversation: str, now: float) -> None:
        """Tell the others that we are typing; not kept, not sent when there is no line."""
        if self.state is State.LIVE:
            check_name(conversation)
            room, person = addressed(conversation)
            self._outgoing.append(actions.Typing(room=room, to=person))

    def quit(self, now: float) -> None:
        """Take leave: the server closes the line when what was asked before is answered."""
        if self.state is State.LIVE:
            self._outgoing.append(actions.Quit())

    def fill(self, conversation: str, now: float) -> None:
        """Ask for the gaps of a conversation that were too long to be filled unasked."""
        log = self.log(conversation)
        if log is not None and not log.is_own and log.gaps:
            self._logs.fill(log)
            self._pump(now)

    # -- Registration --------------------------------------------------------------------------

    def _send_registration(self, now: float) -> None:
        cursors = {
            log.cursor_name: log.cursor
            for log in self.logs.values()
            if log.joined and len(log.cursor_name) <= CURSOR_NAME_CHARACTERS_MAX
        }
        while len(cursors) > limits.CURSORS_MAX:
            # Logs are kept in the order they were last heard of at a welcome: the quiet ones go.
            # The server starts those at their read marker, and what was shown already is dropped.
            del cursors[next(iter(cursors))]
        self._registering_since = now
        self._patience.until = 0.0
        self._outgoing.append(
            actions.Registration(
                name=self.name,
                # With both one logs in anew; the token alone is enough to come back.
                password=self._password if self._token is None else None,
                token=self._token,
                code=self._code,
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
            self._patience.until = now + self._patience.delay(event.retry_after)
            self._happened.append(Notice(event.text or "", event.code))
        elif event.code == Code.BAD_TOKEN and self._token is not None:
            # A guest whose name was held too long is a new guest now, whose direct conversations
            # begin anew. An account keeps its logs; it will be asked for its password.
            self._token = None
            if not self.account:
                self._logs.forget(rooms_too=False)
            self._send_registration(now)
        else:
            self._wanted = False
            self._happened.append(RegistrationRefused(event.code, event.text or ""))

    def _welcome(self, event: events.Result, now: float) -> None:
        first = not self._welcomed_ever
        self._welcomed_ever = True
        self._patience.succeeded()
        self._code = None
        if event.name and event.name.isprintable() and len(event.name) <= NAME_CHARACTERS_MAX:
            self.name = event.name
        self._logs.own_name = self.name
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
        self.blocked = {name.lower(): name for name in (event.blocked or [])[:PEOPLE_MAX]}
        self.invited = {room.lower(): room for room in (event.invited or [])[:PEOPLE_MAX]}
        self._crowd.set(event.users or [], event.online)
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
        self._logs.take_snapshots(event.conversations or [])
        common = self.log(COMMON_ROOM)
        if common is not None and event.role is not None:
            common.standing.role = event.role
        elif common is not None and not self.account and common.standing.role == Role.MEMBER:
            common.standing.role = Role.GUEST.value
        self._queue_again()
        if self.away_text is not None and not any(
            type(request) is actions.Away for request in self._requests.values()
        ):
            self._request(actions.Away(text=self.away_text, id=self._new_id()), send=False)
        self._pump(now)
        self._unsent_requests = deque((id, self._last_write) for id in self._requests)
        self._send_requests()

    # -- Logs ----------------------------------------------------------------------------------

    def _on_conversations(self, event: events.Conversations, now: float) -> None:
        self._logs.take_snapshots(event.conversations)
        self._pump(now)

    def _on_entry(self, event: events.LogEvent, now: float) -> None:
        log = self._logs.show(event)
        if log is not None:
            self._learn(log, event, now)
        # Also where it was shown before: the acknowledgement may have been lost with the line.
        self._acknowledge(event, now)
        if self._logs.wants:
            self._pump(now)

    def _on_gap(self, event: events.Gap, now: float) -> None:
        self._logs.skip(event)
        self._pump(now)

    def _learn(self, log: Log, event: events.LogEvent, now: float) -> None:
        """Take in what an entry says of ourselves, or of what waits."""
        # What the welcome told of stands there as it was at the end of the log.
        fresh = log.standing.through < (event.seq or 0)
        match event:
            case events.RoomLeft(room=room, cause=cause, from_=by, reason=reason):
                self._let_go(room, now)
                if cause is not None:
                    self._happened.append(PutOut(room, cause, by, reason))
            case events.RoomInvited(room=room, from_=by):
                if fresh and len(self.invited) < PEOPLE_MAX:
                    self.invited[room.lower()] = room
                self._happened.append(InvitedTo(room, by))
            case events.RoomJoined(room=room) if fresh:
                self.invited.pop(room.lower(), None)
            case events.Blocked(user=user) | events.Unblocked(user=user):
                blocked = isinstance(event, events.Blocked)
                if fresh and not blocked:
                    self.blocked.pop(user.lower(), None)
                elif fresh and len(self.blocked) < PEOPLE_MAX:
                    self.blocked[user.lower()] = user
                self._happened.append(BlockingChanged(user, blocked))
            case events.Mode(room=room) | events.Role(room=room) | events.Renamed(room=room):
                # Its slow mode may be over, or not be ours any more.
                self._let_go(room, now)
            case _:
                pass

    def _let_go(self, room: str, now: float) -> None:
        """Try what waits for the slow mode of a room."""
        self._patience.forgive(room)
        self._queue_again()
        self._pump(now)

    def _redirect(self, was: str, name: str) -> None:
        """Have what was written to a room go to it under the name that it has now."""
        key = was.lower()
        for write in self._outbox.pending():
            action = write.action
            if isinstance(action, actions.Create):
                if (action.room or "").lower() == key:
                    break  # What follows is for the room that this one makes.
            elif not isinstance(action, actions.NewWhisper) and action.id is not None:
                if (action.room or COMMON_ROOM).lower() == key:
                    moved = msgspec.structs.replace(action, room=name)
                    self._outbox.redirect(action.id, moved)
        self._patience.forgive(was)
        if self.state is State.LIVE:
            self._queue_again()

    # -- Answers -------------------------------------------------------------------------------

    def _acknowledge(self, event: events.LogEvent, now: float) -> None:
        """An entry of ours that comes back under its id is its own acknowledgement."""
        id: str | None = getattr(event, "id", None)
        # Ids are unique for an account only: another's may look like ours.
        own_log = getattr(event, "log", None) is not None
        if id is None or not (own_log or self._is_own(author_of(event))):
            return
        if not self._settle(id, event.seq, getattr(event, "room", None), now):
            request = self._requests.get(id)
            if request is not None and not isinstance(request, actions.Read | actions.Ping):
                del self._requests[id]
                self._happened.append(Finished(id, True))

    def _is_own(self, name: str) -> bool:
        return name == self.name or name.lower() == self.name.lower()

    def _settle(self, id: str, seq: int | None, room: str | None, now: float) -> bool:
        self._in_flight.pop(id, None)
        if not self._outbox.settle(id):
            return False
        self._patience.succeeded()
        self._happened.append(Acknowledged(id, seq, room))
        self._pump(now)
        return True

    def _on_stored(self, event: events.Stored, now: float) -> None:
        self._finish(event.id, event.seq, event.room, now)

    def _on_done(self, event: events.Done, now: float) -> None:
        if event.id is not None:
            self._finish(event.id, None, None, now)

    def _finish(self, id: str, seq: int | None, room: str | None, now: float) -> None:
        if self._settle(id, seq, room, now) or self._logs.finish_reading(id):
            return
        request = self._requests.pop(id, None)
        if request is not None:
            self.account = self.account or isinstance(request, actions.SetPassword)
            self._happened.append(Finished(id))

    def _on_history(self, event: events.History, now: float) -> None:
        for entry in event.entries:
            self._acknowledge(entry, now)
        if self._logs.answer(event):
            self._pump(now)
            return
        request = self._requests.pop(event.id, None) if event.id else None
        if isinstance(request, actions.History) and event.id:
            name = event.room or event.with_ or request.room or request.with_ or COMMON_ROOM
            log = self.log(name)
            name = name if log is None else log.name
            page = event.entries
            if log is not None:
                for entry in page:
                    self._logs.heed(log, entry)
                page = [self._logs.judged(log, entry) for entry in page]
            self._happened.append(HistoryReceived(event.id, name, page, event.head, event.more))
            self._pump(now)

    def _on_list(self, event: AnyList, now: float) -> None:
        if isinstance(event, events.Users) and event.room is None:
            self._crowd.set(event.users, event.online)
            self._crowd.away = {name.lower(): text for name, text in (event.away or {}).items()}
        elif isinstance(event, events.Blocks):
            self.blocked = {name.lower(): name for name in event.users[:PEOPLE_MAX]}
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
        elif self._logs.refuse(id, event.code, later=event.code in RETRIED):
            if event.code in RETRIED:
                self._patience.wait(event.retry_after, now)
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
        sent = self._in_flight.get(id)
        closing = event.code in CLOSING and event.code not in UNREADABLE | OUSTED
        if event.code in RETRIED or event.code == Code.SLOW_MODE or closing:
            self._in_flight.pop(id, None)
            # This copy is answered: a pong asked for before says nothing of the next one.
            for fence, ids in self._fences.items():
                self._fences[fence] = tuple(other for other in ids if other != id)
            if event.code == Code.SLOW_MODE and isinstance(sent, actions.NewMessage):
                room = sent.room or COMMON_ROOM
                seconds = self._patience.wait_in(room, event.retry_after, now)
            else:
                seconds = self._patience.wait(event.retry_after, now)
            self._queue_again()
            self._happened.append(Postponed(id, event.code, event.text, seconds))
        elif sent is not None and self._redirected(id, sent):
            # It was on its way when its room was called otherwise.
            self._in_flight.pop(id)
            self._queue_again()
        else:
            self._give_up(id, event.code, event.text)
        self._pump(now)

    def _redirected(self, id: str, sent: AnyWrite) -> bool:
        return any(
            write.action is not sent for write in self._outbox.pending() if write.action.id == id
        )

    def _give_up_once(self) -> None:
        """Let go of what was asked on this line and must not be asked twice."""
        unsent = {id for id, _ in self._unsent_requests}
        for id, request in list(self._requests.items()):
            if isinstance(request, ONCE) and id not in unsent:
                del self._requests[id]
                self._happened.append(Unanswered(id))

    def _give_up(self, id: str, code: str, text: str) -> None:
        self._in_flight.pop(id, None)
        self._outbox.refuse(id, code)
        action = next(
            (write.action for write in self._outbox.refused() if write.action.id == id), None
        )
        self._happened.append(Refused(id, code, text, action))

    def _refuse_reading(self, id: str, event: events.Error, now: float) -> bool:
        for log, reading in self._logs.readings.items():
            if reading.action.id == id:
                if event.code in RETRIED:
                    reading.sent = False
                    self._patience.wait(event.retry_after, now)
                else:
                    del self._logs.readings[log]
                return True
        return False

    def _on_bye(self, event: events.Bye, now: float) -> None:
        if event.code == Code.RESUMED_ELSEWHERE:
            self.resumed_elsewhere = True
        elif event.code in (Code.BANNED, Code.SIGNED_OUT):
            # To come back at once would be refused, or undo what somebody of us just asked for.
            self.ousted = event.code
            self._wanted = False
            if event.code == Code.SIGNED_OUT:
                self._token = None
        if event.code in UNREADABLE and self._in_flight:
            self._give_up(next(iter(self._in_flight)), event.code, event.text)
        self._happened.append(Farewell(event.text, event.code))

    def _on_ping(self, event: events.Ping, now: float) -> None:
        self._outgoing.append(actions.Pong(id=event.id))

    # -- People --------------------------------------------------------------------------------

    def _on_presence(
        self, event: events.NewUser | events.UserLeft | events.Presence, now: float
    ) -> None:
        arrived, left = (
            [name for name in names if not self.is_blocked(name)]
            for names in self._crowd.take(event)
        )
        if arrived or left:
            self._happened.append(PresenceChanged(arrived, left))

    def _on_away(self, event: events.Away, now: float) -> None:
        self._crowd.set_away(event.user, event.text)
        self._happened.append(AwayChanged(event.user, event.text))

    def _on_typing(self, event: events.Typing, now: float) -> None:
        if not self.is_blocked(event.from_):
            self._happened.append(TypingSeen(event.room or event.from_, event.from_))

    # -- Inside --------------------------------------------------------------------------------

    def _happen(self, happening: AnyHappening) -> None:
        self._happened.append(happening)

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
            if write is not None and write not in self._in_flight and write not in self._held:
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
        if self.state is not State.LIVE:
            return
        if self._patience.release(now):
            self._queue_again()
        if not self._patience.passes(now):
            return
        while self._unsent and len(self._in_flight) < self._in_flight_max:
            action = self._unsent.popleft()
            id = action.id
            if id is None or not self._outbox.is_pending(id):
                continue
            if isinstance(action, actions.NewMessage):
                if (action.room or COMMON_ROOM).lower() in self._patience.rooms:
                    self._held.add(id)
                    continue
            self._in_flight[id] = action
            self._outbox.mark_sent(id)
            self._outgoing.append(action)
        self._send_requests()
        for reading in self._logs.readings.values():
            if not reading.sent:
                reading.sent = True
                self._outgoing.append(reading.action)
        question = self._logs.question(self._new_id)
        if question is not None:
            self._outgoing.append(question)

    def _queue_again(self) -> None:
        """Line up all that is pending and not in flight, in the order it was written."""
        self._held.clear()
        self._unsent = deque(
            write.action
            for write in self._outbox.pending()
            if write.action.id not in self._in_flight
        )

    def _silence_seconds(self) -> float:
        """Seconds of silence before we ask; fewer while an answer is awaited."""
        if self._in_flight or self._logs.asking:
            return min(self._ping_seconds, ANSWER_SECONDS)
        return self._ping_seconds


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


_HANDLERS: Final[dict[type, Callable[[Mirror, Any, float], None]]] = {
    events.Result: Mirror._on_result,
    events.Conversations: Mirror._on_conversations,
    **dict.fromkeys(get_args(events.LogEvent), Mirror._on_entry),
    events.Gap: Mirror._on_gap,
    events.Stored: Mirror._on_stored,
    events.Done: Mirror._on_done,
    events.History: Mirror._on_history,
    **dict.fromkeys(get_args(AnyList), Mirror._on_list),
    events.Error: Mirror._on_error,
    events.Bye: Mirror._on_bye,
    events.Ping: Mirror._on_ping,
    events.Pong: Mirror._on_pong,
    events.NewUser: Mirror._on_presence,
    events.UserLeft: Mirror._on_presence,
    events.Presence: Mirror._on_presence,
    events.Away: Mirror._on_away,
    events.Typing: Mirror._on_typing,
}

_BEFORE_WELCOME: Final = frozenset({events.Result, events.Error, events.Bye, events.Ping})
"""What a server may say to somebody who is nobody yet."""
