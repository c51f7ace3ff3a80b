"""The transport: it comes back by itself, and no server can make it burst, hang or stop."""

import asyncio
import json
import socket
import ssl
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from molva.client.happenings import Acknowledged, AnyHappening, Shown, Welcomed
from molva.client.mirror import Mirror
from molva.client.transport import (
    BAD_EVENTS_MAX,
    WRITE_BUFFER_BYTES_MAX,
    Backoff,
    Cause,
    Cut,
    Transport,
    _Socket,
    shown_by,
)
from molva.client.trust import Encryption, Ground, Pins, Problem, Trust, pin_of, words_of
from molva.terms.limits import FRAME_BYTES_MAX
from tests.client.presented import (
    HOST,
    Authority,
    Host,
    der,
    encrypted,
    plain,
    resets,
    saying,
    shown,
)

HANG_SECONDS = 20.0
"""Only ends a test that would otherwise hang."""

WELCOME = {
    "result": "successful",
    "name": "anna",
    "features": ["echo", "ping"],
    "conversations": [{"room": "#general", "head": 0, "cursor": 0}],
}


def quick() -> Backoff:
    """Return waits that no test has to wait for."""
    return Backoff(Random(1), first=0.001, longest=0.01)


class Stage:
    """A client's transport, and a server that does as a script says, once for each connection."""

    def __init__(self, *scripts: Callable[[Reader, Writer], Awaitable[None]]) -> None:
        self.scripts = list(scripts)
        self.happened: list[AnyHappening] = []
        self.cuts: list[Cut] = []
        self.enough = asyncio.Event()
        self.until: Callable[[], bool] = lambda: False
        ids = iter(range(10**9))
        self.mirror = Mirror("anna", new_id=lambda: f"i{next(ids)}")

    def look(self) -> None:
        if self.until():
            self.enough.set()

    def heard(self, happened: list[AnyHappening]) -> None:
        self.happened += happened
        self.look()

    def cut(self, cut: Cut) -> None:
        self.cuts.append(cut)
        self.look()

    async def serve(self, reader: Reader, writer: Writer) -> None:
        try:
            if self.scripts:
                await self.scripts.pop(0)(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def play(self, until: Callable[["Stage"], bool]) -> "Stage":
        self.until = lambda: until(self)
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=2**20)
        port = server.sockets[0].getsockname()[1]
        transport = Transport(
            self.mirror, "127.0.0.1", port, heard=self.heard, cut=self.cut, backoff=quick()
        )
        run = asyncio.create_task(transport.run())
        try:
            async with asyncio.timeout(HANG_SECONDS):
                await self.enough.wait()
        finally:
            await transport.close()
            await run
            server.close()
            await server.wait_closed()
        return self

    def of(self, kind: type[Any]) -> list[Any]:
        return [happening for happening in self.happened if type(happening) is kind]


async def hear(reader: Reader) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(await reader.readuntil(b"\n"))
    return said


def say(writer: Writer, **fields: Any) -> None:
    writer.write(json.dumps({key.rstrip("_"): value for key, value in fields.items()}).encode())
    writer.write(b"\n")


async def let_in(reader: Reader, writer: Writer) -> dict[str, Any]:
    registration = await hear(reader)
    say(writer, **WELCOME)
    return registration


def play(*scripts: Callable[..., Awaitable[None]], until: Callable[[Stage], bool]) -> Stage:
    async def run() -> Stage:
        return await Stage(*scripts).play(until)

    return asyncio.run(run())


