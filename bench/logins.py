"""Logins: what a flood of wrong ones costs the others, and whether an answer tells who is here."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bench.servers import JOIN_CODE, FailureError, Figures, Place, Server, pinned, serving

GUESSERS = 64  # connections that guess passwords, each as fast as it is answered
WARMUP = 20  # messages before the clock counts
PAUSE_S = 0.06  # between two messages of the honest one
ANSWER_S = 30.0  # an answer that has not come by then has failed
PASSWORD = "correct horse"
SHUFFLES = 500  # of the two arms put together, to see what chance alone makes
TRIES = 10  # refusals before a stranger connects anew; the server closes after 20


class Line:
    """One connection that asks and waits for the answer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("rb")
        self._asked = 0

    def ask(self, action: str, **fields: Any) -> dict[str, Any]:
        """Send an action and return what answers it."""
        self._asked += 1
        # Of this line alone, for entries carry the ids of others; and always as long.
        id = f"{self._socket.fileno():04}-{self._asked:08}"
        self._socket.sendall(json.dumps({"action": action, "id": id, **fields}).encode() + b"\n")
        while line := self._lines.readline():
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == id:
                return answer
        raise FailureError("the server has closed the line")

    def enter(self, name: str, **fields: Any) -> Line:
        """Become somebody."""
        answer = self.ask("registration", name=name, features=["echo"], **fields)
        if answer.get("result") != "successful":
            raise FailureError(f"{name} was refused: {answer.get('code')}")
        return self

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


# -- A flood ---------------------------------------------------------------------------------------


def flooded(place: Place, messages: int, *, limits: bool, flood: bool) -> Figures:
    """Time an honest client's messages, with a flood or without, on a server with rates or without.

    Without rates every guess is hashed for which the queue of hashes has room: that is the worst
    that guesses from many addresses can come to. Here all come from one.
    """
    with serving("molva", place, limits=limits) as server:
        honest = Line(server.port).enter("honest", password=PASSWORD)
        # The one who is guessed at is in, and stays in.
        victim = Line(server.port).enter("victim", password=PASSWORD)
        guesses: float | None = None
        with contextlib.closing(honest), contextlib.closing(victim), pinned(place.load_cores):
            if flood:
                with _guessing(server) as answered:
                    times = _messages(honest, messages)
                    guesses = answered()
            else:
                times = _messages(honest, messages)
            if victim.ask("users").get("action") != "users":
                raise FailureError("who was guessed at is no longer in")
    found = {"p50_us": _at(times, 0.5), "p99_us": _at(times, 0.99)}
    return found if guesses is None else {**found, "guesses_per_s": guesses}


def _messages(honest: Line, count: int) -> list[float]:
    """Return how long each of so many messages took to be stored and told, in seconds."""
    times = []
    for number in range(WARMUP + count):
        started = time.perf_counter()
        answer = honest.ask("new_message", text=f"message {number} " + "x" * 48)
        if answer["action"] != "new_message":
            raise FailureError(f"the honest client was refused: {answer.get('code')}")
        if number >= WARMUP:
            times.append(time.perf_counter() - started)
        # Slower than the rate of one connection, which is not what is measured.
        time.sleep(PAUSE_S)
    return sorted(times)


def _at(times: Sequence[float], share: float) -> float:
    return times[min(int(len(times) * share), len(times) - 1)] * 1e6


_GUESSES = """
import selectors, socket, sys, time
port, count = int(sys.argv[1]), int(sys.argv[2])
frame = b'{"action":"registration","name":"victim","password":"wrong horse","features":["echo"]}\\n'
waiting = selectors.DefaultSelector()
answers = 0
def begin():
    line = socket.create_connection(("127.0.0.1", port))
    line.setblocking(False)
    line.send(frame)
    waiting.register(line, selectors.EVENT_READ)
for _ in range(count):
    begin()
print("guessing", flush=True)
started = told = time.perf_counter()
while True:
    for key, _ in waiting.select(0.1):
        line = key.fileobj
        try:
            got = line.recv(65536)
            if got:
                answers += got.count(b"\\n")
                line.send(frame)
                continue
        except OSError:
            pass
        waiting.unregister(line)
        line.close()
        begin()
    now = time.perf_counter()
    if now - told > 0.2:
        told = now
        print(answers / (now - started), flush=True)
"""
"""A guesser in a process of its own: an interpreter lock shared with the honest one would be what
is measured. Who was refused too often comes again on a new connection."""


