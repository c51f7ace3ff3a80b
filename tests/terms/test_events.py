"""Events: the words of 2022 to the letter, and room for everything that was added."""

from typing import get_args

import msgspec
import pytest

from molva.terms import events
from molva.terms.events import AnyEvent, Event, LogEvent
from molva.terms.limits import ENTRY_OVERHEAD_BYTES


def test_the_union_holds_every_event_under_a_word_of_its_own() -> None:
    members = get_args(AnyEvent)
    assert set(members) == set(Event.__subclasses__())
    tags = [member.__struct_config__.tag for member in members]
    assert len(set(tags)) == len(tags)
    for member, tag in zip(members, tags, strict=True):
        assert tag.replace("_", "") == member.__name__.lower()


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            events.Result(result="successful", text="Hi", users=["anna", "boris"]),
            '{"result":"successful","text":"Hi","users":["anna","boris"]}',
        ),
        (events.Result(result="error"), '{"result":"error"}'),
        (events.NewUser(user="anna"), '{"action":"new_user","user":"anna"}'),
        (events.UserLeft(user="anna"), '{"action":"user_left","user":"anna"}'),
        (
            events.NewMessage(text="hi", from_="anna"),
            '{"action":"new_message","text":"hi","from":"anna"}',
        ),
        (
            events.NewWhisper(text="hi", from_="anna"),
            '{"action":"new_whisper","text":"hi","from":"anna"}',
        ),
    ],
)
def test_the_words_of_2022_are_written_to_the_letter(
    event: AnyEvent | events.Result, text: str
) -> None:
    assert msgspec.json.encode(event).decode() == text


def test_an_event_shows_an_entry_if_and_only_if_it_has_a_seq_and_a_time() -> None:
    answers = {events.Stored}
    for kind in get_args(AnyEvent):
        fields = {field.name for field in msgspec.structs.fields(kind)}
        shows = kind in get_args(LogEvent)
        assert shows is ({"seq", "at"} <= fields)
        assert ("seq" in fields) is (shows or kind in answers)


def test_what_an_entry_costs_beside_its_text_is_counted_with_enough() -> None:
    name = "ж" * 32 + "~" + "z" * 11
    worst = events.NewWhisper(
        text="",
        from_=name,
        to=name,
        seq=2**53 - 1,
        at="9999-12-31T23:59:59.999Z",
        id="\\" * 64,
    )
    assert len(msgspec.json.encode(worst)) <= ENTRY_OVERHEAD_BYTES
