"""Text for a terminal: whatever goes in, a terminal is only written on (T1, N4)."""

import json
import sys
import unicodedata

import msgspec
import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molva.wire.terminal import (
    FIRST_STRONG_ISOLATE,
    MARKS_IN_A_ROW_MAX,
    POP_DIRECTIONAL_ISOLATE,
    safe_json,
    safe_line,
    safe_lines,
    safe_text,
)
from tests.hostile import ATTACKS, assert_harmless, moves

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""All that steer direction (UAX #9, section 2)."""


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_shown_and_does_nothing(attack: str) -> None:
    assert_harmless(safe_line(attack))
    assert_harmless("\n".join(safe_lines(attack)))
    assert_harmless(safe_text(attack))


def test_the_terminal_of_these_tests_sees_what_is_raw() -> None:
    for attack in (ATTACKS[0], ATTACKS[1], ATTACKS[6]):
        assert moves(attack), ascii(attack)


def test_every_character_is_harmless_and_most_are_themselves() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        shown = safe_line(character)
        assert shown, "nothing disappears without a sign"
        category = unicodedata.category(character)
        if category in ("Cc", "Cs", "Zl", "Zp", "Cf") and character not in "\u200c\u200d":
            assert shown != character and shown.isprintable()
        else:
            assert shown.strip(FIRST_STRONG_ISOLATE + POP_DIRECTIONAL_ISOLATE) == character


def test_what_people_write_is_left_alone() -> None:
    for text in ("Привет, мир!", "naïve café", "👨‍👩‍👧 ok", "日本語", "a\u00a0b", "ёЁ№—«»…"):
        assert safe_line(text) == text


def test_right_to_left_cannot_reorder_its_neighbours() -> None:
    assert safe_line("שלום abc") == f"{FIRST_STRONG_ISOLATE}שלום abc{POP_DIRECTIONAL_ISOLATE}"
    lines = safe_lines("שלום\nabc\u2068")
    assert lines == [safe_line("שלום"), "abc<U+2068>"]


def test_marks_do_not_pile_up() -> None:
    assert safe_line("a" + "\u0301" * 5000) == "a" + "\u0301" * MARKS_IN_A_ROW_MAX


@given(st.text(st.characters()))
def test_any_text_is_harmless(text: str) -> None:
    assert_harmless(safe_line(text))
    assert "\n" not in safe_line(text)
    lines = safe_lines(text)
    assert len(lines) == text.count("\n") + 1
    assert_harmless("\n".join(lines))
    assert safe_text(text) == "\n".join(lines)


@given(st.text(st.characters() | st.sampled_from("\x1b\x07\x9b\r[]m;0H" + BIDI)))
def test_no_control_character_and_no_bidi_control_of_the_input_leaves(text: str) -> None:
    ours = FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE
    for line in safe_text(text).split("\n"):
        if line.startswith(ours[0]) and line.endswith(ours[1]):
            line = line[1:-1]
        assert not set(line) & set(BIDI)
        assert not any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in line)


UNTOUCHED = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Mn", "Mc", "Me"])


@given(st.text(UNTOUCHED | st.sampled_from("\u200c\u200d\n")))
def test_all_else_is_untouched(text: str) -> None:
    """But for the isolates around a line with letters that run from right to left."""
    ours = str.maketrans("", "", FIRST_STRONG_ISOLATE + POP_DIRECTIONAL_ISOLATE)
    assert safe_text(text).translate(ours) == text
    if not any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text):
        assert safe_text(text) == text
        assert safe_line(text.replace("\n", " ")) == text.replace("\n", " ")


PIECES = [*ATTACKS, "a", "\x1b", "[", "2J", "\n", "\u009b1;1H"]


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_a_terminal_shows_the_text_and_nothing_else_happens_to_it(parts: list[str]) -> None:
    text = safe_text("".join(parts))
    assert not moves(text.replace("\n", "\r\n"))
    screen = pyte.Screen(2_000, 40)
    pyte.Stream(screen).feed("above\r\n" + text.replace("\n", "\r\n"))
    assert screen.display[0].rstrip() == "above"
    assert screen.cursor.y == 1 + text.count("\n")
    assert screen.title == "" and screen.cursor.attrs == screen.default_char


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_is_harmless_and_the_same(text: str) -> None:
    encoded = msgspec.json.encode({"text": text}).decode()
    safe = safe_json(encoded)
    assert json.loads(safe) == {"text": text}
    assert_harmless(safe.replace(FIRST_STRONG_ISOLATE, ""))
