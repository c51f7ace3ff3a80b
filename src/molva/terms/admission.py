"""Admission: who may become somebody on this server.

Owns the one setting and what stands for the join code. A code is compared by its digest, spelled
however a person types it.
"""

from enum import StrEnum

import msgspec

from molva.terms.limits import CODE_CHARACTERS_MAX


class Access(StrEnum):
    """Who may join."""

    OPEN = "open"
    """Anyone picks a name."""
    CODE = "code"
    """Who has the join code or an invitation."""
    ACCOUNTS = "accounts"
    """Who has an invitation, or an account already."""


class Admission(msgspec.Struct, frozen=True, gc=False):
    """The setting, as the hub is given it."""

    access: Access = Access.OPEN
    join_code_digest: str | None = None
    """Of the join code in the form of `plain_code`; None where there is none."""


ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter is taken for a digit, and case means nothing."""

GROUP_CHARACTERS = 4
"""Characters between two hyphens of a code."""

_BLANKS = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212 \t\n\r\u00a0\u2009\u202f"
_TYPED = str.maketrans("OILАВЕКМНОРСТУХ", "011ABEKMH0PCTYX", _BLANKS)


def plain_code(typed: str) -> str:
    """Return a code as it is compared: capitals, without hyphens (of whatever length) and blanks,
    O as 0, I and L as 1, and a Cyrillic letter as the one that it looks like.
    """
    # A capital may be several letters, so the bound is kept again.
    return typed[:CODE_CHARACTERS_MAX].upper().translate(_TYPED)[:CODE_CHARACTERS_MAX]


def spelled_code(plain: str) -> str:
    """Return a code as it is shown: in groups of four, `7QF3-M0RD`."""
    groups = range(0, len(plain), GROUP_CHARACTERS)
    return "-".join(plain[start : start + GROUP_CHARACTERS] for start in groups)
