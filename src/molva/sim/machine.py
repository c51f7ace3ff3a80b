"""The machine: the server's side, as the asyncio shell is it in the real world.

The hub, the wire and the memory store are the real ones. Owns the turns, the commits that take
time, and death: a crash loses the hub and whatever commit had not returned, or leaves it on the
disk with nobody told.
"""

from itertools import count
from zlib import crc32

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
    Send,
    Speak,
    VerifyPassword,
    WindowClosed,
    WindowOpened,
)
from molva.core.hub import Hub
from molva.sim import rest
from molva.sim.checkers import Checkers
from molva.sim.network import Link
from molva.sim.swarm import Swarm
from molva.sim.world import World
from molva.store.memory import Disk, MemoryStore
from molva.terms.actions import AnyAction
from molva.terms.admission import Admission, plain_code
from molva.terms.errors import Refusal
from molva.terms.ids import AccountId, ConnectionId, ConversationId
from molva.terms.ports import Appended, Contents, Outcome, Write
from molva.wire.framing import Framer
from molva.wire.jsonl import format_event, parse_action

JOIN_CODE = "0000JOIN"


class CountedIds:
    """Ids in order: unique over crashes, the same for the same seed."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def account(self) -> AccountId:
        """See `terms.ports.IdSource`."""
        return AccountId(next(self._numbers))

    def room(self) -> ConversationId:
        """See `terms.ports.IdSource`."""
        return ConversationId(f"r{next(self._numbers)}x")

    def token(self) -> str:
        """See `terms.ports.IdSource`."""
        return f"token-{next(self._numbers)}"

    def code(self) -> str:
        """See `terms.ports.IdSource`."""
        return f"{next(self._numbers):08d}"

    def invitation(self) -> str:
        """See `terms.ports.IdSource`."""
        return f"{next(self._numbers):016d}"

    def digest(self, token: str) -> str:
        """See `terms.ports.IdSource`."""
        return f"digest of {token}"


class Socket:
    """The server's end of a link."""

    def __init__(self, machine: "Machine", link: Link, id: ConnectionId) -> None:
        self._machine = machine
        self.link = link
        self.id = id
        self._framer = Framer()
        self.window_open = True
        self.held = False
        self._unread: list[bytes] = []
        link.server = self
        link.on_drained = self.drained

    def arrived(self, data: bytes) -> None:
        """See `network.End`."""
        if self.held or not self.window_open:
            self._unread.append(data)
            return
        requests: list[AnyAction | Refusal] = [parse_action(f) for f in self._framer.receive(data)]
        self._machine.hear(Received(self.id, requests, len(data), self._framer.pending > 0))

    def broken(self) -> None:
        """See `network.End`."""
        self._machine.lost(self)

    def write(self, data: bytes) -> None:
        """Send, and close the window when too much is on the way."""
        self.link.send_down(data)
        if self.window_open and self.link.waiting > self._machine.buffer_bytes_max:
            self.window_open = False
            self._machine.hear(WindowClosed(self.id))

    def drained(self) -> None:
        """Bytes left: open the window again when few are on the way."""
        if not self.window_open and self.link.waiting <= self._machine.buffer_bytes_max // 4:
            self.window_open = True
            self._machine.hear(WindowOpened(self.id))
            self.read_on()

    def read_on(self) -> None:
        """Take in what was not read."""
        while self._unread and not self.held and self.window_open:
            self.arrived(self._unread.pop(0))


