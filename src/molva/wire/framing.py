"""Framing: bytes as they arrive to frames, bounded.

Owns where a frame ends and how long it may be. A frame ends at a newline or, as clients of 2022
send it, where a bare object is complete; so several objects may stand on one line. Refuses to know
what a frame says: whether it is UTF-8, JSON or an action is the codec's to find out.

Invariants:
- The frames do not depend on how the bytes are cut.
- Each byte is looked at a bounded number of times, however it comes.
- No more than `frame_bytes_max` bytes are kept between two calls.
- After a break nothing is kept and nothing leaves: the tail of an oversized line is never a frame.
"""

import re
from enum import IntEnum
from typing import Final

from molva.terms.errors import Code
from molva.terms.limits import FRAME_BYTES_MAX

_BLANK: Final = b" \t\r"
_NOT_BLANK: Final = re.compile(rb"[^ \t\r]")
# What may stand in an object up to its next brace: whole strings and what is neither brace nor
# quote. No choice has two ways to match, so it is linear; and the repetitions are bounded, because
# each costs memory while the pattern runs. Where one ends early, the scan goes on by itself.
_ESCAPES: Final = rb'[^"\\]*(?:\\.[^"\\]*){0,64}'
_TO_QUOTE: Final = re.compile(_ESCAPES, re.DOTALL)
_TO_BRACE: Final = re.compile(rb'[^"{}]*(?:"' + _ESCAPES + rb'"[^"{}]*){0,64}', re.DOTALL)
_QUOTE, _OPENING, _CLOSING = b'"{}'
_BYTE_ORDER_MARK: Final = 0xEF


class _Inside(IntEnum):
    """Where the next byte stands."""

    NOTHING = 0
    """Between frames."""
    LINE = 1
    """In something that is not an object; only a newline ends it."""
    OBJECT = 2
    STRING = 3
    ESCAPE = 4
    """After a backslash in a string."""


# As plain numbers: a lookup in the enumeration costs more than the comparison.
_NOTHING: Final = int(_Inside.NOTHING)
_LINE: Final = int(_Inside.LINE)
_OBJECT: Final = int(_Inside.OBJECT)
_STRING: Final = int(_Inside.STRING)
_ESCAPE: Final = int(_Inside.ESCAPE)


class Framer:
    """The incoming side of one connection.

    A frame is what stands between newlines, without blanks (space, tab, carriage return: those of
    RFC 8259, section 2) at either end, blank ones dropped. Where that is more than one object,
    each object is a frame as soon as its last brace is there, and what follows on the line and is
    not an object is a frame up to the newline. A newline ends a frame even inside an object, whose
    strings cannot hold one (RFC 8259, section 7).
    """

    __slots__ = ("_begun", "_blanks", "_depth", "_frame_bytes_max", "_inside", "_kept", "broken")

    def __init__(self, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self.broken: Code | None = None
        """Why nothing more is understood here: `TOO_LONG` or `BAD_PROTOCOL`; None while it is."""
        self._frame_bytes_max = frame_bytes_max
        self._kept = bytearray()
        """The unfinished frame, from its first byte that is not blank."""
        self._blanks = 0
        """Blanks since the last frame or newline; they count towards the length of the frame, so
        that endless blanks are too long as well."""
        self._inside = _NOTHING
        self._depth = 0
        """Braces open in the unfinished object."""
        self._begun = False
        """Whether the first byte that is not blank was seen."""

    @property
    def pending(self) -> int:
        """Bytes of the unfinished frame; 0 when everything that arrived has left."""
        return len(self._kept)

    def receive(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the connection; return the frames that they complete, in order.

        Sets `broken` to `TOO_LONG` as soon as a frame has more than `frame_bytes_max` bytes (its
        newline does not count), or to `BAD_PROTOCOL` when the connection begins with a byte other
        than `{` or a byte order mark (which passes, so that the codec can name the fault). The
        frames completed before the break are returned; from then on there are none.
        """
        frames: list[bytes] = []
        if self.broken is not None:
            return frames
        *lines, rest = data.split(b"\n")
        for line in lines:
            if self._inside == _NOTHING and self._begun and not self._blanks:
                # Without a brace before its last byte, no object ends before the line does: the
                # line is one frame, and the scan would say the same.
                if len(line) <= self._frame_bytes_max:
                    frame = line.strip(_BLANK)
                    if frame.find(b"}", 0, -1) < 0:
                        if frame:
                            frames.append(frame)
                        continue
            self._scan(line, frames)
            if self.broken is not None:
                return frames
            self._end_line(frames)
        if rest:
            self._scan(rest, frames)
        return frames

    def _scan(self, piece: bytes, frames: list[bytes]) -> None:
        """Go on through bytes without a newline; resume where the last piece stopped."""
        kept = self._kept
        inside = self._inside
        at = start = 0  # `start`: where the unfinished frame begins in this piece
        end = len(piece)
        while at < end:
            if inside == _NOTHING:
                found = _NOT_BLANK.search(piece, at)
                start = found.start() if found else end
                self._blanks += start - at
                if self._blanks >= self._frame_bytes_max + (found is None):
                    return self._break(Code.TOO_LONG)
                if found is None:
                    break
                at = start
                first = piece[at]
                if not self._begun:
                    if first not in (_OPENING, _BYTE_ORDER_MARK):
                        return self._break(Code.BAD_PROTOCOL)
                    self._begun = True
                inside = _OBJECT if first == _OPENING else _LINE
                self._depth = 0
            # No further than the first byte too many, so that the work is bounded as well.
            stop = min(end, start + self._frame_bytes_max + 1 - self._blanks - len(kept))
            while at < stop:
                if inside == _OBJECT:
                    at = _end(_TO_BRACE.match(piece, at, stop))
                    if at == stop:
                        break
                    byte = piece[at]
                    at += 1
                    if byte == _QUOTE:
                        inside = _STRING
                    elif byte == _OPENING:
                        self._depth += 1
                    else:
                        self._depth -= 1
                        if self._depth == 0:
                            inside = _NOTHING
                            break
                elif inside == _STRING:
                    at = _end(_TO_QUOTE.match(piece, at, stop))
                    if at == stop:
                        break
                    inside = _OBJECT if piece[at] == _QUOTE else _ESCAPE
                    at += 1
                elif inside == _ESCAPE:
                    inside = _STRING
                    at += 1
                else:
                    at = stop
            if self._blanks + len(kept) + at - start > self._frame_bytes_max:
                return self._break(Code.TOO_LONG)
            if inside == _NOTHING:
                if kept:
                    kept += piece[start:at]
                    frames.append(bytes(kept))
                    kept.clear()
                else:
                    frames.append(piece[start:at])
                self._blanks = 0
                start = at
        self._inside = inside
        if inside != _NOTHING:
            kept += piece[start:]

    def _end_line(self, frames: list[bytes]) -> None:
        """Take a newline: whatever is unfinished ends here."""
        if self._kept:
            frames.append(bytes(self._kept).rstrip(_BLANK))
            self._kept.clear()
        self._inside = _NOTHING
        self._blanks = 0

    def _break(self, code: Code) -> None:
        self.broken = code
        self._kept.clear()


def _end(match: re.Match[bytes] | None) -> int:
    """Return where a pattern that also matches nothing, and so always matches, ended."""
    assert match is not None
    return match.end()
