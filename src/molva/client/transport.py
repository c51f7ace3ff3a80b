"""Transport: a mirror's line over TCP or TLS, made again when it breaks.

Owns the socket, the waiting between attempts and the mirror's timer. Refuses to know what is said:
it hands events to the mirror and actions to the socket, and happenings to one callable; and whom
to trust, which it asks before the mirror hears of a line, each time there is one.

Invariants:
- nothing is sent to a server that is not trusted, and it is not tried again;
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
import ssl
from collections.abc import Callable
from enum import StrEnum
from random import Random
from typing import Final

import msgspec

from molva.client.happenings import AnyHappening, State
from molva.client.mirror import Mirror
from molva.client.trust import (
    Assurance,
    Distrusted,
    Problem,
    Trust,
    authorities_context,
    chain_of,
    open_context,
)
from molva.wire.framing import Framer
from molva.wire.jsonl import BadEvent, format_action, parse_event

CONNECT_SECONDS: Final = 10.0
"""An attempt to connect that takes longer is given up."""
HANDSHAKE_SECONDS: Final = 5.0
"""A TLS handshake that takes longer is given up."""
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


NOT_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG"})
"""What OpenSSL says of an answer that is no TLS at all. A line that just breaks is no such answer:
whoever can cut it must not talk us out of encryption."""


class Cause(StrEnum):
    """Why there is no line."""

    UNREACHABLE = "unreachable"
    """No connection could be made."""
    HANDSHAKE = "handshake"
    """A connection was made, and no encryption agreed on it."""
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

    def chain(self) -> list[bytes]:
        """Return the certificates that the server showed; none of one without TLS."""
        tls = None if self._transport is None else self._transport.get_extra_info("ssl_object")
        return [] if tls is None else chain_of(tls)

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def end(self, cause: Cause, detail: str = "") -> None:
        """Close at once, for a cause of ours."""
        if self._transport is not None and not self._transport.is_closing():
            self.cause, self.detail = cause, detail
            self._transport.abort()


class _HandshakeFailed(Exception):
    """There is a server, and no encryption was agreed with it."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


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
        trust: Trust | None = None,
        assured: Callable[[Assurance], None] | None = None,
    ) -> None:
        """Make a transport; `run` does the work.

        `heard` takes the happenings as they come; it may call the mirror, and what it asks leaves
        after it returns. `cut` is told each time there is no line. `backoff` says how long to wait.
        `trust` says whom to speak to, and how; without it the line is plain. `assured` is told
        what is known of the other end each time there is a line, before anything is sent.
        """
        self.mirror = mirror
        self.loop = asyncio.get_running_loop()
        self._host = host
        self._port = port
        self._heard = heard
        self._cut = cut
        self._backoff = backoff
        self._trust = trust
        self._assured = assured
        self._authorities: ssl.SSLContext | None = None
        self.distrusted: Distrusted | None = None
        """Why the server is not spoken to; `run` has ended then."""
        self._socket: _Socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = False
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Connect, and again after each cut, until `close`, until this device lives elsewhere, or
        until the server is not trusted.
        """
        while not self._stop.is_set():
            try:
                cause, detail = await self._live()
            except Distrusted as refused:
                self.distrusted = refused
                return
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
                line = await self._connect()
        except TimeoutError:
            return Cause.UNREACHABLE, ""
        except _HandshakeFailed as failed:
            return Cause.HANDSHAKE, failed.detail
        except (OSError, ValueError) as error:
            # ValueError: a host that is no host name (its labels are too long or empty).
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

    async def _connect(self) -> _Socket:
        """Make a connection to a server that is trusted; nothing was sent on it."""
        trust = self._trust
        if trust is None:
            return await self._open(None)
        assurance: Assurance | None
        if not trust.encrypts():
            line = await self._open(None)
            assurance = trust.unencrypted()
        else:
            try:
                line, assurance = await self._connect_encrypted(trust)
            except ssl.SSLError as error:
                if error.reason not in NOT_TLS:
                    raise _HandshakeFailed(_explain(error)) from None
                assurance = trust.unencrypted()
                line = await self._open(None)
            except (ConnectionResetError, ConnectionAbortedError) as error:
                raise _HandshakeFailed(_explain(error)) from None
        if assurance is not None and self._assured is not None:
            self._assured(assurance)
        return line

    async def _connect_encrypted(self, trust: Trust) -> tuple[_Socket, Assurance]:
        """Make a connection with TLS, to whom the authorities vouch for or the pin is of."""
        known = trust.known()
        if known is None or known.pin is None:
            with contextlib.suppress(ssl.SSLCertVerificationError):
                return await self._connect_vouched(trust)
            return await self._connect_pinned(trust)
        try:
            return await self._connect_pinned(trust)
        except Distrusted as refused:
            if refused.problem is Problem.CHANGED:
                # Whatever else goes wrong here must not hide the change.
                with contextlib.suppress(OSError):
                    return await self._connect_vouched(trust)
            raise

    async def _connect_vouched(self, trust: Trust) -> tuple[_Socket, Assurance]:
        if self._authorities is None:
            self._authorities = authorities_context()
        line = await self._open(self._authorities)
        return line, self._judged(line, trust.vouched)

    async def _connect_pinned(self, trust: Trust) -> tuple[_Socket, Assurance]:
        line = await self._open(open_context())
        return line, self._judged(line, trust.judge)

    def _judged(self, line: _Socket, judge: Callable[[list[bytes]], Assurance]) -> Assurance:
        try:
            return judge(line.chain())
        except Distrusted:
            line.end(Cause.CLOSED)
            raise

    async def _open(self, context: ssl.SSLContext | None) -> _Socket:
        _, line = await self.loop.create_connection(
            lambda: _Socket(self),
            self._host,
            self._port,
            ssl=context,
            server_hostname=None if context is None else self._host,
            ssl_handshake_timeout=None if context is None else HANDSHAKE_SECONDS,
        )
        return line

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
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if not isinstance(error, OSError):
        return str(error)
    if isinstance(error, socket.gaierror) or not error.errno:
        # Without a number it is asyncio's list of what each address of a host said.
        return error.strerror or ""
    return os.strerror(error.errno)


async def shown_by(host: str, port: int) -> list[bytes]:
    """Return the certificates that a server shows (DER), its own first; nothing is said to it.

    Raises OSError (with a few words as `strerror`) and ValueError when there is none to be had.
    """
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(
                host,
                port,
                ssl=open_context(),
                server_hostname=host,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
    except OSError as error:
        raise OSError(0, _explain(error)) from None
    try:
        return chain_of(writer.get_extra_info("ssl_object"))
    finally:
        writer.transport.abort()
