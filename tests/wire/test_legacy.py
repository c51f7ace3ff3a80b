"""Legacy: a client of 2022 gets whole, short objects that together say everything."""

import json
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molva.terms.catalogue import Language, say
from molva.terms.errors import Code
from molva.terms.events import (
    AnyEvent,
    Away,
    Banned,
    Bye,
    Conversation,
    Conversations,
    Departed,
    Done,
    Error,
    Gap,
    Gone,
    History,
    Joined,
    Kicked,
    Muted,
    NewMessage,
    NewUser,
    NewWhisper,
    Ping,
    Pong,
    Presence,
    Removed,
    Restored,
    Result,
    Room,
    RoomLeft,
    Rooms,
    Stored,
    Topic,
    Typing,
    Unheard,
    UserLeft,
    Users,
)
from molva.terms.limits import LEGACY_OBJECT_BYTES_MAX, TEXT_BYTES_MAX
from molva.wire.jsonl import format_event
from molva.wire.legacy import format_legacy


def told(event: AnyEvent | Result, bytes_max: int = LEGACY_OBJECT_BYTES_MAX) -> list[Any]:
    """Return what a client of 2022 makes of it: one `recv`, one `json.loads`."""
    lines = format_legacy(event, bytes_max=bytes_max)
    for line in lines:
        assert len(line) <= bytes_max
        assert line.endswith(b"\n") and line.count(b"\n") == 1
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("event", "objects"),
    [
        (
            Result(result="successful", text="Welcome", users=["anna", "boris"]),
            [{"result": "successful", "text": "Welcome", "users": ["anna", "boris"]}],
        ),
        (Result(result="error"), [{"result": "error"}]),
        (NewUser(user="anna"), [{"action": "new_user", "user": "anna"}]),
        (UserLeft(user="anna"), [{"action": "user_left", "user": "anna"}]),
        (
            NewMessage(text="hi", from_="anna"),
            [{"action": "new_message", "text": "hi", "from": "anna"}],
        ),
        (
            NewMessage(text="", from_="anna", room="#general", seq=1, at="now", id="k"),
            [
                {
                    **{"action": "new_message", "text": "", "from": "anna"},
                    **{"room": "#general", "seq": 1, "at": "now", "id": "k"},
                }
            ],
        ),
        (
            NewWhisper(text="hi", from_="anna"),
            [{"action": "new_whisper", "text": "hi", "from": "anna"}],
        ),
        (
            Error(text="no", code=Code.NO_SUCH_USER, id="k", retry_after=1.5),
            [
                {
                    **{"action": "error", "text": "no", "code": "no_such_user"},
                    **{"id": "k", "retry_after": 1.5},
                }
            ],
        ),
        (
            Presence(arrived=["a", "b"], left=["c"], online=9),
            [
                {"action": "new_user", "user": "a"},
                {"action": "new_user", "user": "b"},
                {"action": "user_left", "user": "c"},
            ],
        ),
        (Presence(online=9), []),
        (Bye(text="ends"), [{"action": "error", "text": "ends"}]),
        (
            Bye(text="ends", code=Code.SHUTTING_DOWN),
            [{"action": "error", "text": "ends", "code": "shutting_down"}],
        ),
        (
            Bye(text="You were disconnected by anna.", code=Code.KICKED),
            [{"action": "error", "text": "You were disconnected by anna.", "code": "kicked"}],
        ),
        (
            Bye(text="You are banned.", code=Code.BANNED),
            [{"action": "error", "text": "You are banned.", "code": "banned"}],
        ),
        (
            Error(text="You may read here.", code=Code.MUTED),
            [{"action": "error", "text": "You may read here.", "code": "muted"}],
        ),
        (Pong(id="k"), [{"action": "pong", "id": "k"}]),
        (Done(id="k"), [{"action": "done", "id": "k"}]),
        (
            Stored(id="k", seq=7, to="anna"),
            [{"action": "stored", "id": "k", "seq": 7, "to": "anna"}],
        ),
        (
            Users(users=["anna"], id="k"),
            [{"action": "users", "users": ["anna"], "id": "k"}],
        ),
        (
            Rooms(rooms=[Room(room="#tea", members=2)], id="k"),
            [{"action": "rooms", "rooms": [{"room": "#tea", "members": 2}], "id": "k"}],
        ),
        (
            History(entries=[NewMessage(text="hi", from_="anna", seq=1)], head=1, room="#tea"),
            [
                {
                    **{"action": "history", "head": 1, "room": "#tea"},
                    "entries": [{"action": "new_message", "text": "hi", "from": "anna", "seq": 1}],
                }
            ],
        ),
    ],
)
def test_what_a_client_of_2022_knows_is_told_in_its_words(
    event: AnyEvent | Result, objects: list[Any]
) -> None:
    assert told(event) == objects


