"""What tests of terminals share: texts that attack one, and a terminal that notes what it does."""

import typing
import unicodedata

import pyte

from molva.wire.terminal import FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE

ATTACKS = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]52;c;ZXZpbA==\x1b\\",
    "\x1bP$qm\x1b\\",
    "\x1b[201~pasted",
    "\x9b31m\x9d0;t\x9c",
    "bell\x07back\x08\x08\x7f",
    "over\rwritten",
    "line\u2028sep\u2029par\x85next\x0b\x0c\x1c\x1d\x1e",
    "\u202egpj.exe\u202c \u2066x\u2069 \u200e\u200f\u061c",
    "zero\u200bwidth\ufeff\u00ad\u2060",
    "tag\U000e0041\U000e007f",
    "\ud800 lone",
    "[red]markup[/red] <b>html</b> {name} {0.__class__} %s",
]
EVIL = "".join(ATTACKS)


HARMLESS = {"draw", "linefeed", "carriage_return"}
"""What a terminal does for text and newlines."""


class Recorder:
    """A terminal that notes whatever does more than write a character or end a line."""

    def __init__(self) -> None:
        self.moved: list[str] = []

    def __getattr__(self, event: str) -> typing.Callable[..., None]:
        def happen(*_: object, **__: object) -> None:
            if event not in HARMLESS:
                self.moved.append(event)

        return happen


def moves(text: str) -> list[str]:
    """Return what a terminal would do beside writing."""
    recorder: typing.Any = Recorder()
    pyte.Stream(recorder).feed(text)
    return list(recorder.moved)


def assert_harmless(text: str) -> None:
    """Assert that a terminal given this text, which may hold newlines, only writes it."""
    for character in text.replace("\n", ""):
        category = unicodedata.category(character)
        assert category not in ("Cc", "Cs", "Zl", "Zp"), f"U+{ord(character):04X}"
        if category == "Cf":
            assert character in "\u200c\u200d" + FIRST_STRONG_ISOLATE + POP_DIRECTIONAL_ISOLATE
    assert moves(text.replace("\n", "\r\n")) == []
    for line in text.split("\n"):
        depth = 0
        for character in line:
            depth += (character == FIRST_STRONG_ISOLATE) - (character == POP_DIRECTIONAL_ISOLATE)
            assert depth in (0, 1)
        assert depth == 0, "an isolate is closed on its own line"
