"""Roles: what a person may be to the server or to a room, and what sorts of room there are.

A role in `#general` is one's role on the server; every other room has its own.
"""

from enum import StrEnum


class Role(StrEnum):
    """What somebody is, from the least to the most. A room has members, moderators and owners."""

    GUEST = "guest"
    """On the server alone: has no password, and the name goes some time after they have."""
    MEMBER = "member"
    MODERATOR = "moderator"
    ADMIN = "admin"
    """On the server alone."""
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """Return its place: who has the greater one may act on who has the lesser."""
        return _RANKS[self]


_RANKS = {role: place for place, role in enumerate(Role)}

ROOM_ROLES = (Role.MEMBER, Role.MODERATOR, Role.OWNER)
"""Those that a room has."""


class RoomKind(StrEnum):
    """What sort of room it is."""

    PUBLIC = "public"
    """Listed; everybody may join, and members see all that was said since it was public."""
    PRIVATE = "private"
    """Known to its members and those invited, who see what was said since they joined."""
    ANNOUNCEMENT = "announcement"
    """As public, but only moderators write."""
    GROUP = "group"
    """Private and without a name: a conversation of several people."""


OPEN_KINDS = frozenset((RoomKind.PUBLIC, RoomKind.ANNOUNCEMENT))
"""Those that anybody may join, and read from when they became so."""
