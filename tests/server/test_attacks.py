"""Attacks: what hostile bytes, clients and crowds must not achieve, each by its number.

The numbers are those of the threat catalogue: F framing and JSON, P the state of the protocol, D
the resources of the server. Every attack is made on the real server over real sockets, and after
each: the connection lives or is closed, as its code says; a witness on another connection has seen
nothing and is answered; the process is alive; and the file holds what it held before. At the end of
the module nothing is on the server's standard error and no descriptor is left open.
"""

import contextlib
import itertools
import json
import os
import random
import socket
import sqlite3
import struct
import threading
import time
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from molva.terms import actions
from molva.terms.errors import CLOSING
from molva.terms.limits import FRAME_BYTES_MAX, TEXT_BYTES_MAX
from tests.peer import TIMEOUT_SECONDS, Object, Peer
from tests.serving import Server

PRESENCE = frozenset({"new_user", "user_left", "presence"})
KIB = 1024
MIB = 1024 * KIB

CLOSING_CODES = frozenset(str(code) for code in CLOSING)


def configured(server: Server, **settings: object) -> Server:
    """Give a server limits of its own, and start it; it has had an owner before."""
    lines = [f"{key} = {value}" for key, value in settings.items()]
    server.data.mkdir(exist_ok=True)
    (server.data / "molva.toml").write_text("\n".join(["[limits]", *lines, ""]))
    return server.found().start()


def rate(per_second: float, burst: float) -> str:
    """Write a rate as the configuration has it."""
    return f"{{ per_second = {per_second}, burst = {burst} }}"


def alive(server: Server) -> bool:
    """Say whether the process runs."""
    return server.process is not None and server.process.poll() is None


def process_file(server: Server, name: str) -> Path:
    """Return a file of /proc about the server."""
    assert server.process is not None
    return Path(f"/proc/{server.process.pid}/{name}")


def descriptors(server: Server) -> int:
    """Return how many files and sockets the server has open."""
    return len(os.listdir(process_file(server, "fd")))


