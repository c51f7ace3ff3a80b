"""Listeners: JSON, HTTP and TLS on one port, whoever comes however slowly.

Each is tried on the loop that a server has where it can and on Python's own.
"""

import json
import os
import resource
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from molva.server.listeners import METHODS, Spoken, spoken
from tests.peer import TIMEOUT_SECONDS, Object, Peer
from tests.serving import Server

LOOPS = ("uvloop", "asyncio")
CLIENT_HELLO = bytes.fromhex("1603010200010001fc0303")


def unverified() -> ssl.SSLContext:
    """Return a client's side that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class TlsPeer(Peer):
    """A peer behind TLS."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._lines.close()
        self.socket = unverified().wrap_socket(self.socket)
        self._lines = self.socket.makefile("rb")


def told(objects: list[Object]) -> list[Object]:
    """Return what was refused, and leave out what is told of the others."""
    return [o for o in objects if "code" in o]


def holds(condition: Callable[[], bool]) -> bool:
    """Say whether something becomes true, asking until it is."""
    until = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def configured(server: Server, **settings: object) -> Server:
    """Give a server limits of its own, and start it."""
    lines = [f"{key} = {value}" for key, value in settings.items()]
    server.data.mkdir(exist_ok=True)
    (server.data / "molva.toml").write_text("\n".join(["[limits]", *lines, ""]))
    return server.start()


NewServer = Callable[..., Server]


def on_loop(loop: str, directory: Path) -> Iterator[NewServer]:
    """Yield what makes servers with TLS for this machine, on one loop; then end them."""
    environment = {}
    if loop == "asyncio":
        hidden = directory / "hidden"
        hidden.mkdir()
        (hidden / "uvloop.py").write_text("raise ImportError('hidden for a test')\n")
        source = Path(__file__).resolve().parents[2] / "src"
        environment["PYTHONPATH"] = f"{hidden}{os.pathsep}{source}"
    made: list[Server] = []

    def make(*arguments: str, limits: bool = False) -> Server:
        lan = ("--lan", "--host", "127.0.0.1", "--access", "open", "--quiet")
        data = directory / f"data-{len(made)}"
        made.append(Server(data, *lan, *arguments, limits=limits, environment=environment))
        return made[-1]

    yield make
    for server in made:
        if server.process is not None:
            assert server.stop() == 0
        assert server.errors() == ""
        server.close()


@pytest.fixture(params=LOOPS)
def new_tls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewServer]:
    """Return what makes servers with TLS for this machine, on either loop."""
    yield from on_loop(request.param, tmp_path)


@pytest.fixture(params=LOOPS, scope="module")
def shared_tls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return a running server with TLS, on either loop, for tests that leave no trace there."""
    for new in on_loop(request.param, tmp_path_factory.mktemp(request.param)):
        yield new().start()


@pytest.mark.parametrize("method", METHODS)
def test_a_verb_is_known_by_its_whole_and_by_nothing_less(method: bytes) -> None:
    for length in range(1, len(method)):
        assert spoken(method[:length]) is Spoken.UNDECIDED
    assert spoken(method) is spoken(method + b"/ HTTP/1.1\r\n") is Spoken.HTTP
    assert spoken(method.lower()) is spoken(method[:-1] + b"X") is Spoken.JSON


@pytest.mark.parametrize("first", [b"{", b" ", b"\n", b"\x00", b"\x16\x03", b"NICK a", b"SSH-"])
def test_what_is_no_verb_is_left_to_json(first: bytes) -> None:
    assert spoken(first) is Spoken.JSON


def test_plain_and_encrypted_are_in_one_room_on_one_port(new_tls: NewServer) -> None:
    tls = new_tls().start()
    with TlsPeer(tls.port) as anna, Peer(tls.port) as boris:
        assert anna.register("anna")["result"] == "successful"
        assert boris.register("boris")["result"] == "successful"
        assert anna.ask("new_message", text="привет")["seq"] == 1
        assert boris.receive_until("new_message")["text"] == "привет"
        assert boris.ask("new_message", text="hello")["seq"] == 2
        assert anna.receive_until("new_message", text="hello")["from"] == "boris"
        answer = ask_http(tls.port, b"GET /up HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.endswith(b"\r\n\r\nok\n")
        anna.send("quit")
        assert anna.rest()[-1]["action"] == "bye"


def ask_http(port: int, data: bytes, *, encrypted: bool = False) -> bytes:
    """Send bytes one by one, and return the answer."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        whole = unverified().wrap_socket(plain) if encrypted else plain
        with whole:
            for byte in data:
                whole.sendall(bytes([byte]))
            return b"".join(iter(lambda: whole.recv(65536), b""))


