"""Transport: a mirror's line over TCP, made again when it breaks.

Owns the socket, the waiting between attempts and the mirror's timer. Refuses to know what is said:
it hands events to the mirror and actions to the socket, and happenings to one callable.

Invariants:
- what arrives is bounded: a frame over the protocol's limit, or a stream of what is no event,
  closes the line; so does a server that does not answer;
- while the socket takes nothing, nothing is read either, so neither side can fill our memory;
- an attempt never follows another sooner than its delay, which doubles up to a bound and is
  scattered, so that a server that comes back is not met by everybody at once.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from enum import StrEnum
from random import Random
from typing import Final

import msgspec

from molva.client.happenings import AnyHappening, State
from molva.client.mirror import Mirror
from molva.wire.framing import Framer
from molva.wire.jsonl import BadEvent, format_action, parse_event

CONNECT_SECONDS: Final = 10.0
"""An attempt to connect that takes longer is given up."""
RETRY_SECONDS_FIRST: Final = 0.5
RETRY_SECONDS_MAX: Final = 30.0
"""The longest wait between attempts: a person who looks at a screen does not wait for minutes."""
STEADY_SECONDS: Final = 5.0
"""A line that lived so long has proved itself: the next wait begins at the first again."""
BAD_EVENTS_MAX: Final = 20
"""Frames of one connection that are no events before it is closed. A newer server may have one or
two; an entry among them shows as a gap."""
CLOSE_SECONDS: Final = 2.0
"""What a polite end waits for the server's own."""
WRITE_BUFFER_BYTES_MAX: Final = 256 * 1024
"""Bytes waiting for the socket before nothing is read from it."""


class Cause(StrEnum):
    """Why there is no line."""

    UNREACHABLE = "unreachable"
    """No connection could be made."""
    CLOSED = "closed"
    """The server, or the network, closed it."""
    SILENT = "silent"
    """The server did not answer in time."""
    UNREADABLE = "unreadable"
    """What arrived is not our protocol, or too long."""


class Cut(msgspec.Struct, frozen=True):
    """The line broke, or could not be made."""

    cause: Cause
    detail: str
    """What the system said; may be empty."""
    seconds: float
    """Until the next attempt."""