def test_it_comes_back_with_its_cursors_and_sends_once_more_under_the_old_id() -> None:
    sent: list[dict[str, Any]] = []

    async def first(reader: Reader, writer: Writer) -> None:
        await let_in(reader, writer)
        say(writer, action="new_message", text="x", from_="b", room="#general", seq=1, at="a")
        sent.append(await hear(reader))

    async def second(reader: Reader, writer: Writer) -> None:
        sent.append(await let_in(reader, writer))
        message = await hear(reader)
        sent.append(message)
        say(writer, action="stored", id=message["id"], seq=2, room="#general")
        await hear(reader)

    async def run() -> Stage:
        stage = Stage(first, second)
        stage.mirror.send("once", 0.0)
        return await stage.play(lambda stage: bool(stage.of(Acknowledged)))

    stage = asyncio.run(run())
    message, registration, again = sent
    assert message == again and message["text"] == "once"
    assert registration["cursors"] == {"#general": 1}
    assert [cut.cause for cut in stage.cuts] == [Cause.CLOSED]
    assert len(stage.of(Welcomed)) == 2 and len(stage.of(Shown)) == 1


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (b"x" * 100, Cause.UNREADABLE),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Cause.UNREADABLE),
        (b"\x16\x03\x01", Cause.UNREADABLE),
        (b'{"text":"' + b"a" * (FRAME_BYTES_MAX + 1), Cause.UNREADABLE),
        (b"{}\n" * (BAD_EVENTS_MAX + 2), Cause.UNREADABLE),
        (b'{"action":"new_message","text":1}\n' * (BAD_EVENTS_MAX + 2), Cause.UNREADABLE),
        (b'{"a":' * 5000 + b"\n" + b"[" * 5000 + b"\n" * 30, Cause.CLOSED),
        (b"\n" * 50_000, Cause.CLOSED),
        (b"", Cause.CLOSED),
        (b'{"action":"from the future"}\n' * 500, Cause.CLOSED),
    ],
)
def test_whatever_the_server_says_the_next_attempt_is_as_good_as_new(
    said: bytes, cause: Cause
) -> None:
    async def hostile(reader: Reader, writer: Writer) -> None:
        await hear(reader)
        writer.write(said)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    async def kind(reader: Reader, writer: Writer) -> None:
        await let_in(reader, writer)
        await hear(reader)

    stage = play(hostile, kind, until=lambda stage: bool(stage.of(Welcomed)))
    assert [cut.cause for cut in stage.cuts] == [cause]


def test_bad_frames_among_good_ones_are_passed_over() -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        await let_in(reader, writer)
        for seq in (1, 2):
            writer.write(b'{"action":"new_message"}\n{"action":"unknown","x":[]}\n\xff\n')
            say(writer, action="new_message", text="x", from_="b", room="#general", seq=seq, at="a")
        await hear(reader)

    stage = play(script, until=lambda stage: len(stage.of(Shown)) == 2)
    assert stage.cuts == []


class Wire(asyncio.Transport):
    """A socket that notes whether it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = True
        self.high = 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 0

    def pause_reading(self) -> None:
        self.read = False

    def resume_reading(self) -> None:
        self.read = True

    def is_closing(self) -> bool:
        return False


def test_while_the_server_takes_nothing_it_is_not_read() -> None:
    async def run() -> None:
        stage = Stage()
        owner = Transport(stage.mirror, "h", 1, heard=stage.heard, cut=stage.cut, backoff=quick())
        line, wire = _Socket(owner), Wire()
        line.connection_made(wire)
        assert wire.high == WRITE_BUFFER_BYTES_MAX
        line.pause_writing()
        assert not wire.read
        line.resume_writing()
        assert wire.read

    asyncio.run(run())


def test_waits_double_up_to_a_bound_and_are_scattered() -> None:
    backoff = Backoff(Random(7), first=1.0, longest=10.0)
    waits = [backoff.next() for _ in range(8)]
    for wait, most in zip(waits, [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0], strict=True):
        assert most / 2 <= wait <= most
    assert len(set(waits)) == len(waits)
    backoff.reset()
    assert backoff.next() <= 1.0
    for _ in range(5_000):
        assert backoff.next() <= 10.0


def test_a_host_that_is_none_is_a_cut_and_no_crash() -> None:
    async def run() -> list[Cut]:
        stage = Stage()
        stage.until = lambda: bool(stage.cuts)
        transport = Transport(
            stage.mirror,
            "x" * 300,
            1,
            heard=stage.heard,
            cut=stage.cut,
            backoff=quick(),
        )
        task = asyncio.create_task(transport.run())
        async with asyncio.timeout(HANG_SECONDS):
            await stage.enough.wait()
        await transport.close()
        await task
        return stage.cuts

    assert asyncio.run(run())[0].cause is Cause.UNREACHABLE


# -- Under TLS ----------------------------------------------------------------------------------


class Sitting:
    """A client of a host that shows certificates, with what it knows in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def play(
        self,
        host: Host,
        until: Callable[["Turn"], bool],
        **trust: Any,
    ) -> "Turn":
        """Connect, until something holds or until it ends by itself; return what happened."""
        return asyncio.run(Turn(self.directory, host, trust).run(until))


