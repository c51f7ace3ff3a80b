"""One seed, from the first connection to the verdict.

Two phases, as TigerBeetle's simulator has them: safety, while faults happen; then liveness, when
they are over and everything must come to rest in bounded time with nothing missing.
"""

from dataclasses import dataclass
from functools import partial
from random import Random

from molva.client.happenings import State
from molva.sim import swarm as options
from molva.sim.checkers import Checkers
from molva.sim.deeds import Town
from molva.sim.machine import Machine
from molva.sim.person import Device
from molva.sim.rules import LATER, Violation
from molva.sim.world import World

REST_SECONDS = 900.0
"""Virtual time in which everything must come to rest once faults are over."""

NAMES = ("anna", "Борис", "Ольга", "emil", "Ёжик")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a seed came to."""

    seed: int
    digest: int
    steps: int
    faults: int
    entries: int
    deliveries: int
    acknowledged: int
    seconds: float
    """Virtual."""
    violation: Violation | AssertionError | None
    last: tuple[str, ...]
    """The last steps before the end."""


class Play:
    """The people and the machine of one seed."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        self.swarm = options.draw(Random(self.world.random.random()))
        self.watch = Checkers()
        self.machine = Machine(self.world, self.swarm, self.watch)
        self.devices: list[Device] = []
        self.town = Town()
        for house, name in enumerate(NAMES[: self.swarm.people], 1):
            account = self.world.random.random() < 0.5
            if account:
                self.town.remember(name, f"password of {name}")
            for _ in range(self.swarm.devices if account else 1):
                number = len(self.devices) + 1
                password = f"password of {name}" if account else None
                address = f"10.0.{house}.{number}"
                device = Device(
                    self.world,
                    self.swarm,
                    self.machine,
                    self.watch,
                    name,
                    password,
                    number,
                    self.town,
                    address,
                )
                self.devices.append(device)

    def run(self) -> None:
        """Play both phases; raises what was broken."""
        world, swarm = self.world, self.swarm
        for device in self.devices:
            world.after(world.random.random(), device.connect)
        for _ in range(swarm.actions):
            world.after(world.random.random() * swarm.seconds, self._happen)
        world.run(swarm.seconds)
        self._heal()
        end = world.time + REST_SECONDS
        # A guest that must wait for its name, a dead line, a slow reader: all end by then.
        world.run(world.time + 40.0)
        while world.time < end and not self._at_rest():
            world.run(world.time + 5.0)
        self.watch.finish(self.machine, self.devices, self.world.time)

    def _happen(self) -> None:
        """Somebody does something, or something breaks."""
        world, swarm = self.world, self.swarm
        random = world.random
        device = random.choice(self.devices)
        for chance, fault in (
            (swarm.cut, device.cut),
            (swarm.half_open, device.die_silently),
            (swarm.slow, lambda: device.slow_down(random.choice((0.0, 0.3, 3.0)))),
            (swarm.client_crash, device.crash),
            (swarm.node_crash, self._crash),
            (swarm.disk_full, self._fill),
            (swarm.clock_jump, self._jump),
        ):
            if chance and random.random() < chance:
                world.faults += 1
                world.note(f"fault {getattr(fault, '__name__', 'slow')} {device.name}")
                fault()
                return
        deed = random.random() < swarm.deeds
        if deed and random.random() < 0.6:
            # Who has a say does more: else most deeds would be refused.
            device = random.choice([d for d in self.devices if d.has_say()] or self.devices)
        names = [other.mirror.name for other in self.devices]
        device.act(names, deed=deed)
        if deed and device.has_say():
            # Whom it may be about goes on talking while it is on its way.
            for other in self.devices:
                if other is not device and random.random() < 0.5:
                    soon = random.random() * (swarm.disk + swarm.latency)
                    world.after(soon, partial(other.act, names, deed=False))

    def _crash(self) -> None:
        if self.machine.up:
            self.machine.crash()
            self.world.after(self.world.random.random() * 3, self._start)

    def _start(self) -> None:
        if not self.machine.up:
            self.machine.start()

    def _fill(self) -> None:
        self.machine.full = True
        self.world.after(self.world.random.random() * 4, self._empty)

    def _empty(self) -> None:
        self.machine.full = False

    def _jump(self) -> None:
        self.watch.steady_clock = False
        self.world.wall_offset += self.world.random.choice((-3_600_000, 315_360_000_000, -1))

    def _heal(self) -> None:
        self.world.note("faults are over")
        self._empty()
        self._start()
        for device in self.devices:
            device.steady = True
            device.slow_down(0.0)

    def _at_rest(self) -> bool:
        for device in self.devices:
            if device.is_out():
                continue
            if device.mirror.state is not State.LIVE or device.mirror.outbox.pending():
                return False
        try:
            self.watch.finish(self.machine, self.devices, self.world.time)
        except Violation as violation:
            return violation.rule not in LATER
        return True


def run_seed(seed: int) -> Verdict:
    """Run one seed to its verdict; never raises what the checkers or assertions found."""
    play = Play(seed)
    violation: Violation | AssertionError | None = None
    try:
        play.run()
    except AssertionError as error:
        violation = error
    entries = sum(len(log) for log in play.machine.disk.logs.values())
    return Verdict(
        seed=seed,
        digest=play.world.digest,
        steps=play.world.steps,
        faults=play.world.faults,
        entries=entries,
        deliveries=play.watch.deliveries,
        acknowledged=len(play.watch.acknowledged),
        seconds=play.world.time,
        violation=violation,
        last=tuple(play.world.last),
    )
