"""Rendering: whatever a server says in whatever field, a terminal is only written on."""

import asyncio
import itertools
import typing
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from molva.client.credentials import Credentials
from molva.client.plain import PlainChat
from molva.client.rendering import CONTINUED, MESSAGE_LINES_MAX, Renderer
from molva.client.screen import Fragments
from molva.client.transport import Cause, Cut
from molva.terms import events
from molva.terms.catalogue import Language
from molva.terms.errors import Code
from tests.hostile import EVIL, assert_harmless


class Sheet:
    """A screen that keeps what is shown."""

    interactive = True

    def __init__(self) -> None:
        self.lines: list[str] = []

    def show(self, line: Fragments) -> None:
        self.lines.append("".join(text for _, text in line))

    async def read_line(self) -> str | None:
        return None

    def changed(self) -> None:
        pass

    def close(self) -> None:
        pass


SEQS = itertools.count(1)


def evil(kind: object, name: str) -> object:
    """Return a value of a field's type, as bad as the type allows."""
    known = {
        "seq": next(SEQS),
        "head": 9,
        "cursor": 3,
        "after": 7,
        "through": 9,
        "unread": 2,
        "members": 1,
    }
    if name in known:
        return known[name]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        return [evil(arguments[0], name), evil(arguments[0], name)]
    if origin is dict:
        return {evil(arguments[0], name): evil(arguments[1], name)}
    if arguments:
        struct = [kind for kind in arguments if hasattr(kind, "__struct_fields__")]
        return evil((struct or [a for a in arguments if a is not type(None)])[0], name)
    if hasattr(kind, "__struct_fields__"):
        assert isinstance(kind, type)
        return build(kind)
    return {str: EVIL, int: 5, float: 1.0, bool: True}[kind]  # type: ignore[index]


def build(kind: type) -> typing.Any:
    """Return a struct with every field at its worst."""
    hints = typing.get_type_hints(kind)
    return kind(**{name: evil(hints[name], name) for name in kind.__struct_fields__})  # type: ignore[attr-defined]


def all_events() -> Iterable[typing.Any]:
    for kind in typing.get_args(events.AnyEvent):
        yield build(kind)
    for kind in typing.get_args(events.LogEvent):
        # As entries of a page, of a room and of a person.
        for name in (EVIL, "#general", "boris"):
            yield events.History(entries=[build(kind)], head=9, room=name, id="i3")


@pytest.mark.parametrize("language", list(Language))
def test_nothing_a_server_says_moves_the_cursor(tmp_path: Path, language: Language) -> None:
    async def scene() -> list[str]:
        sheet = Sheet()
        chat = PlainChat(
            lambda _: sheet,
            Renderer(language),
            host="h",
            port=1,
            name="anna",
            password=None,
            credentials=Credentials(tmp_path),
        )
        mirror = chat._mirror
        mirror.connected(0.0)
        refusal = events.Result(result="error", text=EVIL, code=Code.NAME_TAKEN)
        mirror.receive(refusal, 0.0)
        chat._transport.flush()
        chat.take("anna")
        welcome = build(events.Result)
        mirror.receive(msgspec.structs.replace(welcome, result="successful"), 0.0)
        chat._transport.flush()
        for event in all_events():
            mirror.receive(event, 0.0)
            chat._transport.flush()
        for line in ("/topic", f"/topic {EVIL}", "/history", "/users", "/rooms", "hi", "/w bob x"):
            chat.take(line)
            for action in [*mirror._requests.values(), *mirror._in_flight.values()]:
                reply = build(events.History if "before" in str(action) else events.Users)
                mirror.receive(msgspec.structs.replace(reply, id=action.id), 0.0)
                rooms = build(events.Rooms)
                mirror.receive(msgspec.structs.replace(rooms, id=action.id), 0.0)
                error = events.Error(text=EVIL, code=Code.NO_SUCH_USER, id=action.id)
                mirror.receive(error, 0.0)
            chat._transport.flush()
        for cause in Cause:
            chat._cut_off(Cut(cause, EVIL, 1.0))
        sheet.lines.append(chat.prompt())
        if chat._file is not None:
            chat._file.close()
        return sheet.lines

    lines = asyncio.run(scene())
    assert len(lines) > 35
    for line in lines:
        assert_harmless(line)
        assert "\n" not in line


def test_a_message_of_many_lines_cannot_pass_for_several() -> None:
    renderer = Renderer(Language.ENGLISH, today="2026-01-02")
    text = "hi\n12:00 boris: forged\n" + "x\n" * 10_000
    entry = events.NewMessage(text=text, from_="mallory", room="#general", seq=1, at="bad")
    lines = ["".join(text for _, text in line) for line in renderer.entry(entry, here="#general")]
    assert lines[0] == "--:-- mallory: hi"
    assert all(line.startswith(CONTINUED) for line in lines[1:])
    assert len(lines) == MESSAGE_LINES_MAX + 1 and "more lines" in lines[-1]