class Turn:
    """One run of a transport."""

    def __init__(self, directory: Path, host: Host, trust: dict[str, Any]) -> None:
        self.pins = Pins(directory)
        self.host = host
        self.assured: list[Ground] = []
        self.welcomes = 0
        self.cuts: list[Cause] = []
        self.problem: Problem | None = None
        ids = iter(range(10**9))
        self.mirror = Mirror("anna", new_id=lambda: f"i{next(ids)}", password="secret")
        self.mirror.send("hello", 0.0)
        self.trust = Trust(self.pins, HOST, host.port, **trust)

    async def run(self, until: Callable[["Turn"], bool]) -> "Turn":
        enough = asyncio.Event()

        def look() -> None:
            if until(self):
                enough.set()

        def heard(happened: list[AnyHappening]) -> None:
            self.welcomes += sum(type(happening) is Welcomed for happening in happened)
            look()

        def cut(cut: Cut) -> None:
            self.cuts.append(cut.cause)
            look()

        transport = Transport(
            self.mirror,
            HOST,
            self.host.port,
            heard=heard,
            cut=cut,
            backoff=quick(),
            trust=self.trust,
            assured=lambda assurance: self.assured.append(assurance.ground),
        )
        run = asyncio.create_task(transport.run(), name="run")
        done = asyncio.create_task(enough.wait(), name="done")
        async with asyncio.timeout(HANG_SECONDS):
            await asyncio.wait({run, done}, return_when=asyncio.FIRST_COMPLETED)
        await transport.close()
        await run
        done.cancel()
        if transport.distrusted is not None:
            self.problem = transport.distrusted.problem
        return self


def stored(turn: Turn) -> bool:
    return turn.welcomes > 0 and not turn.mirror.outbox.pending()


def never(turn: Turn) -> bool:
    return False


@pytest.fixture
def sitting(tmp_path: Path) -> Sitting:
    return Sitting(tmp_path / "state")


def presenting(directory: Path, authority: Authority, **more: Any) -> ssl.SSLContext:
    return shown(directory, *authority.issue(**more))


def test_the_first_contact_is_told_and_a_renewed_certificate_is_known(
    tmp_path: Path, sitting: Sitting
) -> None:
    ours = Authority()
    with Host(encrypted(presenting(tmp_path, ours))) as host:
        first = sitting.play(host, stored)
        assert (first.assured, first.cuts) == ([Ground.FIRST], [])
        host.manner = encrypted(presenting(tmp_path, ours))
        met = host.met
        again = sitting.play(host, stored)
        assert (again.assured, again.cuts) == ([Ground.KNOWN], [])
        assert host.met == met + 1, "one that is known is met once"
        assert [action["text"] for action in host.heard if "text" in action] == ["hello"] * 2


def test_one_that_has_changed_is_told_nothing(tmp_path: Path, sitting: Sitting) -> None:
    with Host(encrypted(presenting(tmp_path, Authority()))) as host:
        sitting.play(host, stored)
        before = len(host.heard)
        host.manner = encrypted(presenting(tmp_path, Authority()))
        changed = sitting.play(host, never)
        assert changed.problem is Problem.CHANGED
        assert (changed.assured, changed.welcomes, changed.cuts) == ([], 0, [])
        assert len(host.heard) == before
        assert [write.action.text for write in changed.mirror.outbox.pending()] == ["hello"]  # type: ignore[union-attr]


def test_a_leaf_of_a_thief_with_the_true_authority_behind_it_is_told_nothing(
    tmp_path: Path, sitting: Sitting
) -> None:
    ours, thief = Authority("ours"), Authority("ours")
    with Host(encrypted(presenting(tmp_path, ours))) as host:
        sitting.play(host, stored)
        before = len(host.heard)
        key, (leaf, _) = thief.issue()
        host.manner = encrypted(shown(tmp_path, key, [leaf, ours.certificate]))
        assert sitting.play(host, never).problem is Problem.CHANGED
        assert len(host.heard) == before


def test_it_is_judged_again_each_time_the_line_is_made(tmp_path: Path, sitting: Sitting) -> None:
    other = encrypted(presenting(tmp_path, Authority()))

    def first(host: Host, line: socket.socket) -> None:
        """Let it in, and be somebody else the next time."""
        with context.wrap_socket(line, server_side=True) as inner:
            host.manner = other
            inner.recv(65536)
            inner.sendall(json.dumps(WELCOME).encode() + b"\n")
            inner.recv(65536)

    def vouched(host: Host, line: socket.socket) -> None:
        """Fail the first handshake: no authority of the system vouches for this."""
        # Before it fails, because from then on the next connection may come at any moment.
        host.manner = first
        with pytest.raises(OSError):
            context.wrap_socket(line, server_side=True)

    context = presenting(tmp_path, Authority())
    with Host(vouched) as host:
        turn = sitting.play(host, never)
        assert (turn.assured, turn.welcomes) == ([Ground.FIRST], 1)
        assert turn.cuts == [Cause.CLOSED] and turn.problem is Problem.CHANGED
        assert host.heard == []


def test_an_expired_certificate_is_refused_also_at_the_first_contact(
    tmp_path: Path, sitting: Sitting
) -> None:
    with Host(encrypted(presenting(tmp_path, Authority(), days=(-9, -1)))) as host:
        turn = sitting.play(host, never)
        assert (turn.problem, host.heard, turn.pins.all()) == (Problem.EXPIRED, [], {})


