"""Identifiers: what each number and string stands for, so that none is taken for another.

Owns the kinds of identifier and how a conversation's id is made of others. Knows nothing of how a
name is spelled (that is `names`) or stored.

Invariants: a seq starts at 1 and 0 means "nothing seen"; the id of a direct conversation is the
same whichever of the two asks for it.
"""

from typing import NewType

Seq = NewType("Seq", int)
"""An entry's place in its conversation: 1, 2, 3 …"""

AccountId = NewType("AccountId", int)
"""A person, for ever: a name may be given up and taken by another, this never is."""

ConversationId = NewType("ConversationId", str)
"""A log: a room (`r…`), a direct conversation (`lower:higher`) or an account's own (`@…`)."""

ConnectionId = NewType("ConnectionId", int)
"""A socket, from accept to close; never used again in one run of the server."""

CommonRoom = ConversationId("r0")
"""`#general`: every account is its member from its first moment; nobody joins or leaves it."""

StaffRoom = ConversationId("r1")
"""`#moderators`: where reports arrive; its members are the server's moderators and above."""

ServerAccount = AccountId(0)
"""The server itself, as the author of what nobody did: the end of a mute, a report's arrival."""

SYSTEM_ID_PREFIX = "~"
"""Ids that the server gives its own writes begin so; a client's may not."""


def direct_id(one: AccountId, other: AccountId) -> ConversationId:
    """Return the id of the direct conversation between two accounts (which may be the same)."""
    return ConversationId(f"{min(one, other)}:{max(one, other)}")


def direct_accounts(conversation: ConversationId) -> tuple[AccountId, AccountId]:
    """Return the two accounts of a direct conversation; ValueError when it is not one."""
    lower, _, higher = conversation.partition(":")
    return AccountId(int(lower)), AccountId(int(higher))


def own_log_id(account: AccountId) -> ConversationId:
    """Return the id of an account's own log, which keeps its devices equal."""
    return ConversationId(f"@{account}")


def is_direct(conversation: ConversationId) -> bool:
    """Say whether an id names a direct conversation."""
    return ":" in conversation


def is_own_log(conversation: ConversationId) -> bool:
    """Say whether an id names an account's own log."""
    return conversation.startswith("@")


GROUP_PREFIX = "#~"
"""A group has no name: on the wire it is this and the rest of its id."""


def group_label(conversation: ConversationId) -> str:
    """Return how a group is named on the wire."""
    return GROUP_PREFIX + room_tag(conversation)


def room_tag(conversation: ConversationId) -> str:
    """Return what names a room for ever, whatever it is called; `#~tag` in `cursors`."""
    return conversation[1:]


def parse_group_label(label: str) -> ConversationId | None:
    """Return the id of the room that a label names; None when it is not a group's label."""
    if not label.startswith(GROUP_PREFIX):
        return None
    return ConversationId("r" + label[len(GROUP_PREFIX) :])


TAG_SEPARATOR = "~"
"""Between a name and its tag: `boris~1z141` is that very Boris, whoever is called so now."""

_TAG_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def tag(account: AccountId) -> str:
    """Write an account's id as a tag: in base 36."""
    digits = ""
    number = int(account)
    while number:
        number, digit = divmod(number, 36)
        digits = _TAG_DIGITS[digit] + digits
    return digits or "0"


def parse_tag(text: str) -> AccountId | None:
    """Read a tag; None when it is none."""
    if not 0 < len(text) <= 11 or not all(digit in _TAG_DIGITS for digit in text):
        return None
    return AccountId(int(text, 36))
