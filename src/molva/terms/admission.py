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

_TYPED = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": "", "‐": "", "–": ""})


def plain_code(typed: str) -> str:
    """Return a code as it is compared: no hyphens, no blanks, capitals, O as 0, I and L as 1."""
    return typed[:CODE_CHARACTERS_MAX].upper().translate(_TYPED)


def spelled_code(plain: str) -> str:
    """Return a code as it is shown: in groups of four, `7QF3-M0RD`."""
    groups = range(0, len(plain), GROUP_CHARACTERS)
    return "-".join(plain[start : start + GROUP_CHARACTERS] for start in groups)