def test_one_for_whom_the_system_vouches_needs_no_words(
    tmp_path: Path, sitting: Sitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = Authority("public")
    (tmp_path / "system.pem").write_bytes(public.certificate.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    with Host(encrypted(presenting(tmp_path, public))) as host:
        for _ in range(2):
            assert sitting.play(host, stored).assured == [Ground.AUTHORITIES]
        assert host.met == 2
        before = len(host.heard)
        # For another name it vouches for nobody, and what it once vouched for is not let down.
        host.manner = encrypted(presenting(tmp_path, public, host="192.0.2.1"))
        assert sitting.play(host, never).problem is Problem.CHANGED
        host.manner = plain
        assert sitting.play(host, never).problem is Problem.PLAIN
        assert len(host.heard) == before


def test_one_known_by_its_pin_may_get_a_certificate_of_the_systems_authorities(
    tmp_path: Path, sitting: Sitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = Authority("public")
    (tmp_path / "system.pem").write_bytes(public.certificate.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    with Host(encrypted(presenting(tmp_path, Authority()))) as host:
        assert sitting.play(host, stored).assured == [Ground.FIRST]
        host.manner = encrypted(presenting(tmp_path, public))
        assert sitting.play(host, stored).assured == [Ground.AUTHORITIES]


def test_a_server_that_speaks_no_tls_is_spoken_to_plainly_and_that_is_told(
    sitting: Sitting,
) -> None:
    with Host(plain) as host:
        turn = sitting.play(host, stored)
        assert (turn.assured, turn.cuts) == ([Ground.UNENCRYPTED], [])
        assert turn.pins.all() == {}
        met = host.met
        assert sitting.play(host, stored, encryption=Encryption.NEVER).cuts == []
        assert host.met == met + 1


@pytest.mark.parametrize("manner", [plain, saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")])
@pytest.mark.parametrize("known", [True, False])
def test_nobody_is_talked_out_of_encryption(
    tmp_path: Path, sitting: Sitting, manner: Any, known: bool
) -> None:
    with Host(encrypted(presenting(tmp_path, Authority()))) as host:
        if known:
            sitting.play(host, stored)
        before = len(host.heard)
        host.manner = manner
        asked = Encryption.AUTO if known else Encryption.ALWAYS
        assert sitting.play(host, never, encryption=asked).problem is Problem.PLAIN
        if known:
            refused = sitting.play(host, never, encryption=Encryption.NEVER)
            assert refused.problem is Problem.NO_TLS
        assert len(host.heard) == before


@pytest.mark.parametrize(
    "manner",
    [
        resets,
        saying(b""),
        saying(b"x"),
        saying(b"\x16\x03\x03\x00\x05hello"),
        saying(b"\x15\x03\x03\x00\x02\x02\x28"),
        saying(b"\x16\x03\x03\x40\x00" + b"\x0b\xff\xff\xff" + b"a" * 16380),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_handshake_that_breaks_is_tried_again_and_never_plainly(
    tmp_path: Path, sitting: Sitting, manner: Any, known: bool
) -> None:
    with Host(encrypted(presenting(tmp_path, Authority()))) as host:
        if known:
            sitting.play(host, stored)
        before = len(host.heard)
        host.manner = manner
        turn = sitting.play(host, lambda turn: len(turn.cuts) == 3)
        assert turn.cuts == [Cause.HANDSHAKE] * 3 and turn.problem is None
        assert (turn.assured, len(host.heard)) == ([], before)


def test_the_words_that_were_given_decide(tmp_path: Path, sitting: Sitting) -> None:
    ours = Authority()
    words = words_of(pin_of(der([ours.certificate])))
    with Host(encrypted(presenting(tmp_path, Authority()))) as host:
        refused = sitting.play(host, never, expected=words)
        assert refused.problem is Problem.OTHER
        refused = sitting.play(host, never, advertised=words)
        assert refused.problem is Problem.ADVERTISED
        assert (host.heard, refused.pins.all()) == ([], {})
        host.manner = encrypted(presenting(tmp_path, ours))
        assert sitting.play(host, stored, expected=words, advertised=words).problem is None


def test_what_a_server_shows_can_be_had_without_speaking_to_it(tmp_path: Path) -> None:
    ours = Authority()
    with Host(encrypted(presenting(tmp_path, ours))) as host:
        chain = asyncio.run(shown_by("127.0.0.1", host.port))
        assert chain[-1:] == der([ours.certificate]) and len(chain) == 2
        for manner in (plain, resets):
            host.manner = manner
            with pytest.raises(OSError):
                asyncio.run(shown_by("127.0.0.1", host.port))
        assert host.heard == []
