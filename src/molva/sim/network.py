"""The network: links that carry bytes in order, late, in pieces of any size, until they break.

Owns what TCP promises and no more: what arrives is a prefix of what was sent. A link knows nothing
of frames.
"""

from collections.abc import Callable
from typing import Protocol

from molva.sim.world import World


class End(Protocol):
    """One end of a link."""

    def arrived(self, data: bytes) -> None:
        """Bytes came."""
        ...

    def broken(self) -> None:
        """The line is gone, and this end knows it."""
        ...


class Link:
    """A connection between a client and the server."""

    def __init__(self, world: World, latency: float, read_bytes_max: int) -> None:
        self._world = world
        self._latency = latency
        self._read_bytes_max = read_bytes_max
        self.client: End | None = None
        self.server: End | None = None
        self.dead = False
        """Nothing arrives any more, and neither end has been told."""
        self.slow = 0.0
        """Seconds the client takes for each piece it reads."""
        self.waiting = 0
        """Bytes on the way to the client."""
        self.on_drained: Callable[[], None] | None = None
        self._up_at = 0.0
        self._down_at = 0.0

    def send_up(self, data: bytes) -> None:
        """From the client to the server."""
        for piece in self._pieces(data):
            self._up_at = max(self._up_at, self._world.time) + self._delay()
            self._world.at(self._up_at, lambda piece=piece: self._arrive_up(piece))  # type: ignore[misc]

    def send_down(self, data: bytes) -> None:
        """From the server to the client."""
        self.waiting += len(data)
        for piece in self._pieces(data):
            self._down_at = max(self._down_at, self._world.time) + self._delay() + self.slow
            self._world.at(self._down_at, lambda piece=piece: self._arrive_down(piece))  # type: ignore[misc]

    def _delay(self) -> float:
        return self._world.random.random() * self._latency

    def _pieces(self, data: bytes) -> list[bytes]:
        """Cut bytes anywhere: mostly not at all, sometimes into crumbs."""
        random = self._world.random
        if random.random() < 0.7:
            return [data]
        pieces = []
        while data:
            size = random.randint(1, min(len(data), self._read_bytes_max))
            pieces.append(data[:size])
            data = data[size:]
        return pieces

    def _arrive_up(self, piece: bytes) -> None:
        if not self.dead and self.server is not None:
            self.server.arrived(piece)

    def _arrive_down(self, piece: bytes) -> None:
        if self.dead or self.client is None:
            return
        self.waiting -= len(piece)
        self.client.arrived(piece)
        if self.on_drained is not None:
            self.on_drained()

    def cut(self) -> None:
        """Break the line: what is on the way is lost, both ends learn of it."""
        self.dead = True
        for end, drop in ((self.client, self._drop_client), (self.server, self._drop_server)):
            if end is not None:
                self._world.after(self._delay(), drop)

    def die(self) -> None:
        """Break the line without a word."""
        self.dead = True

    def _drop_client(self) -> None:
        client, self.client = self.client, None
        if client is not None:
            client.broken()

    def _drop_server(self) -> None:
        server, self.server = self.server, None
        if server is not None:
            server.broken()

    def close_from_client(self) -> None:
        """The client closes, hears nothing more, and the server learns of it if the line lives."""
        self.client = None
        if not self.dead:
            self._up_at = max(self._up_at, self._world.time) + self._delay()
            self._world.at(self._up_at, self._drop_server)

    def close_from_server(self) -> None:
        """The server closes: what it sent still arrives before the end does."""
        self.server = None
        if not self.dead:
            self._down_at = max(self._down_at, self._world.time) + self._delay()
            self._world.at(self._down_at, self._drop_client)
