"""Legacy: what a client of 2022 is sent.

Owns what such a client understands and how much it takes at once: it reads with one `recv(4096)`
and parses what came as one object, so each object is whole, short and written alone. Refuses to
know when each is written and that such a client never hears itself; the shell sees to both.

Invariants:
- No object has more than `bytes_max` bytes, its newline included.
- A text is never cut short: its parts, put together, are the text.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

import msgspec

from molva.terms.catalogue import Language, parse_language, say
from molva.terms.errors import Code
from molva.terms.events import (
    AnyEvent,
    Bye,
    Done,
    Error,
    History,
    NewMessage,
    NewUser,
    NewWhisper,
    Pong,
    Presence,
    Result,
    Rooms,
    Stored,
    UserLeft,
    Users,
)
from molva.terms.limits import LEGACY_OBJECT_BYTES_MAX
from molva.terms.names import GENERAL

_encode: Final = msgspec.json.Encoder().encode


class _Farewell(msgspec.Struct, frozen=True, tag_field="action", tag="error", omit_defaults=True):
    """A `Bye` as an error, which may have no code."""

    text: str
    code: str | None = None


def format_legacy(
    event: AnyEvent | Result,
    *,
    language: Language = Language.ENGLISH,
    bytes_max: int = LEGACY_OBJECT_BYTES_MAX,
) -> list[bytes]:
    """Write an event as the objects that tell it to a client of 2022, each ending with a newline.

    Out: none for what it does not know and for rooms other than the common one; one for each name
    of a `Presence`; several with parts of the text, and all other fields the same, where a text is
    too long for one. The welcome's list of users is cut where it is too long, and its text says so.
    What answers an action of today, which such a client may send, is told as it is; where a list or
    a page is too long for one object it is refused instead, in `language`.

    Raises ValueError where `bytes_max` has no room for the other fields and a character of text;
    with names, ids and times within their limits 1,024 is room enough.
    """
    match event:
        case NewMessage(room=room) if room is not None and room != GENERAL:
            return []
        case NewMessage() | NewWhisper() | Error():
            return _in_parts(event, bytes_max)
        case Bye(text=text, code=code):
            return _in_parts(_Farewell(text=text, code=code), bytes_max)
        case Result():
            return [_welcome(event, bytes_max)]
        case NewUser() | UserLeft() | Pong() | Done() | Stored():
            return [_line(event, bytes_max)]
        case Presence(arrived=arrived, left=left):
            return [
                *(_line(NewUser(user=name), bytes_max) for name in arrived or ()),
                *(_line(UserLeft(user=name), bytes_max) for name in left or ()),
            ]
        case Users() | Rooms() | History():
            if _line_bytes(event) <= bytes_max:
                return [_line(event, bytes_max)]
            text = say("error.limit_reached", language, detail=bytes_max)
            return _in_parts(Error(text=text, code=Code.LIMIT_REACHED, id=event.id), bytes_max)
        case _:
            return []


def _in_parts(event: NewMessage | NewWhisper | Error | _Farewell, bytes_max: int) -> list[bytes]:
    size = _line_bytes(event)
    text = event.text
    if size <= bytes_max or not text:
        return [_line(event, bytes_max)]
    room = bytes_max - (size - _text_bytes(text))
    lines = []
    while text:
        part = text[: _part_characters(text, room)]
        lines.append(_line(msgspec.structs.replace(event, text=part), bytes_max))
        text = text[len(part) :]
    return lines


def _part_characters(text: str, room: int) -> int:
    """Return how many characters of a text make its next part, of `room` bytes at most."""
    fitting = _most(min(len(text), room), lambda count: _text_bytes(text[:count]) <= room)
    if not fitting:
        raise ValueError(f"{room} bytes are no room for a character of the text")
    if fitting == len(text):
        return fitting
    # After the last newline or else the last space, unless that would make a short part of a long
    # text; the space stays, at the end of the part, so that nothing is lost.
    for blanks in ("\n", " \t\u2028\u2029\u3000"):
        cut = max(text.rfind(blank, 0, fitting) for blank in blanks) + 1
        if cut > fitting // 2:
            return cut
    return fitting


def _text_bytes(text: str) -> int:
    """Return what a text takes as JSON, without its quotes."""
    return len(_encode(text)) - 2


def _welcome(result: Result, bytes_max: int) -> bytes:
    result = msgspec.structs.replace(result, token=None, conversations=None)
    size = _line_bytes(result)
    users = result.users
    if size <= bytes_max or not (users or result.text):
        return _line(result, bytes_max)
    if not users:
        # Only the text can make it so long, and there is no second object for the rest.
        text = result.text or ""
        room = bytes_max - (size - _text_bytes(text))
        text = text[: _part_characters(text, room)]
        return _line(msgspec.structs.replace(result, text=text), bytes_max)
    names = users
    online = len(names) if result.online is None else result.online
    language = parse_language(result.language)

    def cut(shown: int) -> Result:
        text = say("welcome.cut", language, name=result.name or "", online=online, shown=shown)
        return msgspec.structs.replace(result, users=names[:shown], online=online, text=text)

    shown = _most(len(names) - 1, lambda shown: _line_bytes(cut(shown)) <= bytes_max)
    return _line(cut(shown), bytes_max)


def _most(count_max: int, fits: Callable[[int], bool]) -> int:
    """Return the largest count that fits, where each fits whose successor does."""
    return bisect_right(range(1, count_max + 1), False, key=lambda count: not fits(count))


def _line_bytes(event: msgspec.Struct) -> int:
    return len(_encode(event)) + 1


def _line(event: msgspec.Struct, bytes_max: int) -> bytes:
    line = _encode(event) + b"\n"
    if len(line) > bytes_max:
        raise ValueError(f"{len(line)} bytes where {bytes_max} may be sent at once")
    return line
