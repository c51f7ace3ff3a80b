"""Messages: what may be said to whom, and what is told to the operator."""

import pytest

from molva.core.messages import text_refusal
from molva.terms import actions, events
from molva.terms.errors import Code
from molva.terms.ids import ConversationId
from molva.terms.limits import TEXT_BYTES_MAX
from tests.core.stage import Stage


def whisper(to: str, text: str = "hi", id: str | None = "w") -> actions.NewWhisper:
    return actions.NewWhisper(to=to, text=text, id=id)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", Code.TEXT_EMPTY),
        (" \n\t\u2003", Code.TEXT_EMPTY),
        ("x", None),
        ("x" * TEXT_BYTES_MAX, None),
        ("x" * (TEXT_BYTES_MAX + 1), Code.TEXT_TOO_LONG),
        ("ж" * (TEXT_BYTES_MAX // 2), None),
        ("ж" * (TEXT_BYTES_MAX // 2 + 1), Code.TEXT_TOO_LONG),
        ("🙂" * (TEXT_BYTES_MAX // 4), None),
        ("🙂" * (TEXT_BYTES_MAX // 4 + 1), Code.TEXT_TOO_LONG),
        (" " * (TEXT_BYTES_MAX + 1), Code.TEXT_TOO_LONG),
    ],
)
def test_a_text_is_neither_empty_nor_longer_than_its_bytes(text: str, code: Code | None) -> None:
    refusal = text_refusal(text)
    assert (None if refusal is None else refusal.code) is code


@pytest.mark.parametrize(
    "action",
    [
        actions.NewMessage(text=" ", id="x"),
        whisper("boris", " "),
        actions.Create(room="#tea", topic=" ", id="x"),
        actions.Topic(room="#cocoa", text=" ", id="x"),
    ],
)
def test_nothing_is_not_said(action: actions.AnyAction) -> None:
    stage = Stage()
    stage.enter("boris")
    anna = stage.enter("anna").send(actions.Create(room="#cocoa"))
    assert anna.refused(action) is Code.TEXT_EMPTY


def test_without_a_room_a_message_goes_to_the_common_room() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    anna.send(actions.NewMessage(text="hi"))
    anna.send(actions.NewMessage(text="there", room="#GENERAL"))
    assert [(e.text, e.room, e.from_) for e in boris.of(events.NewMessage)] == [
        ("hi", "#general", "anna"),
        ("there", "#general", "anna"),
    ]


def test_who_has_no_echo_hears_others_and_not_themselves() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna", features=()), stage.enter("boris", features=())
    anna.send(actions.NewMessage(text="one"))
    boris.send(actions.NewMessage(text="two"))
    assert anna.texts() == ["two"]
    assert boris.texts() == ["one"]


def test_quiet_authors_of_one_batch_hear_each_other_and_not_themselves() -> None:
    stage = Stage(prompt=False)
    anna, boris = stage.enter("anna", features=()), stage.enter("boris", features=("unknown",))
    vera = stage.enter("vera", features=())
    stage.settle()
    for number in range(2):
        anna.send(actions.NewMessage(text=f"a{number}"))
        boris.send(actions.NewMessage(text=f"b{number}"))
    stage.persist()
    stage.acknowledge()
    assert anna.texts() == ["b0", "b1"]
    assert boris.texts() == ["a0", "a1"]
    assert vera.texts() == ["a0", "b0", "a1", "b1"]


def test_the_only_one_in_a_room_without_echo_hears_nothing_and_is_told_it_is_stored() -> None:
    stage = Stage()
    anna = stage.enter("anna", features=("ping",))
    anna.take()
    anna.send(actions.NewMessage(text="one"), actions.NewMessage(text="two", id="k"))
    assert anna.take() == [events.Stored(id="k", seq=2, room="#general")]


def test_a_room_one_is_not_in_and_one_that_is_not_there_are_refused_alike() -> None:
    stage = Stage()
    stage.enter("boris").send(actions.Create(room="#tea"))
    anna = stage.enter("anna")
    told = []
    for room in ("#tea", "#sea", "tea", "", "#"):
        anna.take()
        anna.send(actions.NewMessage(text="hi", room=room))
        error = anna.one(events.Error)
        told.append((error.code, error.text.replace(room, "") if room else error.text))
    assert {code for code, _ in told} == {Code.NOT_A_MEMBER}
    assert told[0] == told[1]


def test_a_whisper_reaches_the_two_and_nobody_else() -> None:
    stage = Stage()
    anna, boris, vera = (stage.enter(name) for name in ("anna", "boris", "vera"))
    stage.advance(1)
    vera.take()
    answer = anna.ask(whisper("BORIS", "psst"))
    assert isinstance(answer, events.NewWhisper)
    assert (answer.from_, answer.to, answer.seq) == ("anna", "boris", 1)
    assert boris.texts() == anna.texts() == ["psst"]
    assert vera.take() == []


def test_the_first_whisper_opens_the_conversation_for_all_devices_of_both() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    boris = stage.enter("boris", password="swordfish")
    stage.hash()
    second = stage.enter("boris", password="swordfish")
    stage.hash()
    anna.send(whisper("boris"))
    for peer, other in ((anna, "boris"), (boris, "anna"), (second, "anna")):
        assert peer.texts() == ["hi"]
        assert [e.with_ for e in peer.of(events.Opened)] == [other]
    anna.send(whisper("boris", "again", "v"))
    assert boris.of(events.Opened) == []


def test_first_whispers_that_cross_open_one_conversation_once() -> None:
    stage = Stage(prompt=False)
    anna, boris = stage.enter("anna"), stage.enter("boris")
    stage.settle()
    anna.send(whisper("boris", "one"), whisper("boris", "two", "v"))
    boris.send(whisper("anna", "three"))
    stage.settle()
    assert anna.texts() == boris.texts() == ["one", "two", "three"]
    assert len(anna.of(events.Opened)) == len(boris.of(events.Opened)) == 1


def test_one_may_whisper_to_oneself() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.send(whisper("anna", "note"))
    assert anna.texts() == ["note"]
    assert len(anna.of(events.Opened)) == 1
    assert len(stage.entries("@1")) == 1


def test_who_is_away_finds_the_whisper_on_coming_back() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    boris.leave()
    anna.send(whisper("boris", "when you are back"))
    again = stage.resume(boris)
    assert again.texts() == ["when you are back"]


@pytest.mark.parametrize("to", ["vera", "", "anna~zz", "boris~1", "~", "a b"])
def test_nobody_is_told_of_a_whisper_to_nobody(to: str) -> None:
    stage = Stage()
    anna = stage.enter("anna")
    stage.enter("boris")
    assert anna.refused(whisper(to)) is Code.NO_SUCH_USER
    assert anna.refused(whisper(to, id=None)) is Code.NO_SUCH_USER


def test_a_whisper_to_somebody_who_has_gone_is_refused_and_its_retry_is_not() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    first = anna.ask(whisper("boris", "hi", "w"))
    boris.leave()
    assert isinstance(first, events.NewWhisper)
    assert anna.refused(whisper("boris", "more", "v")) is Code.NO_SUCH_USER
    assert anna.refused(whisper("boris~2", "more", "u")) is Code.NO_SUCH_USER
    assert anna.ask(whisper("boris", "hi", "w")) == events.Stored(id="w", seq=1, to="boris~2")


def test_a_whisper_by_tag_to_somebody_who_is_just_going_is_refused_and_answered() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris", features=())
    stage.prompt = False
    boris.leave()
    anna.take()
    anna.send(whisper("boris~2"))
    stage.settle()
    assert anna.one(events.Error).code is Code.NO_SUCH_USER
    assert stage.entries("1:2") == []


def test_a_message_is_answered_when_its_author_has_left_the_room_since() -> None:
    stage = Stage()
    anna, boris = stage.enter("anna"), stage.enter("boris")
    anna.send(actions.Create(room="#tea"))
    boris.send(actions.Join(room="#tea"))
    told = anna.ask(actions.NewMessage(room="#tea", text="hi", id="k"))
    assert isinstance(told, events.NewMessage)
    anna.send(actions.Leave(room="#tea"))
    again = anna.ask(actions.NewMessage(room="#tea", text="hi", id="k"))
    assert again == events.Stored(id="k", seq=3, room="#tea")
    boris.send(actions.Leave(room="#tea"))
    # With the last member the room has gone, and with it its name; the seq stays.
    again = anna.ask(actions.NewMessage(room="#tea", text="hi", id="k"))
    assert again == events.Stored(id="k", seq=3)


def test_a_room_that_the_store_does_not_have_is_told_to_be_none() -> None:
    stage = Stage()
    anna = stage.enter("anna").send(actions.Create(room="#tea"))
    del stage.store.disk.conversations[ConversationId("r2")]
    assert anna.refused(actions.NewMessage(room="#tea", text="hi", id="k")) is Code.NO_SUCH_ROOM


def test_conversations_begun_are_bounded_and_those_that_are_there_go_on() -> None:
    stage = Stage(directs_per_account_max=2)
    anna = stage.enter("anna")
    for name in ("boris", "vera", "galina"):
        stage.enter(name)
    anna.send(whisper("boris"), whisper("vera", id="v"))
    stage.advance(1)
    assert anna.refused(whisper("galina", id="u")) is Code.LIMIT_REACHED
    assert isinstance(anna.ask(whisper("boris", "more", "t")), events.NewWhisper)


def test_the_operator_sees_what_is_said_in_rooms_and_of_whispers_only_who_to_whom() -> None:
    stage = Stage(reports=True)
    anna = stage.enter("anna")
    stage.enter("boris")
    stage.reports.clear()
    anna.send(actions.NewMessage(text="hi", id="k"), whisper("boris", "secret"))
    anna.send(actions.NewMessage(text="hi", id="k"), whisper("boris", "secret"))
    assert [(report.what, report.values) for report in stage.reports] == [
        ("report.message", {"name": "anna", "room": "#general", "text": "hi"}),
        ("report.whisper", {"name": "anna", "to": "boris"}),
    ]