class Machine:
    """A server that can die and come back."""

    def __init__(self, world: World, swarm: Swarm, checkers: Checkers) -> None:
        self._world = world
        self._swarm = swarm
        self._checkers = checkers
        self.disk = Disk()
        self._ids = CountedIds()
        self._addresses: dict[ConnectionId, str] = {}
        self._connections = count(1)
        self._life = 0
        """Counts up with each death, so that nothing of an earlier life is heard."""
        self.up = False
        self.full = False
        """Whether the disk refuses commits."""
        self.buffer_bytes_max = swarm.limits.write_buffer_bytes_max
        self.start()

    def start(self) -> None:
        """Come up on what the disk holds."""
        self._life += 1
        self.up = True
        self.store = MemoryStore(self.disk)
        self._sockets: dict[ConnectionId, Socket] = {}
        self._inbox: list[Input] = []
        self._turn_due = False
        self._waiting: list[Write] = []
        self._committing = False
        self._told_at = 0.0
        contents = self.store.contents()
        self._told = {id: len(log) for id, log in self.disk.logs.items()}
        self._fresh: dict[ConversationId, int] = {}
        """Of the logs that the server was told of since its last turn: how far before."""
        now = self._world.now()
        self._checkers.restarted(self, now.elapsed, now.wall)
        self._hub = self._new_hub(contents)
        self._world.note("server starts")
        self._arm()

    def _new_hub(self, contents: Contents) -> Hub:
        return Hub(
            contents,
            limits=self._swarm.limits,
            ids=self._ids,
            now=self._world.now(),
            admission=Admission(self._swarm.access, self._ids.digest(plain_code(JOIN_CODE))),
        )

    def known(self, conversation: ConversationId) -> int:
        """Return how far the server has been told of a log."""
        return self._told.get(conversation, 0)

    def known_before(self, conversation: ConversationId) -> int:
        """Return how far it had been told before the step under way."""
        return self._fresh.get(conversation, self.known(conversation))

    def address(self, connection: ConnectionId) -> str:
        """Return where a connection comes from."""
        return self._addresses[connection]

    def compare_restarted(self) -> None:
        """Start a second server from a copy of the disk: it must know what this one does."""
        other = self._new_hub(MemoryStore(self.disk.copy()).contents())
        rest.check_restart(self._hub, other)

    def crash(self) -> None:
        """Die. A commit under way is on the disk or not; nobody was told either way."""
        self._world.note("server dies")
        self._world.faults += 1
        self.up = False
        self._life += 1
        if self._committing and self._world.random.random() < 0.5 and not self.full:
            self._write_down(self._taken)
        for socket in self._sockets.values():
            socket.link.on_drained = None
            socket.link.server = None
            socket.link.cut()

    def accept(self, link: Link, address: str) -> None:
        """A client connects, from an address."""
        if not self.up:
            link.cut()
            return
        id = ConnectionId(next(self._connections))
        self._sockets[id] = Socket(self, link, id)
        self._addresses[id] = address
        self.hear(Connected(id, address))

    def lost(self, socket: Socket) -> None:
        """A socket is gone."""
        socket.link.on_drained = None
        if self._sockets.pop(socket.id, None) is not None:
            self.hear(Disconnected(socket.id))

    def hear(self, input: Input) -> None:
        """Put an input where the next turn finds it."""
        self._inbox.append(input)
        self._schedule_turn(self._world.random.random() * 0.0005)

    def _schedule_turn(self, delay: float) -> None:
        if not self._turn_due:
            self._turn_due = True
            life = self._life
            self._world.after(delay, lambda: self._turn(life))

    def _turn(self, life: int) -> None:
        if life != self._life:
            return
        self._turn_due = False
        inputs, self._inbox = self._inbox, []
        effects = self._hub.step(inputs, self._world.now())
        self._perform(effects)
        self._fresh.clear()
        self._arm()

    def _arm(self) -> None:
        deadline = self._hub.next_deadline()
        if deadline is None:
            return
        if deadline <= self._world.time:
            self._schedule_turn(0.0001)
            return
        life = self._life
        self._world.at(deadline, lambda: self._wake(life))

    def _wake(self, life: int) -> None:
        deadline = self._hub.next_deadline() if life == self._life else None
        if deadline is not None and deadline <= self._world.time:
            self._schedule_turn(0.0)

    # -- Effects -------------------------------------------------------------------------------

    def _perform(self, effects: list[Effect]) -> None:
        out: dict[ConnectionId, list[bytes]] = {}
        for effect in effects:
            match effect:
                case Deliver(connections, events):
                    data = b"".join(format_event(event) for event in events)
                    for connection in connections:
                        self._checkers.left(self, connection, events)
                        out.setdefault(connection, []).append(data)
                case Send(connection, event):
                    self._checkers.sent(self, connection, event)
                    out.setdefault(connection, []).append(format_event(event))
                case Commit(writes):
                    self._waiting.extend(writes)
                    self._begin_commit()
                case Load():
                    self._load(effect)
                case HashPassword(request, password):
                    self.hear(PasswordHashed(request, f"hash of {password}"))
                case VerifyPassword(request, hash, password):
                    self.hear(PasswordVerified(request, hash == f"hash of {password}"))
                case Close(connection):
                    self._write(connection, out.pop(connection, []))
                    self._close(connection)
                case Hold(connection) | Release(connection):
                    socket = self._sockets.get(connection)
                    if socket is not None:
                        socket.held = isinstance(effect, Hold)
                        socket.read_on()
                case Speak():
                    pass
                case _:
                    raise AssertionError(effect)
        for connection, parts in out.items():
            self._write(connection, parts)

    def _write(self, connection: ConnectionId, parts: list[bytes]) -> None:
        socket = self._sockets.get(connection)
        if socket is not None and parts:
            data = b"".join(parts)
            self._world.note(f"{connection} < {len(data)} {hash_bytes(data)}")
            socket.write(data)

    def _close(self, connection: ConnectionId) -> None:
        socket = self._sockets.pop(connection, None)
        if socket is not None:
            socket.link.on_drained = None
            socket.link.close_from_server()
            self.hear(Disconnected(connection))

    # -- The disk ------------------------------------------------------------------------------

    def _begin_commit(self) -> None:
        if self._committing or not self._waiting:
            return
        self._committing = True
        self._taken, self._waiting = self._waiting, []
        life = self._life
        self._world.after(self._delay(), lambda: self._end_commit(life))

    def _write_down(self, writes: list[Write]) -> list[Outcome]:
        outcomes = self.store.commit(writes)
        now = self._world.now()
        self._checkers.committed(writes, outcomes, now.elapsed, now.wall)
        return outcomes

    def _end_commit(self, life: int) -> None:
        if life != self._life:
            return
        self.store.unavailable = self.full
        outcomes = self._write_down(self._taken)
        self.store.unavailable = False
        self._world.note(f"commit of {len(outcomes)}{' fails' if self.full else ''}")
        # The answer is on its way back to the loop; a crash now loses it, with everything durable.
        self._told_at = max(self._told_at, self._world.time + self._delay() / 4)
        self._world.at(self._told_at, lambda: self._tell(life, Committed(outcomes)))
        self._committing = False
        self._begin_commit()

    def _tell(self, life: int, input: Committed) -> None:
        if life != self._life:
            return
        self.told(input)
        self.hear(input)

    def told(self, input: Committed) -> None:
        """Note how far the logs go that the server hears of."""
        for outcome in input.outcomes:
            if isinstance(outcome, Appended):
                id = outcome.entry.conversation
                self._fresh.setdefault(id, self.known(id))
                self._told[id] = outcome.entry.seq

    def _load(self, load: Load) -> None:
        life = self._life
        self._world.after(self._delay(), lambda: self._loaded(life, load))

    def _loaded(self, life: int, load: Load) -> None:
        if life != self._life:
            return
        self.store.unavailable = self.full and self._world.random.random() < 0.5
        entries = load.read(self.store)
        self.store.unavailable = False
        # What was read may be otherwise by the time that it is heard.
        answer = Loaded(load.request, entries)
        seconds = self._world.random.random() * self._swarm.reading
        self._world.after(seconds, lambda: self._hear_of(life, answer))

    def _hear_of(self, life: int, input: Input) -> None:
        if life == self._life:
            self.hear(input)

    def _delay(self) -> float:
        return self._world.random.random() * self._swarm.disk


def hash_bytes(data: bytes) -> str:
    """Return a short mark of some bytes for the trace."""
    return f"{crc32(data):08x}"
