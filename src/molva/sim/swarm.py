"""Swarm options: which people, sizes and faults a seed has.

Owns the menu. A run with some faults off finds what a run with all of them on hides (swarm testing,
Groce et al. 2012), so each seed draws its own subset.
"""

from dataclasses import dataclass
from random import Random

from molva.sim.deeds import FAMILIES
from molva.terms.admission import Access
from molva.terms.limits import UNLIMITED, Limits
from molva.terms.roles import RoomKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Swarm:
    """One seed's world."""

    people: int
    devices: int
    """Devices of each person who has a password; a guest has one."""
    rooms: int
    actions: int
    """Things done by all people together, in the time with faults."""
    seconds: float
    """How long that time is."""
    latency: float
    """The longest way of a chunk, in seconds."""
    disk: float
    """The longest commit, in seconds."""
    reading: float
    """The longest way of what was read back to the server, in seconds."""
    limits: Limits
    in_flight: int
    """Writes a mirror sends before the first is answered."""

    deeds: float
    """How many of the things done are not talk but deeds: to others, to rooms, to accounts."""
    families: tuple[str, ...]
    """Which sorts of deeds there are."""
    kinds: tuple[RoomKind, ...]
    """Which kinds of rooms are made."""
    access: Access
    """Who may join the server."""

    # Faults, as chances: per action of anybody, one of these may happen instead.
    cut: float
    """A line is cut; both ends notice."""
    half_open: float
    """A line goes dead; each end notices by its own patience."""
    slow: float
    """A reader takes long for what it reads."""
    client_crash: float
    """A client forgets all but its outbox and its token."""
    node_crash: float
    """The server dies: commits that did not return may be on the disk or not."""
    disk_full: float
    """Commits fail for a while."""
    clock_jump: float
    """The wall clock jumps."""


def draw(random: Random) -> Swarm:
    """Draw a world."""

    def fault(chance: float) -> float:
        return chance if random.random() < 0.5 else 0.0

    deeds = random.choice((0.0, 0.15, 0.35, 0.6))
    families = tuple(family for family in FAMILIES if random.random() < 0.5) or ("roles",)
    private = (RoomKind.PUBLIC, RoomKind.PRIVATE, RoomKind.ANNOUNCEMENT)
    small = random.random() < 0.5
    deliver = random.choice((1, 3, 16))
    backlog = random.choice((16, 40, 10_000))
    limits = Limits(
        actions_per_connection=UNLIMITED.actions_per_connection,
        actions_per_account=UNLIMITED.actions_per_account,
        registrations_per_address=UNLIMITED.registrations_per_address,
        passwords_per_account=UNLIMITED.passwords_per_account,
        passwords_per_address=UNLIMITED.passwords_per_address,
        passwords_total=UNLIMITED.passwords_total,
        codes_per_address=UNLIMITED.codes_per_address,
        rooms_per_account=UNLIMITED.rooms_per_account,
        reports_per_account=UNLIMITED.reports_per_account,
        invitations_per_account=UNLIMITED.invitations_per_account,
        window_entries=max(deliver, random.choice((1, 4, 64))) if small else 512,
        deliver_entries_max=deliver if small else 256,
        backlog_entries_max=max(backlog, deliver if small else 256),
        write_buffer_bytes_max=random.choice((300, 2_000, 60_000)),
        ping_seconds=4.0,
        dead_seconds=9.0,
        stall_seconds=15.0,
        guest_hold_seconds=random.choice((5.0, 600.0)),
        inbox_actions_max=random.choice((2, 256)),
    )
    return Swarm(
        people=random.randint(2, 5),
        devices=random.randint(1, 2),
        rooms=random.randint(0, 2),
        actions=random.randint(60, 180 if deeds else 220),
        seconds=random.choice((10.0, 40.0)),
        latency=random.choice((0.002, 0.05, 0.4)),
        disk=random.choice((0.0005, 0.02, 0.2)),
        reading=random.choice((0.0005, 0.05, 0.5)),
        limits=limits,
        in_flight=random.choice((1, 8)),
        deeds=deeds,
        families=families,
        kinds=private if deeds and random.random() < 0.6 else (RoomKind.PUBLIC,),
        access=random.choice((Access.OPEN, Access.OPEN, Access.CODE)),
        cut=fault(0.04),
        half_open=fault(0.02),
        slow=fault(0.05),
        client_crash=fault(0.02),
        node_crash=fault(0.012),
        disk_full=fault(0.015),
        clock_jump=fault(0.02),
    )
