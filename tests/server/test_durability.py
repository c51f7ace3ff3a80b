"""Durability: what was acknowledged is there, whatever becomes of the process.

The real server on a real file is killed without warning, again and again, while several people
write; then it is stopped in order, configured anew while it runs, and started where it must refuse.
"""

import itertools
import json
import os
import random
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.peer import TIMEOUT_SECONDS, Object, Peer
from tests.serving import ROOT, Server

ROUNDS = 50
PIPELINE_MAX = 16
"""Writes of one device on their way at once."""

LOST = (EOFError, ConnectionError, json.JSONDecodeError)
"""What a client notices when the server dies; its last line may be cut short."""

LOG_EVENTS = frozenset(
    "new_message new_whisper created joined left topic room_joined room_left opened read".split()
)


class Doubt(AssertionError):
    """A client was told what cannot be."""


class Device:
    """A client that keeps what it must over a cut: its token, its cursors and its outbox."""

    def __init__(self, name: str, others: list[str], seed: int) -> None:
        self.name = name
        self.others = others
        self.random = random.Random(seed)
        self.token = ""
        self.cursors: dict[str, int] = {}
        self.begun: dict[str, int] = {}
        """Where each conversation was begun to be heard."""
        self.heads: dict[str, int] = {}
        self.seen: dict[str, list[tuple[int, str | None]]] = {}
        """Seq and id of everything shown, in the order in which it was."""
        self.outbox: dict[str, Object] = {}
        self.acknowledged: dict[str, tuple[str, int]] = {}
        self.written: dict[str, list[str]] = {}
        """Ids by conversation, in the order in which they were first sent."""
        self.retried = 0
        self.count = 0
        self.doubts: list[str] = []
        self.dismissed = False
        """Whether the server has said that it stops."""

    # -- One connection --------------------------------------------------------------------------

    def connect(self, port: int) -> Peer:
        """Come back, and send again what was not acknowledged."""
        peer = Peer(port)
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        more: Object = {"token": self.token, "cursors": self.cursors} if self.token else {}
        try:
            reply = peer.register(self.name, **more)
        except LOST:
            peer.close()
            raise
        if reply["result"] != "successful":
            peer.close()
            raise Doubt(f"{self.name} is refused: {reply}")
        self.token = self.token or reply["token"]
        self._list(reply["conversations"])
        self.retried += len(self.outbox)
        lines = [json.dumps(action).encode() + b"\n" for action in self.outbox.values()]
        try:
            peer.send_bytes(b"".join(lines))
        except LOST:
            peer.close()
            raise
        return peer

    def live(self, port: int, more: Callable[[], bool]) -> None:
        """Write and read until the server is gone, or there is no more to do."""
        try:
            with self.connect(port) as peer:
                while True:
                    while more() and len(self.outbox) < PIPELINE_MAX:
                        self.write(peer)
                    if not self.outbox and not more() and not self.behind():
                        for object in peer.fence():
                            self.take(object)
                        return
                    self.take(peer.receive())
        except LOST:
            pass
        except Exception as error:
            self.doubts.append(f"{self.name}: {error!r}")

    def behind(self) -> bool:
        """Say whether there is more to hear of what the welcome has counted."""
        return any(self.cursors.get(label, 0) < head for label, head in self.heads.items())

    def write(self, peer: Peer) -> None:
        """Say something somewhere."""
        self.count += 1
        id = f"{self.name}-{self.count}"
        text = f"{id} " + "x" * self.random.choice((0, 10, 100, 5000))
        place = self.random.choice(("#general", "#hall", self.random.choice(self.others)))
        action = {"action": "new_message", "room": place, "id": id, "text": text}
        if place[0] != "#":
            action = {"action": "new_whisper", "to": place, "id": id, "text": text}
        self.outbox[id] = action
        self.written.setdefault(place, []).append(id)
        peer.send_bytes(json.dumps(action).encode() + b"\n")

    def take(self, object: Object) -> None:
        """Take what the server tells."""
        kind = object["action"]
        if kind in LOG_EVENTS:
            self._show(object)
        elif kind == "stored":
            place = object.get("room") or object.get("to")
            self._acknowledge(object["id"], str(place), object["seq"])
        elif kind == "conversations":
            self._list(object["conversations"])
        elif object.get("code") == "shutting_down":
            if kind == "bye":
                self.dismissed = True
                raise EOFError
        elif kind not in ("new_user", "user_left"):
            raise Doubt(f"{self.name} is told {object}")

    def _list(self, conversations: list[Object]) -> None:
        for listed in conversations:
            label = listed.get("room") or listed.get("with") or listed["log"]
            if self.cursors.setdefault(label, listed["cursor"]) != listed["cursor"]:
                raise Doubt(f"{self.name} stood at {self.cursors[label]} and is told {listed}")
            self.begun.setdefault(label, listed["cursor"])
            self.heads[label] = listed["head"]

    def _show(self, object: Object) -> None:
        label = object.get("log") or object.get("room")
        if label is None:
            own = object["from"] == self.name
            label = str(object["to"] if own else object["from"])
        cursor = self.cursors.get(label, 0)
        if object["seq"] != cursor + 1:
            raise Doubt(f"{self.name} stood at {cursor} of {label} and is told {object}")
        self.cursors[label] = object["seq"]
        id = object.get("id")
        self.seen.setdefault(label, []).append((object["seq"], id))
        if object.get("from") == self.name and id is not None:
            self._acknowledge(id, label, object["seq"])

    def _acknowledge(self, id: str, label: str, seq: int) -> None:
        self.outbox.pop(id, None)
        if self.acknowledged.setdefault(id, (label, seq)) != (label, seq):
            raise Doubt(f"{id} was at {self.acknowledged[id]} and is at {(label, seq)}")

    # -- Looking back ----------------------------------------------------------------------------

    def history(self, peer: Peer, label: str) -> list[Object]:
        """Return everything a conversation holds, page by page."""
        where = {"room": label} if label[0] == "#" else {"with": label}
        entries: list[Object] = []
        while True:
            after = entries[-1]["seq"] if entries else 0
            page = peer.ask("history", after=after, limit=100, **where)
            if not page["entries"]:
                return entries
            entries += page["entries"]