def resident_bytes(server: Server) -> int:
    """Return the memory that the server holds."""
    return int(process_file(server, "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def holds(condition: Callable[[], bool]) -> bool:
    """Say whether something becomes true, asking until it is."""
    until = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def digest(server: Server) -> list[Any]:
    """Return everything that the file holds."""
    path = server.data / "molva.sqlite"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        tables = file.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return [
            (name, sorted(file.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr))
            for (name,) in tables.fetchall()
        ]


def without_presence(objects: list[Object]) -> list[Object]:
    """Leave out who came and went, which is told in its own time."""
    return [o for o in objects if o.get("action") not in PRESENCE]


_numbers = itertools.count(1)


class Scene:
    """A server, and a witness who must notice nothing."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.peers: list[Peer] = []
        self.witness = self.somebody()

    def stranger(self) -> Peer:
        """Return a connection that is nobody."""
        self.peers.append(self.server.peer())
        # What is sent in pieces is to arrive in pieces.
        self.peers[-1].socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.peers[-1]

    def somebody(self, **more: Any) -> Peer:
        """Return a connection that is somebody."""
        peer = self.stranger()
        reply = peer.register(f"guest{next(_numbers)}", **more)
        assert reply["result"] == "successful", reply
        return peer

    def peer(self, state: str) -> Peer:
        """Return a connection in a state."""
        return self.somebody() if state == "somebody" else self.stranger()

    @contextlib.contextmanager
    def undisturbed(self) -> Iterator[None]:
        """See that what happens within has no effect on anybody."""
        without_presence(self.witness.fence())
        before = digest(self.server)
        yield
        assert alive(self.server)
        assert without_presence(self.witness.fence()) == []
        assert digest(self.server) == before

    def close(self) -> None:
        """Let everybody go."""
        for peer in self.peers:
            peer.close()


def fence(peer: Peer) -> list[Object]:
    """Return what a connection is told by now, whether it is somebody or not."""
    return without_presence(peer.fence())


def refused(peer: Peer, data: bytes, code: str) -> None:
    """See that bytes are refused with a code, once, and that the connection lives or closes."""
    peer.send_bytes(data)
    shown = f"{data[:120]!r} to be refused with {code}"
    if code in CLOSING_CODES:
        told = without_presence(peer.rest())
        assert [o.get("code") for o in told] == [code], f"{shown}: {told}"
        assert told[0]["action"] == ("bye" if peer.name else "error")
    else:
        told = fence(peer)
        assert [o.get("code") for o in told] == [code], f"{shown}: {told}"
        assert told[0].get("action", "result") in ("error", "result")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return the server that is attacked; it must end as it began."""
    server = Server(tmp_path_factory.mktemp("attacks") / "data", "--quiet")
    # Strangers are told as in 2022, one object at a time; here they read line by line.
    configured(server, legacy_spacing_seconds=0.0001)
    with server.enter("first", password="correct horse") as first:
        # What opens once, with the first write, page and password, is open after this.
        first.ask("new_message", text="hi")
        first.ask("history")
    baseline = _idle_descriptors(server)
    yield server
    assert alive(server)
    assert holds(lambda: descriptors(server) <= baseline)
    assert server.stop() == 0
    assert server.errors() == ""


def _idle_descriptors(server: Server) -> int:
    """Return how many descriptors there are without a connection."""
    sockets = process_file(server, "net/tcp")
    assert holds(lambda: f":{server.port:04X} 0100007F" not in _established(sockets))
    return descriptors(server)


def _established(sockets: Path) -> str:
    lines = sockets.read_text().splitlines()[1:]
    return "\n".join(" ".join(x.split()[1:4]) for x in lines if x.split()[3] == "01")


@pytest.fixture
def scene(house: Server) -> Iterator[Scene]:
    """Return a witness on the server that is attacked."""
    scene = Scene(house)
    yield scene
    scene.close()


STATES = ("stranger", "somebody")


# -- F: framing and JSON ---------------------------------------------------------------------------


def test_f1_an_action_cut_anywhere_is_the_same_action(scene: Scene) -> None:
    text = 'привет } { \\ " \u2028'
    action = {"action": "new_message", "text": text, "id": "k"}
    attacker = scene.somebody()
    for ending in (b"\n", b"\r\n", b""):
        for ascii_ in (True, False):
            base = json.dumps(action, ensure_ascii=ascii_).encode() + ending
            for place in range(1, len(base)):
                data = base.replace(b'"k"', b'"k%04d"' % next(_numbers))
                attacker.send_bytes(data[:place])
                # By the time it is answered, the server has read what came before.
                scene.witness.send("ping")
                scene.witness.receive_until("pong")
                attacker.send_bytes(data[place:])
                assert attacker.receive_until("new_message")["text"] == text
    told = without_presence(scene.witness.fence())
    assert {o["text"] for o in told} <= {text}


def test_f1_a_registration_byte_by_byte_is_a_registration(scene: Scene) -> None:
    for ending in (b"\n", b""):
        stranger = scene.stranger()
        name = f"slow{next(_numbers)}"
        action = {"action": "registration", "name": name, "features": ["echo"]}
        for byte in json.dumps(action).encode() + ending:
            stranger.send_bytes(bytes([byte]))
            scene.witness.send("ping")
            scene.witness.receive_until("pong")
        assert stranger.receive()["name"] == name


def test_f2_a_thousand_actions_in_one_segment_are_done_in_order(scene: Scene) -> None:
    attacker = scene.somebody()
    lines = [
        json.dumps({"action": "new_message", "text": f"{number}"}).encode() + b"\n"
        for number in range(1000)
    ]
    sender = threading.Thread(target=attacker.send_bytes, args=(b"".join(lines),))
    sender.start()
    heard: list[str] = []
    while len(heard) < 1000:
        # The witness is answered all the while.
        told = without_presence(scene.witness.fence())
        heard += [o["text"] for o in told]
    sender.join()
    assert heard == [f"{number}" for number in range(1000)]
    own = [o["text"] for o in attacker.fence() if o["action"] == "new_message"]
    assert own == heard


def _padded(length: int) -> bytes:
    """Return an object of exactly so many bytes."""
    begin, end = b'{"action":"ping","id":"padded"', b"}"
    return begin + b" " * (length - len(begin) - len(end)) + end


@pytest.mark.parametrize("newline", [b"\n", b""], ids=["newline", "bare"])
@pytest.mark.parametrize("length", [FRAME_BYTES_MAX - 1, FRAME_BYTES_MAX])
def test_f3_an_object_as_long_as_may_be_is_read(scene: Scene, length: int, newline: bytes) -> None:
    attacker = scene.somebody()
    with scene.undisturbed():
        attacker.send_bytes(_padded(length) + newline)
        assert attacker.receive_until("pong")["id"] == "padded"
        assert fence(attacker) == []


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "data",
    [
        _padded(FRAME_BYTES_MAX + 1) + b"\n",
        _padded(FRAME_BYTES_MAX + 1),
        _padded(FRAME_BYTES_MAX + 2)[:-1],
        b"{" + b" " * FRAME_BYTES_MAX,
        b'{"action":"new_message","text":"' + b"x" * FRAME_BYTES_MAX,
        b'{"action":"ping"}\n' * 0 + b" " * (FRAME_BYTES_MAX + 1),
    ],
    ids=["line", "bare", "unfinished", "blanks within", "endless text", "blanks only"],
)
def test_f3_an_object_longer_than_may_be_closes(scene: Scene, state: str, data: bytes) -> None:
    attacker = scene.peer(state)
    with scene.undisturbed():
        refused(attacker, data, "too_long")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("beyond", [1, 5000, FRAME_BYTES_MAX, 5 * FRAME_BYTES_MAX])
def test_f4_the_tail_of_an_oversized_line_is_never_an_action(
    scene: Scene, state: str, beyond: int
) -> None:
    attacker = scene.peer(state)
    smuggled = json.dumps({"action": "new_message", "text": "smuggled"}).encode()
    head = b'{"action":"ping"' + b" " * (FRAME_BYTES_MAX + beyond)
    with scene.undisturbed():
        refused(attacker, head + smuggled + b"\n" + smuggled + b"\n", "too_long")


@pytest.mark.parametrize("piece", [b"x", b"[", b'"', b"\\", b" "], ids=repr)
def test_f5_endless_bytes_without_a_newline_cost_no_memory(scene: Scene, piece: bytes) -> None:
    attacker = scene.somebody()
    with scene.undisturbed():
        before = resident_bytes(scene.server)
        chunk = piece * MIB
        with contextlib.suppress(ConnectionError):
            attacker.send_bytes(b'{"action":"new_message","text":"')
            for _ in range(32):
                attacker.send_bytes(chunk)
        codes = [o.get("code") for o in without_presence(attacker.rest())]
        # The reset that ends such a stream may overtake the reason.
        assert codes in ([], ["too_long"])
        assert resident_bytes(scene.server) - before < 16 * MIB


@pytest.mark.parametrize("ending", ["fin", "half", "reset"])
@pytest.mark.parametrize(
    "data",
    [
        b'{"action":"new_message","text":"unfinished"',
        b'{"action":"new_message","text":"unfinished',
        b'{"action":"new_message","text":"unfinished\\"}',
        b"{",
    ],
)
def test_f6_an_unfinished_action_is_not_done_when_the_line_ends(
    scene: Scene, data: bytes, ending: str
) -> None:
    attacker = scene.somebody()
    with scene.undisturbed():
        attacker.send_bytes(data)
        if ending == "half":
            attacker.socket.shutdown(socket.SHUT_WR)
            told = without_presence(attacker.rest())
            assert [o["action"] for o in told] == ["bye"]
        elif ending == "reset":
            linger = struct.pack("ii", 1, 0)
            attacker.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            attacker.close()
        else:
            attacker.close()
        witness = scene.witness
        assert holds(lambda: attacker.name not in witness.ask("users")["users"])


@pytest.mark.parametrize("state", STATES)
def test_f7_blank_lines_say_nothing_and_any_line_ending_will_do(scene: Scene, state: str) -> None:
    attacker = scene.peer(state)
    with scene.undisturbed():
        attacker.send_bytes(b"\n\n \n\t\n\r\n\r\r\n   \r\n" * 100 + b"  ")
        assert fence(attacker) == []
        for line in (b'{"action":"nothing"}\r\n', b' \t{"action":"nothing"}\r\r\n\n'):
            refused(attacker, line, "unknown_action")


@pytest.mark.parametrize("state", STATES)
def test_f7_a_byte_order_mark_is_bad_json(scene: Scene, state: str) -> None:
    attacker = scene.peer(state)
    with scene.undisturbed():
        refused(attacker, b'\xef\xbb\xbf{"action":"ping"}\n', "bad_json")
        refused(attacker, b'\xef\xbb\xbf{"action":"ping"}\n', "bad_json")


def _not_utf8() -> list[bytes]:
    """Return sequences that RFC 3629 does not know, after Markus Kuhn's list."""
    vectors = [bytes([byte]) for byte in range(0x80, 0x100)]
    # Truncated, each followed by what could not go on.
    vectors += [b"\xc3", b"\xe2\x82", b"\xe2", b"\xf0\x9f\xa6", b"\xf0\x9f", b"\xf0"]
    # Overlong: a slash, the last of each length, and NUL as some languages write it.
    vectors += [b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf"]
    vectors += [b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xc0\x80", b"\xe0\x80\x80"]
    # Surrogates, alone and in pairs; beyond the last character.
    vectors += [b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80"]
    vectors += [b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80"]
    # Too many of what continues; other encodings.
    vectors += [b"\xc3\xa9\xa9", b"\xe2\x82\xac\xac", "й".encode("cp1251"), "й".encode("koi8-r")]
    return vectors


@pytest.mark.parametrize("state", STATES)
def test_f8_what_is_not_utf8_closes_and_is_never_replaced(scene: Scene, state: str) -> None:
    for vector in _not_utf8():
        attacker = scene.peer(state)
        with scene.undisturbed():
            frame = b'{"action":"new_message","text":"a' + vector + b'b"}\n'
            refused(attacker, frame, "bad_utf8")
        attacker.close()


def test_f8_other_encodings_of_the_whole_are_refused(scene: Scene) -> None:
    text = '{"action":"new_message","text":"a"}\n'
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        attacker = scene.somebody()
        with scene.undisturbed():
            attacker.send_bytes(text.encode(encoding) + b"\n")
            assert {o["code"] for o in fence(attacker)} == {"bad_json"}
    for encoding in ("utf-16", "utf-32", "utf-16-be", "utf-7", "utf-16-le"):
        stranger = scene.stranger()
        with scene.undisturbed():
            stranger.send_bytes(text.encode(encoding))
            stranger.socket.shutdown(socket.SHUT_WR)
            codes = [o["code"] for o in stranger.rest() if "code" in o]
            assert codes and set(codes) <= {"bad_protocol", "bad_json", "not_authenticated"}


def _fields(action: type[actions.Action]) -> list[msgspec.structs.FieldInfo]:
    return [f for f in msgspec.structs.fields(action) if f.encode_name != "id"]


def _kind(field: msgspec.structs.FieldInfo) -> str:
    """Return what JSON type a field has, `null` for one that may be left out apart."""
    schema = msgspec.json.schema(field.type)
    if "anyOf" in schema:
        (schema,) = (kind for kind in schema["anyOf"] if kind != {"type": "null"})
    # Only words of a list are described apart.
    return "word" if "$ref" in schema else str(schema["type"])


def _plain(action: type[actions.Action]) -> Object:
    """Return an action that is right, so that one thing in it can be wrong."""
    object: Object = {"action": action.__struct_config__.tag}
    for field in _fields(action):
        if field.required:
            values = {"integer": 1, "word": "member"}
            object[field.encode_name] = values.get(_kind(field), "x")
    return object


ALL = typing.get_args(actions.AnyAction)

STRINGS = [
    (action, field.encode_name)
    for action in ALL
    for field in _fields(action)
    if _kind(field) == "string"
]


def _every_string_field(spelled: str) -> Iterator[bytes]:
    """Yield an action for each of its string fields, with this in it; spelled as JSON has it."""
    for action, name in STRINGS:
        plain = _plain(action) | {name: "MARK"}
        yield json.dumps(plain).replace("MARK", f"a{spelled}b").encode() + b"\n"
    yield b'{"action":"registration","name":"x","features":["a' + spelled.encode() + b'"]}\n'
    yield b'{"action":"registration","name":"x","cursors":{"a' + spelled.encode() + b'":1}}\n'


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "spelled", ["\\ud800", "\\udc00", "\\udbff", "\\ude00\\ud83d", "\\ud83d\\u0041", "\\uD83D"]
)
def test_f9_half_a_surrogate_pair_is_refused_in_every_field(
    scene: Scene, state: str, spelled: str
) -> None:
    attacker = scene.peer(state)
    with scene.undisturbed():
        for frame in _every_string_field(spelled):
            refused(attacker, frame, "bad_text")


@pytest.mark.parametrize("state", STATES)
def test_f10_control_characters_are_refused_in_every_field(scene: Scene, state: str) -> None:
    attacker = scene.peer(state)
    controls = [*range(0x20), *range(0x7F, 0xA0)]
    with scene.undisturbed():
        for code in controls:
            for frame in _every_string_field(f"\\u{code:04x}"):
                if chr(code) in "\n\t" and b'"text"' in frame:
                    continue
                refused(attacker, frame, "bad_text")


@pytest.mark.parametrize("state", STATES)
def test_f10_raw_control_characters_are_bad_json_and_raw_c1_bad_text(
    scene: Scene, state: str
) -> None:
    attacker = scene.peer(state)
    with scene.undisturbed():
        for code in range(0x20):
            if chr(code) != "\n":
                frame = b'{"action":"new_message","text":"a%cb"}\n' % code
                refused(attacker, frame, "bad_json")
        for code in range(0x7F, 0xA0):
            frame = f'{{"action":"new_message","text":"a{chr(code)}b"}}\n'.encode()
            refused(attacker, frame, "bad_text")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("depth", "code"), [(10, "bad_field"), (31, "bad_field"), (32, "too_deep"), (33, "too_deep")]
)
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_f11_nesting_has_an_end(
    scene: Scene, state: str, depth: int, code: str, brackets: tuple[str, str]
) -> None:
    attacker = scene.peer(state)
    nested = brackets[0] * depth + "1" + brackets[1] * depth
    with scene.undisturbed():
        refused(attacker, f'{{"action":"ping","extra":{nested}}}\n'.encode(), code)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "frame",
    [
        '{"action":"ping","id":' + "[" * 1000 + "]" * 1000 + "}",
        '{"action":"ping","id":' + "[" * 30_000 + "]" * 30_000 + "}",
        '{"action":"ping","id":' + '{"a":' * 8_000 + "1" + "}" * 8_000 + "}",
        '{"action":"new_message","text":' + "[{" * 1 + '"a":' + "[" * 9_000 + "]" * 9_000 + "}]}",
        '{"a":' * 5_000 + "1" + "}" * 5_000,
    ],
    ids=["1,000 lists", "30,000 lists", "8,000 objects", "mixed", "outermost"],
)
def test_f11_deep_nesting_is_too_deep_and_breaks_nothing(
    scene: Scene, state: str, frame: str
) -> None:
    attacker = scene.peer(state)
    with scene.undisturbed():
        refused(attacker, frame.encode() + b"\n", "too_deep")


@pytest.mark.parametrize("field", ["through", "before", "after", "around", "limit"])
def test_f12_numbers_beyond_their_range_are_refused(scene: Scene, field: str) -> None:
    attacker = scene.somebody()
    wrong = ["-1", "9007199254740992", "9223372036854775807", "9223372036854775808"]
    wrong += ["18446744073709551616", "1" + "0" * 4300, "-1" + "0" * 4300, "1.5", "1e999", "-1e999"]
    wrong += ["1e-999", "true", "false", '"1"', "[1]", "{}", "1.0000000000000001e20"]
    with scene.undisturbed():
        for number in wrong:
            action = "read" if field == "through" else "history"
            refused(attacker, f'{{"action":"{action}","{field}":{number}}}\n'.encode(), "bad_field")
        for word in ("NaN", "Infinity", "-Infinity", "+1", "01", "0x10", "1.", ".5", "1e", "--1"):
            refused(attacker, f'{{"action":"history","{field}":{word}}}\n'.encode(), "bad_json")


def test_f12_the_ends_of_the_range_are_within_it(scene: Scene) -> None:
    attacker = scene.somebody()
    with scene.undisturbed():
        for number in ("0", "-0", "9007199254740991"):
            for field in ("before", "after", "around"):
                line = f'{{"action":"history","{field}":{number},"id":"k"}}\n'
                attacker.send_bytes(line.encode())
                assert [o["action"] for o in fence(attacker)] == ["history"]
        refused(attacker, b'{"action":"read","through":9007199254740991}\n', "cursor_ahead")
        frame = b'{"action":"registration","name":"x","cursors":{"#general":9007199254740992}}\n'
        refused(attacker, frame, "bad_field")


DUPLICATES = [
    '{"action":"new_message","text":"a","text":"b"}',
    '{"action":"new_message","action":"ping","text":"a"}',
    '{"action":"new_message","text":"a","room":"#general","room":"#other"}',
    '{"action":"new_message","text":"a","\\u0074ext":"b"}',
    '{"action":"new_message","text":"a","te\\u0078t":"a"}',
    '{"action":"ping","id":"a","id":"a"}',
    '{"action":"ping","extra":1,"extra":1}',
    '{"action":"ping","extra":{"a":1,"a":1}}',
    '{"action":"ping","extra":[[{"a":1,"b":2,"\\u0061":3}]]}',
    '{"action":"registration","name":"x","name":"y"}',
    '{"action":"registration","name":"x","cursors":{"#general":1,"#general":2}}',
    '{"action":"registration","name":"x","token":"a","token":null}',
]


@pytest.mark.parametrize("state", STATES)
def test_f13_a_key_that_stands_twice_is_refused(scene: Scene, state: str) -> None:
    attacker = scene.peer(state)
    with scene.undisturbed():
        for frame in DUPLICATES:
            refused(attacker, frame.encode() + b"\n", "duplicate_key")


WRONG: dict[str, list[Any]] = {
    "string": [None, True, 1, 1.5, [], {}, ["x"], {"x": "y"}],
    "word": [None, True, 1, "", "x", "Member", "member ", [], {}, ["member"]],
    "boolean": [None, 0, 1, "true", "", 1.5, [], {}, [True]],
    "integer": [None, True, False, "1", "", 1.5, [], {}, [1]],
    "array": [True, 1, "x", {}, [1], [None], [[]]],
    "object": [True, 1, "x", [], {"#general": "1"}, {"#general": None}, {"#general": True}],
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ALL, ids=lambda a: str(a.__struct_config__.tag))
def test_f14_every_field_of_the_wrong_type_is_refused(
    scene: Scene, state: str, action: type[actions.Action]
) -> None:
    attacker = scene.peer(state)
    plain = _plain(action)
    with scene.undisturbed():
        for field in _fields(action):
            name = field.encode_name
            optional = field.default is None
            for value in WRONG[_kind(field)]:
                if value is None and optional:
                    continue
                frame = json.dumps(plain | {name: value}).encode() + b"\n"
                refused(attacker, frame, "bad_field")
            if field.required:
                short = {key: value for key, value in plain.items() if key != name}
                refused(attacker, json.dumps(short).encode() + b"\n", "bad_field")
        ids: list[Any] = [True, 1, [], {}, "", " ", "has space", "ё", "~x", "x" * 65]
        for id in ids:
            refused(attacker, json.dumps(plain | {"id": id}).encode() + b"\n", "bad_field")
        extras = ("extra", "Text", "ACTION", "__proto__", "constructor", "", "from", "seq")
        for extra in set(extras) - {field.encode_name for field in _fields(action)}:
            refused(attacker, json.dumps(plain | {extra: "x"}).encode() + b"\n", "bad_field")


@pytest.mark.parametrize("state", STATES)
def test_f14_what_is_no_action_is_refused(scene: Scene, state: str) -> None:
    attacker = scene.peer(state)
    with scene.undisturbed():
        for name in ("", "nothing", "New_Message", "new_message ", "error", "stored", "__class__"):
            frame = json.dumps({"action": name, "text": "x"}).encode() + b"\n"
            refused(attacker, frame, "unknown_action")
        for value in ("1", "null", "true", "[]", "{}", '["ping"]'):
            refused(attacker, f'{{"action":{value}}}\n'.encode(), "bad_field")
        for frame in (b"{}\n", b'{"text":"x"}\n', b'{"Action":"ping"}\n'):
            refused(attacker, frame, "bad_field")


@pytest.mark.parametrize("state", STATES)
def test_f15_as_many_keys_and_elements_as_a_frame_holds_break_nothing(
    scene: Scene, state: str
) -> None:
    attacker = scene.peer(state)
    keys = ",".join(f'"{number:x}":0' for number in range(7000))
    with scene.undisturbed():
        refused(attacker, f'{{"action":"ping",{keys}}}\n'.encode(), "bad_field")
        refused(attacker, f'{{"action":"ping","x":{{{keys}}}}}\n'.encode(), "bad_field")
        elements = "0," * 32_000 + "0"
        refused(attacker, f'{{"action":"ping","x":[{elements}]}}\n'.encode(), "bad_field")
        strings = '"",' * 20_000 + '""'
        frame = f'{{"action":"registration","name":"x","features":[{strings}]}}\n'
        refused(attacker, frame.encode(), "bad_field")
        cursors = ",".join(f'"#r{number}":1' for number in range(513))
        frame = f'{{"action":"registration","name":"x","cursors":{{{cursors}}}}}\n'
        refused(attacker, frame.encode(), "bad_field")
        # A key that equals the last of many.
        refused(attacker, f'{{"action":"ping",{keys},"1b57":0}}\n'.encode(), "duplicate_key")


def test_f16_what_some_call_a_line_end_goes_through_whole_or_is_refused(scene: Scene) -> None:
    attacker = scene.somebody()
    for text in (
        "a\u2028b",
        "a\u2029b",
        "a\nb\tc",
        '"\u2028{"action":"ping"}\u2028',
        "\ufeff",
        "a\u00adb",
    ):
        for ascii_ in (True, False):
            frame = json.dumps({"action": "new_message", "text": text}, ensure_ascii=ascii_)
            attacker.send_bytes(frame.encode() + b"\n")
            (told,) = fence(attacker)
            assert told["text"] == text
            (heard,) = without_presence(scene.witness.fence())
            assert heard["text"] == text
            page = scene.witness.ask("history", limit=1)
            assert page["entries"][0]["text"] == text
    with scene.undisturbed():
        for character in ("\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\r"):
            line = json.dumps({"action": "new_message", "text": f"a{character}b"}) + "\n"
            refused(attacker, line.encode(), "bad_text")


@pytest.mark.parametrize(
    "data",
    [
        # Like HTTP, but not it: what is HTTP is tried in test_http.py.
        b"GETS / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        bytes.fromhex("1603010200010001fc0303") + bytes(200),
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n",
        b"NICK anna\r\nUSER anna 0 * :anna\r\n",
        b'["action","ping"]\n',
        b'"ping"\n',
        b"1\n",
        b"null\n",
        b"\x00",
        b"\xff\xfe",
    ],
)
def test_f18_who_speaks_something_else_is_told_so_and_closed(scene: Scene, data: bytes) -> None:
    stranger = scene.stranger()
    with scene.undisturbed():
        refused(stranger, data, "bad_protocol")


NOT_JSON = [
    '{"action":"ping",}',
    '{"action":"ping"/*c*/}',
    '{"action":"ping"} // c',
    "{'action':'ping'}",
    '{action:"ping"}',
    '{"action" "ping"}',
    '{"action":}',
    '{"action":"ping" "id":"a"}',
    '{"action":"ping","id"}',
    '{,"action":"ping"}',
    '{"action":"ping","x":[1,]}',
    '{"action":"ping","x":[,1]}',
    '{"action":"ping","x":[1 2]}',
    '{"action":"ping","x":01}',
    '{"action":"ping","x":-}',
    '{"action":"ping","x":1.}',
    '{"action":"ping","x":.1}',
    '{"action":"ping","x":+1}',
    '{"action":"ping","x":1e}',
    '{"action":"ping","x":0x1}',
    '{"action":"ping","x":NaN}',
    '{"action":"ping","x":True}',
    '{"action":"ping","x":None}',
    '{"action":"ping","x":undefined}',
    '{"action":"ping","x":"\\x41"}',
    '{"action":"ping","x":"\\u12"}',
    '{"action":"ping","x":"\\u12G4"}',
    '{"action":"ping","x":"\\U0001F600"}',
    '{"action":"ping","x":"\\\'"}',
    '{"action":"ping"',
    '{"action":"ping"]',
    '{"action":"ping","x":[}',
    '{"action":"ping","x":{]}',
    '{"action":"ping","x":"unclosed}',
    '{"action":"ping\u00a0"\u00a0}',
    '{\u2028"action":"ping"}',
    "{",
    "{1:2}",
    "{null:1}",
    '{"a":1;"b":2}',
]


@pytest.mark.parametrize("state", STATES)
def test_f19_what_is_nearly_json_is_refused(scene: Scene, state: str) -> None:
    attacker = scene.peer(state)
    with scene.undisturbed():
        for frame in NOT_JSON:
            attacker.send_bytes(frame.encode() + b"\n")
            told = fence(attacker)
            # A complete object is a frame, and what stands after it on the line another.
            codes = [o.get("code") for o in told if o["action"] != "pong"]
            assert codes == ["bad_json"], f"{frame}: {told}"


# -- P: the state of the protocol ------------------------------------------------------------------

BEFORE = (actions.Registration, actions.Ping, actions.Pong, actions.Quit)


@pytest.mark.parametrize(
    "action", [a for a in ALL if a not in BEFORE], ids=lambda a: str(a.__struct_config__.tag)
)
def test_p1_nothing_is_done_for_who_is_nobody(scene: Scene, action: type[actions.Action]) -> None:
    stranger = scene.stranger()
    with scene.undisturbed():
        frame = json.dumps(_plain(action)).encode() + b"\n"
        refused(stranger, frame, "not_authenticated")
        # Nor after a refused registration.
        stranger.send("registration", name="admin")
        assert stranger.receive()["code"] == "name_reserved"
        refused(stranger, frame, "not_authenticated")
        stranger.send("pong")
        assert fence(stranger) == []
        stranger.send("quit")
        assert [o["action"] for o in stranger.rest()] == ["error"]


def test_p1_what_follows_a_wrong_password_is_not_done(scene: Scene) -> None:
    owner = scene.somebody(password="correct horse")
    with scene.undisturbed():
        stranger = scene.stranger()
        registration = {"action": "registration", "name": owner.name, "password": "wrong horse"}
        message = {"action": "new_message", "text": "I am not who I say", "id": "k"}
        frames = [json.dumps(o).encode() + b"\n" for o in (registration, message)]
        stranger.send_bytes(b"".join(frames))
        assert stranger.receive()["code"] == "wrong_password"
        assert stranger.receive()["code"] == "not_authenticated"


def test_p1_what_follows_a_registration_waits_for_it(scene: Scene) -> None:
    stranger = scene.stranger()
    name = f"early{next(_numbers)}"
    registration = {"action": "registration", "name": name, "password": "correct horse"}
    message = {"action": "new_message", "text": "at once", "id": "k"}
    frames = [json.dumps(o).encode() for o in (registration | {"features": ["echo"]}, message)]
    stranger.send_bytes(b"".join(frames))
    assert stranger.receive()["name"] == name
    assert stranger.receive()["text"] == "at once"
    assert scene.witness.receive_until("new_message")["from"] == name


def test_p1_nothing_is_done_after_going(scene: Scene) -> None:
    for ending in (b'{"action":"quit"}\n', b'{"action":"ping"' + b" " * FRAME_BYTES_MAX):
        attacker = scene.somebody()
        with scene.undisturbed():
            attacker.send_bytes(ending + b'{"action":"new_message","text":"a ghost"}\n' * 50)
            told = without_presence(attacker.rest())
            assert {o["action"] for o in told} <= {"bye"}


def test_p2_nobody_becomes_somebody_else_on_one_connection(scene: Scene) -> None:
    owner = scene.somebody(password="correct horse")
    attacker = scene.somebody()
    tries: list[Object] = [
        {"name": attacker.name},
        {"name": f"other{next(_numbers)}", "features": ["echo"]},
        {"name": owner.name, "password": "correct horse"},
        {"name": owner.name, "token": owner.token},
        {"name": attacker.name, "token": attacker.token},
        {"name": attacker.name, "password": "a new password"},
        {"name": "admin"},
    ]
    with scene.undisturbed():
        for fields in tries:
            frame = json.dumps({"action": "registration"} | fields).encode() + b"\n"
            refused(attacker, frame, "already_registered")
    assert fence(owner) == []
    attacker.send("new_message", text="still me")
    assert attacker.receive_until("new_message")["from"] == attacker.name


def test_p2_two_registrations_in_one_segment_make_one_person(scene: Scene) -> None:
    stranger = scene.stranger()
    one, other = f"one{next(_numbers)}", f"other{next(_numbers)}"
    frames = [
        json.dumps({"action": "registration", "name": name, "features": ["echo"]}).encode()
        for name in (one, other)
    ]
    stranger.send_bytes(b"\n".join(frames) + b"\n")
    assert stranger.receive()["name"] == one
    assert stranger.receive_until("error")["code"] == "already_registered"
    assert other not in scene.witness.ask("users")["users"]


def test_p3_nothing_is_said_in_a_room_after_leaving_it(scene: Scene) -> None:
    room = f"#race{next(_numbers)}"
    witness = scene.witness
    witness.ask("create", room=room)
    name = f"racer{next(_numbers)}"
    one = scene.server.enter(name, password="correct horse")
    other = scene.server.enter(name, password="correct horse")
    scene.peers += [one, other]
    for number in range(20):
        one.ask("join", room=room)
        barrier = threading.Barrier(2)

        def say(barrier: threading.Barrier = barrier, number: int = number) -> None:
            barrier.wait()
            for part in range(10):
                other.send("new_message", room=room, text=f"{number}.{part}")

        talker = threading.Thread(target=say)
        talker.start()
        barrier.wait()
        one.send("new_message", room=room, text="bye", id=f"bye{number}")
        one.send("leave", room=room, id=f"leave{number}")
        one.send("new_message", room=room, text="a ghost", id=f"ghost{number}")
        talker.join()
        told = {o.get("id"): o for o in without_presence(one.fence())}
        assert told[f"ghost{number}"]["code"] == "not_a_member"
        other.fence()
    heard = [o for o in witness.fence() if o.get("room") == room]
    inside = False
    for object in heard:
        if object["action"] in ("joined", "left"):
            inside = object["action"] == "joined"
        elif object["action"] == "new_message":
            assert inside and object["text"] != "a ghost"
    seqs = [o["seq"] for o in heard if "seq" in o]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


WRITES: list[Object] = [
    {"action": "new_message", "text": "forged"},
    {"action": "new_whisper", "to": "first", "text": "forged"},
    {"action": "create", "room": "#forged"},
    {"action": "join", "room": "#forged"},
    {"action": "leave", "room": "#forged"},
    {"action": "topic", "room": "#general", "text": "forged"},
    {"action": "read", "through": 0},
    {"action": "away", "text": "forged"},
    {"action": "registration", "name": "forged"},
]

FORGED: Object = {
    **{"from": "first", "user": "first", "account": 1, "author": "first", "sender": "first"},
    **{"seq": 1, "at": "2000-01-01T00:00:00Z", "ordinal": 1, "head": 1, "unread": 0},
    **{"role": "owner", "kind": "system", "system": True, "admin": True, "connection": 1},
}


@pytest.mark.parametrize("write", WRITES, ids=lambda w: str(w["action"]))
def test_p4_what_the_server_sets_nobody_else_may_set(scene: Scene, write: Object) -> None:
    attacker = scene.somebody()
    with scene.undisturbed():
        for key, value in FORGED.items():
            frame = json.dumps(write | {key: value}).encode() + b"\n"
            refused(attacker, frame, "bad_field")


def test_p5_a_marker_moves_forward_only_within_ones_own_conversations(scene: Scene) -> None:
    attacker = scene.somebody()
    room = f"#private{next(_numbers)}"
    scene.witness.ask("create", room=room)
    scene.witness.receive_until("room_joined")
    for number in range(3):
        attacker.ask("new_message", text=f"{number}")
    head = attacker.ask("history", limit=1)["head"]
    attacker.ask("read", room="#general", through=head)
    scene.witness.fence()
    with scene.undisturbed():
        for fields, answer in (
            ({"room": "#general", "through": head + 1}, "cursor_ahead"),
            ({"room": "#general", "through": 2**53 - 1}, "cursor_ahead"),
            ({"room": "#general", "through": -1}, "bad_field"),
            ({"room": "#general", "through": head}, None),
            ({"room": "#general", "through": 1}, None),
            ({"room": "#general", "through": 0}, None),
            ({"room": room, "through": 1}, "not_a_member"),
            ({"room": "#nowhere", "through": 1}, "not_a_member"),
            ({"with": "nobody-at-all", "through": 1}, "no_such_user"),
            ({"with": scene.witness.name, "through": 1}, "cursor_ahead"),
            ({"with": scene.witness.name, "room": room, "through": 0}, "bad_field"),
        ):
            attacker.send("read", **fields)
            (told,) = fence(attacker)
            assert told.get("code") == answer, fields
            assert told["action"] == ("error" if answer else "done")


def test_p5_cursors_of_a_registration_lead_nowhere_they_should_not(scene: Scene) -> None:
    room = f"#private{next(_numbers)}"
    scene.witness.ask("create", room=room)
    scene.witness.ask("new_message", room=room, text="secret")
    scene.witness.ask("new_whisper", to="first", text="secret")
    head = scene.witness.ask("history", limit=1)["head"]
    cursors = {
        **{room: 0, "first": 0, scene.witness.name: 0, f"@{scene.witness.name}": 0, "@": 0},
        **{"": 0, "#": 0, "~": 0, "@first": 0, "#general": 2**53 - 1, "r0": 0, "\ufeff": 0},
    }
    attacker = scene.somebody(cursors=cursors)
    general = {"room": "#general", "tag": "0", "head": head, "cursor": head, "role": "guest"}
    if head:
        general["read"] = head
    assert attacker.welcome["conversations"] == [general]
    told = fence(attacker)
    assert [o.get("code") for o in told] == ["cursor_ahead"]
    # Whoever was told it was ahead still hears what comes next.
    scene.witness.ask("new_message", text="next")
    assert attacker.receive_until("new_message")["seq"] == head + 1


def test_p6_an_id_names_one_write_of_one_account(scene: Scene) -> None:
    name = f"writer{next(_numbers)}"
    one = scene.server.enter(name, password="correct horse")
    other = scene.server.enter(name, password="correct horse")
    scene.peers += [one, other]
    seq = one.ask("new_message", text="hi", id="k")["seq"]
    with scene.undisturbed():
        other.fence()
        for peer in (one, other):
            for _ in range(3):
                peer.send("new_message", text="hi", id="k")
                told = [o for o in fence(peer) if o["action"] == "stored"]
                assert [o["seq"] for o in told] == [seq]
            for action, fields in (
                ("new_message", {"text": "Hi"}),
                ("new_message", {"text": "hi "}),
                ("new_whisper", {"to": scene.witness.name, "text": "hi"}),
                ("topic", {"room": "#general", "text": "hi"}),
                ("read", {"through": seq}),
            ):
                peer.send(action, id="k", **fields)
                told = fence(peer)
                assert [o.get("code") for o in told] == ["id_conflict"], (action, told)
    assert scene.witness.ask("new_message", text="hi", id="k")["seq"] == seq + 1


def test_p6_the_same_id_at_once_from_many_connections_is_stored_once(scene: Scene) -> None:
    name = f"writer{next(_numbers)}"
    peers = [scene.server.enter(name, password="correct horse") for _ in range(4)]
    scene.peers += peers
    barrier = threading.Barrier(len(peers))

    def write(peer: Peer) -> None:
        barrier.wait()
        for number in range(25):
            peer.send("new_message", text=f"{number}", id=f"k{number}")

    writers = [threading.Thread(target=write, args=(peer,)) for peer in peers]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    seqs: list[dict[str, int]] = []
    for peer in peers:
        told = [o for o in peer.fence() if o.get("action") in ("new_message", "stored")]
        assert len({(o["id"], o["seq"]) for o in told}) == 25
        seqs.append({o["id"]: o["seq"] for o in told})
    assert all(s == seqs[0] for s in seqs)
    heard = [o for o in scene.witness.fence() if o.get("from") == name]
    assert sorted(o["id"] for o in heard) == sorted(f"k{number}" for number in range(25))


def test_p6_ids_outlive_the_server(new_server: Callable[..., Server]) -> None:
    server = new_server("--quiet").start()
    with server.enter("anna") as anna, server.enter("boris") as boris:
        message = anna.ask("new_message", text="hi", id="m")
        whisper = anna.ask("new_whisper", to="boris", text="hi", id="w")
        created = anna.ask("create", room="#tea", id="c")
        joined = boris.ask("join", room="#tea", id="j")
        left = boris.ask("leave", room="#tea", id="l")
        tokens = (anna.token, boris.token)
    for end in (server.kill, server.stop, server.kill):
        end()
        server.start()
        before = digest(server)
        with (
            server.enter("anna", token=tokens[0]) as anna,
            server.enter("boris", token=tokens[1]) as boris,
        ):
            again = [
                (anna.ask("new_message", text="hi", id="m"), message),
                (anna.ask("new_whisper", to="boris", text="hi", id="w"), whisper),
                (anna.ask("create", room="#tea", id="c"), created),
                (boris.ask("join", room="#tea", id="j"), joined),
                (boris.ask("leave", room="#tea", id="l"), left),
            ]
            for told, first in again:
                # Entries that are resumed carry the id too.
                assert told["seq"] == first["seq"], (told, first)
                assert told["action"] in ("stored", "new_message", "new_whisper", "created")
            conflict = anna.ask("new_message", text="ho", id="m")
            while conflict["action"] != "error":
                conflict = anna.receive()
            assert conflict["code"] == "id_conflict"
            anna.fence()
        assert digest(server) == before
    assert server.errors() == ""


@pytest.mark.parametrize("state", STATES)
def test_p10_what_was_asked_before_a_half_close_is_answered(scene: Scene, state: str) -> None:
    attacker = scene.peer(state)
    if state == "stranger":
        name = f"half{next(_numbers)}"
        attacker.send("registration", name=name, features=["echo"], password="correct horse")
    attacker.send("new_message", text="last words", id="k")
    attacker.send("history", limit=1, id="h")
    attacker.socket.shutdown(socket.SHUT_WR)
    told = without_presence(attacker.rest())
    if state == "stranger":
        assert told.pop(0)["result"] == "successful"
    assert [o["action"] for o in told] == ["new_message", "history", "bye"]
    assert (told[0]["text"], told[1]["id"]) == ("last words", "h")
    assert scene.witness.receive_until("new_message")["text"] == "last words"


# -- D: the resources of the server ----------------------------------------------------------------


def test_d1_who_never_ends_a_frame_is_closed(new_server: Callable[..., Server]) -> None:
    server = configured(new_server("--quiet"), frame_seconds=0.3)
    slow = [server.peer() for _ in range(100)]
    for peer in slow:
        peer.send_bytes(b'{"action":"regis')
    with server.enter("honest") as honest:
        open_ = set(slow)
        while open_:
            # A byte now and then does not help them, and the honest one is answered all the while.
            honest.fence()
            for peer in tuple(open_):
                try:
                    peer.send_bytes(b"t")
                    peer.socket.setblocking(False)
                    if not peer.socket.recv(1, socket.MSG_PEEK):
                        open_.discard(peer)
                    peer.socket.settimeout(TIMEOUT_SECONDS)
                    told = peer.rest()
                    assert [o["code"] for o in told] in ([], ["registration_timeout"])
                    open_.discard(peer)
                except BlockingIOError:
                    peer.socket.settimeout(TIMEOUT_SECONDS)
                except ConnectionError:
                    open_.discard(peer)
        # Who is somebody may take their time.
        honest.send_bytes(b'{"action":"new_mess')
        with server.enter("other") as other:
            assert holds(lambda: not without_presence(other.fence()))
        honest.send_bytes(b'age","text":"slowly"}')
        assert honest.receive_until("new_message")["text"] == "slowly"
    for peer in slow:
        peer.close()
    assert server.stop() == 0
    assert server.errors() == ""


def test_d1_who_says_nothing_is_closed_in_time(new_server: Callable[..., Server]) -> None:
    server = configured(new_server("--quiet"), frame_seconds=0.2, registration_seconds=0.4)
    silent = [server.peer() for _ in range(20)]
    # Begun and ended frames are no registration either.
    for peer in silent[:10]:
        peer.send("registration", name="admin")
        assert peer.receive()["code"] == "name_reserved"
    for peer in silent:
        assert [o["code"] for o in peer.rest()] == ["registration_timeout"]
        peer.close()
    assert server.stop() == 0
    assert server.errors() == ""


def test_d2_one_address_may_open_only_so_many(new_server: Callable[..., Server]) -> None:
    server = configured(new_server("--quiet", limits=True), connections_per_address_max=10)
    peers = [server.enter(f"guest{number}") for number in range(10)]
    for _ in range(5):
        with server.peer() as beyond:
            assert [o["code"] for o in beyond.rest()] == ["too_many_connections"]
    assert without_presence(peers[0].fence()) == []
    peers.pop().close()
    # As soon as one is gone, another may come.

    def let_in() -> bool:
        with server.peer() as peer:
            peer.send("registration", name="late", features=["echo"])
            try:
                return peer.receive().get("name") == "late"
            except (EOFError, ConnectionError):
                return False

    assert holds(let_in)
    for peer in peers:
        peer.close()
    assert server.stop() == 0
    assert server.errors() == ""


def test_d2_strangers_do_not_shut_out_those_who_are_in(new_server: Callable[..., Server]) -> None:
    server = configured(new_server("--quiet"), connections_new_max=20)
    with server.enter("honest") as honest:
        strangers = [server.peer() for _ in range(20)]
        for peer in strangers:
            assert fence(peer) == []
        for _ in range(5):
            with server.peer() as beyond:
                assert [o["code"] for o in beyond.rest()] == ["too_many_connections"]
        assert honest.ask("new_message", text="still here")["seq"] == 1
        # One who becomes somebody makes room for another.
        strangers[0].register("somebody")
        with server.enter("another") as another:
            assert another.ask("history", limit=1)["head"] == 1
        for peer in strangers:
            peer.close()
    assert server.stop() == 0
    assert server.errors() == ""


def test_d2_two_thousand_connections_that_come_and_go_leave_nothing_behind(scene: Scene) -> None:
    server = scene.server
    endings = random.Random(2)
    with scene.undisturbed():
        before = descriptors(server)
        memory = resident_bytes(server)
        for number in range(2000):
            with socket.create_connection(("127.0.0.1", server.port)) as churn:
                if number % 3 == 0:
                    churn.sendall(b'{"action":"registration","name":"admin"}')
                if endings.random() < 0.5:
                    linger = struct.pack("ii", 1, 0)
                    churn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            if number % 100 == 0:
                scene.witness.fence()
        assert holds(lambda: descriptors(server) <= before)
        assert resident_bytes(server) - memory < 16 * MIB


def _deaf(server: Server, name: str) -> Peer:
    """Return somebody with a small receive buffer, so that what they do not read backs up."""
    peer = Peer.__new__(Peer)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
    sock.settimeout(TIMEOUT_SECONDS)
    sock.connect(("127.0.0.1", server.port))
    peer.socket, peer._lines = sock, sock.makefile("rb")
    peer.name, peer.token, peer.welcome, peer._fences = "", None, {}, 0
    assert peer.register(name)["result"] == "successful"
    return peer


def _until_cut(peer: Peer) -> list[Object]:
    """Return what had arrived when the server cut a connection, if need be in mid-object."""
    told = []
    with contextlib.suppress(EOFError, ConnectionError, json.JSONDecodeError):
        while True:
            told.append(peer.receive())
    return told


def test_d3_who_never_reads_costs_little_and_is_cut_while_the_others_get_everything(
    new_server: Callable[..., Server],
) -> None:
    server = configured(
        new_server("--quiet"), write_buffer_bytes_max=64 * KIB, stall_seconds=1.0, drain_seconds=0.5
    )
    deaf = [_deaf(server, f"deaf{number}") for number in range(12)]
    text = "x" * (12 * KIB)
    with server.enter("talker") as talker, server.enter("listener") as listener:
        before = resident_bytes(server)
        for number in range(1200):
            talker.send("new_message", text=f"{number} {text}")
            heard = listener.receive_until("new_message")
            assert heard["seq"] == number + 1 and heard["text"].startswith(f"{number} ")
            talker.receive_until("new_message")
        # Twelve times 14 MiB were said; what the kernel did not take was not kept for them.
        assert resident_bytes(server) - before < 64 * MIB
        assert holds(lambda: listener.ask("users")["users"] == ["listener", "talker"])
        # Whoever was cut goes on from where they got to.
        token = deaf[0].token
        got = [o for o in _until_cut(deaf[0]) if o.get("action") == "new_message"]
        assert [o["seq"] for o in got] == list(range(1, len(got) + 1))
        with server.enter("deaf0", token=token, cursors={"#general": len(got)}) as again:
            for seq in range(len(got) + 1, 1201):
                assert again.receive_until("new_message")["seq"] == seq
    for peer in deaf:
        peer.close()
    assert server.stop() == 0
    assert server.errors() == ""


def test_d3_who_pauses_lags_and_then_gets_everything_in_order(
    new_server: Callable[..., Server],
) -> None:
    server = configured(
        new_server("--quiet"),
        write_buffer_bytes_max=16 * KIB,
        window_entries=16,
        deliver_entries_max=8,
        backlog_entries_max=10_000,
    )
    slow = _deaf(server, "slow")
    text = "x" * (8 * KIB)
    with server.enter("talker") as talker:
        for number in range(900):
            talker.send("new_message", text=f"{number} {text}")
            talker.receive_until("new_message")
        for number in range(900):
            heard = slow.receive_until("new_message")
            assert heard["seq"] == number + 1 and heard["text"].startswith(f"{number} ")
        talker.send("new_message", text="live again")
        assert slow.receive_until("new_message")["text"] == "live again"
    slow.close()
    assert server.stop() == 0
    assert server.errors() == ""


def _flood(peer: Peer, frame: bytes, count: int) -> tuple[int, list[float]]:
    """Send a frame so often at once; return how many were done, and the waits of the others."""
    peer.send_bytes(frame * count)
    done = 0
    waits: list[float] = []
    while done + len(waits) < count:
        object = peer.receive()
        if object.get("action") in PRESENCE:
            continue
        if object.get("code") == "rate_limited":
            waits.append(object["retry_after"])
        else:
            done += 1
    return done, waits


def _goes_on(peer: Peer) -> bool:
    """Say whether, asked again and again, the server does something again."""
    return holds(lambda: peer.ask("users")["action"] == "users")


PER_SECOND, BURST = 100, 40


@pytest.mark.parametrize(
    ("frame", "cost"),
    [
        (b'{"action":"ping"}\n', 1),
        (b'{"action":"users"}\n', 1),
        (b'{"action":"history","limit":1}\n', 2),
        (b'{"action":"new_message","text":"flood"}\n', 1),
        (b'{"action":"away"}\n', 1),
    ],
    ids=["ping", "users", "history", "new_message", "away"],
)
def test_d5_a_flood_is_slowed_to_its_connections_rate(
    new_server: Callable[..., Server], frame: bytes, cost: int
) -> None:
    settings = {"actions_per_connection": rate(PER_SECOND, BURST), "actions_per_account": '"off"'}
    server = configured(new_server("--quiet", limits=True), **settings)
    with server.enter("flooder") as flooder, server.enter("honest") as honest:
        began = time.monotonic()
        done, waits = _flood(flooder, frame, 200)
        # What came back while it was asked and answered may be spent as well.
        spendable = BURST + (time.monotonic() - began) * PER_SECOND
        assert 1 <= done <= spendable / cost + 1 and len(waits) == 200 - done
        assert all(0 < wait <= 2 * BURST / PER_SECOND for wait in waits)
        # It is this connection's own bucket.
        assert honest.ask("users")["action"] == "users"
        assert _goes_on(flooder)
    assert server.stop() == 0
    assert server.errors() == ""


def test_d5_errors_cost_most(new_server: Callable[..., Server]) -> None:
    settings = {"actions_per_connection": rate(PER_SECOND, BURST), "actions_per_account": '"off"'}
    server = configured(new_server("--quiet", limits=True), **settings)
    with server.enter("flooder") as flooder:
        flooder.send_bytes(b'{"action":"nonsense"}\n' * 20 + b'{"action":"users","id":"k"}\n')
        told = [flooder.receive_until("error")["code"] for _ in range(21)]
        # Nonsense is always called so, and nothing sensible is done after so much of it.
        assert told == ["unknown_action"] * 20 + ["rate_limited"]
        assert _goes_on(flooder)
    assert server.stop() == 0
    assert server.errors() == ""


@pytest.mark.parametrize("piece", [b"\n", b" \r\n", b'{"action":"pong"}\n'], ids=repr)
def test_d5_bytes_that_say_nothing_count_too(
    new_server: Callable[..., Server], piece: bytes
) -> None:
    settings = {"actions_per_connection": rate(PER_SECOND, BURST), "actions_per_account": '"off"'}
    server = configured(new_server("--quiet", limits=True), **settings)
    with server.enter("flooder") as flooder:
        flooder.send_bytes(piece * (96 * KIB // len(piece)) + b'{"action":"users","id":"k"}\n')
        while (told := flooder.receive()).get("id") != "k":
            assert told["code"] == "rate_limited"
        assert told["code"] == "rate_limited"
        assert _goes_on(flooder)
    assert server.stop() == 0
    assert server.errors() == ""


def test_d5_an_account_has_one_rate_over_all_its_connections(
    new_server: Callable[..., Server],
) -> None:
    settings = {"actions_per_account": rate(PER_SECOND, BURST), "actions_per_connection": '"off"'}
    server = configured(new_server("--quiet", limits=True), **settings)
    devices = [server.enter("anna", password="correct horse") for _ in range(5)]
    with server.enter("honest") as honest:
        began = time.monotonic()
        done = 0
        for device in devices:
            done += _flood(device, b'{"action":"users"}\n', 40)[0]
        spendable = BURST + (time.monotonic() - began) * PER_SECOND
        assert 1 <= done <= spendable + 1
        assert honest.ask("users")["action"] == "users"
        assert _goes_on(devices[-1])
    for device in devices:
        device.close()
    assert server.stop() == 0
    assert server.errors() == ""


def test_d5_registrations_from_one_address_have_a_rate(new_server: Callable[..., Server]) -> None:
    settings = {"registrations_per_address": rate(10, 8), "registrations_failed_max": 1000}
    server = configured(new_server("--quiet", limits=True), **settings)
    with server.peer() as stranger:
        stranger.send_bytes(b'{"action":"registration","name":"admin"}\n' * 25)
        told = [stranger.receive() for _ in range(25)]
        codes = [o["code"] for o in told]
        assert codes[:8] == ["name_reserved"] * 8
        assert set(codes) == {"name_reserved", "rate_limited"}
        limited = [o for o in told if o["code"] == "rate_limited"]
        assert limited
        assert all(o["result"] == "error" and o["retry_after"] > 0 for o in limited)
        assert holds(lambda: stranger.register("honest")["result"] == "successful")
    assert server.stop() == 0
    assert server.errors() == ""


def test_d5_passwords_of_one_account_have_a_rate_from_wherever(
    new_server: Callable[..., Server],
) -> None:
    settings = {"passwords_per_account": rate(2, 3), "registrations_failed_max": 1000}
    server = configured(new_server("--quiet", limits=True), **settings)
    with server.enter("anna", password="correct horse") as anna:
        codes = []
        for _ in range(4):
            with server.peer() as guesser:
                for _ in range(3):
                    codes.append(guesser.register("anna", password="wrong horse")["code"])
        assert codes[0] == "wrong_password" and "rate_limited" in codes
        assert set(codes) == {"wrong_password", "rate_limited"}
        # Whoever is in stays in, and a token needs no guess.
        assert anna.ask("users")["users"] == ["anna"]
        with server.enter("anna", token=anna.token) as again:
            assert again.name == "anna"
        with server.peer() as owner:
            assert holds(
                lambda: owner.register("anna", password="correct horse")["result"] == "successful"
            )
    assert server.stop() == 0
    assert server.errors() == ""


@pytest.mark.parametrize(
    ("spelled", "code"),
    [
        ('"' + "x" * 1025 + '"', "password_too_long"),
        ('"' + "ё" * 513 + '"', "password_too_long"),
        ('"' + "x" * 4096 + '"', "password_too_long"),
        ('"' + "x" * 4097 + '"', "bad_field"),
        ('"' + "x" * 60_000 + '"', "bad_field"),
        ('"long enough\\u0000"', "bad_text"),
        ('"long\\u0000 enough"', "bad_text"),
        ('"long enough\\ud800"', "bad_text"),
        ('"short"', "password_too_short"),
        ('""', "password_too_short"),
    ],
)
def test_d7_a_password_that_cannot_be_one_is_refused_before_it_is_hashed(
    scene: Scene, spelled: str, code: str
) -> None:
    owner = scene.somebody(password="correct horse")
    stranger = scene.stranger()
    with scene.undisturbed():
        for name in (owner.name, f"free{next(_numbers)}"):
            frame = f'{{"action":"registration","name":"{name}","password":{spelled}}}\n'
            refused(stranger, frame.encode(), code)


def test_d7_no_part_of_a_password_is_ignored(scene: Scene) -> None:
    name = f"long{next(_numbers)}"
    password = "a" * 72 + "b" * 952
    with scene.server.enter(name, password=password):
        pass
    stranger = scene.stranger()
    for wrong in ("a" * 72, "a" * 72 + "c", password[:-1], password[:-1] + "c", password.upper()):
        assert stranger.register(name, password=wrong)["code"] == "wrong_password"
    assert stranger.register(name, password=password)["result"] == "successful"


def test_d7_a_hundred_wrong_passwords_at_once_leave_the_others_in_peace(
    new_server: Callable[..., Server],
) -> None:
    server = configured(new_server("--quiet"), hashes_waiting_max=16)
    with server.enter("anna", password="correct horse") as anna:
        guessers = [server.peer() for _ in range(100)]
        before = digest(server)
        for guesser in guessers:
            guesser.send("registration", name="anna", password="wrong horse")
        answers: list[str] = []
        for guesser in guessers:
            # Somebody else is answered before each of them.
            assert without_presence(anna.fence()) == []
            answers.append(guesser.receive()["code"])
        assert set(answers) == {"wrong_password", "busy"}
        assert digest(server) == before
        with server.peer() as owner:
            assert owner.register("anna", password="correct horse")["result"] == "successful"
        for guesser in guessers:
            guesser.close()
    assert server.stop() == 0
    assert server.errors() == ""


def test_the_largest_text_in_every_spelling_fits_a_frame(scene: Scene) -> None:
    attacker = scene.somebody()
    for text in ("x" * TEXT_BYTES_MAX, "й" * (TEXT_BYTES_MAX // 2), "😀" * (TEXT_BYTES_MAX // 4)):
        for ascii_ in (True, False):
            frame = json.dumps({"action": "new_message", "text": text}, ensure_ascii=ascii_)
            attacker.send_bytes(frame.encode() + b"\n")
            assert attacker.receive_until("new_message")["text"] == text
        with scene.undisturbed():
            frame = json.dumps({"action": "new_message", "text": text + "x"})
            refused(attacker, frame.encode() + b"\n", "text_too_long")