UNKNOWN: list[AnyEvent] = [
    NewMessage(text="hi", from_="anna", room="#other"),
    *(Ping(), Gap(after=1, through=2), Typing(from_="anna"), Away(user="anna")),
    Conversations(conversations=[Conversation(room="#general", head=9, cursor=9)]),
    Joined(room="#general", user="anna", seq=1, at="now"),
    Topic(room="#general", text="a", from_="anna", seq=1, at="now"),
    Kicked(room="#general", user="anna", from_="boris", seq=1, at="now"),
    Banned(room="#general", user="anna", from_="boris", seq=1, at="now"),
    Muted(room="#general", user="anna", from_="boris", seq=1, at="now"),
    Removed(room="#general", target=1, user="anna", from_="boris", seq=2, at="now"),
    Restored(room="#general", target=1, user="anna", from_="boris", seq=3, at="now"),
    Gone(room="#general", from_="anna", seq=1, at="now"),
    Unheard(from_="anna", to="boris", seq=1, at="now"),
    Departed(room="#general", user="anna", seq=1, at="now"),
    RoomLeft(log="@anna", room="#dev", cause="kicked", seq=1, at="now"),
]


@pytest.mark.parametrize("event", UNKNOWN)
def test_what_it_does_not_know_and_other_rooms_are_not_told(event: AnyEvent) -> None:
    assert told(event) == []


def test_only_the_words_of_2022_and_answers_are_ever_told() -> None:
    known = {Result, NewMessage, NewWhisper, NewUser, UserLeft, Error, Presence, Bye}
    answers = {Pong, Done, Stored, Users, Rooms, History}
    assert (known | answers) - {Result} < set(get_args(AnyEvent))
    assert not (known | answers) & ({type(event) for event in UNKNOWN} - {NewMessage})


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    "answer",
    [
        lambda count: Users(users=["имя"] * count, id="k"),
        lambda count: Rooms(rooms=[Room(room="#tea", members=2)] * count, id="k"),
        lambda count: History(entries=[NewMessage(text="hi", from_="a")] * count, head=9, id="k"),
    ],
    ids=["users", "rooms", "history"],
)
def test_a_list_or_page_too_long_for_one_object_is_refused(
    answer: Callable[[int], Users | Rooms | History], language: Language
) -> None:
    lengths = {count: len(format_event(answer(count))) for count in range(500)}
    fits = max(count for count in lengths if lengths[count] <= LEGACY_OBJECT_BYTES_MAX)
    assert format_legacy(answer(fits), language=language) == [format_event(answer(fits))]
    for count in (fits + 1, 499):
        (line,) = format_legacy(answer(count), language=language)
        assert json.loads(line) == {
            "action": "error",
            "code": "limit_reached",
            "text": say("error.limit_reached", language, detail="4096"),
            "id": "k",
        }


texts = st.lists(
    st.text(max_size=30)
    | st.sampled_from([" ", "\n", "a" * 90, "\\" * 50, '"' * 70, "\x00" * 40, "é" * 60, "🙂" * 80])
    | st.sampled_from(["\u2028 ", "e\u0301" * 40, "слово " * 30, "\x7f\x85" * 40]),
    max_size=40,
).map("".join)


@given(texts, st.integers(300, 4096), st.sampled_from([NewMessage, NewWhisper]))
def test_a_long_text_comes_in_parts_that_are_together_the_text(
    text: str, bytes_max: int, kind: type[NewMessage] | type[NewWhisper]
) -> None:
    event = kind(text=text, from_="анна" * 8, seq=2**53 - 1, at="2024-01-01T00:00:00Z", id="k" * 64)
    objects = told(event, bytes_max)
    assert "".join(each["text"] for each in objects) == text
    (rest,) = {json.dumps({**each, "text": ""}, sort_keys=True) for each in objects}
    assert {*json.loads(rest)} == {"action", "text", "from", "seq", "at", "id"}
    # No part could have held the whole of the next one as well.
    for one, other in zip(objects, objects[1:], strict=False):
        assert one["text"] and other["text"]


