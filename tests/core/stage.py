"""A stage: the hub with everything around it in memory, driven by function calls.

Owns a clock that stands still, a store, and what the shell would do with each effect. Either every
completion comes back at once (`prompt`), or a test says when what is written, and when the hub
hears of it. Every delivery is checked on the way: it has an entry that the hub was told is durable,
its seq follows the one before, nothing is sent to a connection after its end.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from molva.core.conversation import Room
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
    LimitsChanged,
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
    WindowClosed,
    WindowOpened,
)
from molva.core.hub import Hub
from molva.store.memory import Disk, MemoryStore
from molva.terms import actions, entries, events
from molva.terms.admission import Admission
from molva.terms.entries import Entry
from molva.terms.errors import Code, Refusal
from molva.terms.ids import (
    AccountId,
    CommonRoom,
    ConnectionId,
    ConversationId,
    StaffRoom,
)
from molva.terms.instant import Instant, rfc3339
from molva.terms.limits import UNLIMITED
from molva.terms.ports import Appended, Kind, Outcome, Write
from molva.terms.roles import OPEN_KINDS, RoomKind

Told = events.AnyEvent | events.Result
E = TypeVar("E", bound=events.Event)

STEPS_MAX = 100_000
"""More steps than any test needs: beyond it the hub turns in circles."""


class CountedIds:
    """Ids and secrets that count up, the same in each run."""

    def __init__(self) -> None:
        self.accounts = 0
        self.rooms = 1
        """`r1` is the moderators'."""
        self.tokens = 0
        self.codes = 0

    def account(self) -> AccountId:
        """See `IdSource.account`."""
        self.accounts += 1
        return AccountId(self.accounts)

    def room(self) -> ConversationId:
        """See `IdSource.room`."""
        self.rooms += 1
        return ConversationId(f"r{self.rooms}")

    def token(self) -> str:
        """See `IdSource.token`."""
        self.tokens += 1
        return f"token-{self.tokens}"

    def code(self) -> str:
        """See `IdSource.code`."""
        self.codes += 1
        return f"{self.codes:08d}"

    def invitation(self) -> str:
        """See `IdSource.invitation`."""
        self.codes += 1
        return f"{self.codes:016d}"

    def digest(self, token: str) -> str:
        """See `IdSource.digest`."""
        return f"digest of {token}"


TOLD_AS = {
    "Message": ("NewMessage", "NewWhisper"),
    "Unheard": ("NewWhisper",),
    "RoleSet": ("Role",),
    "ModeSet": ("Mode",),
}


def imprint_of_event(event: events.AnyEvent) -> str | None:
    """Return which entry an event shows, in words both sides have; None for no entry."""
    if isinstance(event, events.LogEvent):
        text = getattr(event, "text", "")
        return f"{type(event).__name__} {event.seq} {event.at} {text!r}"
    return None


def imprints_of_entry(entry: Entry) -> tuple[str, ...]:
    """Return what `imprint_of_event` gives for the events that may show an entry."""
    kind = type(entry.body).__name__
    text = getattr(entry.body, "text", "")
    place = f"{entry.seq} {rfc3339(entry.at)}"
    names = TOLD_AS.get(kind, (kind,))
    told = [f"{name} {place} {text!r}" for name in names]
    # Of what was taken away since, and of what one does not hear, only the place is told.
    return (*told, f"Gone {place} ''", f"Unheard {place} ''")


def may_see(log: Sequence[Entry], account: AccountId, seq: int, *, room: ConversationId) -> bool:
    """Say whether an account may see an entry of a room: a plain reading of the whole log.

    It must have been a member right after that entry, or have come since while the room is open;
    in either case be one still, or be told of what it saw as one.
    """
    if room == CommonRoom:
        return True
    since: int | None = None
    kind = RoomKind.PRIVATE if room == StaffRoom else RoomKind.PUBLIC
    open_from: int | None = None
    seen = False
    for entry in log:
        body = entry.body
        match body:
            case entries.Created(room_kind=made):
                kind = made
                open_from = 1 if kind in OPEN_KINDS else None
                if entry.account == account:
                    since = entry.seq
            case entries.Joined() if entry.account == account:
                since = entry.seq if since is None else since
            case entries.Added(account=whose) if whose == account:
                since = entry.seq if since is None else since
            case entries.Left() if entry.account == account:
                since = None
            case entries.Kicked(account=whose) | entries.Banned(account=whose) if whose == account:
                since = None
            case entries.ModeSet(room_kind=new) if new is not None:
                if new not in OPEN_KINDS:
                    open_from = None
                elif open_from is None:
                    open_from = entry.seq
            case _:
                pass
        if since is not None and entry.seq >= seq:
            first = since if open_from is None else min(since, open_from)
            seen = seen or first <= seq
    return seen


