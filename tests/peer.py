"""A peer: somebody at the other end of a real socket, who speaks the protocol by hand.

Waits by fences, never by sleeping: `fence` returns all that arrived before the server's `pong`. The
timeout only ends a test that would otherwise hang.
"""

import json
import socket
from types import TracebackType
from typing import Any

TIMEOUT_SECONDS = 20.0

Object = dict[str, Any]


class Peer:
    """One connection."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), timeout=TIMEOUT_SECONDS)
        self._lines = self.socket.makefile("rb")
        self.name = ""
        self.token: str | None = None
        self.welcome: Object = {}
        self._fences = 0

    def __enter__(self) -> "Peer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Go without a word."""
        self._lines.close()
        self.socket.close()

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def send(self, action: str, **fields: Any) -> None:
        """Send an action; `with_` and `from_` lose their underscore."""
        object = {"action": action} | {key.rstrip("_"): value for key, value in fields.items()}
        self.send_bytes(json.dumps(object, ensure_ascii=False).encode() + b"\n")

    def receive(self) -> Object:
        """Return the next object; EOFError when the server has closed."""
        line = self._lines.readline()
        if not line:
            raise EOFError
        object: Object = json.loads(line)
        return object

    def receive_until(self, action: str, **fields: Any) -> Object:
        """Return the next object with these fields, passing over others."""
        while True:
            object = self.receive()
            wanted = {key.rstrip("_"): value for key, value in fields.items()}
            if object.get("action") == action and wanted.items() <= object.items():
                return object

    def rest(self) -> list[Object]:
        """Return everything until the server closes."""
        objects = []
        while True:
            try:
                objects.append(self.receive())
            except (EOFError, ConnectionResetError):
                return objects

    def register(self, name: str, *, features: tuple[str, ...] = ("echo",), **more: Any) -> Object:
        """Register, and return the reply to it."""
        fields: Object = {"name": name, **more}
        if features:
            fields["features"] = list(features)
        self.send("registration", **fields)
        while "result" not in (reply := self.receive()):
            pass
        if reply["result"] == "successful":
            self.name = reply["name"]
            self.token = reply.get("token", more.get("token"))
            self.welcome = reply
        return reply

    def fence(self) -> list[Object]:
        """Return all that arrives before the server has done everything asked so far."""
        self._fences += 1
        fence = f"fence-{self._fences}"
        self.send("ping", id=fence)
        objects = []
        while (object := self.receive()) != {"action": "pong", "id": fence}:
            objects.append(object)
        return objects

    def ask(self, action: str, **fields: Any) -> Object:
        """Send an action with an id of its own and return what carries that id back."""
        self._fences += 1
        id = fields.pop("id", f"ask-{self._fences}")
        self.send(action, id=id, **fields)
        while (object := self.receive()).get("id") != id:
            pass
        return object