@pytest.mark.parametrize("character", ["a", '"', "\\", "\n", " ", "я", "€", "🙂", "\x01", "\u2028"])
def test_the_longest_text_comes_in_few_parts(character: str) -> None:
    text = character * (TEXT_BYTES_MAX // len(character.encode()))
    objects = told(NewMessage(text=text, from_="anna", room="#general", seq=1))
    assert "".join(each["text"] for each in objects) == text
    written = len(json.dumps(text, ensure_ascii=False).encode())
    assert len(objects) <= written // (LEGACY_OBJECT_BYTES_MAX - 200) + 1 or character == "\x01"
    # Whole as far as it goes: 6 bytes each, as in `\u0001`.
    assert character != "\x01" or len(objects) <= 6 * TEXT_BYTES_MAX // 3_800


def test_a_text_is_parted_after_a_newline_or_else_after_a_space() -> None:
    words = NewMessage(text="слово и слово " * 500, from_="anna")
    assert all(each["text"].endswith(" ") for each in told(words))
    verses = NewMessage(text="a line of a poem\n" * 500, from_="anna")
    assert all(each["text"].endswith("\n") for each in told(verses))
    one_word = NewMessage(text="a b" + "x" * 9_000, from_="anna")
    assert [len(line) for line in format_legacy(one_word)][:2] == [4096, 4096]


def test_a_long_error_and_a_long_farewell_come_in_parts_too() -> None:
    for event in (Error(text="no " * 3_000, code=Code.BUSY, id="k"), Bye(text="no " * 3_000)):
        objects = told(event)
        assert len(objects) == 3
        assert "".join(each["text"] for each in objects) == "no " * 3_000
        assert {each["action"] for each in objects} == {"error"}


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("online", [None, 4_321])
@pytest.mark.parametrize("count", [3, 500, 10_000])
def test_a_list_of_users_is_cut_to_fit_and_the_text_says_so(
    count: int, online: int | None, language: Language
) -> None:
    users = [f"имя{number}" for number in range(count)]
    result = Result(
        result="successful",
        text="Welcome",
        users=users,
        online=online,
        name="anna",
        language=language,
        token="t" * 43,
        conversations=[Conversation(room="#general", head=9, cursor=9)],
    )
    (welcome,) = told(result)
    assert not welcome.keys() & {"token", "conversations"}
    shown = welcome["users"]
    assert shown == users[: len(shown)]
    if count == 3:
        assert (shown, welcome["text"], welcome.get("online")) == (users, "Welcome", online)
        return
    number = count if online is None else online
    assert (welcome["result"], welcome["name"], welcome["online"]) == ("successful", "anna", number)
    assert welcome["text"] == say(
        "welcome.cut", language, name="anna", online=number, shown=len(shown)
    )
    assert len(json.dumps(welcome, ensure_ascii=False, separators=(",", ":"))) > 2_000
    room = LEGACY_OBJECT_BYTES_MAX - len(format_legacy(result)[0])
    assert room < len(json.dumps(users[len(shown)], ensure_ascii=False).encode()) + 3


def test_of_a_list_just_too_long_one_name_is_missing() -> None:
    names = ["a" * 60] * 70
    for count in range(1, len(names)):
        result = Result(result="successful", text="Welcome " * 10, users=names[:count])
        (welcome,) = told(result)
        if welcome["users"] != names[:count]:
            break
    assert len(welcome["users"]) == count - 1


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=64), max_size=300),
    st.text(max_size=64),
    st.sampled_from([None, "en", "ru", "??"]),
)
def test_every_welcome_fits_whatever_the_names(
    users: list[str], name: str, language: str | None
) -> None:
    result = Result(result="successful", users=users, name=name, language=language)
    (welcome,) = told(result)
    assert welcome["users"] == users[: len(welcome["users"])]
    assert len(welcome["users"]) == len(users) or welcome["online"] == len(users)


def test_a_result_with_nothing_but_a_long_text_is_cut() -> None:
    (refused,) = told(Result(result="error", text="no " * 3_000, code=Code.BUSY))
    assert refused["code"] == "busy"
    assert ("no " * 3_000).startswith(refused["text"])
    assert len(refused["text"]) > 4_000


@pytest.mark.parametrize(
    "event",
    [
        NewMessage(text="hi", from_="anna"),
        NewUser(user="anna"),
        Result(result="error"),
        Result(result="error", text="no"),
        Result(result="successful", users=["anna"]),
    ],
)
def test_a_bound_without_room_for_anything_is_an_error(event: AnyEvent | Result) -> None:
    with pytest.raises(ValueError):
        format_legacy(event, bytes_max=10)