def test_fifty_kills_lose_nothing_double_nothing_and_keep_the_order(
    new_server: Callable[..., Server],
) -> None:
    server = new_server("--quiet").found().start()
    chance = random.Random(9)
    names = ["anna", "boris", "clara", "dmitri"]
    devices = [Device(n, [o for o in names if o != n], i) for i, n in enumerate(names)]
    for device in devices:
        with device.connect(server.port) as peer:
            peer.send("create" if device.name == "anna" else "join", room="#hall")
            while "#hall" not in device.cursors or f"@{device.name}" not in device.cursors:
                device.take(peer.receive())
            for object in peer.fence():
                device.take(object)

    for _ in range(ROUNDS):
        wanted = chance.choice((1, 10, 60, 200))
        done = threading.Event()
        before = sum(len(device.acknowledged) for device in devices)

        def enough(done: threading.Event = done, wanted: int = before + wanted) -> bool:
            if sum(len(device.acknowledged) for device in devices) >= wanted:
                done.set()
            return True

        # Now and then somebody is away, and has the more to hear the next time.
        here = [device for device in devices if chance.random() < 0.75] or devices
        threads = [threading.Thread(target=d.live, args=(server.port, enough)) for d in here]
        for thread in threads:
            thread.start()
        assert done.wait(TIMEOUT_SECONDS), [device.doubts for device in devices]
        server.kill()
        for thread in threads:
            thread.join()
        assert [device.doubts for device in devices] == [[]] * len(devices)
        server.start()

    for device in devices:
        device.live(server.port, lambda: False)
    # Once more, so that each has heard what the last of them had still to send.
    for device in devices:
        device.live(server.port, lambda: False)
    assert [device.doubts for device in devices] == [[]] * len(devices)
    assert [device.outbox for device in devices] == [{}] * len(devices)

    found: Counter[str] = Counter()
    places: dict[str, tuple[str, int]] = {}
    disordered = 0
    for device in devices:
        with device.connect(server.port) as peer:
            for label in ("#general", "#hall", *device.others):
                entries = device.history(peer, label)
                seqs = [entry["seq"] for entry in entries]
                assert seqs == list(range(1, len(seqs) + 1)), f"{label} has holes"
                begun = device.begun.get(label, 0)
                told = [(e["seq"], e.get("id")) for e in entries if e["seq"] > begun]
                assert device.seen.get(label, []) == told, f"{device.name} saw another {label}"
                own = [e["id"] for e in entries if e.get("from") == device.name and "text" in e]
                found.update(own)
                places |= {e["id"]: (label, e["seq"]) for e in entries if e.get("id") in set(own)}
                disordered += own != device.written.get(label, [])
    acknowledged: dict[str, tuple[str, int]] = {}
    for device in devices:
        acknowledged |= device.acknowledged
    lost = [id for id, place in acknowledged.items() if places.get(id) != place]
    doubled = [id for id, count in found.items() if count > 1]
    report = (
        f"{ROUNDS} kills: {len(acknowledged)} acknowledged, "
        f"{sum(device.retried for device in devices)} sent again, "
        f"{len(lost)} lost, {len(doubled)} doubled, {disordered} conversations out of order"
    )
    print(report)
    assert (lost, doubled, disordered) == ([], [], 0), report
    assert len(acknowledged) == sum(device.count for device in devices) > ROUNDS
    assert server.errors() == ""


