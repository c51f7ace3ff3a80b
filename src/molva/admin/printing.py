"""Printing: how the operator's commands put what they were told on a terminal.

Owns the two streams: answers go to the standard output, everything else to the standard error.
Invariant: what others wrote can do nothing to the terminal.
"""

import sys
from typing import Any

import msgspec

from molva.terms.catalogue import Language, say
from molva.wire.terminal import safe_json, safe_line


def line(text: str) -> None:
    """Print one line of an answer."""
    print(safe_line(text), flush=True)


def text(made: str) -> None:
    """Print lines that are safe already."""
    print(made, end="", flush=True)


def row(values: dict[str, Any]) -> None:
    """Print one row of an answer as a line of JSON."""
    print(safe_json(msgspec.json.encode(values).decode()), flush=True)


def note(said: str) -> None:
    """Say something beside the answer."""
    print(said, file=sys.stderr, flush=True)


def complain(said: str) -> None:
    """Say what is wrong, in one line that is safe already."""
    print(f"molva: {said}", file=sys.stderr, flush=True)


def fields(told: msgspec.Struct) -> dict[str, Any]:
    """Return what an event or a row of one says, without what only the protocol needs."""
    values = {
        field.encode_name: getattr(told, field.name) for field in msgspec.structs.fields(told)
    }
    values.pop("id", None)
    return values


def moment(at: str, language: Language) -> str:
    """Return the end of something, of RFC 3339, in words."""
    return say("until", language, time=at[:16].replace("T", " ")).strip()


def cut(shown: int, total: int | None, language: Language) -> None:
    """Say that a list is not all, if it is not."""
    if total is not None:
        complain(say("admin.cut", language, n=total - shown))