class Peer:
    """The other end of one connection."""

    def __init__(self, stage: "Stage", connection: ConnectionId, address: str) -> None:
        self.stage = stage
        self.connection = connection
        self.address = address
        self.heard: list[Told] = []
        """All that was sent to it, ever."""
        self.seen = 0
        """How much of it a test has looked at."""
        self.modern = False
        self.features: frozenset[str] = frozenset()
        self.held = False
        self.closed = False
        """Whether the hub closed it."""
        self.code: Code | None = None
        self.gone = False
        self.name = ""
        self.token: str | None = None
        self.cursors: dict[str, int] = {}
        """Per conversation: `#room`, `@`, or the tag of a direct one."""
        self.rooms: dict[str, str] = {}
        """How each room is called, by its id."""
        self.tags: dict[str, str] = {}
        """Whom a name stands for now."""
        self.log: list[tuple[str, int, str]] = []
        """The entries it was told of: conversation as in `cursors`, seq, text."""

    # -- Doing ---------------------------------------------------------------------------------

    def send(self, *requests: actions.AnyAction | Refusal, bytes: int = 0, **more: Any) -> "Peer":
        """Send actions, as one chunk."""
        self.stage.step(Received(self.connection, requests, bytes, **more))
        return self

    def close_window(self) -> None:
        """Read no more."""
        self.stage.step(WindowClosed(self.connection))

    def open_window(self) -> None:
        """Read again."""
        self.stage.step(WindowOpened(self.connection))

    def leave(self) -> None:
        """Go without a word."""
        self.gone = True
        self.stage.step(Disconnected(self.connection))

    # -- Looking -------------------------------------------------------------------------------

    def take(self) -> list[Told]:
        """Return what has come since the last look."""
        new, self.seen = self.heard[self.seen :], len(self.heard)
        return new

    def of(self, kind: type[E]) -> list[E]:
        """Return what has come of one kind since the last look; the rest is passed over."""
        return [event for event in self.take() if isinstance(event, kind)]

    def one(self, kind: type[E]) -> E:
        """Return the only event of one kind since the last look."""
        (event,) = self.of(kind)
        return event

    def ask(self, action: actions.AnyAction) -> Told:
        """Send an action that carries an id, and return what carries it back."""
        self.take()
        self.send(action)
        (answer,) = [e for e in self.take() if getattr(e, "id", None) == action.id]
        return answer

    def refused(self, action: actions.AnyAction) -> str:
        """Send an action and return the code of the error that answers it."""
        self.take()
        self.send(action)
        (answer,) = self.of(events.Error)
        assert answer.id == action.id
        return answer.code

    def texts(self) -> list[str]:
        """Return the texts of messages and whispers ever heard, in order."""
        kinds = (events.NewMessage, events.NewWhisper)
        return [event.text for event in self.heard if isinstance(event, kinds)]

    @property
    def welcome(self) -> events.Result:
        """The reply that let it in."""
        (result,) = (
            e for e in self.heard if isinstance(e, events.Result) and e.result == "successful"
        )
        return result

    @property
    def results(self) -> list[events.Result]:
        """All replies to registrations."""
        return [event for event in self.heard if isinstance(event, events.Result)]

    # -- Hearing -------------------------------------------------------------------------------

    def hear(self, event: Told) -> None:
        """Take an event from the hub, and check that it may come now."""
        assert not self.closed, f"told {event} after the end"
        self.heard.append(event)
        if isinstance(event, events.Result):
            if event.result == "successful":
                self.name = event.name or ""
                self.token = event.token or self.token
                self.features = frozenset(event.features or ())
                self._learn(event.conversations or ())
        elif isinstance(event, events.Conversations):
            self._learn(event.conversations)
        elif isinstance(event, events.Gap):
            key = self._key(event.room, event.with_, event.log)
            assert self.cursors[key] == event.after < event.through
            self.cursors[key] = event.through
        elif isinstance(event, events.LogEvent):
            self._check(event)

    def _learn(self, conversations: Sequence[events.Conversation]) -> None:
        for listed in conversations:
            if listed.with_ is not None:
                assert listed.tag is not None
                self.tags[listed.with_] = listed.tag
            self.cursors[self._key(listed.room, listed.with_, listed.log)] = listed.cursor

    def _key(self, room: str | None, with_: str | None, log: str | None) -> str:
        if room is not None:
            return self._room_key(room)
        if log is not None:
            return "@"
        assert with_ is not None
        name, _, tag = with_.partition("~")
        return tag or self.tags[name]

    def _room_key(self, room: str) -> str:
        """Return a room's name as the key of its cursor, which moves to it from an earlier one."""
        found = self.stage.hub._chat.find_room(room)
        if found is not None:
            was = self.rooms.get(found.id, room)
            if was != room and was in self.cursors:
                self.cursors[room] = self.cursors.pop(was)
            self.rooms[found.id] = room
        return room

    def _check(self, event: events.LogEvent) -> None:
        imprint = imprint_of_event(event)
        assert imprint in self.stage.durable, f"told of {event} before it was known to be stored"
        if not self.modern:
            return
        room, log = getattr(event, "room", None), getattr(event, "log", None)
        with_ = None
        if room is None and log is None:
            # Of a direct conversation: named by who said it and to whom.
            with_, author = getattr(event, "to", None), getattr(event, "from_", None)
            with_ = with_ if author == self.name else author
        if isinstance(event, events.Renamed):
            # One of long ago has a name that the room has no more.
            room = self.stage.name_now(event)
        key = "@" if log is not None else self._key(room, with_, None)
        if isinstance(event, events.Renamed) and key not in self.cursors:
            # It came in one step with what was told under the name before.
            self.cursors[key] = self.cursors.pop(event.was)
        assert event.seq is not None
        before = self.cursors[key]
        if "echo" in self.features or log is not None:
            assert event.seq == before + 1, f"{key}: {event.seq} after {before}"
        else:
            assert event.seq > before, f"{key}: {event.seq} after {before}"
        self.cursors[key] = event.seq
        self.log.append((key, event.seq, getattr(event, "text", "")))


