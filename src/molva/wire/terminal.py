"""Text for a terminal: what others wrote, made unable to do anything but be read.

Owns the one way from a text to a screen, the server's as well as a client's. Refuses to know who
wrote it and how it is laid out.

Invariants: what comes out holds no control character (neither C0 nor DEL nor C1, so no escape
sequence of any kind), no line or paragraph separator and no bidi control of the input; each of
them stands as a visible placeholder instead. `safe_line` is one line whatever goes in. Text that
runs from right to left is put between isolates of ours, so that it cannot reorder what stands
beside it (Unicode UAX #9): so a text is made safe once, at the last step.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

MARKS_IN_A_ROW_MAX: Final = 8
"""Combining marks after one letter that are shown; more would climb over the lines around."""

FIRST_STRONG_ISOLATE: Final = "\u2068"
POP_DIRECTIONAL_ISOLATE: Final = "\u2069"

# Joiners make emoji and whole scripts; nothing is hidden by them that is not seen otherwise.
_KEPT_UNSEEN: Final = frozenset("\u200c\u200d")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
_PLAIN: Final = re.compile(r"[ -~\u00a1-\u00ac\u00ae-\u02ff\u0400-\u0482\u048a-\u052f]*")
"""Latin and Cyrillic without anything special: nearly every text, so it is not looked at twice."""


def safe_line(text: str) -> str:
    """Return `text` as one line: a newline and a tab are placeholders too."""
    if _PLAIN.fullmatch(text):
        return text
    return _isolate(_replace(text))


def safe_lines(text: str) -> list[str]:
    """Return the lines of `text`, each safe; tabs become spaces. Only a newline ends a line."""
    return [safe_line(line.replace("\t", "    ")) for line in text.split("\n")]


def safe_text(text: str) -> str:
    """Return `text` with each of its lines safe and its newlines as they are."""
    if _PLAIN.fullmatch(text):
        return text
    return "\n".join(safe_lines(text))


def safe_json(text: str) -> str:
    """Return JSON text with what is unsafe written as an escape, which means the same to a reader.

    Outside its strings JSON holds ASCII only, so every character replaced here is inside one.
    """
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_escape(character) if _unseen(character) else character for character in text)


def _replace(text: str) -> str:
    out: list[str] = []
    marks = 0
    for character in text:
        if unicodedata.category(character) in ("Mn", "Me", "Mc"):
            marks += 1
            if marks > MARKS_IN_A_ROW_MAX:
                continue
        elif character not in _KEPT_UNSEEN:
            marks = 0
        out.append(_placeholder(character) if _unseen(character) else character)
    return "".join(out)


@lru_cache(maxsize=4096)
def _unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN and character not in _KEPT_UNSEEN


def _placeholder(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # The pictures of the control characters.
    if code == 0x7F:
        return "\u2421"
    return f"<U+{code:04X}>"


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _isolate(text: str) -> str:
    if any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text):
        return f"{FIRST_STRONG_ISOLATE}{text}{POP_DIRECTIONAL_ISOLATE}"
    return text
