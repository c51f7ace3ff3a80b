"""Texts: what may leave a client, found out before it is kept or sent.

Owns the bounds that a client can check by itself. Refuses to know what a name may be and who may
say what: those are the server's to say.

Invariant: what passes here is a field that a server can read, so it refuses the action at most.
"""

from collections.abc import Iterable
from typing import Any, Final

from molva.terms import actions, limits
from molva.terms.errors import Code

NAME_CHARACTERS_MAX: Final = 256
"""A longer name of a room or a person is not a field of an action."""

_NAMES: Final = frozenset({"user", "room", "to", "with_", "name"})
_LINES: Final = {"reason": limits.REASON_CHARACTERS_MAX}
_SECRETS: Final = frozenset({"new", "old", "password"})


class TextRefused(ValueError):
    """A text that the server would refuse; nothing was kept or sent. `code` says why."""

    def __init__(self, code: Code, bytes_max: int = limits.TEXT_BYTES_MAX) -> None:
        super().__init__(code)
        self.code = code
        self.bytes_max = bytes_max
        """How many bytes it might have had, where it has too many."""


def check_name(name: str) -> None:
    """Refuse a name that cannot even be sent. Raises TextRefused."""
    if not name:
        raise TextRefused(Code.NAME_EMPTY)
    if len(name) > NAME_CHARACTERS_MAX:
        raise TextRefused(Code.NAME_TOO_LONG)
    if not name.isprintable():
        raise TextRefused(Code.BAD_TEXT)


def check_text(text: str, *, empty_allowed: bool, bytes_max: int, lines: bool) -> None:
    """Refuse what the server would; `lines`: whether newlines and tabs may be in it.

    Raises TextRefused.
    """
    if not empty_allowed and not text.strip():
        raise TextRefused(Code.TEXT_EMPTY)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise TextRefused(Code.BAD_TEXT) from None
    if size > bytes_max:
        raise TextRefused(Code.TEXT_TOO_LONG, bytes_max)
    if any(
        character < " " and not (lines and character in "\n\t") or "\x7f" <= character <= "\x9f"
        for character in text
    ):
        raise TextRefused(Code.BAD_TEXT)


def check_secret(secret: str) -> None:
    """Refuse a password that cannot be a field. Raises TextRefused."""
    if not secret.isprintable():
        raise TextRefused(Code.BAD_TEXT)
    if len(secret) > 4 * limits.PASSWORD_BYTES_MAX:
        raise TextRefused(Code.PASSWORD_TOO_LONG)


def check_action(action: actions.AnyAction) -> None:
    """Refuse an action with a field that cannot be sent, whichever it is. Raises TextRefused."""
    for field in action.__struct_fields__:
        value: Any = getattr(action, field)
        if isinstance(value, str):
            _check_field(field, value)
        elif isinstance(value, list):
            for one in _texts(value):
                check_name(one)


def _texts(values: Iterable[Any]) -> Iterable[str]:
    return (value for value in values if isinstance(value, str))


def _check_field(field: str, value: str) -> None:
    if field in _NAMES:
        check_name(value)
    elif field in _SECRETS:
        check_secret(value)
    else:
        bytes_max = _LINES.get(field, limits.TEXT_BYTES_MAX)
        check_text(value, empty_allowed=True, bytes_max=bytes_max, lines=False)
