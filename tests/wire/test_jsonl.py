"""JSON lines: every frame is an action or a refusal, and which.

The marks F6 to F19 are lines of the threat catalogue. Most cases are made from the structs of the
protocol, so that a new action or field is tested when it is written.
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from molva.terms.actions import (
    AnyAction,
    Create,
    History,
    NewMessage,
    NewWhisper,
    Ping,
    Read,
    Registration,
    Typing,
)
from molva.terms.errors import CLOSING, Code, Refusal
from molva.terms.events import AnyEvent, Result
from molva.terms.events import Bye as ByeEvent
from molva.terms.events import Error as ErrorEvent
from molva.terms.events import History as HistoryEvent
from molva.terms.events import Ledger as LedgerEvent
from molva.terms.events import NewMessage as NewMessageEvent
from molva.terms.events import Pong as PongEvent
from molva.terms.limits import CURSORS_MAX, FRAME_BYTES_MAX, NESTING_MAX
from molva.wire.framing import Framer
from molva.wire.jsonl import BadEvent, format_action, format_event, parse_action, parse_event

JSON = dict[str, object]
ACTIONS: tuple[type[msgspec.Struct], ...] = get_args(AnyAction)


# -- What the structs allow --------------------------------------------------------------------

LETTERS = st.characters(exclude_categories=["Cc", "Cs"])
LETTERS_AND_LINES = st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n\t")
OF_LINES = {("new_message", "text"), ("new_whisper", "text")}
"""The fields, by the action, that may hold newlines and tabs."""


def values(kind: inspect.Type, lines: bool = False) -> st.SearchStrategy[Any]:
    """Return a strategy for what a field of this type may hold."""
    match kind:
        case inspect.Metadata(type=described):
            return values(described, lines)
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType(ge=least, le=most):
            return st.integers(
                -(2**53) if least is None else int(least), 2**53 if most is None else int(most)
            )
        case inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case inspect.StrType(pattern=None, min_length=least, max_length=most):
            alphabet = LETTERS_AND_LINES if lines else LETTERS
            return st.text(alphabet, min_size=least or 0, max_size=min(most or 30, 30))
        case inspect.StrType(pattern=pattern):
            assert pattern == r"\A[!-}]+\Z"
            return st.text(st.characters(min_codepoint=33, max_codepoint=125), min_size=1).map(
                lambda text: text[:64]
            )
        case inspect.EnumType(cls=enum):
            return st.sampled_from(list(enum))
        case inspect.ListType(item_type=item):
            return st.lists(values(item), max_size=4)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(values(key), values(value), max_size=4)
        case inspect.UnionType(types=kinds):
            return st.one_of([values(each, lines) for each in kinds])
        case inspect.StructType(cls=struct, tag=tag, fields=all_fields):
            fields: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
            for field in all_fields:
                lines = (tag, field.encode_name) in OF_LINES
                fields[not field.required][field.name] = values(field.type, lines)
            required, optional = fields
            return st.fixed_dictionaries(required, optional=optional).map(
                lambda chosen: struct(**chosen)
            )
    raise NotImplementedError(kind)


actions: st.SearchStrategy[AnyAction] = values(inspect.type_info(AnyAction))
events: st.SearchStrategy[AnyEvent | Result] = st.one_of(
    values(inspect.type_info(AnyEvent)), values(inspect.type_info(Result))
)


def members(struct: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    kind = inspect.type_info(struct)
    assert isinstance(kind, inspect.StructType)
    return kind.fields


def examples(kind: inspect.Type) -> list[object]:
    """Return a value of each JSON type that a field may hold, `null` last."""
    match kind:
        case inspect.Metadata(type=described):
            return examples(described)
        case inspect.NoneType():
            return [None]
        case inspect.StrType():
            return ["a"]
        case inspect.BoolType():
            return [True]
        case inspect.EnumType(cls=enum):
            return [next(iter(enum)).value]
        case inspect.IntType(ge=least):
            return [max(1, int(least or 0))]
        case inspect.ListType():
            return [["a"]]
        case inspect.DictType():
            return [{"a": 1}]
        case inspect.UnionType(types=kinds):
            return sorted((examples(each)[0] for each in kinds), key=lambda each: each is None)
    raise NotImplementedError(kind)


def least(struct: type[msgspec.Struct]) -> JSON:
    """Return the shortest object that is this action."""
    required = {f.encode_name: examples(f.type)[0] for f in members(struct) if f.required}
    return {"action": struct.__struct_config__.tag, **required}


def string_places() -> Iterator[tuple[str, JSON, Callable[[str], JSON]]]:
    """Give each place of each action that holds a string: its name and how to put one there."""
    for struct in ACTIONS:
        for field in members(struct):
            put: list[Callable[[str], object]]
            match examples(field.type)[0]:
                case str():
                    put = [lambda text: text]
                case list():
                    put = [lambda text: [text], lambda text: ["a", text]]
                case dict():
                    put = [lambda text: {text: 1}]
                case _:
                    continue
            for place in put:
                frame = least(struct)
                name = field.encode_name
                yield (
                    name,
                    frame,
                    lambda text, frame=frame, name=name, place=place: {  # type: ignore[misc]
                        **frame,
                        name: place(text),
                    },
                )


STRING_PLACES = list(string_places())


def dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def code(frame: bytes) -> Code | None:
    """Return the code of a refusal, None for an action."""
    parsed = parse_action(frame)
    return parsed.code if isinstance(parsed, Refusal) else None


# -- What is right -----------------------------------------------------------------------------


@given(actions)
def test_what_is_formatted_as_an_action_is_parsed_as_the_same(action: AnyAction) -> None:
    line = format_action(action)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert parse_action(line[:-1]) == action
    assert parse_action(json.dumps(json.loads(line)).encode()) == action
    assert Framer().receive(line) == [line[:-1]]


@given(events)
def test_what_is_formatted_as_an_event_is_parsed_as_the_same(event: AnyEvent | Result) -> None:
    line = format_event(event)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert parse_event(line[:-1]) == event
    assert Framer().receive(line) == [line[:-1]]


@pytest.mark.parametrize(
    ("frame", "action"),
    [
        (b'{"action":"registration","name":"anna"}', Registration(name="anna")),
        (b'{"action": "new_message", "text": "hi"}', NewMessage(text="hi")),
        (rb'{"action": "new_message", "text": "\u043f\ud83d\udc4b"}', NewMessage(text="п👋")),
        (b' {\t"text" :\r"" ,\n"action": "new_message" } ', NewMessage(text="")),
        (rb'{"\u0061ction":"p\u0069ng","\u0069d":"\u0041"}', Ping(id="A")),
        (rb'{"action":"new_message","text":"\"\\\/\n\t"}', NewMessage(text='"\\/\n\t')),
        (rb'{"action":"new_message","text":"\\u0000 \\n"}', NewMessage(text="\\u0000 \\n")),
        (rb'{"action":"create","room":"#\\b","topic":null}', Create(room="#\\b")),
        (b'{"action":"new_message","text":"text","id":"id"}', NewMessage(text="text", id="id")),
        (b'{"action":"new_message","text":":)","room":":"}', NewMessage(text=":)", room=":")),
        (b'{"action":"history","limit":50,"room":null}', History()),
        (b'{"action":"read","through":0}', Read(through=0)),
        (b'{"action":"typing","to":"b","room":null,"id":null}', Typing(to="b")),
        (
            b'{"action":"registration","name":"a","cursors":{"name":1,"action":2}}',
            Registration(name="a", cursors={"name": 1, "action": 2}),
        ),
    ],
)
def test_an_action_is_read_whatever_its_spelling(frame: bytes, action: AnyAction) -> None:
    assert parse_action(frame) == action


# -- What is wrong -----------------------------------------------------------------------------


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_any_bytes_are_an_action_or_a_refusal(frame: bytes) -> None:
    assert isinstance(parse_action(frame), (*ACTIONS, Refusal))


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


class Repeated(Exception):
    """A key stands twice in an object."""


def verdict(frame: bytes) -> Code | None:
    """Judge the JSON of a frame with the standard library; None if there is nothing against it."""
    repeated = False

    def pairs(found: list[tuple[str, object]]) -> JSON:
        nonlocal repeated
        keys = [key.encode("utf-16", "surrogatepass") for key, _ in found]
        repeated = repeated or len(set(keys)) < len(keys)
        return dict(found)

    def refuse(constant: str) -> object:
        raise ValueError(constant)

    try:
        text = frame.decode()
    except UnicodeDecodeError:
        return Code.BAD_UTF8
    try:
        value = json.loads(
            text, object_pairs_hook=pairs, parse_constant=refuse, parse_int=str, parse_float=str
        )
    except ValueError:
        return Code.BAD_JSON
    if not isinstance(value, dict):
        return Code.BAD_JSON
    if depth(value) > NESTING_MAX:
        return Code.TOO_DEEP
    return Code.DUPLICATE_KEY if repeated else None


ABOUT_JSON = {Code.BAD_UTF8, Code.BAD_JSON, Code.TOO_DEEP, Code.DUPLICATE_KEY}
SNIPPETS = [
    *(b'{"action":"ping"}', b'"id":"a",', b',"room":null', b'{"a":[1,2.5e3,{}]}', b"[[", b"]]"),
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b" ", b"\n", b"\t", b"0", b"-", b".", b"e1"),
    *(b"null", b"true", b"\\u0061", b"\\ud800", b"\\udc00", b"\\n", b"\\x", b"\x00", b"\x7f"),
    *(b"\xc2\x85", b"\xc2\xab", b"\xff", b"\xed\xa0\x80", b"NaN", b"'", b"//", b"text", b"action"),
]


def mutated(frame: bytes, dice: random.Random) -> bytes:
    pieces = bytearray(frame)
    for _ in range(dice.choice((1, 1, 2, 5))):
        start = dice.randint(0, len(pieces))
        end = start + dice.choice((0, 0, 1, 1, 3, 12))
        copied = dice.randint(0, len(pieces))
        pieces[start:end] = dice.choice(
            (b"", dice.choice(SNIPPETS), bytes(pieces[copied : copied + dice.randint(0, 30)]))
        )
    return bytes(pieces)


@settings(max_examples=1000)
@given(actions, st.booleans(), st.randoms(use_true_random=False))
def test_the_verdict_on_json_is_that_of_the_standard_library(
    action: AnyAction, ascii_only: bool, dice: random.Random
) -> None:
    line = format_action(action)[:-1]
    frame = mutated(json.dumps(json.loads(line)).encode() if ascii_only else line, dice)
    expected = verdict(frame)
    found = code(frame)
    assert found == expected if expected is not None else found not in ABOUT_JSON


def test_f6_an_unfinished_object_is_bad_json_wherever_it_ends() -> None:
    frame = rb'{"action":"new_message","text":"a\u0041\n","room":"#r","id":"k"}'
    for end in range(len(frame)):
        assert code(frame[:end]) is Code.BAD_JSON


def test_f7_a_byte_order_mark_is_bad_json() -> None:
    for frame in (b'\xef\xbb\xbf{"action":"ping"}', b'{"action":"ping"}\xef\xbb\xbf'):
        assert parse_action(frame) == Refusal(Code.BAD_JSON)


def bad_utf8() -> list[bytes]:
    """Return byte sequences that RFC 3629 forbids, in the order of Markus Kuhn's list."""
    lone = [bytes([byte]) for byte in range(0x80, 0xC0)]
    never = [bytes([byte]) for byte in (0xC0, 0xC1, *range(0xF5, 0x100))]
    truncated = [
        character.encode()[:length]
        for character in "éߺ࿮￮𐀀🙂\U0010ffff"
        for length in range(1, len(character.encode()))
    ]
    overlong = [
        form
        for point in (0, 0x22, 0x2F, 0x5C, 0x7B, 0x7F)
        for form in (
            bytes([0xC0 | point >> 6, 0x80 | point & 63]),
            bytes([0xE0, 0x80 | point >> 6, 0x80 | point & 63]),
            bytes([0xF0, 0x80, 0x80 | point >> 6, 0x80 | point & 63]),
            bytes([0xF8, 0x80, 0x80, 0x80 | point >> 6, 0x80 | point & 63]),
            bytes([0xFC, 0x80, 0x80, 0x80, 0x80 | point >> 6, 0x80 | point & 63]),
        )
    ]
    overlong += [b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf0\x83\xbf\xbf"]
    surrogates = [
        chr(point).encode("utf-8", "surrogatepass")
        for point in (0xD800, 0xD801, 0xDB7F, 0xDB80, 0xDBFF, 0xDC00, 0xDC01, 0xDF80, 0xDFFF)
    ]
    surrogates += [b"\xed\xa0\xbd\xed\xb1\x8b", b"\xed\xb1\x8b\xed\xa0\xbd"]
    beyond = [b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf"]
    return [*lone, *never, *truncated, *overlong, *surrogates, *beyond]


BAD_UTF8 = bad_utf8()
PLACES = [
    b'{"action":"new_message","text":"%s"}',
    b'{"action":"new_message","text":"a%sb","id":"k"}',
    b'{"action":"new_message","text":"\\u0041%s\\n"}',
    b'{"action":"new_message","text":"a","room":"%s"}',
    b'{"action":"%s"}',
    b'{"action":"ping","%s":1}',
    b'{"action":"ping","unknown":{"a":["%s"]}}',
    b'{"action":"registration","name":"a","cursors":{"%s":1}}',
    b'{"action":"ping"}%s',
    b'{"action":"ping",%s}',
]


def test_f8_the_vectors_are_at_least_two_hundred() -> None:
    assert len(BAD_UTF8) * len(PLACES) >= 200
    assert len(set(BAD_UTF8)) >= 120


@pytest.mark.parametrize("place", PLACES)
def test_f8_bytes_that_are_not_utf_8_are_refused_wherever_they_stand(place: bytes) -> None:
    for sequence in BAD_UTF8:
        assert parse_action(place % sequence) == Refusal(Code.BAD_UTF8)
    assert Code.BAD_UTF8 in CLOSING


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_f8_other_encodings_are_refused(encoding: str) -> None:
    frame = '{"action":"new_message","text":"привет"}'.encode(encoding)
    assert code(frame) in {Code.BAD_UTF8, Code.BAD_JSON}


@pytest.mark.parametrize("at_a_place", STRING_PLACES, ids=lambda place: place[0])
@pytest.mark.parametrize(
    "half",
    [
        *(r"\ud800", r"\uDBFF", r"\udc00", r"\uDFFF", r"\ude00\ud83d", r"\ud83d\ud83d\ude00"),
        *(r"a\ud83d", r"\ud83da", r"\ud83d\u0041", r"\ud83d\\ude00", r"\ud83d\n", "\\ud800é"),
    ],
)
def test_f9_half_of_a_surrogate_pair_is_refused_in_every_string(
    at_a_place: tuple[str, JSON, Callable[[str], JSON]], half: str
) -> None:
    _, _, put = at_a_place
    frame = dumped(put("HALF")).replace(b"HALF", half.encode())
    assert code(frame) is Code.BAD_TEXT


CONTROLS = [chr(point) for point in (*range(0x20), *range(0x7F, 0xA0))]


@pytest.mark.parametrize("at_a_place", STRING_PLACES, ids=lambda place: place[0])
def test_f10_control_characters_are_refused_in_every_string_but_lines_of_what_is_said(
    at_a_place: tuple[str, JSON, Callable[[str], JSON]],
) -> None:
    name, frame, put = at_a_place
    for character in CONTROLS:
        for text in (character, f"a{character}", f"é«{character}\\b"):
            escaped = json.dumps(put(text)).replace("\x7f", r"\u007f").encode()
            if (frame["action"], name) in OF_LINES and character in "\n\t":
                action = parse_action(escaped)
                assert getattr(action, name) == text
                assert parse_action(dumped(put(text))) == action
            else:
                assert code(escaped) is Code.BAD_TEXT
                assert code(dumped(put(text))) is Code.BAD_TEXT
        raw = dumped(put("RAW")).replace(b"RAW", character.encode())
        assert code(raw) is (Code.BAD_JSON if character < " " else Code.BAD_TEXT)


@pytest.mark.parametrize("text", ["two\nlines", "a\ttab", "\n", "\t", "ends\n"])
def test_f10_a_topic_and_an_away_text_are_single_lines(text: str) -> None:
    for frame in (
        {"action": "topic", "room": "#tea", "text": text, "id": "k"},
        {"action": "create", "room": "#tea", "topic": text, "id": "k"},
        {"action": "away", "text": text, "id": "k"},
    ):
        assert parse_action(dumped(frame)) == Refusal(Code.BAD_TEXT, id="k")
    said = {"action": "new_message", "text": text}
    assert parse_action(dumped(said)) == NewMessage(text=text)
    whispered = {"action": "new_whisper", "to": "anna", "text": text}
    assert parse_action(dumped(whispered)) == NewWhisper(to="anna", text=text)


def test_f10_in_a_key_a_control_character_makes_an_unknown_field() -> None:
    refusal = parse_action(rb'{"action":"ping","\u0000":1}')
    assert refusal == Refusal(Code.BAD_FIELD, {"detail": r"\x00"})


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
@pytest.mark.parametrize("levels", [1, 10, 31, 32, 33, 1_000, 10_000, 200_000])
def test_f11_depth_is_bounded_and_never_a_recursion(
    opening: str, closing: str, levels: int
) -> None:
    inner = "1" if ":" in opening else ""
    nested = f'{{"id":"k","action":"ping","x":{opening * levels}{inner}{closing * levels}}}'
    too_deep = 1 + levels * (opening.count("[") + opening.count("{")) > NESTING_MAX
    assert parse_action(nested.encode()) == (
        Refusal(Code.TOO_DEEP, {"depth": NESTING_MAX}, "k")
        if too_deep
        else Refusal(Code.BAD_FIELD, {"detail": "x"}, "k")
    )
    unfinished = f'{{"x":{opening * levels}'
    assert code(unfinished.encode()) is (Code.TOO_DEEP if too_deep else Code.BAD_JSON)


def test_f11_braces_within_a_string_have_no_depth() -> None:
    text = "[{" * 1_000
    assert parse_action(dumped({"action": "new_message", "text": text})) == NewMessage(text=text)


INTEGERS = [
    (struct, field.encode_name, field.type)
    for struct in ACTIONS
    for field in members(struct)
    if type(examples(field.type)[0]) is int
]


@pytest.mark.parametrize(("struct", "name", "kind"), INTEGERS)
def test_f12_integers_are_taken_within_their_range_only(
    struct: type[msgspec.Struct], name: str, kind: inspect.Type
) -> None:
    ranges = [kind, *(kind.types if isinstance(kind, inspect.UnionType) else ())]
    (bounds,) = [each for each in ranges if isinstance(each, inspect.IntType)]
    assert bounds.ge is not None and bounds.le is not None
    lowest, highest = int(bounds.ge), int(bounds.le)
    frame = dumped({**least(struct), name: 7}).decode()
    whole = [lowest - 1, lowest, lowest + 1, highest - 1, highest, highest + 1]
    whole += [2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64, -1, -(2**63), -(2**63) - 1]
    for number in whole:
        expected = None if lowest <= number <= highest else Code.BAD_FIELD
        assert code(frame.replace("7", str(number)).encode()) is expected
    for spelled in ("1" + "0" * 4_300, "9" * 20_000, "1.0", "1e2", "1E2", "1.5", "1e999", "-1e999"):
        parsed = parse_action(frame.replace("7", spelled).encode())
        assert parsed == Refusal(Code.BAD_FIELD, {"detail": name})
    for spelled in ("NaN", "Infinity", "-Infinity", "nan", "0x1", "01", "-01", "+1", "1.", ".5"):
        assert code(frame.replace("7", spelled).encode()) is Code.BAD_JSON
    assert code(frame.replace("7", "-0").encode()) is (None if lowest <= 0 else Code.BAD_FIELD)


def test_f12_a_cursor_is_an_integer_of_the_same_range() -> None:
    for number in ("-1", str(2**53), "true", "1.0", '"1"', "null"):
        frame = '{"action":"registration","name":"a","cursors":{"#a":7}}'.replace("7", number)
        assert parse_action(frame.encode()) == Refusal(Code.BAD_FIELD, {"detail": "cursors[...]"})


@pytest.mark.parametrize(
    "frame",
    [
        b'{"action":"new_message","text":"a","text":"b"}',
        b'{"action":"new_message","text":"a","text":"a"}',
        b'{"action":"new_message","action":"new_message","text":"a"}',
        b'{"action":"ping","action":"quit"}',
        b'{"action":"new_message","room":"#a","text":"a","room":"#b"}',
        b'{"action":"new_message","room":null,"text":"a","room":"#b"}',
        b'{"action":"new_message","room":"#b","text":"a","room":null}',
        rb'{"action":"new_message","room":"#a","text":"a","r\u006fom":"#b"}',
        rb'{"action":"new_message","text":"\\\"","\u0074ext":"\\"}',
        rb'{"action":"new_message","text":"\"","\u0074ext":"\""}',
        rb'{"action":"new_message","room":null,"text":"\\","room":"\\"}',
        b'{"action":"read","through":1,"through":1}',
        b'{"action":"read","through":"x","through":1}',
        b'{"action":"history","limit":50,"limit":50}',
        b'{"action":"registration","name":"a","cursors":{"a":1,"a":2}}',
        rb'{"action":"registration","name":"a","cursors":{"a":1,"\u0061":2}}',
        rb'{"action":"registration","name":"a","cursors":{"\ud83d\ude00":1,"%s":2}}'.replace(
            b"%s", "😀".encode()
        ),
        b'{"action":"registration","name":"a","features":["a"],"features":["a"]}',
        b'{"action":"registration","name":"a","features":null,"features":["a","b"]}',
        b'{"action":"ping","unknown":[{"a":{"b":1,"b":2}}]}',
        b'{"unknown":1,"unknown":2}',
        rb'{"action":"ping","\ud800":1,"\ud800":2}',
        b'{"action":"ping","":1,"":2}',
    ],
)
def test_f13_a_repeated_key_is_refused_at_any_depth_and_in_any_spelling(frame: bytes) -> None:
    assert parse_action(frame) == Refusal(Code.DUPLICATE_KEY)


def spelled(dice: random.Random, text: str) -> str:
    """Spell a string as JSON in one of the many ways."""
    units = [
        rf"\u{unit:04x}"
        if dice.random() < 0.2 or unit < 0x20 or chr(unit) in '"\\' or 0xD800 <= unit < 0xE000
        else chr(unit)
        for unit in memoryview(text.encode("utf-16-le")).cast("H")
    ]
    return '"' + "".join(units) + '"'


def written(dice: random.Random, value: object) -> str:
    """Write JSON with blanks and escapes as chance will have it."""

    def blank() -> str:
        return dice.choice(("", "", " ", "\t", "\r\n "))

    match value:
        case str():
            return spelled(dice, value)
        case dict():
            value = list(value.items())
            return written(dice, tuple(value))
        case tuple():  # the members of an object
            inner = [
                f"{blank()}{written(dice, k)}{blank()}:{blank()}{written(dice, v)}{blank()}"
                for k, v in value
            ]
            return "{" + ",".join(inner) + "}"
        case list():
            return "[" + ",".join(f"{blank()}{written(dice, v)}{blank()}" for v in value) + "]"
        case _:
            return json.dumps(value)


@settings(max_examples=400)
@given(actions, st.booleans(), st.randoms(use_true_random=False))
def test_f13_the_quick_test_for_repeated_keys_misses_none_and_cries_for_none(
    action: AnyAction, spell: bool, dice: random.Random
) -> None:
    pairs = list(json.loads(format_action(action)).items())
    dice.shuffle(pairs)
    write = written if spell else lambda dice, pairs: written(random.Random(1), pairs)
    assert parse_action(write(dice, tuple(pairs)).encode()) == action
    key, value = dice.choice(pairs)
    again: object = dice.choice((value, value, None, 1, "", "a", [], {}))
    pairs.insert(dice.randint(0, len(pairs)), (key, again))
    assert code(write(dice, tuple(pairs)).encode()) is Code.DUPLICATE_KEY


FIELDS = [(struct, field) for struct in ACTIONS for field in members(struct)]


@pytest.mark.parametrize(("struct", "field"), FIELDS)
def test_f14_a_wrong_type_is_a_bad_field(
    struct: type[msgspec.Struct], field: inspect.Field
) -> None:
    # Lists and objects are wrong everywhere: by what they hold where they are not by themselves.
    allowed = {type(example) for example in examples(field.type)} - {list, dict}
    candidates = [True, False, None, 7, 1.5, "7", [True], [["a"]], {"a": True}, {"a": "7"}]
    wrong = [value for value in candidates if type(value) not in allowed]
    assert len(wrong) >= 6
    for value in wrong:
        parsed = parse_action(dumped({**least(struct), field.encode_name: value, "id": "k"}))
        if field.encode_name != "id":
            assert isinstance(parsed, Refusal)
            assert (parsed.code, parsed.id) == (Code.BAD_FIELD, "k")
            assert str(parsed.values["detail"]).split("[")[0] == field.encode_name
        parsed = parse_action(dumped({**least(struct), field.encode_name: value}))
        assert isinstance(parsed, Refusal) and parsed.code is Code.BAD_FIELD


@pytest.mark.parametrize("struct", ACTIONS)
def test_f14_missing_and_unknown_fields_are_named(struct: type[msgspec.Struct]) -> None:
    frame = least(struct)
    assert isinstance(parse_action(dumped(frame)), struct)
    for name in frame:
        rest = {key: value for key, value in frame.items() if key != name}
        assert parse_action(dumped(rest)) == Refusal(Code.BAD_FIELD, {"detail": name})
    strange = {"rooom", "__proto__", "constructor", "Text", "", "from", "seq", "at", "kind"}
    for name in sorted(strange - {field.encode_name for field in members(struct)}):
        refused = Refusal(Code.BAD_FIELD, {"detail": name}, "k")
        assert parse_action(dumped({**frame, name: "a", "id": "k"})) == refused
        assert parse_action(dumped({name: {"x": [1]}, "id": "k", **frame})) == refused


@pytest.mark.parametrize("value", [None, True, 1, 1.5, [], {}, ["ping"], {"action": "ping"}])
def test_f14_an_action_that_is_no_string_is_a_bad_field(value: object) -> None:
    assert parse_action(dumped({"action": value})) == Refusal(Code.BAD_FIELD, {"detail": "action"})


@pytest.mark.parametrize("name", ["", "nope", "Ping", "ping ", "new_user", "\u0440ing", "\ud800"])
def test_f14_an_action_that_we_do_not_have_is_unknown(name: str) -> None:
    frame = {"action": name, "id": "k", "body": "\n\x00", "text": 1}
    assert parse_action(json.dumps(frame).encode()) == Refusal(Code.UNKNOWN_ACTION, id="k")


def test_f14_a_list_too_long_is_a_bad_field() -> None:
    cursors = {f"#{number}": 1 for number in range(CURSORS_MAX + 1)}
    registration = {"action": "registration", "name": "a"}
    assert code(dumped({**registration, "cursors": cursors})) is Code.BAD_FIELD
    del cursors["#0"]
    assert code(dumped({**registration, "cursors": cursors})) is None
    assert code(dumped({**registration, "features": ["a"] * 17})) is Code.BAD_FIELD


@pytest.mark.parametrize(
    ("name", "detail"),
    [("a" * 1_000, "a" * 64), ("\n", r"\n"), ("\u202e", r"\u202e"), ("имя", "имя")],
)
def test_the_name_of_an_unknown_field_is_shown_short_and_harmless(name: str, detail: str) -> None:
    assert parse_action(dumped({"action": "ping", name: 1}).replace(b"\n", b"\\n")) == Refusal(
        Code.BAD_FIELD, {"detail": detail}
    )


MANY = {
    "keys": b'{"action":"ping",' + b",".join(b'"%x":1' % n for n in range(7_000)) + b"}",
    "equal keys": b"{" + b'"a":1,' * 10_000 + b'"action":"ping"}',
    "numbers": b'{"action":"ping","a":[' + b"1," * 32_000 + b"1]}",
    "strings": b'{"action":"ping","a":[' + b'"",' * 21_000 + b'""]}',
    "lists": b'{"action":"ping","a":[' + b"[]," * 21_000 + b"[]]}",
    "features": b'{"action":"registration","name":"a","features":[' + b'"",' * 21_000 + b'""]}',
    "cursors": b'{"action":"registration","name":"a","cursors":{'
    + b",".join(b'"%x":1' % n for n in range(7_000))
    + b"}}",
    "escapes": b'{"action":"new_message","text":"' + b"\\n" * 32_000 + b'"}',
    "halves": b'{"action":"new_message","text":"' + b"\\ud800" * 10_000 + b'"}',
    "digits": b'{"action":"read","through":' + b"9" * 65_000 + b"}",
    "blanks": b'{"action":"ping"' + b" " * 65_000 + b"x",
    "unfinished string": b'{"action":"new_message","text":"' + b"\\\\" * 32_000,
}


@pytest.mark.parametrize("many", MANY)
def test_f15_a_frame_full_of_anything_takes_less_than_fifty_milliseconds(many: str) -> None:
    frame = MANY[many]
    assert len(frame) <= FRAME_BYTES_MAX

    def seconds() -> float:
        began = time.process_time()
        parse_action(frame)
        return time.process_time() - began

    assert min(seconds() for _ in range(5)) < 0.05


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\ufeff", "\u00a0", "\u200b", "\u202e"])
def test_f16_separators_that_are_no_control_characters_stay_as_they_are(mark: str) -> None:
    action = NewMessage(text=f"a{mark}b", room=f"#{mark}")
    assert parse_action(format_action(action)) == action
    assert parse_action(json.dumps(json.loads(format_action(action))).encode()) == action


NOT_JSON = [
    *("", " ", "{", "}", "{]", "[", "null", "true", "7", '"action"', "[]", '[{"action":"ping"}]'),
    *('{"action":"ping"}{"action":"ping"}', '{"action":"ping"} x', '{"action":"ping"},'),
    *('{"action":"ping"}\x00', '\x00{"action":"ping"}', '{"action":"ping"}]', '{"action":"ping"}}'),
    *("{'action':'ping'}", '{action:"ping"}', '{"action":ping}', "{\"action\":'ping'}"),
    *('{"action":"ping",}', '{,"action":"ping"}', '{"action":"ping",,"id":"a"}', "{,}"),
    *('{"action":"ping";"id":"a"}', '{"action" "ping"}', '{"action"="ping"}', '{"action"::"ping"}'),
    *('{"action":}', '{:"ping"}', '{"action"}', '{"action":"ping" "id":"a"}', "{1:1}", "{null:1}"),
    *('// a\n{"action":"ping"}', '{"action":"ping"/* a */}', '{"action":"ping"} # a', "/**/{}"),
    *('{"a":01}', '{"a":-01}', '{"a":+1}', '{"a":.5}', '{"a":1.}', '{"a":1.e1}', '{"a":1e}'),
    *('{"a":1e+}', '{"a":--1}', '{"a":-}', '{"a":0x10}', '{"a":1_000}', '{"a":1a}', '{"a":0b1}'),
    *('{"a":NaN}', '{"a":-NaN}', '{"a":Infinity}', '{"a":-Infinity}', '{"a":inf}', '{"a":١}'),
    *('{"a":True}', '{"a":None}', '{"a":nul}', '{"a":truee}', '{"a":undefined}', '{"a":FALSE}'),
    *('{"a":[1,]}', '{"a":[,1]}', '{"a":[1 2]}', '{"a":[1}', '{"a":1]}', '{"a":[1,,2]}', '{"a":[}'),
    *('{"a":"', '{"a":"\\"}', '{"a":"\\x41"}', '{"a":"\\u00g0"}', '{"a":"\\u"}', '{"a":"\\u00"}'),
    *(
        '{"a":"\\U0041"}',
        '{"a":"\\\'"}',
        '{"a":"\\a"}',
        '{"a":"\\ "}',
        '{"a":"\\0"}',
        '{"a":"\\u+041"}',
    ),
    *('{"a":"\n"}', '{"a":"\t"}', '{"a":"\x00"}', '{"a":"\x1f"}', '{"a\n":1}', '{"a":"\\\n"}'),
    *('{"a":"\\n\n"}', '{"a":"\\n\x01"}', '{"a\\n\t":1}'),
    *('\xa0{"action":"ping"}', '\u2028{"action":"ping"}', '\x0c{"action":"ping"}', "\ufeff{}"),
    *('{\x0b"a":1}', '{"a":1\x85}', '{"a":\u30001}', '{"a":`b`}', '{"a":<b>}', '{"a":"b"+"c"}'),
]


@pytest.mark.parametrize("text", NOT_JSON)
def test_f19_what_is_not_one_object_of_json_is_bad_json(text: str) -> None:
    assert parse_action(text.encode()) == Refusal(Code.BAD_JSON)
    within = '{"action":"ping","id":"k","x":' + text + "}"
    try:
        json.loads(within, parse_constant=lambda constant: float("x"))
    except ValueError:
        assert parse_action(within.encode()) == Refusal(Code.BAD_JSON)


@pytest.mark.parametrize(
    "value",
    [
        *("0", "-0", "1", "-1", "0.5", "-0.5e-5", "1E400", "1e+9", "true", "false", "null", '""'),
        *("[]", "{}", "[ ]", "{ }", "[1,2]", "[ 1 , [ ] ]", r'"\u0041\/\b\f\r"', '"\u007f"'),
        *('{"":{"":""}}', "[null,true,false,1,1.5]", '["a",1,{"b":[2]},"c"]', r'"\ud800"'),
    ],
)
def test_f19_what_is_json_is_not_called_bad_json(value: str) -> None:
    frame = '{"action":"ping","id":"k","x":' + value + "}"
    assert parse_action(frame.encode()) == Refusal(Code.BAD_FIELD, {"detail": "x"}, "k")


@pytest.mark.parametrize(
    ("frame", "refusal"),
    [
        (b'{"action":"nope","id":"k"}', Refusal(Code.UNKNOWN_ACTION, id="k")),
        (b'{"id":"k"}', Refusal(Code.BAD_FIELD, {"detail": "action"}, "k")),
        (
            b'{"id":"k","text":1,"action":"new_message"}',
            Refusal(Code.BAD_FIELD, {"detail": "text"}, "k"),
        ),
        (rb'{"action":"new_message","text":"\u0000","id":"k"}', Refusal(Code.BAD_TEXT, id="k")),
        (b'{"action":"ping","id":"k","x":1,"x":1}', Refusal(Code.DUPLICATE_KEY, id="k")),
        (b'{"action":"ping","id":"k","id":"l"}', Refusal(Code.DUPLICATE_KEY)),
        (rb'{"action":"nope","\u0069d":"\u006b"}', Refusal(Code.UNKNOWN_ACTION, id="k")),
        (b'{"action":"nope","id":"not one"}', Refusal(Code.UNKNOWN_ACTION)),
        (b'{"action":"nope","id":"~k"}', Refusal(Code.UNKNOWN_ACTION)),
        (b'{"action":"nope","id":7}', Refusal(Code.UNKNOWN_ACTION)),
        (rb'{"action":"nope","id":"\ud800"}', Refusal(Code.UNKNOWN_ACTION)),
        (b'{"action":"nope","x":{"id":"k"}}', Refusal(Code.UNKNOWN_ACTION)),
        (b'{"action":"ping","id":"k","x":', Refusal(Code.BAD_JSON)),
    ],
)
def test_a_refusal_has_the_id_of_the_frame_where_it_is_a_valid_one(
    frame: bytes, refusal: Refusal
) -> None:
    assert parse_action(frame) == refusal


@pytest.mark.parametrize(
    ("frame", "first"),
    [
        (b'{"action":"nope","action":"\xff",', Code.BAD_UTF8),
        (b'{"action":"nope","action":"nope",', Code.BAD_JSON),
        (b'{"action":"nope","action":"nope"}', Code.DUPLICATE_KEY),
        (rb'{"action":"nope","id":"\u0000","x":1}', Code.UNKNOWN_ACTION),
        (rb'{"action":"ping","id":"\u0000","x":1}', Code.BAD_TEXT),
        (rb'{"action":"ping","id":"a b","x":"\u0000"}', Code.BAD_FIELD),
    ],
)
def test_the_faults_of_a_frame_are_named_in_one_order(frame: bytes, first: Code) -> None:
    assert code(frame) is first


# -- Events -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        (b'{"action":"pong","id":"k"}', PongEvent(id="k")),
        (b'{"action":"pong","new":{"a":[1]}}', PongEvent()),
        (b'{"action":"reaction","to":7}', None),
        (b'{"action":"reaction","result":"error"}', None),
        (b'{"result":"error"}', Result(result="error")),
        (
            b'{"result":"successful","users":["a"],"new":1}',
            Result(result="successful", users=["a"]),
        ),
        (
            b'{"action":"error","text":"no","code":"busy"}',
            ErrorEvent(text="no", code=Code.BUSY),
        ),
        (
            b'{"action":"error","text":"no","code":"of_tomorrow","id":"k"}',
            ErrorEvent(text="no", code="of_tomorrow", id="k"),
        ),
        (
            b'{"action":"bye","text":"ends","code":"of_tomorrow"}',
            ByeEvent(text="ends", code="of_tomorrow"),
        ),
        (
            b'{"result":"error","text":"no","code":"of_tomorrow"}',
            Result(result="error", text="no", code="of_tomorrow"),
        ),
        (
            b'{"action":"history","head":3,"new":1,"entries":[{"action":"new_message","text":"a",'
            b'"from":"b","seq":1},{"action":"reaction","seq":2}]}',
            HistoryEvent(head=3, entries=[NewMessageEvent(text="a", from_="b", seq=1)]),
        ),
        (
            b'{"action":"ledger","room":"#tea","entries":[{"action":"praised","seq":2}]}',
            LedgerEvent(room="#tea", entries=[]),
        ),
    ],
)
def test_what_only_a_newer_server_knows_is_passed_over_and_its_codes_are_passed_on(
    frame: bytes, event: AnyEvent | Result | None
) -> None:
    assert parse_event(frame) == event