def test_first_bytes_one_by_one_say_the_same_as_at_once(shared_tls: Server) -> None:
    request = b"HEAD /up HTTP/1.1\r\nHost: a\r\n\r\n"
    assert ask_http(shared_tls.port, request).startswith(b"HTTP/1.1 200 ")
    assert ask_http(shared_tls.port, request, encrypted=True).startswith(b"HTTP/1.1 200 ")
    for peer in (Peer(shared_tls.port), TlsPeer(shared_tls.port)):
        with peer:
            for byte in b' \n{"action":"ping","id":"slow"}\n':
                peer.send_bytes(bytes([byte]))
            assert peer.receive() == {"action": "pong", "id": "slow"}
    # A handshake in pieces, through a relay that is slow.
    with Peer(shared_tls.port) as slow:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = unverified().wrap_bio(incoming, outgoing)
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    slow.socket.sendall(bytes([byte]))
                incoming.write(slow.socket.recv(65536))
        assert client.version() == "TLSv1.3"


@pytest.mark.parametrize("kind", [Peer, TlsPeer])
def test_what_is_nearly_http_is_refused_as_json(
    shared_tls: Server, kind: Callable[[int], Peer]
) -> None:
    sent = []
    for data in (b"PROXY TCP4 ", b"PRI * HTTP/2.0\r\n", b"G\n", b"GOT IT\n"):
        # In pieces too, and when it ends before it is anything.
        for pieces in ([data], [bytes([byte]) for byte in data]):
            sent.append((kind(shared_tls.port), pieces))
            for piece in pieces:
                sent[-1][0].send_bytes(piece)
    # All at once: behind TLS a server lingers a second before it closes.
    for peer, pieces in sent:
        with peer:
            assert [o["code"] for o in peer.rest()] == ["bad_protocol"], pieces


def test_what_begins_and_ends_without_a_word_is_let_go(new_tls: NewServer) -> None:
    tls = configured(new_tls(), frame_seconds=0.5)
    for begun in (b"", b"G", b"GET ", b"\x16", CLIENT_HELLO, b'{"action"'):
        with Peer(tls.port) as peer:
            peer.send_bytes(begun)
            peer.socket.shutdown(socket.SHUT_WR)
            while peer.socket.recv(65536):
                pass
        with Peer(tls.port) as peer:
            peer.send_bytes(begun)
            # As by a power cut: a reset.
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with tls.enter("honest") as honest:
        assert told(honest.fence()) == []


def test_without_a_certificate_tls_is_told_so(server: Server) -> None:
    with server.peer() as peer:
        peer.send_bytes(CLIENT_HELLO + bytes(200))
        assert [o["code"] for o in peer.rest()] == ["bad_protocol"]


def test_the_silent_count_from_the_first_moment_and_are_told_when_they_go(
    new_tls: NewServer,
) -> None:
    server = configured(new_tls(limits=True), connections_per_address_max=4)
    silent = [Peer(server.port) for _ in range(2)]
    begun = [Peer(server.port) for _ in range(2)]
    for peer, data in zip(begun, (CLIENT_HELLO, b"GET /"), strict=True):
        peer.send_bytes(data)
    with Peer(server.port) as beyond:
        assert [o["code"] for o in beyond.rest()] == ["too_many_connections"]
    begun.pop(0).close()
    assert holds(lambda: let_in(server.port)), "what has gone in a handshake counts no more"
    # A stop tells those who have said nothing.
    assert server.stop() == 0
    for peer in silent:
        assert [o["code"] for o in peer.rest()] == ["shutting_down"]
    for peer in (*silent, *begun):
        peer.close()


def let_in(port: int) -> bool:
    """Say whether a connection is answered."""
    with Peer(port) as peer:
        try:
            peer.send("ping", id="a")
            return peer.receive() == {"action": "pong", "id": "a"}
        except (EOFError, ConnectionError):
            return False


def test_d1_handshakes_and_requests_that_never_end_are_cut(new_tls: NewServer) -> None:
    server = configured(new_tls(), frame_seconds=0.3, registration_seconds=60)
    slow = [Peer(server.port) for _ in range(12)]
    with TlsPeer(server.port) as undecided, server.enter("honest") as honest:
        undecided.send_bytes(b"GE")
        for peer in slow[:6]:
            peer.send_bytes(CLIENT_HELLO)
        for peer in slow[6:]:
            peer.send_bytes(b"GE")
        for peer in slow[:6]:
            assert ends(peer)
        for peer in [*slow[6:], undecided]:
            assert [o["code"] for o in peer.rest()] == ["registration_timeout"]
        assert told(honest.fence()) == []
    for peer in slow:
        peer.close()


