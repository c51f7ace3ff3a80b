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
from molva.terms import actions, events
from molva.terms.entries import Entry
from molva.terms.errors import Code, Refusal
from molva.terms.ids import AccountId, ConnectionId, ConversationId, Seq
from molva.terms.instant import Instant, rfc3339
from molva.terms.limits import UNLIMITED
from molva.terms.ports import Appended, Outcome, StoreUnavailable, Write

Told = events.AnyEvent | events.Result
E = TypeVar("E", bound=events.Event)

STEPS_MAX = 100_000
"""More steps than any test needs: beyond it the hub turns in circles."""


class CountedIds:
    """Ids and secrets that count up, the same in each run."""

    def __init__(self) -> None:
        self.accounts = 0
        self.rooms = 0
        self.tokens = 0

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

    def digest(self, token: str) -> str:
        """See `IdSource.digest`."""
        return f"digest of {token}"


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
    names = ("NewMessage", "NewWhisper") if kind == "Message" else (kind,)
    return tuple(f"{name} {entry.seq} {rfc3339(entry.at)} {text!r}" for name in names)


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
            return room
        if log is not None:
            return "@"
        assert with_ is not None
        name, _, tag = with_.partition("~")
        return tag or self.tags[name]

    def _check(self, event: events.LogEvent) -> None:
        imprint = imprint_of_event(event)
        assert imprint in self.stage.durable, f"told of {event} before it was known to be stored"
        if not self.modern:
            return
        room, log = getattr(event, "room", None), getattr(event, "log", None)
        with_ = None
        if isinstance(event, events.NewWhisper):
            with_ = event.to if event.from_ == self.name else event.from_
        key = "@" if log is not None else self._key(room, with_, None)
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
        **limits: Any,
    ) -> None:
        """Begin on a disk. `limits` differ from `UNLIMITED` by name."""
        self.store = MemoryStore(disk)
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
            bounds = {"limit": load.limit, "bytes_max": load.bytes_max}
            try:
                if load.before is not None:
                    found = self.store.load_before(load.conversation, before=load.before, **bounds)
                else:
                    assert load.after is not None
                    found = self.store.load(load.conversation, after=Seq(load.after), **bounds)
                self.answers.append(Loaded(load.request, found))
            except StoreUnavailable:
                self.answers.append(Loaded(load.request, None))

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
                self._tell(connection, event)
            case Deliver(connections, told):
                assert len(set(connections)) == len(connections)
                for connection in connections:
                    for event in told:
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

    def _tell(self, connection: ConnectionId, event: Told) -> None:
        peer = self.peers[connection]
        if not peer.gone:
            peer.hear(event)
