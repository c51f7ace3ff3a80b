"""A person's device: the real mirror at one end of a toy line, and somebody who types.

Owns what survives a crash of the client (outbox, token) and what does not (everything else).
"""

from itertools import count

from molva.client.happenings import (
    Acknowledged,
    GapFound,
    LogChanged,
    LogRestarted,
    Refused,
    RegistrationRefused,
    Shown,
    State,
    Welcomed,
)
from molva.client.mirror import Mirror, TextRefused
from molva.client.outbox import MemoryOutbox
from molva.sim import checkers
from molva.sim.checkers import Checkers
from molva.sim.machine import Machine
from molva.sim.network import Link
from molva.sim.swarm import Swarm
from molva.sim.world import World
from molva.terms.actions import Registration
from molva.terms.events import Result, RoomLeft
from molva.wire.framing import Framer
from molva.wire.jsonl import format_action, parse_event

READ_BYTES_MAX = 40
"""The smallest pieces a line is cut into are up to so long."""

ROOMS = ("#кухня", "#Lab")


class Device:
    """One client of one person."""

    def __init__(
        self,
        world: World,
        swarm: Swarm,
        machine: Machine,
        watch: Checkers,
        name: str,
        password: str | None,
        number: int,
    ) -> None:
        """`number` is unlike any other device's."""
        self._world = world
        self._swarm = swarm
        self._machine = machine
        self._watch = watch
        self.name = f"{name}/{number}"
        self._number = number
        self._wanted = name
        self._password = password
        self._ids = count(1)
        self._texts = count(1)
        self.said: set[str] = set()
        """Ids of messages; a join that was none needed is acknowledged and not stored."""
        self.abandoned: set[str] = set()
        """Those typed under a name that was not to be had."""
        self.outbox = MemoryOutbox()
        self._token: str | None = None
        self.screen: dict[str, checkers.Shown] = {}
        self._same = True
        """Whether it was the same account all the time."""
        self._left: set[str] = set()
        """Rooms left, until they are joined again."""
        self._claimed: dict[str, int] = {}
        self._link: Link | None = None
        self._wake_at: float | None = None
        self.steady = False
        """Whether faults are over and it should come back quickly."""
        self.mirror = self._boot()

    def _boot(self) -> Mirror:
        return Mirror(
            self._wanted,
            new_id=self._new_id,
            outbox=self.outbox,
            password=self._password,
            token=self._token,
            device=self.name,
            in_flight_max=self._swarm.in_flight,
            gap_entries_max=None,
            ping_seconds=3.0,
        )

    def _new_id(self) -> str:
        return f"{self._number}-{next(self._ids)}"

    # -- The line ------------------------------------------------------------------------------

    def connect(self) -> None:
        """Open a line and register."""
        if self._link is not None:
            return
        self._framer = Framer()
        link = Link(self._world, self._swarm.latency, READ_BYTES_MAX)
        self._link = link
        link.client = self
        self.mirror.connected(self._world.time)
        self._machine.accept(link)
        self.flush()

    def arrived(self, data: bytes) -> None:
        """See `network.End`."""
        for frame in self._framer.receive(data):
            event = parse_event(frame)
            if event is None:
                continue
            if isinstance(event, Result) and event.result == "successful":
                self._watch.welcomed(self, self._claimed, event)
            self.mirror.receive(event, self._world.time)
            self.flush()

    def broken(self) -> None:
        """See `network.End`."""
        self._link = None
        self.mirror.disconnected(self._world.time)
        self.flush()
        self._come_back()

    def _come_back(self) -> None:
        seconds = 0.2 if self.steady else self._world.random.random() * 2
        self._world.after(seconds, self.connect)

    def hang_up(self) -> None:
        """Close the line."""
        link, self._link = self._link, None
        if link is not None:
            link.close_from_client()
            self.mirror.disconnected(self._world.time)
            self._come_back()

    def cut(self) -> None:
        """A fault: the line breaks."""
        if self._link is not None:
            self._link.cut()

    def die_silently(self) -> None:
        """A fault: the line goes dead and nobody is told."""
        if self._link is not None:
            self._link.die()

    def slow_down(self, seconds: float) -> None:
        """A fault: this reader takes its time."""
        if self._link is not None:
            self._link.slow = seconds

    def crash(self) -> None:
        """A fault: the client forgets all but its outbox and its token."""
        if self.mirror.outbox is not self.outbox:
            self.abandoned |= self.said
        link, self._link = self._link, None
        if link is not None:
            link.close_from_client()
        self.screen = {}
        self.mirror = self._boot()
        self._come_back()

    # -- The mirror ----------------------------------------------------------------------------

    def flush(self) -> None:
        """Send what the mirror wants sent, and look at what it says happened."""
        for action in self.mirror.actions_to_send():
            if isinstance(action, Registration):
                self._claimed = dict(action.cursors or {})
            if self._link is not None:
                self._link.send_up(format_action(action))
        for happening in self.mirror.happenings():
            self._see(happening)
        if self.mirror.dead:
            self.hang_up()
        deadline = self.mirror.next_deadline()
        if deadline is not None and (self._wake_at is None or deadline < self._wake_at):
            self._wake_at = deadline
            self._world.at(max(deadline, self._world.time), self._wake)

    def _wake(self) -> None:
        if self._wake_at is not None and self._wake_at <= self._world.time:
            self._wake_at = None
        deadline = self.mirror.next_deadline()
        if deadline is not None and deadline <= self._world.time:
            self.mirror.tick(self._world.time)
        self.flush()

    def _see(self, happening: object) -> None:
        match happening:
            case Shown(conversation, entry, backfill):
                self._watch.shown(self, conversation, entry, backfill)
                if isinstance(entry, RoomLeft):
                    self._left.add(entry.room.lower())
            case GapFound(conversation, after, through):
                self._watch.gap(self, conversation, after, through)
            case LogRestarted(conversation):
                self.screen.pop(self.place(conversation), None)
                self._begin(conversation)
            case LogChanged(conversation):
                self._begin(conversation)
            case Acknowledged(id, seq):
                if id in self.said:
                    self._watch.acknowledged[self.name, id] = seq
            case Refused(id, _, _, write):
                if write is not None and self._same:
                    self._watch.refused.add((self.name, id))
                elif write is not None:
                    self.abandoned.add(id)
            case Welcomed(_, _, token):
                if token is not None:
                    if self._token is not None and self._password is None:
                        # A new guest under the old name: its own and direct logs begin anew.
                        self.screen = {k: v for k, v in self.screen.items() if k.startswith("#")}
                        self._same = False
                    self._token = token
            case RegistrationRefused():
                self._refused()
            case _:
                pass

    def place(self, conversation: str) -> str:
        """Return what a log is called here whoever has the name: a person's with its tag."""
        log = self.mirror.log(conversation)
        return (conversation if log is None else log.address).lower()

    def _begin(self, conversation: str) -> None:
        log = self.mirror.log(conversation)
        key = self.place(conversation)
        if log is None:
            return
        if key not in self.screen:
            self.screen[key] = checkers.Shown(log.cursor)
        elif key in self._left and log.joined:
            # What was said in a room while one was out of it by one's own will is no gap.
            self._left.discard(key)
            self.screen[key].last = max(self.screen[key].last, log.cursor)

    def _refused(self) -> None:
        """Try again in a while; a guest whose first welcome was lost takes another name."""
        if self._password is None:
            self._wanted = f"{self.name.split('/')[0]}{next(self._texts)}"
            self._token = None
            self.outbox = MemoryOutbox()
            self.screen = {}
        mirror = self.mirror

        def again() -> None:
            if self.mirror is mirror and mirror.state is not State.LIVE:
                if mirror.outbox is not self.outbox:
                    self.abandoned |= self.said
                mirror.register(
                    self._wanted,
                    self._world.time,
                    password=self._password,
                    token=None,
                    outbox=self.outbox,
                )
                self.flush()

        self._world.after(0.5, again)

    # -- Typing --------------------------------------------------------------------------------

    def act(self, names: list[str]) -> None:
        """Do one of the things people do."""
        random = self._world.random
        now = self._world.time
        text = f"{self.name} says {next(self._texts)} {'я' * random.randint(0, 60)}"
        room = random.choice(ROOMS[: self._swarm.rooms] or ("#general",))
        choice = random.random()
        mirror = self.mirror
        try:
            if choice < 0.35:
                self.said.add(mirror.send(text, now))
            elif choice < 0.55:
                self.said.add(mirror.send(text, now, to=random.choice(names)))
            elif choice < 0.72:
                self.said.add(mirror.send(text, now, room=room))
            elif choice < 0.82 and room != "#general":
                if random.random() < 0.3:
                    mirror.create(room, now, topic=random.choice((None, "about")))
                else:
                    mirror.join(room, now)
            elif choice < 0.87 and room != "#general":
                mirror.leave(room, now)
            elif choice < 0.90 and room != "#general":
                mirror.topic(room, text, now)
            elif choice < 0.97 and mirror.logs:
                mirror.read(random.choice(list(mirror.logs)), now)
            elif mirror.state is State.LIVE:
                mirror.list_users(now)
        except TextRefused:
            pass
        self.flush()
