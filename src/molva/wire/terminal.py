"""Text for a terminal: what people wrote, made unable to do anything but be read.

Owns which characters may reach a terminal. No escape sequence can be made of what leaves here:
every control character but a new line and a tab is shown as a sign for it, and direction overrides,
which can make a line read as another, are taken out (Unicode UAX #9).
"""

import re

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]"
)
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def safe_text(text: str) -> str:
    """Return a text that moves no cursor and hides nothing; most are returned as they are."""
    return _UNSAFE.sub(_sign, text) if _UNSAFE.search(text) else text


def _sign(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if character in _BIDI:
        return ""
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if code in (0x2028, 0x2029):
        return "\u23ce"
    return "\ufffd"