def ends(peer: Peer) -> bool:
    """Read to the end of a connection, which comes or is a failure."""
    try:
        while peer.socket.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def test_d1_a_request_that_never_ends_is_cut(new_tls: NewServer) -> None:
    server = configured(new_tls(), frame_seconds=0.3, registration_seconds=60)
    for name, kind in (("honest", Peer), ("other", TlsPeer)):
        with kind(server.port) as slow, server.enter(name) as honest:
            slow.send_bytes(b"GET /up HTTP/1.1\r\nX: ")
            assert ends(slow)
            assert told(honest.fence()) == []


def test_a_slow_reader_behind_tls_lags_and_gets_everything(new_tls: NewServer) -> None:
    server = configured(new_tls(), write_buffer_bytes_max=65536)
    with server.enter("anna") as anna, TlsPeer(server.port) as slow:
        slow.register("slow")
        texts = [f"{number} " + "x" * 15_000 for number in range(2_500)]
        for text in texts[:200]:
            anna.ask("new_message", text=text)
        before = held(server)
        for start in range(200, len(texts), 20):
            for text in texts[start : start + 20]:
                anna.send("new_message", text=text)
            anna.fence()
        head = anna.ask("history", limit=1)["head"]
        assert head == len(texts)
        # SQLite keeps some 30 MB of what it has written. What the slow one does not read, another
        # 35 MB, nobody keeps.
        assert held(server) - before < 48 * 1024 * 1024
        heard = [slow.receive_until("new_message")["text"] for _ in texts]
        assert heard == texts
        # It is read again as well.
        assert slow.ask("new_message", text="here")["seq"] == head + 1
    with TlsPeer(server.port) as gone:
        gone.register("gone")


def held(server: Server) -> int:
    """Return the memory that a server holds, in bytes."""
    assert server.process is not None
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_a_violation_behind_tls_is_told_and_closed(new_tls: NewServer) -> None:
    tls = new_tls().start()
    with TlsPeer(tls.port) as peer:
        peer.register("loud")
        peer.send_bytes(b"x" * 70_000)
        codes = [o.get("code") for o in told(peer.rest())]
        assert codes == ["too_long"]
    with TlsPeer(tls.port) as peer:
        peer.register("half")
        peer.send("new_message", text="last words")
        peer.socket.shutdown(socket.SHUT_WR)
    with tls.enter("reader") as reader:
        assert holds(lambda: bool(reader.ask("history", limit=1)["entries"]))
        assert reader.ask("history", limit=1)["entries"][0]["text"] == "last words"


def test_d15_who_runs_out_of_files_serves_on_and_recovers(new_tls: NewServer) -> None:
    server = new_tls("--host", "127.0.0.1").start()
    assert server.process is not None
    with server.enter("honest") as honest:
        honest.ask("new_message", text="hi")
        before = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (before + 8, before + 100))
        crowd = [Peer(server.port) for _ in range(40)]
        # Those beyond the limit wait in the system's queue; the others are served all the while.
        server.see("Raise the limit")
        assert honest.ask("new_message", text="still")["text"] == "still"
        for peer in crowd:
            peer.close()
        assert holds(lambda: let_in(server.port))
        assert told(honest.fence()) == []


def test_every_interface_is_both_kinds_of_address(new_server: NewServer) -> None:
    server = new_server("--quiet", "--host", "::").start()
    with Peer(server.port) as four, Peer(server.port, "::1") as six:
        four.register("four")
        six.register("six")
        four.ask("new_message", text="from one to the other")
        assert six.receive_until("new_message")["from"] == "four"
    assert server.said[-1] == f"ready on [::]:{server.port}"


def test_a_port_that_is_taken_is_said(new_server: NewServer, server: Server) -> None:
    second = new_server("--host", "::")
    with pytest.raises(AssertionError, match="Cannot listen"):
        second.start(server.port)
    assert second.process is not None and second.process.wait(TIMEOUT_SECONDS) == 1


def test_the_large_libraries_wait_until_they_are_asked_for() -> None:
    code = (
        "import sys, molva.server.serve; "
        "print([m for m in ('aiohttp', 'cryptography', 'zeroconf', 'segno', 'ifaddr')"
        " if m in sys.modules])"
    )
    source = Path(__file__).resolve().parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(source)},
    )
    assert json.loads(done.stdout.replace("'", '"')) == [], done.stderr