# -- Stopping in order -----------------------------------------------------------------------------


def _until_closed(peer: Peer, heard: list[Object]) -> None:
    try:
        while True:
            heard.append(peer.receive())
    except LOST:
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_what_was_begun_then_says_bye_and_exits_with_0(
    new_server: Callable[..., Server], number: signal.Signals
) -> None:
    server = new_server("--quiet").found().start()
    peers = [server.enter(f"guest{number}") for number in range(4)]
    with server.peer() as stranger:
        for peer in peers:
            lines = [
                {"action": "new_message", "id": f"k{number}", "text": f"{peer.name} {number}"}
                for number in range(300)
            ]
            peer.send_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        heard: list[list[Object]] = [[peer.receive_until("new_message")] for peer in peers]
        assert server.process is not None
        server.process.send_signal(number)
        readers = [
            threading.Thread(target=_until_closed, args=(peer, told))
            for peer, told in zip(peers, heard, strict=True)
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        assert [o["code"] for o in stranger.rest()] == ["shutting_down"]
    assert server.process.wait(TIMEOUT_SECONDS) == 0
    rest = server.process.stdout
    assert rest is not None
    assert rest.read().splitlines()[-1] == "Stopped. Nothing is lost."
    rest.close()
    told = [_answers(peer, objects) for peer, objects in zip(peers, heard, strict=True)]
    for objects in heard:
        assert objects[-1]["action"] == "bye" and objects[-1]["code"] == "shutting_down"
    for peer in peers:
        peer.close()
    server.process = None

    server.start()
    with server.enter("reader") as reader_:
        stored = set(_stored(reader_))
    # What was read was done or refused, nothing between; what was stored was acknowledged.
    for peer, (acknowledged, refused) in zip(peers, told, strict=True):
        assert len(acknowledged) + len(refused) == 300
        assert not acknowledged & refused
        assert {id for name, id in stored if name == peer.name} == acknowledged
    assert server.stop() == 0
    assert server.errors() == ""


def _answers(peer: Peer, objects: list[Object]) -> tuple[set[str], set[str]]:
    own = [o for o in objects if o.get("from") == peer.name]
    errors = [o for o in objects if o["action"] == "error"]
    assert {o["code"] for o in errors} <= {"shutting_down"}
    return {o["id"] for o in own}, {o["id"] for o in errors}


def _stored(peer: Peer) -> Iterator[tuple[str, str]]:
    after = 0
    while entries := peer.ask("history", after=after, limit=100)["entries"]:
        for entry in entries:
            yield entry["from"], entry["id"]
        after = entries[-1]["seq"]


def test_a_stop_while_everybody_goes_on_writing_loses_nothing_acknowledged(
    new_server: Callable[..., Server],
) -> None:
    server = new_server("--quiet").found().start()
    devices = [Device(name, ["anna", "boris"], i) for i, name in enumerate(("anna", "boris"))]
    for device in devices:
        with device.connect(server.port) as peer:
            peer.send("create" if device.name == "anna" else "join", room="#hall")
            while f"@{device.name}" not in device.cursors:
                device.take(peer.receive())
            for object in peer.fence():
                device.take(object)
    enough = threading.Event()

    def more() -> bool:
        if sum(len(device.acknowledged) for device in devices) > 100:
            enough.set()
        return True

    threads = [threading.Thread(target=d.live, args=(server.port, more)) for d in devices]
    for thread in threads:
        thread.start()
    assert enough.wait(TIMEOUT_SECONDS)
    assert server.stop() == 0
    for thread in threads:
        thread.join()
    assert [device.dismissed for device in devices] == [True, True]
    server.start()
    for _ in range(2):
        for device in devices:
            device.live(server.port, lambda: False)
    assert [device.doubts for device in devices] == [[], []]
    assert [device.outbox for device in devices] == [{}, {}]
    for device in devices:
        with device.connect(server.port) as peer:
            for label in ("#general", "#hall", "anna", "boris"):
                own = [
                    entry["id"]
                    for entry in device.history(peer, label)
                    if entry.get("from") == device.name and "text" in entry
                ]
                assert own == device.written.get(label, [])
    assert server.stop() == 0
    assert server.errors() == ""


def test_a_stop_is_heard_by_those_who_will_not_stop_writing(
    new_server: Callable[..., Server],
) -> None:
    server = new_server("--quiet").found().start()
    peers = [server.enter(f"guest{number}") for number in range(4)]
    heard: list[list[Object]] = [[] for _ in peers]

    def write(peer: Peer) -> None:
        try:
            for number in itertools.count():
                peer.send("new_message", text=f"{number}")
        except OSError:
            pass

    threads = [threading.Thread(target=write, args=(peer,)) for peer in peers]
    threads += [
        threading.Thread(target=_until_closed, args=(peer, told))
        for peer, told in zip(peers, heard, strict=True)
    ]
    with server.enter("watcher") as watcher:
        for thread in threads:
            thread.start()
        for _ in range(2000):
            watcher.receive_until("new_message")
    assert server.stop() == 0
    for thread in threads:
        thread.join()
    for peer, told in zip(peers, heard, strict=True):
        assert (told[-1]["action"], told[-1].get("code")) == ("bye", "shutting_down")
        peer.close()
    assert server.errors() == ""


# -- Configured anew -------------------------------------------------------------------------------


def _configure(server: Server, text: str) -> None:
    server.data.mkdir(exist_ok=True)
    (server.data / "molva.toml").write_text(text)


def _hang_up(server: Server) -> str:
    """Send SIGHUP, and return what the server says to it."""
    assert server.process is not None and server.process.stdout is not None
    server.process.send_signal(signal.SIGHUP)
    said, _, _ = select.select([server.process.stdout], [], [], TIMEOUT_SECONDS)
    assert said, server.errors()
    return server.process.stdout.readline().strip()


def _limited(peer: Peer) -> int:
    """Ask a hundred times at once; return how often that was too much."""
    peer.send_bytes(b'{"action":"users"}\n' * 100)
    told = [o for o in _next(peer, 100) if o.get("code") == "rate_limited"]
    return len(told)


def _next(peer: Peer, count: int) -> list[Object]:
    told: list[Object] = []
    while len(told) < count:
        object = peer.receive()
        if object["action"] in ("users", "error"):
            told.append(object)
    return told


def test_sighup_reads_the_limits_anew_and_keeps_everybody(
    new_server: Callable[..., Server],
) -> None:
    server = new_server("--quiet", limits=True)
    slow = "[limits]\nactions_per_connection = { per_second = 5, burst = 10 }\n"
    _configure(server, slow)
    server.start()
    with server.enter("anna") as anna:
        assert _limited(anna) > 0
        _configure(
            server, '[limits]\nactions_per_connection = "off"\nactions_per_account = "off"\n'
        )
        assert _hang_up(server) == "The configuration was read again."
        assert _limited(anna) == 0
        # A wrong file changes nothing and is said to be wrong.
        _configure(server, "[limits]\nactions_per_conection = 1\n")
        assert "limits.actions_per_conection" in _hang_up(server)
        assert _limited(anna) == 0
        _configure(server, slow)
        assert _hang_up(server) == "The configuration was read again."
        assert _limited(anna) > 0
    assert server.stop() == 0
    assert server.errors() == ""


# -- Where it must refuse to start -----------------------------------------------------------------


def _serve(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a server that is to end by itself."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MOLVA_", "LC_"))}
    return subprocess.run(
        [sys.executable, "-m", "molva", "serve", "--port", "0", "--data", str(data), *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        env=kept | {"LANG": "C.UTF-8", "PYTHONPATH": str(ROOT / "src")} | environment,
    )


def _plain_refusal(ended: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """See that a server refused in one line that says these words, without a traceback."""
    assert ended.returncode == code, ended
    assert "ready" not in ended.stdout
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    for word in words:
        assert word in ended.stderr


def test_a_second_server_on_the_same_file_is_refused_and_harms_nothing(server: Server) -> None:
    assert server.process is not None
    with server.enter("anna") as anna:
        path = str(server.data / "molva.sqlite")
        for _ in range(2):
            ended = _serve(server.data)
            _plain_refusal(ended, 1, "Another server", str(server.process.pid), path, "--data")
        russian = _serve(server.data, LANG="ru_RU.UTF-8", PYTHONUTF8="1")
        _plain_refusal(russian, 1, "занят другим сервером", str(server.process.pid), path)
        assert anna.ask("new_message", text="still here")["seq"] == 1
    # The lock goes with its holder, however that ends.
    server.kill()
    server.start()
    with server.enter("boris") as boris:
        assert boris.ask("history")["head"] == 1


def test_a_port_in_use_is_refused(server: Server, tmp_path: Path) -> None:
    ended = _serve(tmp_path / "other", "--port", str(server.port))
    _plain_refusal(ended, 1, f"127.0.0.1:{server.port}", "--port")
    # Nothing is left in its way.
    ended = _serve(tmp_path / "other", "--port", str(server.port))
    _plain_refusal(ended, 1, f"127.0.0.1:{server.port}")


def test_a_file_of_a_newer_schema_is_refused_and_left_as_it_is(server: Server) -> None:
    with server.enter("anna") as anna:
        anna.ask("new_message", text="hi")
    assert server.stop() == 0
    path = server.data / "molva.sqlite"
    with closing(sqlite3.connect(path)) as file:
        (version,) = file.execute("PRAGMA user_version").fetchone()
        file.execute("PRAGMA user_version = 1000")
    before = path.read_bytes()
    _plain_refusal(_serve(server.data), 1, str(path), "newer", "1000")
    assert path.read_bytes() == before
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"PRAGMA user_version = {version}")
    server.start()
    with server.enter("boris") as boris:
        assert boris.ask("history")["head"] == 1


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    path = data / "molva.sqlite"
    other = b"somebody's diary, not to be touched\n" * 200
    path.write_bytes(other)
    _plain_refusal(_serve(data), 1, str(path))
    assert path.read_bytes() == other


def test_a_directory_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    _plain_refusal(_serve(tmp_path / "file"), 1, str(tmp_path / "file"), "--data")
    _plain_refusal(_serve(tmp_path / "file" / "below"), 1, "--data")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 8888\n", ["prot"]),
        ("[limits]\nframe_second = 1\n", ["limits.frame_second"]),
        ("[limits]\nframe_seconds = 'long'\n", ["limits.frame_seconds", "long"]),
        ("[limits]\nframe_seconds = -1\n", ["frame_seconds"]),
        ("[limits]\nping_seconds = 100\ndead_seconds = 100\n", ["dead_seconds", "ping_seconds"]),
        ("[limits]\nconnections_max = 1.5\n", ["limits.connections_max"]),
        ("[limits]\nactions_per_connection = 7\n", ["limits.actions_per_connection"]),
        ("limits = 7\n", ["limits"]),
        ("quiet = 'perhaps'\n", ["quiet", "perhaps"]),
        ("port = 'high'\n", ["port"]),
        ("quiet = \n", ["molva.toml"]),
        ("\x00", ["molva.toml"]),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "molva.toml").write_text(text)
    arguments = [] if text.startswith("port") else ["--port", "0"]
    kept: dict[str, Any] = {"MOLVA_LANGUAGE": "en"}
    ended = _serve_plain(data, arguments, kept)
    _plain_refusal(ended, 2, *words)
    assert not (data / "molva.sqlite").exists()


