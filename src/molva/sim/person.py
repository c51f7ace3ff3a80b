"""A person's device: the real mirror at one end of a toy line, and somebody who types.

Owns what survives a crash of the client (outbox, token) and what does not (everything else).
"""

from itertools import count
from typing import get_args

from molva.client.happenings import (
    Acknowledged,
    AnyAct,
    GapFound,
    ListReceived,
    LogChanged,
    LogRenamed,
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
from molva.sim.deeds import ROOMS, Doer, Town
from molva.sim.machine import JOIN_CODE, Machine
from molva.sim.network import Link
from molva.sim.swarm import Swarm
from molva.sim.world import World
from molva.terms.actions import Registration
from molva.terms.admission import Access
from molva.terms.errors import Code
from molva.terms.events import Invitation, NewMessage, NewWhisper, Result, RoomLeft, Unheard
from molva.terms.ids import AccountId, CommonRoom
from molva.terms.ports import Sanction
from molva.terms.roles import Role
from molva.wire.framing import Framer
from molva.wire.jsonl import format_action, parse_event

READ_BYTES_MAX = 40
"""The smallest pieces a line is cut into are up to so long."""

ACTS = get_args(AnyAct)
RULERS = frozenset((Role.MODERATOR.value, Role.ADMIN.value, Role.OWNER.value))
REFUSALS_HEARD = 4
"""So often a person is told that a name is not theirs before they take another."""


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
        town: Town,
        address: str,
    ) -> None:
        """`number` is unlike any other device's; `address` is where its person lives."""
        self._world = world
        self._swarm = swarm
        self._machine = machine
        self._watch = watch
        self.name = f"{name}/{number}"
        self._number = number
        self._town = town
        self._address = address
        self._doer = Doer(world.random, town, swarm.families)
        self._asked: set[str] = set()
        """Ids of what was done to others, which a refusal leaves without effect."""
        self._words: list[tuple[str, int]] = []
        """Where its own words are: in which log, and under which seq."""
        self._identity: AccountId | None = None
        self._not_mine = 0
        """Refusals of the name, one after the other."""
        self._door_code = JOIN_CODE if swarm.access is Access.CODE else None
        self._code = self._door_code
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
            code=self._code if self._token is None else None,
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
        self._machine.accept(link, self._address)
        if self.mirror.ousted is not None:
            self._refused(self.mirror.ousted)
        self.flush()

    def _sign_out(self) -> None:
        """This device was signed out: the program ends, and begins anew without its token."""
        if self.mirror.outbox is not self.outbox:
            self.abandoned |= self.said
        self._token = None
        self.screen = {}
        self.mirror = self._boot()

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
            if isinstance(event, Unheard):
                self._watch.passed(self, event.from_, event.seq)

    def broken(self) -> None:
        """See `network.End`."""
        self._link = None
        self.mirror.disconnected(self._world.time)
        self.flush()
        if self.mirror.ousted == Code.SIGNED_OUT:
            self._sign_out()
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
        self._start_anew()

    def _start_anew(self) -> None:
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
                if isinstance(entry, NewMessage | NewWhisper) and entry.from_ == self.mirror.name:
                    log = self.mirror.log(conversation)
                    if log is not None and entry.seq is not None:
                        self._words.append((log.address, entry.seq))
                if isinstance(entry, RoomLeft):
                    self._left.add(entry.room.lower())
            case GapFound(conversation, after, through):
                self._watch.gap(self, conversation, after, through)
            case LogRestarted(conversation):
                self.screen.pop(self.place(conversation), None)
                self._begin(conversation)
            case LogChanged(conversation):
                self._begin(conversation)
            case LogRenamed(was, conversation):
                self._rename(was.lower(), conversation.lower())
            case Acknowledged(id, seq):
                if id in self.said:
                    self._watch.acknowledged[self.name, id] = seq
            case Refused(id, code, _, write):
                if write is not None and self._same:
                    self._watch.refused.add((self.name, id))
                elif write is not None:
                    self.abandoned.add(id)
                elif id in self._asked and self._same and code != Code.UNAVAILABLE:
                    # What the store could not do now, an earlier try may have done.
                    self._watch.refused.add((self.name, id))
            case ListReceived(_, Invitation(code=code)):
                self._town.codes.append(code)
            case Welcomed(name, _, token):
                self._not_mine = 0
                # Who is gone from the disk by now was still somebody when this was said.
                identity = checkers.account_named(self._machine.disk, name) or self._identity
                if self._identity not in (None, identity):
                    # Somebody new, if under the old name: its own and direct logs begin anew.
                    self._watch.reborn(self, self._claimed)
                    self.screen = {k: v for k, v in self.screen.items() if k.startswith("#")}
                    self._same = False
                    self.abandoned |= self.said
                self._identity = identity
                self._token = token or self._token
            case RegistrationRefused(code):
                self._refused(code)
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

    def _rename(self, was: str, now: str) -> None:
        """A log is called otherwise: what was shown of it is the same."""
        if was in self.screen:
            shown = self.screen.pop(was)
            if now in self.screen:
                # What is behind was told under the new name before its renaming was.
                shown.join(self.screen[now])
            self.screen[now] = shown
        if was in self._left:
            self._left.discard(was)
            self._left.add(now)

    def is_out(self) -> bool:
        """Say whether its account, or where it comes from, is banned from the server."""
        disk = self._machine.disk
        me = checkers.account_named(disk, self.mirror.name)
        for where, sanction, account, range in disk.sanctions:
            if where == CommonRoom and sanction is Sanction.BAN:
                if account is not None and account in (me, self._identity):
                    return True
                if range is not None and checkers.within(self._address, range):
                    return True
        return False

    def _refused(self, code: str | None) -> None:
        """Try again in a while: with another password, or as somebody else."""
        self._not_mine += 1
        known = self._town.passwords.get(self._wanted.lower(), [])
        if self._password is None and not known:
            # A guest whose first welcome was lost, or who was put out, takes another name.
            self._take_another_name()
        elif code in (Code.WRONG_PASSWORD, Code.PASSWORD_REQUIRED, Code.BAD_TOKEN):
            if self._not_mine > len(known) + REFUSALS_HEARD:
                self._take_another_name()
            elif known:
                self._password = known[-1 - self._not_mine % len(known)]
        elif code in (Code.NAME_TAKEN, Code.NAME_CONFUSABLE):
            if self._not_mine > REFUSALS_HEARD:
                self._take_another_name()
        elif code == Code.SIGNED_OUT and known:
            self._password = known[-1]
        wrong, self._code = self._code != self._door_code, self._door_code
        if wrong or code == Code.PASSWORD_REQUIRED:
            # A mirror sends a code until it is let in, and has forgotten what it showed of a guest
            # whose token is good no more, though somebody gave that guest a password: begin anew.
            self._start_anew()
        else:
            self._register_again(self._token if code == Code.BANNED else None)

    def _take_another_name(self) -> None:
        self._wanted = f"{self.name.split('/')[0]}{next(self._texts)}"
        if self._password is not None or self._town.passwords.get(self._wanted.lower()):
            # Nobody else may come by it.
            self._wanted += f"of{self._number}"
        if self._password is not None:
            self._town.remember(self._wanted, self._password)
        self._not_mine = 0
        self._token = None
        self.abandoned |= self.said
        self.outbox = MemoryOutbox()
        self.screen = {}
        self._left.clear()
        codes = self._town.codes
        if codes and self._world.random.random() < 0.5:
            self._code = self._world.random.choice(codes)

    def _register_again(self, token: str | None) -> None:
        mirror, code = self.mirror, self._code if token is None else None

        def again() -> None:
            if self.mirror is mirror and mirror.state is not State.LIVE:
                if mirror.outbox is not self.outbox:
                    self.abandoned |= self.said
                mirror.register(
                    self._wanted,
                    self._world.time,
                    password=self._password,
                    token=token,
                    code=code,
                    outbox=self.outbox,
                )
                self.flush()

        self._world.after(0.5, again)

    # -- Typing --------------------------------------------------------------------------------

    def act(self, names: list[str], *, deed: bool) -> None:
        """Say something, or do a deed."""
        try:
            if deed:
                self._do(names)
            else:
                self._talk(names)
        except TextRefused:
            pass
        self.flush()

    def _do(self, names: list[str]) -> None:
        """Do something to others, to a room or to what is one's own, allowed or not."""
        random = self._world.random
        now = self._world.time
        mirror = self.mirror
        kinds = self._swarm.kinds
        if self._town.codes and random.random() < 0.15:
            self._come_as_another(random.choice(self._town.codes))
            return
        if random.random() < 0.1 and "invite" in self._swarm.families:
            mirror.group(random.sample(names, min(len(names), random.randint(1, 3))), now)
            return
        if random.random() < 0.15:
            mirror.create(random.choice(ROOMS), now, kind=random.choice(kinds))
            return
        if random.random() < 0.15:
            mirror.join(random.choice(ROOMS), now)
            return
        rooms = [*ROOMS, "#moderators", *(log.name for log in mirror.logs.values() if log.is_room)]
        heads = {log.address: log.head for log in mirror.logs.values() if not log.is_own}
        deed = self._doer.deed(mirror.name, names, rooms, self._ruled(), heads, self._words)
        id = mirror.ask(deed, now)
        if isinstance(deed, ACTS):
            self._asked.add(id)

    def has_say(self) -> bool:
        """Say whether this device is of somebody who moderates something."""
        return bool(self._ruled())

    def _ruled(self) -> list[str | None]:
        ruled: list[str | None] = []
        for log in self.mirror.logs.values():
            if log.is_room and log.joined and log.standing.role in RULERS:
                ruled.append(None if log.name == "#general" else log.name)
        return ruled

    def _come_as_another(self, code: str) -> None:
        """Leave, and come by an invitation under a name that is new."""
        self.abandoned |= self.said
        self._take_another_name()
        self._code = code
        self._start_anew()

    def _talk(self, names: list[str]) -> None:
        random = self._world.random
        now = self._world.time
        text = f"{self.name} says {next(self._texts)} {'я' * random.randint(0, 60)}"
        room = random.choice(ROOMS[: self._swarm.rooms] or ("#general",))
        groups = [log.name for log in self.mirror.logs.values() if log.is_group and log.joined]
        if groups and random.random() < 0.3:
            room = random.choice(groups)
        choice = random.random()
        mirror = self.mirror
        if choice < 0.35:
            self.said.add(mirror.send(text, now))
        elif choice < 0.55:
            self.said.add(mirror.send(text, now, to=random.choice(names)))
        elif choice < 0.72:
            self.said.add(mirror.send(text, now, room=room))
        elif choice < 0.82 and room != "#general":
            if random.random() < 0.3 and not room.startswith("#~"):
                topic = random.choice((None, "about"))
                kind = random.choice(self._swarm.kinds)
                mirror.create(room, now, topic=topic, kind=kind)
            else:
                mirror.join(room, now)
        elif choice < 0.87 and room != "#general":
            mirror.leave(room, now)
        elif choice < 0.90 and room != "#general":
            mirror.topic(room, text, now)
        elif choice < 0.95 and mirror.logs:
            mirror.read(random.choice(list(mirror.logs)), now)
        elif choice < 0.98 and mirror.logs:
            name = random.choice(list(mirror.logs))
            if not name.startswith("@"):
                before = random.choice((None, random.randint(1, 9)))
                mirror.history(name, now, before=before, limit=random.randint(1, 20))
        elif mirror.state is State.LIVE:
            mirror.list_users(now)
