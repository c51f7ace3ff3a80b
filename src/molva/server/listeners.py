"""Listeners: one port for all who speak, told apart by their first bytes.

Owns the listening sockets, the wait for a first byte, and who is given the socket then: JSON its
`connection`, a TLS record the handshake (and then the same again inside), an HTTP verb the speaker
of HTTP. What is none of these is JSON's to refuse. Knows nothing of certificates or pages: both are
handed to it.

Invariants: whoever is accepted counts as a connection from that moment on, whatever it speaks or
whether it speaks at all; a wait for a first byte costs no task; no error of one socket ends the
accepting of others.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from enum import Enum
from typing import cast

from molva.core.effects import Received
from molva.server.connection import Connection, Shell

BACKLOG = 4096
ACCEPTS_PER_TURN = 256
"""Sockets taken at once; those who are in are served before the next are."""

BACK_OFF_SECONDS = 0.5
"""How long nobody is accepted after the system has refused a socket for want of something."""

SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

EVERYWHERE = frozenset({"::", "*", ""})
"""Hosts that mean every interface, by IPv4 and IPv6 alike; `0.0.0.0` means IPv4 alone."""

SAME_PORT_TRIES = 16
"""How often a free port is looked for that is free for IPv4 and for IPv6."""

HANDSHAKE_SECONDS_MAX = 10.0
"""From the first byte of a TLS handshake to its last."""

SHUTDOWN_SECONDS = 2.0
"""How long the end of TLS is waited for; what was sent before has left by then."""

EXCHANGE_SECONDS_MAX = 10.0
"""From the first byte of an HTTP request to the last of its answer: there is one a connection, and
both are short."""

KEEPALIVE_SECONDS = 60
"""Silence after which the kernel asks whether the peer is there: 2022 knows no `ping`."""

TLS_RECORD = b"\x16"
"""What a handshake begins with (RFC 8446, section 5.1). No JSON does."""

METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ") + (
    b"CONNECT ",
    b"TRACE ",
)
"""What HTTP begins with (RFC 9110, section 9; RFC 5789)."""

Speaker = Callable[[], asyncio.Protocol]
"""Makes what speaks HTTP on one connection."""


class Spoken(Enum):
    """What the first bytes say."""

    JSON = "json"
    """Or nothing that is known, which JSON refuses."""
    HTTP = "http"
    UNDECIDED = "undecided"


def spoken(seen: bytes) -> Spoken:
    """Say what is spoken by who begins like that."""
    for method in METHODS:
        if seen.startswith(method):
            return Spoken.HTTP
        if method.startswith(seen):
            return Spoken.UNDECIDED
    return Spoken.JSON


class Listeners:
    """The listening sockets of a server, and what becomes of those who come."""

    def __init__(
        self,
        node: Shell,
        *,
        context: Callable[[], ssl.SSLContext | None],
        http: Callable[[], Awaitable[Speaker]],
        short: Callable[[OSError], None],
    ) -> None:
        """Speak for a node.

        `context` is asked for each handshake (None: TLS is not spoken), `http` when the first who
        speaks it comes, and `short` hears when the system has no more sockets to give.
        """
        self.node = node
        self.context = context
        self.http = http
        self._short = short
        self._sockets: list[socket.socket] = []
        self._pausing: set[asyncio.TimerHandle] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        """What is being handed over, kept so that it is not collected."""

    async def open(self, host: str, port: int) -> int:
        """Listen on a host and port; return the port, which 0 leaves to the system.

        Raises OSError when any address of the host cannot be had, except that a system without
        IPv6 still has all interfaces.
        """
        places = await self._places(host, port)
        for tries in range(SAME_PORT_TRIES):
            try:
                self._sockets = _bind(places, port, lenient=host in EVERYWHERE)
                break
            except OSError as error:
                if port or error.errno != errno.EADDRINUSE or tries + 1 == SAME_PORT_TRIES:
                    raise
        for listening in self._sockets:
            listening.listen(BACKLOG)
            self.node.loop.add_reader(listening, self._accept, listening)
        return int(self._sockets[0].getsockname()[1])

    async def _places(self, host: str, port: int) -> list[tuple[int, str]]:
        if host in EVERYWHERE:
            return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]
        found = await self.node.loop.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        places = [(int(family), str(address[0])) for family, _, _, _, address in found]
        return list(dict.fromkeys(places))

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                accepted, address = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in SHORTAGES:
                    self._back_off(listening, error)
                    return
                # One who went before being accepted is nobody's loss.
                continue
            accepted.setblocking(False)
            _prepare(accepted)
            Arrival(self, accepted, str(address[0])).wait()

    def _back_off(self, listening: socket.socket, error: OSError) -> None:
        """Accept nobody for a while: asking again at once would take all of the processor."""
        loop = self.node.loop
        loop.remove_reader(listening)
        self._short(error)

        def go_on() -> None:
            self._pausing.discard(timer)
            loop.add_reader(listening, self._accept, listening)

        timer = loop.call_later(BACK_OFF_SECONDS, go_on)
        self._pausing.add(timer)

    def close(self) -> None:
        """Accept nobody any more; those who are in stay."""
        for timer in self._pausing:
            timer.cancel()
        for listening in self._sockets:
            self.node.loop.remove_reader(listening)
            listening.close()
        self._sockets = []


class Arrival(asyncio.Protocol):
    """A socket that was accepted, until it is known who speaks on it; then for HTTP as well."""

    __slots__ = (
        "_listeners",
        "_socket",
        "_connection",
        "_started",
        "_transport",
        "_seen",
        "_timed",
        "_speaker",
        "_http",
        "_deadline",
        "_handed",
    )

    def __init__(self, listeners: Listeners, accepted: socket.socket, address: str) -> None:
        """Take a socket that does not block, and tell the node of it."""
        self._listeners = listeners
        self._socket = accepted
        self._connection = Connection(listeners.node, self, address=address)
        self._started = False
        """Whether the loop has been given the socket."""
        self._transport: asyncio.Transport | None = None
        self._seen = b""
        self._timed = False
        """Whether the node has been told that something has begun."""
        self._http = False
        self._speaker: asyncio.Protocol | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._handed = False
        """Whether the transport is, or will be, the connection's."""
        listeners.node.connected(self._connection)

    # -- Before there is a transport -----------------------------------------------------------

    def wait(self) -> None:
        """Look at the first byte, now or as soon as it is there."""
        try:
            first = self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            self._listeners.node.loop.add_reader(self._socket, self._readable)
            return
        except OSError:
            first = b""
        self._look(first)

    def _readable(self) -> None:
        self._listeners.node.loop.remove_reader(self._socket)
        self.wait()

    def _look(self, first: bytes) -> None:
        """Give the loop the socket, for whoever may be speaking."""
        context = self._listeners.context() if first == TLS_RECORD else None
        if context is not None:
            self._start(self, context)
        elif first and spoken(first) is Spoken.UNDECIDED:
            self._start(self, None)
        else:
            self._start(self._connection, None)

    def _start(self, protocol: asyncio.Protocol, context: ssl.SSLContext | None) -> None:
        self._started = True
        self._handed = protocol is self._connection
        tasks = self._listeners.tasks
        task = self._listeners.node.loop.create_task(
            self._hand_over(protocol, context), name="molva-hand-over"
        )
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _hand_over(self, protocol: asyncio.Protocol, context: ssl.SSLContext | None) -> None:
        node = self._listeners.node
        try:
            if context is None:
                await node.loop.connect_accepted_socket(lambda: protocol, self._socket)
            else:
                seconds = min(node.limits.frame_seconds, HANDSHAKE_SECONDS_MAX)
                await node.loop.connect_accepted_socket(
                    lambda: protocol,
                    self._socket,
                    ssl=context,
                    ssl_handshake_timeout=seconds,
                    ssl_shutdown_timeout=SHUTDOWN_SECONDS,
                )
        except OSError:
            # A handshake that failed, was given up or took too long; or the peer has gone.
            self._socket.close()
            self._connection.lost()

    def open(self) -> None:
        """Say something before the peer has spoken, or end what can be told nothing."""
        if not self._started:
            self._listeners.node.loop.remove_reader(self._socket)
            self._start(self._connection, None)
        elif self._transport is None or self._http:
            # In a handshake nothing can be said, and HTTP has a question before each answer.
            if not self._handed:
                self.abort()
        else:
            self._hand_on()

    def abort(self) -> None:
        """Let the socket go at once."""
        if self._transport is not None:
            self._transport.abort()
        elif self._started:
            with suppress(OSError):  # It may be gone already.
                self._socket.shutdown(socket.SHUT_RDWR)
        else:
            self._listeners.node.loop.remove_reader(self._socket)
            self._socket.close()
            self._connection.lost()

    # -- From the transport: decrypted, if it was encrypted ------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a transport; who speaks on it is not known yet."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes arrived: of HTTP, or the first."""
        if self._speaker is not None:
            self._speaker.data_received(data)
            return
        self._seen += data
        if self._http:
            return
        kind = spoken(self._seen)
        if kind is Spoken.JSON:
            self._hand_on()
        elif kind is Spoken.HTTP:
            self._speak_http()
        elif not self._timed:
            self._timed = True
            # As a frame that has begun, it has `frame_seconds` to go on.
            self._tell(partial=True)

    def _tell(self, *, partial: bool) -> None:
        self._listeners.node.hear(Received(self._connection.id, [], 0, partial))

    def _hand_on(self) -> None:
        """Let the connection have the transport, with what was seen."""
        assert self._transport is not None
        self._handed = True
        self._transport.set_protocol(self._connection)
        self._connection.connection_made(self._transport)
        if self._seen:
            self._connection.data_received(self._seen)

    def _speak_http(self) -> None:
        assert self._transport is not None
        self._http = True
        if self._timed:
            self._tell(partial=False)
        loop = self._listeners.node.loop
        seconds = min(self._listeners.node.limits.frame_seconds, EXCHANGE_SECONDS_MAX)
        self._deadline = loop.call_later(seconds, self.abort)
        self._transport.pause_reading()
        task = loop.create_task(self._answer(), name="molva-http")
        self._listeners.tasks.add(task)
        task.add_done_callback(self._listeners.tasks.discard)

    async def _answer(self) -> None:
        speaker = await self._listeners.http()
        if self._transport is None or self._transport.is_closing():
            return
        self._speaker = speaker()
        self._speaker.connection_made(self._transport)
        self._transport.resume_reading()
        seen, self._seen = self._seen, b""
        self._speaker.data_received(seen)

    def eof_received(self) -> bool | None:
        """The peer sends no more."""
        if self._http:
            # A browser that has asked may close its half: what it asked for is answered.
            return self._transport is not None and self._transport.can_write_eof()
        self._hand_on()
        return self._connection.eof_received()

    def pause_writing(self) -> None:
        """The socket takes no more."""
        if self._speaker is not None:
            self._speaker.pause_writing()

    def resume_writing(self) -> None:
        """The socket takes more again."""
        if self._speaker is not None:
            self._speaker.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self._transport = None
        if self._deadline is not None:
            self._deadline.cancel()
        if self._speaker is not None:
            self._speaker.connection_lost(exc)
        self._connection.lost()


def _bind(places: Sequence[tuple[int, str]], port: int, *, lenient: bool) -> list[socket.socket]:
    """Return a socket for each place, all on one port."""
    sockets: list[socket.socket] = []
    try:
        for family, address in places:
            try:
                bound = socket.socket(family, socket.SOCK_STREAM)
                sockets.append(bound)
                bound.setblocking(False)
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                bound.bind((address, port))
            except OSError as error:
                if not (lenient and family == socket.AF_INET6) or error.errno == errno.EADDRINUSE:
                    raise
                # This system has no IPv6.
                if len(sockets) > 1:
                    sockets.pop().close()
            port = sockets[0].getsockname()[1]
    except OSError:
        for bound in sockets:
            bound.close()
        raise
    return sockets


def _prepare(accepted: socket.socket) -> None:
    with suppress(OSError):  # Some systems refuse it for a socket that is gone already.
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            ("TCP_KEEPIDLE", KEEPALIVE_SECONDS),
            ("TCP_KEEPINTVL", KEEPALIVE_SECONDS // 4),
            ("TCP_KEEPCNT", 3),
        ):
            if hasattr(socket, option):
                accepted.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
