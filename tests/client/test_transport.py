"""The transport: it comes back by itself, and no server can make it burst, hang or stop."""

import asyncio
import json
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest

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
)
from molva.terms.limits import FRAME_BYTES_MAX

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
