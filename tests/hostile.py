"""What attacks share: texts that attack a terminal, and one that notes what it does; a town of
people, in which a witness must not notice that somebody attacks the server; and who does.
"""

import contextlib
import socket
import threading
import typing
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyte

from molva.wire.terminal import FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE
from tests.peer import TIMEOUT_SECONDS, Object, Peer
from tests.serving import Server

ATTACKS = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]52;c;ZXZpbA==\x1b\\",
    "\x1bP$qm\x1b\\",
    "\x1b[201~pasted",
    "\x9b31m\x9d0;t\x9c",
    "bell\x07back\x08\x08\x7f",
    "over\rwritten",
    "line\u2028sep\u2029par\x85next\x0b\x0c\x1c\x1d\x1e",
    "\u202egpj.exe\u202c \u2066x\u2069 \u200e\u200f\u061c",
    "zero\u200bwidth\ufeff\u00ad\u2060",
    "tag\U000e0041\U000e007f",
    "\ud800 lone",
    "[red]markup[/red] <b>html</b> {name} {0.__class__} %s",
]
EVIL = "".join(ATTACKS)


HARMLESS = {"draw", "linefeed", "carriage_return"}
"""What a terminal does for text and newlines."""


class Recorder:
    """A terminal that notes whatever does more than write a character or end a line."""

    def __init__(self) -> None:
        self.moved: list[str] = []

    def __getattr__(self, event: str) -> typing.Callable[..., None]:
        def happen(*_: object, **__: object) -> None:
            if event not in HARMLESS:
                self.moved.append(event)

        return happen


def moves(text: str) -> list[str]:
    """Return what a terminal would do beside writing."""
    recorder: typing.Any = Recorder()
    pyte.Stream(recorder).feed(text)
    return list(recorder.moved)


def assert_harmless(text: str) -> None:
    """Assert that a terminal given this text, which may hold newlines, only writes it."""
    for character in text.replace("\n", ""):
        category = unicodedata.category(character)
        assert category not in ("Cc", "Cs", "Zl", "Zp"), f"U+{ord(character):04X}"
        if category == "Cf":
            assert character in "\u200c\u200d" + FIRST_STRONG_ISOLATE + POP_DIRECTIONAL_ISOLATE
    assert moves(text.replace("\n", "\r\n")) == []
    for line in text.split("\n"):
        depth = 0
        for character in line:
            depth += (character == FIRST_STRONG_ISOLATE) - (character == POP_DIRECTIONAL_ISOLATE)
            assert depth in (0, 1)
        assert depth == 0, "an isolate is closed on its own line"


# -- A town --------------------------------------------------------------------------------------

PASSWORD = "correct horse"
JOIN_CODE = "7QF3-M0RD"
PRESENCE = frozenset({"new_user", "user_left", "presence"})
PUBLIC = frozenset({"away", "role", "kicked", "banned", "unbanned", "departed", "muted", "unmuted"})
"""What everybody may read in the common room of what is done to others."""


def rate(per_second: float, burst: float) -> str:
    """Write a rate as the configuration has it."""
    return f"{{ per_second = {per_second}, burst = {burst} }}"


def configured(server: Server, *, access: str = "open", **limits: object) -> Server:
    """Give a server its settings and the join code of these tests; it is not started."""
    lines = [f'access = "{access}"', f'join_code = "{JOIN_CODE}"', "[limits]"]
    lines += [f"{key} = {value}" for key, value in limits.items()]
    server.data.mkdir(mode=0o700, exist_ok=True)
    (server.data / "molva.toml").write_text("\n".join([*lines, ""]))
    return server


class PeerFrom(Peer):
    """A peer at another address of this machine."""

    def __init__(self, port: int, address: str) -> None:
        super().__init__(port)
        super().close()
        self.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=TIMEOUT_SECONDS, source_address=(address, 0)
        )
        self._lines = self.socket.makefile("rb")


class Town:
    """A running server, its owner, and a witness who has nothing to do with what happens."""

    def __init__(self, server: Server, *, code: str | None = None) -> None:
        self.server = server
        self.peers: list[Peer] = []
        more = {} if code is None else {"code": code}
        self.keeper = self.enter("keeper", password=PASSWORD, **more)
        assert self.keeper.welcome["role"] == "owner"
        self.witness = self.enter("witness", **more)

    def stranger(self, address: str | None = None) -> Peer:
        """Return a connection that is nobody."""
        port = self.server.port
        peer = Peer(port) if address is None else PeerFrom(port, address)
        self.peers.append(peer)
        # Entries carry the ids of their writers: no two of us are to give the same.
        peer._fences = 10_000 * len(self.peers)
        return peer

    def enter(self, name: str, **more: Any) -> Peer:
        """Return a connection that is somebody."""
        peer = self.stranger()
        reply = peer.register(name, **more)
        assert reply["result"] == "successful", reply
        return peer

    def code(self, uses: int = 1_000, **more: Any) -> str:
        """Return an invitation to this server."""
        return str(self.keeper.ask("invitation", uses=uses, **more)["code"])

    def quiet(self) -> None:
        """See that the server lives, and that the witness is answered and has noticed nothing."""
        assert self.server.process is not None and self.server.process.poll() is None
        told = self.witness.fence()
        assert [o for o in told if o["action"] not in PRESENCE | PUBLIC] == []

    def restart(self) -> None:
        """Kill the server and start it again; owner and witness come back by their tokens."""
        self.server.kill()
        self.server.start()
        self.keeper = self.enter("keeper", token=self.keeper.token)
        self.witness = self.enter("witness", token=self.witness.token)

    def close(self) -> None:
        """Let everybody go."""
        for peer in self.peers:
            peer.close()


@contextlib.contextmanager
def inhabited(server: Server, *, access: str = "open", **limits: Any) -> Iterator[Town]:
    """Start a server with settings of its own and people in it; it must end in good order."""
    configured(server, access=access, **limits).start()
    try:
        town = Town(server, code=JOIN_CODE if access == "code" else None)
        with contextlib.closing(town):
            yield town
            town.quiet()
        assert server.stop() == 0
        assert server.errors() == ""
    finally:
        server.close()


def attempt(peer: Peer, name: str, features: Sequence[str] = ("echo",), **more: Any) -> str:
    """Try to register, and return `successful` or the code of the refusal, of whichever kind."""
    fields: Object = {"name": name, **more}
    peer.send("registration", **fields | ({"features": list(features)} if features else {}))
    while "result" not in (reply := peer.receive()) and reply["action"] != "error":
        pass
    if reply.get("result") != "successful":
        return str(reply["code"])
    peer.name, peer.token, peer.welcome = (
        reply["name"],
        reply.get("token", more.get("token")),
        reply,
    )
    return "successful"


def refused(answer: Object) -> str:
    """Return the code with which something was refused; what it was answered where it was not."""
    if "error" in (answer.get("action"), answer.get("result")):
        return str(answer["code"])
    return str(answer.get("result") or answer["action"])


def farewell(peer: Peer) -> str:
    """Return why the server closes a connection: the code of the last that is told on it."""
    told = peer.rest()
    assert told and told[-1]["action"] == "bye", told
    return str(told[-1]["code"])


def together(doings: Sequence[Callable[[], Any]]) -> list[Any]:
    """Let several do something at once; return what each got, an exception included."""
    start = threading.Barrier(len(doings))
    found: list[Any] = [None] * len(doings)

    def do(place: int) -> None:
        start.wait()
        try:
            found[place] = doings[place]()
        except (OSError, EOFError) as error:
            found[place] = error

    threads = [threading.Thread(target=do, args=(place,)) for place in range(len(doings))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
