"""One connection: an asyncio protocol between a socket and the node.

Owns the framer, the dialect and the flow of bytes. Knows nothing of what is said, nor how a socket
is come by: it counts from the moment one is accepted, and gets its transport once the peer has
spoken, or once something must be said to it. A client of 2022 is written one object at a time,
spaced; any other gets whatever a turn has for it in one write.
Invariant: what waits for a socket is bounded; beyond that the node is told that the window closed.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, cast

from molva.core.effects import Input, Received
from molva.terms.actions import AnyAction, Quit
from molva.terms.errors import Code, Refusal
from molva.terms.ids import ConnectionId
from molva.terms.limits import Limits
from molva.wire.framing import Framer
from molva.wire.jsonl import parse_action

LINGER_SECONDS = 1.0
"""How long a connection that is closed while its peer may be sending is still read and ignored:
closing a socket with bytes unread resets it, and what was last said would be lost on the way."""

LINGERING = frozenset(
    {
        Code.TOO_LONG,
        Code.BAD_UTF8,
        Code.BAD_PROTOCOL,
        Code.SHUTTING_DOWN,
        Code.RESUMED_ELSEWHERE,
    }
)
"""Why that may be: a rule was broken, or the server has a reason of its own."""

FRAMES_PER_TURN = 128
"""Frames of one connection that are looked at in one turn; the rest waits, unread, for the next."""

PIECE_BYTES = 4096
"""Bytes that are cut into frames at once: frames may be as short as two bytes."""


class Opening(Protocol):
    """What holds the socket of a connection that has no transport."""

    def open(self) -> None:
        """Make a transport without waiting for the peer: there is something to say."""
        ...

    def abort(self) -> None:
        """Let the socket go at once."""
        ...


class Shell(Protocol):
    """What a connection needs of the node that it speaks to."""

    limits: Limits
    loop: asyncio.AbstractEventLoop

    def connected(self, connection: "Connection") -> None:
        """A socket was accepted; gives the connection its id."""
        ...

    def disconnected(self, connection: "Connection") -> None:
        """A socket is gone."""
        ...

    def window_closed(self, connection: "Connection") -> None:
        """A socket takes no more."""
        ...

    def window_opened(self, connection: "Connection") -> None:
        """A socket takes more again."""
        ...

    def hear(self, input: Input) -> None:
        """Something arrived, for the next turn."""
        ...


class Connection(asyncio.Protocol):
    """A socket that speaks JSON."""

    __slots__ = (
        "id",
        "address",
        "_node",
        "_opening",
        "_transport",
        "_encrypted",
        "_framer",
        "_arrived",
        "_frames",
        "_reading_on",
        "_queue",
        "_pacing",
        "_window_closed",
        "_held",
        "_closing",
        "_linger",
        "_deadline",
    )

    def __init__(self, node: Shell, opening: Opening, *, address: str) -> None:
        """Stand for a socket that was accepted from an address; `opening` holds it."""
        self.id = ConnectionId(0)
        self.address = address
        self._node = node
        self._opening: Opening | None = opening
        """None once there is a transport."""
        self._transport: asyncio.Transport | None = None
        self._encrypted = False
        self._framer: Framer | None = Framer()
        self._arrived = b""
        """Bytes not looked at yet: more than one turn's share."""
        self._frames: deque[bytes] | None = None
        """Frames from before those, not looked at yet either."""
        self._reading_on = False
        """Whether the next share has been called for."""
        self._queue: deque[bytes] | None = None
        """Objects waiting for a client of 2022."""
        self._pacing: asyncio.TimerHandle | None = None
        self._window_closed = False
        self._held = False
        self._closing = False
        self._linger = False
        self._deadline: asyncio.TimerHandle | None = None
        """When it is ended whatever waits; gone with the socket, or it would be kept till then."""

    # -- From the socket -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The peer speaks JSON, or there is something to tell it."""
        self._transport = cast(asyncio.Transport, transport)
        self._opening = None
        self._encrypted = transport.get_extra_info("sslcontext") is not None
        self._transport.set_write_buffer_limits(high=self._node.limits.write_buffer_bytes_max)
        if self._held:
            self._read_or_not()
        if self._queue:
            self._pace()
        elif self._closing:
            self._end()

    def data_received(self, data: bytes) -> None:
        """Bytes arrived: cut them into frames, translate, hand in; no more than a turn's share."""
        framer = self._framer
        if self._closing or framer is None:
            return
        if self._arrived or self._frames or len(data) > PIECE_BYTES:
            self._arrived += data
            self._read_on()
            return
        frames = framer.receive(data)
        if len(frames) > FRAMES_PER_TURN:
            self._frames = deque(frames)
            self._hand_in(len(data))
            return
        requests: list[AnyAction | Refusal] = [parse_action(f) for f in frames]
        if framer.broken is not None:
            requests.append(Refusal(framer.broken))
            self._framer = None
        self._node.hear(Received(self.id, requests, len(data), framer.pending > 0))

    def _read_on(self) -> None:
        """Look at the next share of what has arrived, unless it is not to be read now."""
        self._reading_on = False
        if self._transport is not None and not (self._held or self._window_closed):
            self._hand_in(0)

    def _hand_in(self, size: int) -> None:
        """Hand in a share, beginning with `size` bytes that are frames already."""
        framer = self._framer
        if self._closing or framer is None:
            return
        frames = self._frames = self._frames or deque()
        requests: list[AnyAction | Refusal] = []
        while len(requests) < FRAMES_PER_TURN:
            if frames:
                requests.append(parse_action(frames.popleft()))
            elif self._arrived and framer.broken is None:
                piece, self._arrived = self._arrived[:PIECE_BYTES], self._arrived[PIECE_BYTES:]
                size += len(piece)
                frames.extend(framer.receive(piece))
            else:
                break
        if not frames:
            self._frames = None
            if framer.broken is not None:
                requests.append(Refusal(framer.broken))
                self._framer = None
                self._arrived = b""
        self._node.hear(Received(self.id, requests, size, framer.pending > 0))
        self._read_or_not()

    def eof_received(self) -> bool:
        """The peer sends no more: what it asked for is still done and told, then it is closed."""
        if not self._closing:
            self._node.hear(Received(self.id, [Quit()], 0))
            # TLS knows no half of a connection: what was begun ends with the other's half.
            return not self._encrypted
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        for timer in (self._pacing, self._deadline):
            if timer is not None:
                timer.cancel()
        while self._arrived or self._frames:
            # It asked for this before it went.
            self._hand_in(0)
            if self._closing:
                break
        self._transport = None
        self._queue = None
        self._node.disconnected(self)

    def pause_writing(self) -> None:
        """The socket takes no more: its window is closed, and it is not read either."""
        self._close_window()

    def resume_writing(self) -> None:
        """The socket takes more again."""
        if self._queue is None or len(self._queue) <= self._queue_low():
            self._open_window()

    # -- From the node -------------------------------------------------------------------------

    def speak(self) -> Callable[[bytes], None]:
        """From here on, whatever a turn has for it goes in one write; return what writes."""
        assert self._transport is not None
        if self._queue:
            self._transport.write(b"".join(self._queue))
            self._queue.clear()
        return self._transport.write

    def write_objects(self, objects: list[bytes]) -> None:
        """Send objects to a client of 2022: one a write, spaced."""
        if not objects or (self._transport is None and self._opening is None):
            return
        if self._queue is None:
            self._queue = deque()
        self._queue.extend(objects)
        if self._opening is not None:
            self._opening.open()
            return
        if self._pacing is None:
            self._pace()
        if len(self._queue) > self._node.limits.legacy_queue_objects_max:
            self._close_window()

    def _pace(self) -> None:
        self._pacing = None
        if self._transport is None or not self._queue:
            if self._closing:
                self._end()
            return
        self._transport.write(self._queue.popleft())
        seconds = self._node.limits.legacy_spacing_seconds
        self._pacing = self._node.loop.call_later(seconds, self._pace)
        if self._window_closed and len(self._queue) <= self._queue_low():
            self._open_window()

    def _queue_low(self) -> int:
        return self._node.limits.legacy_queue_objects_max // 4

    def _close_window(self) -> None:
        if not self._window_closed:
            self._window_closed = True
            self._read_or_not()
            self._node.window_closed(self)

    def _open_window(self) -> None:
        if self._window_closed:
            self._window_closed = False
            self._read_or_not()
            self._node.window_opened(self)

    def hold(self, held: bool) -> None:
        """Read no more, or again."""
        self._held = held
        self._read_or_not()

    def _read_or_not(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if (self._held or self._window_closed) and not self._closing:
            self._transport.pause_reading()
        elif self._arrived or self._frames:
            self._transport.pause_reading()
            if not self._reading_on:
                self._reading_on = True
                self._node.loop.call_soon(self._read_on)
        else:
            self._transport.resume_reading()

    def close(self, code: Code | None) -> None:
        """Send what waits, then close; one that may be sending is read to its end meanwhile."""
        if self._closing or (self._transport is None and self._opening is None):
            return
        self._closing = True
        self._arrived, self._frames = b"", None
        self._linger = code in LINGERING
        self._deadline = self._node.loop.call_later(self._node.limits.drain_seconds, self.abort)
        if self._opening is not None:
            self._opening.open()
        elif not self._queue and self._pacing is None:
            self._end()

    def _end(self) -> None:
        transport = self._transport
        if transport is None:
            return
        if self._linger:
            self._read_or_not()
            if transport.can_write_eof():
                with suppress(OSError, RuntimeError):  # The peer may have gone meanwhile.
                    transport.write_eof()
            self._node.loop.call_later(LINGER_SECONDS, transport.close)
        else:
            transport.close()

    def abort(self) -> None:
        """Close at once, whatever waits."""
        if self._transport is not None:
            self._transport.abort()
        elif self._opening is not None:
            self._opening.abort()

    def lost(self) -> None:
        """The socket is gone, if it is not the connection's own by now."""
        if self._opening is not None:
            self._opening = None
            self.connection_lost(None)