@pytest.mark.parametrize(
    "frame",
    [
        *(b"", b"{", b"[]", b"7", b"{}", b'{"text":"a"}', b'{"action":7}', b'{"action":null}'),
        *(b'{"action":"new_message"}', b'{"action":"new_message","text":1,"from":"a"}'),
        *(b'{"action":"pong","id":"\xff"}', b'{"result":7}', b'{"result":"\xff"}', b"\xff"),
        *(b'{"action":"pong"} x', b'{"action":"reaction"', b'{"action":"pong","id":"\\ud800"}'),
        b'{"action":"history","head":1,"entries":[{"action":"new_message"}]}',
        b'{"action":"history","head":1,"entries":7}',
        b'{"action":"history","head":1}',
        b'{"action":"pong","x":' + b"[" * 200_000,
        b'{"action":"history","entries":[' + b'{"a":' * 200_000,
    ],
)
def test_what_is_no_event_is_a_bad_event_and_nothing_else(frame: bytes) -> None:
    with pytest.raises(BadEvent):
        parse_event(frame)


@given(st.binary(max_size=100) | st.text().map(str.encode), events, st.randoms())
def test_any_bytes_are_an_event_or_a_bad_event(
    noise: bytes, event: AnyEvent | Result, dice: random.Random
) -> None:
    for frame in (noise, mutated(format_event(event), dice)):
        try:
            parse_event(frame)
        except BadEvent as error:
            assert str(error)


def test_every_code_that_a_frame_can_be_refused_with_has_a_case() -> None:
    cases = {
        Code.BAD_UTF8: b'{"action":"\xff"}',
        Code.BAD_JSON: b"{",
        Code.TOO_DEEP: b'{"x":' + b"[" * NESTING_MAX,
        Code.DUPLICATE_KEY: b'{"action":"ping","action":"ping"}',
        Code.UNKNOWN_ACTION: b'{"action":"nope"}',
        Code.BAD_FIELD: b'{"action":"ping","x":1}',
        Code.BAD_TEXT: rb'{"action":"new_message","text":"\u0000"}',
    }
    # The other two of this sort are the framer's.
    about_frames = list(Code)[: list(Code).index(Code.BAD_TEXT) + 1]
    assert {*cases, Code.BAD_PROTOCOL, Code.TOO_LONG} == {*about_frames}
    for expected, frame in cases.items():
        assert code(frame) is expected
