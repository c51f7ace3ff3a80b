"""Actions: the words of 2022 to the letter, what was added may be left out, nothing is unknown."""

from typing import get_args

import msgspec
import pytest

from molva.terms import actions
from molva.terms.actions import Action, AnyAction

DECODER = msgspec.json.Decoder(AnyAction)


def read(text: str) -> AnyAction:
    action: AnyAction = DECODER.decode(text)
    return action


def test_the_union_holds_every_action_under_a_word_of_its_own() -> None:
    members = get_args(AnyAction)
    assert set(members) == set(Action.__subclasses__())
    tags = [member.__struct_config__.tag for member in members]
    assert len(set(tags)) == len(tags)
    for member, tag in zip(members, tags, strict=True):
        # What an event already has for a name is set here.
        assert member.__name__.lower() in (tag.replace("_", ""), f"set{tag}")


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ('{"action":"registration","name":"anna"}', actions.Registration(name="anna")),
        ('{"action":"new_message","text":"hi"}', actions.NewMessage(text="hi")),
        (
            '{"action":"new_whisper","to":"boris","text":"hi"}',
            actions.NewWhisper(to="boris", text="hi"),
        ),
    ],
)
def test_the_words_of_2022_are_understood(text: str, action: AnyAction) -> None:
    assert read(text) == action
    assert msgspec.json.decode(msgspec.json.encode(action)) == msgspec.json.decode(text)


@pytest.mark.parametrize("kind", get_args(AnyAction))
def test_an_unknown_field_is_refused_in_every_action(kind: type[Action]) -> None:
    needed = {
        **{"name": "anna", "text": "hi", "to": "boris", "room": "#tea", "user": "boris"},
        **{"through": 1, "seq": 1, "role": "member", "device": "d1", "invitation": "i1"},
        **{"new": "swordfish", "uses": 1, "seconds": 60},
    }
    fields = {f.encode_name for f in msgspec.structs.fields(kind)}
    known = {key: value for key, value in needed.items() if key in fields}
    object = {"action": kind.__struct_config__.tag, **known}
    assert isinstance(read(msgspec.json.encode(object).decode()), kind)
    with pytest.raises(msgspec.ValidationError):
        read(msgspec.json.encode(object | {"rooom": "#tea"}).decode())


@pytest.mark.parametrize("id", ["", "a b", "a~b", "\n", "é", "x" * 65, "a\n"])
def test_an_id_is_printable_ascii_and_never_one_of_the_servers(id: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(msgspec.json.encode({"action": "ping", "id": id}).decode())


@pytest.mark.parametrize("id", ["!", "x" * 64, "{}|}", "0"])
def test_an_id_may_be_anything_else(id: str) -> None:
    assert read(msgspec.json.encode({"action": "ping", "id": id}).decode()).id == id


@pytest.mark.parametrize("seq", ["-1", "9007199254740992", "1.5", '"1"', "true"])
def test_a_seq_is_a_whole_number_that_every_language_can_hold(seq: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(f'{{"action":"read","through":{seq}}}')


def test_the_word_with_is_a_field_though_python_keeps_it() -> None:
    action = read('{"action":"read","through":1,"with":"boris"}')
    assert isinstance(action, actions.Read) and action.with_ == "boris"
    assert b'"with":"boris"' in msgspec.json.encode(action)