def _serve_plain(
    data: Path, arguments: list[str], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MOLVA_", "LC_"))}
    return subprocess.run(
        [sys.executable, "-m", "molva", "serve", "--data", str(data), *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        env=kept | {"PYTHONPATH": str(ROOT / "src")} | environment,
    )


def test_the_last_line_before_it_serves_says_where(new_server: Callable[..., Server]) -> None:
    quiet = new_server("--quiet", limits=True).start()
    assert quiet.said == [f"ready on 127.0.0.1:{quiet.port}"]
    off = new_server("--quiet").found().start()
    assert len(off.said) == 2 and "LIMITS ARE OFF" in off.said[0]
    assert off.said[-1] == f"ready on 127.0.0.1:{off.port}"
    spoken = new_server(limits=True).start()
    assert spoken.said[-1] == f"ready on 127.0.0.1:{spoken.port}"
    assert str((spoken.data / "molva.sqlite").absolute()) in spoken.said[0]
    for server in (quiet, off, spoken):
        # It listens by the time it says so, and what it keeps is for its owner's eyes only.
        with server.enter("anna") as anna:
            assert anna.ask("new_message", text="hi")["seq"] == 1
        assert server.data.stat().st_mode & 0o077 == 0
        assert (server.data / "molva.sqlite").stat().st_mode & 0o077 == 0
        assert server.stop() == 0
        assert server.errors() == ""