@contextlib.contextmanager
def _guessing(server: Server) -> Iterator[Callable[[], float]]:
    """Have many connections guess a password meanwhile; yield what says how many a second."""
    command = [sys.executable, "-c", _GUESSES, str(server.port), str(GUESSERS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        output = process.stdout
        rate = [0.0]

        def follow() -> None:
            for line in output:
                with contextlib.suppress(ValueError):
                    rate[0] = float(line)

        try:
            if not output.readline():
                raise FailureError("the guessers did not get in")
            thread = threading.Thread(target=follow, name="bench-guesses")
            thread.start()
            yield lambda: rate[0]
            if process.poll() is not None:
                raise FailureError("the guessers did not stay")
        finally:
            process.kill()
        thread.join()


# -- What the time of an answer tells --------------------------------------------------------------


ARMS = {
    "name": "a name known or not, no code",
    "code": "a name known or not, a wrong code",
    "password": "a name known or not, a wrong password",
    "history": "a room that is foreign or absent, history",
    "join": "a room that is foreign or absent, join",
}
"""What is compared: an action about what is there, and about what is not."""


def telling(place: Place, samples: int) -> Figures:
    """Time answers about who is here and who is not, and about rooms, so many an arm.

    For each pair of arms, asked in turn and in random order: `effect`, the probability that an
    answer of the one takes longer than one of the other, as its distance from one half, which tells
    nothing; and `chance`, what the same answers give when they are dealt to two arms at random, 99
    of 100 times. An effect above that is one that somebody could measure.
    """
    with serving("molva", place, access="code") as server:
        owner = Line(server.port).enter("known", password=PASSWORD, code=JOIN_CODE)
        member = Line(server.port).enter("member", password=PASSWORD, code=JOIN_CODE)
        # Names of one length, so that the bytes are as many.
        owner.ask("create", room="#foreign", kind="private")
        stranger = _Stranger(server.port)
        asks: dict[str, Callable[[bool], str]] = {
            "name": lambda there: stranger.tries("known" if there else "nobod", {}),
            "code": lambda there: stranger.tries("known" if there else "nobod", WRONG_CODE),
            "password": lambda there: stranger.tries("known" if there else "nobod", WRONG_WORD),
            "history": lambda there: _room(member, "history", there),
            "join": lambda there: _room(member, "join", there),
        }
        figures: Figures = {}
        with (
            contextlib.closing(owner),
            contextlib.closing(member),
            contextlib.closing(stranger),
            pinned(place.load_cores),
        ):
            for what, ask in asks.items():
                figures |= _compared(what, ask, stranger, samples)
    return figures


def _room(member: Line, action: str, there: bool) -> str:
    return str(member.ask(action, room="#foreign" if there else "#missing").get("code"))


WRONG_CODE = {"code": "0000-0000"}
WRONG_WORD = {"password": "wrong horse"}


class _Stranger:
    """Tries to register, on a new connection whenever the old one has been refused enough."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._line = Line(port)
        self._tries = 0

    def renew(self) -> None:
        """Make sure that the next try is not one too many; this is not timed."""
        if self._tries >= TRIES:
            self.close()
            self._line = Line(self._port)
            self._tries = 0

    def tries(self, name: str, fields: Figures) -> str:
        """Try, and return the code of the refusal."""
        self._tries += 1
        answer = self._line.ask("registration", name=name, features=["echo"], **fields)
        return str(answer.get("code"))

    def close(self) -> None:
        self._line.close()


def _compared(what: str, ask: Callable[[bool], str], stranger: _Stranger, samples: int) -> Figures:
    """Return the effect of one pair of arms, what chance makes of it, and the medians."""
    dice = random.Random(what)
    arms: dict[bool, list[float]] = {True: [], False: []}
    codes = set()
    for pair in range(samples + WARMUP):
        # Each pair in an order of its own: what drifts does so for both.
        for there in dice.sample((True, False), 2):
            stranger.renew()
            started = time.perf_counter()
            codes.add(ask(there))
            if pair >= WARMUP:
                arms[there].append(time.perf_counter() - started)
    if len(codes) != 1 or codes == {"None"}:
        raise FailureError(f"{what}: the answers themselves differ: {codes}")
    both = [(taken, True) for taken in arms[True]] + [(taken, False) for taken in arms[False]]
    ranks = _ranks([taken for taken, _ in both])
    count = len(arms[True])
    by_chance = []
    for _ in range(SHUFFLES):
        dealt = dice.sample(range(len(ranks)), count)
        by_chance.append(_effect(sum(ranks[place] for place in dealt), count))
    return {
        f"{what}_effect": _effect(sum(ranks[:count]), count),
        f"{what}_chance": sorted(by_chance)[SHUFFLES * 99 // 100],
        f"{what}_there_us": statistics.median(arms[True]) * 1e6,
        f"{what}_absent_us": statistics.median(arms[False]) * 1e6,
    }


def _ranks(times: Sequence[float]) -> list[float]:
    """Return the rank of each, those that are equal sharing theirs."""
    order = sorted(range(len(times)), key=times.__getitem__)
    ranks = [0.0] * len(times)
    first = 0
    while first < len(order):
        last = first
        while last + 1 < len(order) and times[order[last + 1]] == times[order[first]]:
            last += 1
        for place in order[first : last + 1]:
            ranks[place] = (first + last) / 2 + 1
        first = last + 1
    return ranks


def _effect(rank_sum: float, count: int) -> float:
    """Return how far the chance that one of an arm is the longer lies from one half.

    Of the rank sum of one of two arms of `count` each (Mann and Whitney 1947).
    """
    return abs((rank_sum - count * (count + 1) / 2) / (count * count) - 0.5)
