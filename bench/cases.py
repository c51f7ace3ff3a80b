"""The cases: what is measured, beside what, and what we aim at."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from bench import bare, logins
from bench.servers import Figures, Place, holding, load, resident, serving

PAYLOAD = 64  # bytes of text in a message
ROW = 190  # bytes of the line a message becomes, and so of a row in the bare loops
RATIO = 2.5  # the aim: at most so many times the floor
SENDERS = 32

Measure = Callable[[Place], Figures]


@dataclass(frozen=True)
class Row:
    """A line of the table: one figure of a case."""

    key: str
    title: str
    unit: str
    beside: str = ""  # what stands beside Molva: the floor, a bare loop, nothing
    ratio: bool = True  # is the aim a ratio to what stands beside? else it is absolute
    limit: float = RATIO
    more: bool = False  # is more better?


@dataclass(frozen=True)
class Case:
    name: str
    rows: tuple[Row, ...]
    molva: Measure
    beside: Measure | None


def all_cases(quick: bool, clients_at_most: int) -> list[Case]:
    """Every case in the order of the table; quick ones are shorter and noisier."""
    part = 8 if quick else 1
    idle = min(1_000 if quick else 5_000, clients_at_most)
    return [
        _room(100, 1, 2_400 // part),
        _room(100, 32, 40_000 // part),
        _room(1_000, 1, 400 // part),
        _room(1_000, 32, 6_400 // part),
        _appends(32, 12_000 // part),
        _appends(256, 40_000 // part),
        _whisper(2_400 // part),
        _idle(idle),
        _join(min(1_000, clients_at_most)),
        _ready(3 if quick else 5),
        _logins(400 // part, limits=True),
        _logins(400 // part, limits=False),
        _telling(2_000 // part),
    ]


def _room(clients: int, in_flight: int, messages: int) -> Case:
    def measure(kind: str) -> Measure:
        def run(place: Place) -> Figures:
            with serving(kind, place) as server:
                return load(
                    place,
                    server,
                    "room",
                    clients=clients,
                    in_flight=in_flight,
                    messages=messages,
                    warmup=max(messages // 10, in_flight),
                    payload=PAYLOAD,
                    polls=1,
                )

        return run

    title = f"CPU a delivery, {clients:,} clients, {in_flight} in flight"
    row = Row("cpu_per_delivery_us", title, "us", "floor")
    return Case(f"room-{clients}-{in_flight}", (row,), measure("molva"), measure("floor"))


def _appends(in_flight: int, messages: int) -> Case:
    def molva(place: Place) -> Figures:
        with serving("molva", place) as server:
            figures = load(
                place,
                server,
                "room",
                clients=SENDERS,
                in_flight=in_flight,
                messages=messages,
                warmup=messages // 10,
                payload=PAYLOAD,
            )
        return {**figures, "per_s": messages / figures["elapsed_s"]}

    def beside(place: Place) -> Figures:
        return bare.appends(place, messages, in_flight, ROW)

    title = f"durable appends, {in_flight} in flight"
    row = Row("per_s", title, "1/s", f"SQLite, {in_flight} a commit", more=True)
    return Case(f"appends-{in_flight}", (row,), molva, beside)


def _whisper(messages: int) -> Case:
    def molva(place: Place) -> Figures:
        with serving("molva", place) as server:
            return load(
                place,
                server,
                "whisper",
                clients=SENDERS,
                in_flight=1,
                messages=messages,
                warmup=messages // 10,
                payload=PAYLOAD,
            )

    def beside(place: Place) -> Figures:
        return bare.syncs(place, messages, ROW)

    rows = (
        Row("p50_us", "whisper, p50", "us", "write and fdatasync"),
        Row("p99_us", "whisper, p99", "us", "write and fdatasync"),
    )
    return Case("whisper", rows, molva, beside)


def _idle(clients: int) -> Case:
    def measure(kind: str) -> Measure:
        def run(place: Place) -> Figures:
            with serving(kind, place) as server:
                before = resident(server)
                with holding(place, server, clients):
                    return {"kib": (resident(server) - before) / clients / 1024}

        return run

    title = f"memory an idle connection, of {clients:,}"
    row = Row("kib", title, "KiB", "floor", ratio=False, limit=8)
    return Case("idle", (row,), measure("molva"), measure("floor"))


def _join(clients: int) -> Case:
    def molva(place: Place) -> Figures:
        with serving("molva", place) as server:
            figures = load(place, server, "join", clients=clients)
        return {"seconds": figures["enter_s"]}

    row = Row("seconds", f"{clients:,} registrations, one room", "s", ratio=False, limit=2)
    return Case("join", (row,), molva, None)


def _ready(times: int) -> Case:
    def measure(kind: str) -> Measure:
        def run(place: Place) -> Figures:
            taken = []
            for _ in range(times):
                with serving(kind, place) as server:
                    taken.append(server.ready_s)
            return {"seconds": statistics.median(taken)}

        return run

    row = Row("seconds", "time to ready", "s", "floor", ratio=False, limit=1)
    return Case("ready", (row,), measure("molva"), measure("floor"))


def _logins(messages: int, *, limits: bool) -> Case:
    def measure(flood: bool) -> Measure:
        return lambda place: logins.flooded(place, messages, limits=limits, flood=flood)

    how = "rates" if limits else "no rates"
    rows = (
        Row("p50_us", f"message in a flood of logins, {how}, p50", "us", "no flood", limit=2),
        Row("p99_us", f"message in a flood of logins, {how}, p99", "us", "no flood", limit=2),
    )
    name = "logins" if limits else "logins-no-rates"
    return Case(name, rows, measure(flood=True), measure(flood=False))


def _telling(samples: int) -> Case:
    taken: list[Figures] = []

    def chance(place: Place) -> Figures:
        # Both sides are of the same answers.
        taken.append(logins.telling(place, samples))
        return {f"{arms}_effect": taken[-1][f"{arms}_chance"] for arms in logins.ARMS}

    def molva(place: Place) -> Figures:
        return taken.pop() if taken else logins.telling(place, samples)

    rows = tuple(
        Row(f"{arms}_effect", f"time tells {title}", "", "chance, 99 of 100", limit=1)
        for arms, title in logins.ARMS.items()
    )
    return Case("telling", rows, molva, chance)
