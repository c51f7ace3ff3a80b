"""Rendering: whatever a server says in whatever field, a terminal is only written on."""

import asyncio
import itertools
import re
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

AT = "2026-01-02T12:04:05.000Z"


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


def told(entry: events.LogEvent, language: Language = Language.ENGLISH, here: str = "") -> str:
    """Return the one line of an entry, without the time of day."""
    (line,) = Renderer(language, today=AT[:10]).entry(entry, here=here)
    return "".join(text for _, text in line)[6:]


def in_room(shape: type[typing.Any], /, **fields: typing.Any) -> typing.Any:
    return shape(**({"room": "#dev", "seq": 7, "at": AT} | fields))


@pytest.mark.parametrize(
    ("entry", "english", "russian"),
    [
        (
            in_room(events.Added, user="boris", from_="anna"),
            "* anna added boris to #dev",
            "* anna: boris теперь в #dev",
        ),
        (
            in_room(events.Invited, user="boris", from_="anna"),
            "* anna invited boris to #dev",
            "* anna приглашает в #dev: boris",
        ),
        (
            in_room(events.Renamed, was="#old", from_="anna"),
            "* anna renamed #old: #dev",
            "* anna переименовывает #old: #dev",
        ),
        (
            in_room(events.Mode, kind="announcement", slow_seconds=5, frozen=False, from_="anna"),
            "* anna, #dev: only moderators write, slow mode, 5 s between one's messages, "
            "everybody may write again",
            "* anna, #dev: пишут только модераторы, медленный режим: 5 с между своими "
            "сообщениями, снова пишут все",
        ),
        (
            in_room(events.Mode, kind="newer", slow_seconds=0, from_="anna", reason="so"),
            "* anna, #dev: newer, no slow mode: so",
            "* anna, #dev: newer, без медленного режима — so",
        ),
        (
            in_room(events.Role, user="boris", role="moderator", from_="anna"),
            "* boris is moderator in #dev now, by anna",
            "* boris теперь модератор в #dev; решает anna",
        ),
        (
            in_room(events.Role, room="#general", user="boris", role="admin", from_="anna"),
            "* boris is admin of this server now, by anna",
            "* boris теперь администратор этого сервера; решает anna",
        ),
        (
            in_room(events.Kicked, user="boris", from_="anna", reason="loud"),
            "* boris was put out of #dev by anna: loud",
            "* anna выводит из #dev: boris — loud",
        ),
        (
            in_room(events.Kicked, room="#general", user="boris", from_="anna"),
            "* boris was disconnected from the server by anna",
            "* anna отключает от сервера: boris",
        ),
        (
            in_room(events.Banned, user="boris", from_="anna"),
            "* boris was banned from #dev by anna for good",
            "* anna закрывает вход в #dev навсегда: boris",
        ),
        (
            in_room(events.Banned, room="#general", addresses=True, from_="anna"),
            "* a range of addresses was banned from the server by anna for good",
            "* anna закрывает вход на сервер навсегда: диапазон адресов",
        ),
        (
            in_room(events.Unbanned, user="boris", from_="anna"),
            "* anna ended the ban of boris from #dev",
            "* anna снова открывает вход в #dev: boris",
        ),
        (
            in_room(events.Unbanned, room="#general", user="boris", from_="molva", over=True),
            "* the ban of boris from the server is over",
            "* вход на сервер снова открыт, срок вышел: boris",
        ),
        (
            in_room(events.Unmuted, user="boris", from_="molva", over=True),
            "* boris may write in #dev again, the time is up",
            "* в #dev слово возвращено, срок вышел: boris",
        ),
        (
            in_room(events.Unmuted, user="boris", from_="anna"),
            "* anna lets boris write in #dev again",
            "* anna возвращает слово в #dev: boris",
        ),
        (
            in_room(events.Removed, target=3, user="boris", from_="anna", reason="spam"),
            "* anna removed message 3 of boris: spam",
            "* anna удаляет сообщение 3, автор boris — spam",
        ),
        (
            in_room(events.Restored, target=3, user="boris", from_="boris"),
            "* boris put back their message 3",
            "* boris возвращает своё сообщение 3",
        ),
        (
            in_room(events.Gone, from_="boris"),
            "#dev boris: (message removed)",
            "#dev boris: (сообщение удалено)",
        ),
        (
            in_room(events.Departed, user="boris", words=False),
            "* the account of boris is deleted, and all they said with it",
            "* boris: учётная запись и всё сказанное удалены",
        ),
        (
            in_room(
                events.Reported,
                from_="anna",
                about="#dev",
                target=3,
                user="boris",
                text="bad",
                reason="rude",
            ),
            "! anna reports message 3 of boris in #dev (rude): bad",
            "! anna жалуется на сообщение 3 в #dev, автор boris (rude): bad",
        ),
    ],
)
def test_what_happens_to_people_and_rooms_is_readable(
    entry: events.LogEvent, english: str, russian: str
) -> None:
    assert told(entry) == english
    assert told(entry, Language.RUSSIAN) == russian


def test_a_mute_says_until_when_in_the_time_of_this_machine() -> None:
    def until(moment: str) -> str:
        return told(in_room(events.Muted, user="b", from_="a", until=moment))

    assert re.fullmatch(r"\* b was muted in #dev by a until \d\d:\d\d", until(AT))
    assert re.fullmatch(
        r"\* b was muted in #dev by a until 2026-03-\d\d \d\d:\d\d",
        until("2026-03-02T12:00:00.000Z"),
    )


@pytest.mark.parametrize("kind", [events.RoomLeft, events.RoomInvited, events.Blocked])
def test_what_only_devices_care_for_makes_no_line(kind: type[typing.Any]) -> None:
    fields = {"log": "@anna", "room": "#dev", "user": "b", "from_": "b", "seq": 1, "at": AT}
    names = set(kind.__struct_fields__)
    entry = kind(**{name: value for name, value in fields.items() if name in names})
    assert Renderer(Language.ENGLISH).entry(entry) == []
    assert Renderer(Language.ENGLISH).entry(events.Unheard(from_="b", to="a", seq=1, at=AT)) == []