class Stage:
    """The hub and its world."""

    def __init__(
        self,
        disk: Disk | None = None,
        *,
        reports: bool = False,
        prompt: bool = True,
        elapsed: float = 1000.0,
        ids: CountedIds | None = None,
        admission: Admission | None = None,
        owned: bool = True,
        **limits: Any,
    ) -> None:
        """Begin on a disk. `limits` differ from `UNLIMITED` by name.

        Unless `owned` is False the server has had an owner, who is not here: nobody becomes one by
        coming first.
        """
        self.store = MemoryStore(disk)
        if owned:
            self.store.disk.owned = True
        self.ids = CountedIds() if ids is None else ids
        self.limits = replace(UNLIMITED, **limits)
        self.elapsed = elapsed
        self.wall = 1_700_000_000_000
        self.prompt = prompt
        self.hub = Hub(
            self.store.contents(),
            limits=self.limits,
            ids=self.ids,
            now=Instant(elapsed, self.wall),
            reports=reports,
            admission=admission,
        )
        self.peers: dict[ConnectionId, Peer] = {}
        self.reports: list[Report] = []
        self.effects: list[Effect] = []
        """What the last step asked for."""
        self.writes: deque[Write] = deque()
        """Asked for and not written."""
        self.outcomes: deque[Outcome] = deque()
        """Written, and the hub does not know."""
        self.loads: deque[Load] = deque()
        self.answers: deque[Loaded] = deque()
        self.passwords: deque[HashPassword | VerifyPassword] = deque()
        self.durable: set[str] = set()
        """Entries that the hub was told are stored."""
        for log in self.store.disk.logs.values():
            for entry in log:
                self.durable.update(imprints_of_entry(entry))
        self._connections = 0
        self.settle()

    def restart(self, **limits: Any) -> "Stage":
        """Return a new run on the same disk, everything that was not written being lost."""
        return Stage(
            self.store.disk, elapsed=self.elapsed + 5_000.0, ids=self.ids, prompt=True, **limits
        )

    # -- Inputs --------------------------------------------------------------------------------

    def step(self, *inputs: Input) -> list[Effect]:
        """Give the hub one turn's inputs and do what it asks."""
        self.wall += 7
        self._step(inputs)
        effects = self.effects
        if self.prompt:
            self.settle()
        return effects

    def _step(self, inputs: Sequence[Input]) -> None:
        self.effects = self.hub.step(inputs, Instant(self.elapsed, self.wall))
        for effect in self.effects:
            self._perform(effect)

    def settle(self) -> None:
        """Let everything that is due or under way come to its end, without time passing."""
        for _ in range(STEPS_MAX):
            self.persist()
            self.read()
            deadline = self.hub.next_deadline()
            if self.outcomes or self.answers:
                self.acknowledge()
                self.hand_back()
            elif deadline is not None and deadline <= self.elapsed:
                self._step(())
            else:
                return
        raise AssertionError("the hub does not come to rest")

    def advance(self, seconds: float) -> None:
        """Let time pass, waking the hub when it asked to be."""
        until = self.elapsed + seconds
        for _ in range(STEPS_MAX):
            deadline = self.hub.next_deadline()
            if deadline is None or deadline > until:
                self.elapsed = until
                self.step()
                return
            self.elapsed = max(self.elapsed, deadline)
            self.step()
        raise AssertionError("the hub does not come to rest")

    def connect(self, address: str = "192.0.2.1") -> Peer:
        """Open a connection."""
        self._connections += 1
        peer = Peer(self, ConnectionId(self._connections), address)
        self.peers[peer.connection] = peer
        self.step(Connected(peer.connection, address))
        return peer

    def enter(
        self, name: str, *, features: tuple[str, ...] = ("echo",), address: str = "", **more: Any
    ) -> Peer:
        """Open a connection and register."""
        peer = self.connect(address or "192.0.2.1")
        peer.send(actions.Registration(name=name, features=list(features) or None, **more))
        return peer

    def crowd(self, count: int) -> list[Peer]:
        """Let many in, under the longest names there can be; they hear nothing of each other."""
        peers = []
        for number in range(count):
            digits = "".join("бгджзклмнп"[int(digit)] for digit in f"{number:05d}")
            peers.append(self.enter("ж" * 27 + digits, features=("presence",)))
            peers[-1].close_window()
        return peers

    def resume(self, peer: Peer, **more: Any) -> Peer:
        """Come back with a peer's token and cursors, on a new connection."""
        again = self.connect(peer.address)
        named = {}
        for key, seq in peer.cursors.items():
            if key == "@" or key.startswith("#"):
                named[key] = seq
            else:
                name = next(name for name, tag in peer.tags.items() if tag == key)
                named[f"{name.partition('~')[0]}~{key}"] = seq
        again.token = peer.token
        registration = {"features": sorted(peer.features) or None, "cursors": named, **more}
        again.send(actions.Registration(name=peer.name, token=peer.token, **registration))
        return again

    def set_limits(self, **limits: Any) -> None:
        """Go on with other limits."""
        self.limits = replace(self.limits, **limits)
        self.step(LimitsChanged(self.limits))

    def stop(self) -> None:
        """Ask the server to stop."""
        self.step(Stopping())

    # -- The store, bit by bit -----------------------------------------------------------------

    def persist(self, count: int | None = None) -> None:
        """Let the oldest writes become durable; nobody hears of it yet."""
        count = len(self.writes) if count is None else min(count, len(self.writes))
        batch = [self.writes.popleft() for _ in range(count)]
        self.outcomes.extend(self.store.commit(batch))

    def acknowledge(self, count: int | None = None) -> None:
        """Tell the hub of the oldest outcomes."""
        count = len(self.outcomes) if count is None else min(count, len(self.outcomes))
        told = [self.outcomes.popleft() for _ in range(count)]
        for outcome in told:
            if isinstance(outcome, Appended):
                self.durable.update(imprints_of_entry(outcome.entry))
        if told:
            self._step((Committed(told),))

    def read(self, count: int | None = None) -> None:
        """Let the oldest loads be read; nobody hears of it yet."""
        count = len(self.loads) if count is None else min(count, len(self.loads))
        for _ in range(count):
            load = self.loads.popleft()
            self.answers.append(Loaded(load.request, load.read(self.store)))

    def hand_back(self, count: int | None = None) -> None:
        """Tell the hub what the oldest loads found."""
        count = len(self.answers) if count is None else min(count, len(self.answers))
        told = [self.answers.popleft() for _ in range(count)]
        if told:
            self._step(told)

    def hash(self, *, busy: bool = False) -> None:
        """Answer the oldest question about a password."""
        asked = self.passwords.popleft()
        if isinstance(asked, HashPassword):
            hash = None if busy else f"hash of {asked.password}"
            self.step(PasswordHashed(asked.request, hash))
        else:
            fits = None if busy else asked.hash == f"hash of {asked.password}"
            self.step(PasswordVerified(asked.request, fits))

    def rooms(self) -> dict[str, ConversationId]:
        """Return the rooms that the store has and that are not closed, by name."""
        kept = self.store.disk.conversations.values()
        return {room.shown: room.conversation for room in kept if room.kind is Kind.ROOM}

    def entries(self, conversation: str) -> list[Entry]:
        """Return all that the store holds of a conversation."""
        return self.store.disk.logs.get(ConversationId(conversation), [])

    # -- Effects -------------------------------------------------------------------------------

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Commit(writes):
                assert effect is self.effects[0], "the disk is to begin first"
                self.writes.extend(writes)
            case Load():
                self.loads.append(effect)
            case HashPassword() | VerifyPassword():
                self.passwords.append(effect)
            case Speak(connection):
                self.peers[connection].modern = True
            case Send(connection, event):
                if isinstance(event, events.History | events.Ledger):
                    for entry in event.entries:
                        self._check_member(connection, entry)
                self._tell(connection, event)
            case Deliver(connections, told):
                assert len(set(connections)) == len(connections)
                for connection in connections:
                    for event in told:
                        self._check_member(connection, event)
                        self._tell(connection, event)
            case Hold(connection):
                assert not self.peers[connection].held
                self.peers[connection].held = True
            case Release(connection):
                assert self.peers[connection].held
                self.peers[connection].held = False
            case Close(connection, code):
                peer = self.peers[connection]
                assert not peer.closed
                peer.closed, peer.code = True, code
            case Report():
                self.reports.append(effect)

    def _check_member(self, connection: ConnectionId, event: Told) -> None:
        """Check that an entry of a room is told to who may see it, by what its log says."""
        peer = self.peers[connection]
        name = getattr(event, "room", None)
        own = getattr(event, "log", None) is not None
        if not isinstance(event, events.LogEvent) or name is None or own:
            return
        session = self.hub._chat.sessions.get(connection)
        if session is None or session.account is None:
            return
        assert event.seq is not None
        for room in self.rooms_with(event.seq, event.at or ""):
            if may_see(self.entries(room), session.account.id, event.seq, room=room):
                return
        raise AssertionError(f"{peer.name} is told of {event}, which is not for them")

    def name_now(self, event: events.Renamed) -> str:
        """Return how a room is called now that once was called otherwise."""
        for id in self.rooms_with(event.seq, event.at):
            body = self.entries(id)[event.seq - 1].body
            room = self.hub._chat.hall.by_id.get(id)
            if isinstance(room, Room) and getattr(body, "was", None) == event.was:
                return room.shown
        return event.room

    def rooms_with(self, seq: int, at: str) -> list[ConversationId]:
        """Return the rooms whose log has an entry at a seq and a time."""
        return [
            id
            for id, log in self.store.disk.logs.items()
            if id.startswith("r") and len(log) >= seq and rfc3339(log[seq - 1].at) == at
        ]

    def _tell(self, connection: ConnectionId, event: Told) -> None:
        peer = self.peers[connection]
        if not peer.gone:
            peer.hear(event)