class Backoff:
    """How long to wait: doubling from a first to a longest, each scattered over its upper half."""

    def __init__(
        self,
        random: Random,
        *,
        first: float = RETRY_SECONDS_FIRST,
        longest: float = RETRY_SECONDS_MAX,
    ) -> None:
        self._random = random
        self._first = first
        self._longest = longest
        self._failures = 0

    def next(self) -> float:
        """Return the seconds to wait now; the next time it is up to twice as long."""
        most = min(self._first * 2.0 ** min(self._failures, 32), self._longest)
        self._failures += 1
        return most * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin at the first again."""
        self._failures = 0


class _Socket(asyncio.Protocol):
    """One connection, from made to lost."""

    def __init__(self, owner: "Transport") -> None:
        self._owner = owner
        self._framer = Framer()
        self._bad_events = 0
        self._transport: asyncio.Transport | None = None
        self.lost: asyncio.Future[None] = owner.loop.create_future()
        self.cause = Cause.CLOSED
        self.detail = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(WRITE_BUFFER_BYTES_MAX)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        mirror, now = self._owner.mirror, self._owner.loop.time()
        if mirror.state is State.OFFLINE:
            return
        for frame in self._framer.receive(data):
            try:
                event = parse_event(frame)
            except BadEvent as error:
                self._bad_events += 1
                if self._bad_events > BAD_EVENTS_MAX:
                    self.end(Cause.UNREADABLE, str(error))
                    break
                continue
            if event is not None:
                mirror.receive(event, now)
        if self._framer.broken is not None:
            self.end(Cause.UNREADABLE, self._framer.broken)
        self._owner.flush()

    def eof_received(self) -> None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and not self.detail:
            self.detail = _explain(exc)
        if not self.lost.done():
            self.lost.set_result(None)

    def pause_writing(self) -> None:
        # Answers pile up because the server does not take them: what it says can wait as well.
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def end(self, cause: Cause, detail: str = "") -> None:
        """Close at once, for a cause of ours."""
        if self._transport is not None and not self._transport.is_closing():
            self.cause, self.detail = cause, detail
            self._transport.abort()


class Transport:
    """Keeps a mirror connected to one server until it is closed."""

    def __init__(
        self,
        mirror: Mirror,
        host: str,
        port: int,
        *,
        heard: Callable[[list[AnyHappening]], None],
        cut: Callable[[Cut], None],
        backoff: Backoff,
    ) -> None:
        """Make a transport; `run` does the work.

        `heard` takes the happenings as they come; it may call the mirror, and what it asks leaves
        after it returns. `cut` is told each time there is no line. `backoff` says how long to wait.
        """
        self.mirror = mirror
        self.loop = asyncio.get_running_loop()
        self._host = host
        self._port = port
        self._heard = heard
        self._cut = cut
        self._backoff = backoff
        self._socket: _Socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = False
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Connect, and again after each cut, until `close` or until this device lives elsewhere."""
        while not self._stop.is_set():
            cause, detail = await self._live()
            if self._stop.is_set() or self.mirror.resumed_elsewhere:
                return
            cut = Cut(cause, detail, self._backoff.next())
            self._cut(cut)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), cut.seconds)

    def flush(self) -> None:
        """Send what the mirror wants sent and tell what happened; after each call to the mirror."""
        if self._flushing:
            return  # Called from `heard`: the loop below comes back to it.
        self._flushing = True
        try:
            while True:
                actions = self.mirror.actions_to_send()
                if actions and self._socket is not None:
                    self._socket.write(b"".join(map(format_action, actions)))
                happened = self.mirror.happenings()
                if not happened:
                    break
                self._heard(happened)
        finally:
            self._flushing = False
        if self.mirror.dead and self._socket is not None:
            self._socket.end(Cause.SILENT)
        self._arm()

    async def close(self) -> None:
        """Take leave of the server and end `run`; waits for what was asked to be answered."""
        self._stop.set()
        line = self._socket
        if line is not None:
            if self.mirror.state is State.LIVE:
                self.mirror.quit(self.loop.time())
                self.flush()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(line.lost), CLOSE_SECONDS)
            line.end(Cause.CLOSED)

    async def _live(self) -> tuple[Cause, str]:
        """Make one connection and stay until it is lost; return why there is none any more."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, line = await self.loop.create_connection(
                    lambda: _Socket(self), self._host, self._port
                )
        except TimeoutError:
            return Cause.UNREACHABLE, ""
        except (OSError, UnicodeError) as error:
            # UnicodeError: a host that is no host name (its labels are too long or empty).
            return Cause.UNREACHABLE, _explain(error)
        since = self.loop.time()
        self._socket = line
        try:
            if not line.lost.done():
                self.mirror.connected(since)
                self.flush()
                await line.lost
        finally:
            self._socket = None
            line.end(Cause.CLOSED)
            welcomed = self.mirror.state is State.LIVE
            self.mirror.disconnected(self.loop.time())
            self.flush()
        if welcomed and self.loop.time() - since >= STEADY_SECONDS:
            self._backoff.reset()
        return line.cause, line.detail

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.mirror.next_deadline()
        if due is not None and self._socket is not None:
            self._timer = self.loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        # The loop's timers may fire a little early, by its clock's resolution.
        due = self.mirror.next_deadline()
        now = self.loop.time()
        self.mirror.tick(now if due is None else max(now, due))
        self.flush()


def _explain(error: Exception) -> str:
    """Return what the system said, in a few words."""
    if not isinstance(error, OSError):
        return str(error)
    if isinstance(error, socket.gaierror) or not error.errno:
        # Without a number it is asyncio's list of what each address of a host said.
        return error.strerror or ""
    return os.strerror(error.errno)
