"""Entries: what a log may hold.

An entry is written once and never changes, but that the text of a message may be taken away: it is
`Gone` then, and keeps its place. Its body is one of the kinds below; a room and a direct
conversation hold what was said and what changed there, an account's own log holds what keeps its
devices equal. Presence and typing are never entries.
"""

import msgspec

from molva.terms.ids import AccountId, ConversationId, Seq
from molva.terms.roles import Role, RoomKind


class Body(msgspec.Struct, frozen=True, gc=False, tag_field="kind", omit_defaults=True):
    """What an entry says; the concrete kinds follow."""


class Message(Body, frozen=True, tag="message"):
    """Somebody said something. The only kind that counts towards `ordinal` and unread."""

    text: str


class Unheard(Body, frozen=True, tag="unheard"):
    """The author said something to somebody who has blocked them; only the author sees it."""

    text: str


class Gone(Body, frozen=True, tag="gone"):
    """Here was a message; its text was removed. It still counts towards `ordinal`."""


class Created(Body, frozen=True, tag="created"):
    """A room was made, by the entry's author, who is its first member and its owner."""

    name: str
    """Empty for a group."""
    room_kind: RoomKind = RoomKind.PUBLIC


class Joined(Body, frozen=True, tag="joined"):
    """The entry's author became a member of the room."""


class Left(Body, frozen=True, tag="left"):
    """The entry's author is no longer a member, from this seq on."""


class Topic(Body, frozen=True, tag="topic"):
    """The room's topic is now this; empty means none."""

    text: str


class Renamed(Body, frozen=True, tag="renamed"):
    """The room is now called this."""

    name: str
    was: str


class ModeSet(Body, frozen=True, tag="mode"):
    """The rules of the room are now these; what is None stays as it was."""

    room_kind: RoomKind | None = None
    slow_seconds: int | None = None
    """The least time between two messages of one member; 0 is none."""
    frozen: bool | None = None
    """Whether only moderators write for now."""
    reason: str = ""


class Invited(Body, frozen=True, tag="invited"):
    """Somebody may join the room, whatever its kind."""

    account: AccountId
    name: str


class Added(Body, frozen=True, tag="added"):
    """The author made somebody a member: in a group, and among the moderators."""

    account: AccountId
    name: str


class RoleSet(Body, frozen=True, tag="role"):
    """Somebody's role is now this: in `#general` on the server, else in the room."""

    account: AccountId
    name: str
    role: Role
    reason: str = ""


class Kicked(Body, frozen=True, tag="kicked"):
    """Somebody is no longer a member, from this seq on; in `#general`, was disconnected."""

    account: AccountId
    name: str
    reason: str = ""


class Banned(Body, frozen=True, tag="banned"):
    """Somebody is no member and may not be; in `#general`, on the whole server.

    Either `account` and `name`, or in `#general` an `address` range, or both.
    """

    account: AccountId | None = None
    name: str = ""
    address: str | None = None
    """As in CIDR, `10.0.0.0/24`. Kept from the eyes of members: it is where somebody lives."""
    devices: bool = False
    """Whether the account's devices may not come back under any other name either."""
    until: int | None = None
    """Milliseconds since 1970; None has no end."""
    reason: str = ""


class Unbanned(Body, frozen=True, tag="unbanned"):
    """A ban has ended: by its author's will, or because its time was up."""

    account: AccountId | None = None
    name: str = ""
    address: str | None = None
    reason: str = ""
    over: bool = False
    """Whether its time was up."""


class Muted(Body, frozen=True, tag="muted"):
    """Somebody reads and does not write here."""

    account: AccountId
    name: str
    until: int | None = None
    """Milliseconds since 1970; None has no end."""
    reason: str = ""


class Unmuted(Body, frozen=True, tag="unmuted"):
    """Somebody writes again, as `Unbanned`."""

    account: AccountId
    name: str
    reason: str = ""
    over: bool = False
    """Whether its time was up."""


class Removed(Body, frozen=True, tag="removed"):
    """The message at a seq of this log was taken away: it is `Gone` from here on."""

    target: Seq
    name: str
    """Its author's name."""
    account: AccountId
    """Its author."""
    reason: str = ""
    unheard: bool = False
    """Whether only its author has seen it; then only they see this."""


class Restored(Body, frozen=True, tag="restored"):
    """A message that was taken away is back."""

    target: Seq
    name: str
    account: AccountId
    reason: str = ""
    unheard: bool = False
    """As in `Removed`."""


class Reported(Body, frozen=True, tag="reported"):
    """Among moderators: the author asks them to look at a message."""

    place: str
    """Where it was said: a room's name, or empty for a direct conversation."""
    target: Seq
    name: str
    """Who said it."""
    text: str
    """What it was, at the time of the report."""
    reason: str = ""


class Departed(Body, frozen=True, tag="departed"):
    """In `#general`: somebody's account is no more, and nobody gets its name again."""

    account: AccountId
    name: str
    words: bool = True
    """Whether what they said stays."""


class RoomJoined(Body, frozen=True, tag="room_joined"):
    """Own log: this account became a member of a room."""

    conversation: ConversationId
    name: str = ""
    """How the room was called then."""


class RoomLeft(Body, frozen=True, tag="room_left"):
    """Own log: this account is no longer in a room."""

    conversation: ConversationId
    name: str = ""
    """How the room was called then."""
    cause: str = "left"
    """`left`, `kicked` or `banned`."""
    by: str = ""
    """Who did that, if not oneself."""
    reason: str = ""


class RoomInvited(Body, frozen=True, tag="room_invited"):
    """Own log: this account may join a room."""

    conversation: ConversationId
    by: str
    name: str = ""
    """How the room was called then."""


class Opened(Body, frozen=True, tag="opened"):
    """Own log: a direct conversation with this account has begun."""

    conversation: ConversationId
    name: str
    """The other one's name at that time."""


class Read(Body, frozen=True, tag="read"):
    """Own log: this account has read a conversation through a seq."""

    conversation: ConversationId
    through: Seq
    ordinal: int = 0
    """How many messages the conversation holds up to `through`; the store fills it in."""


class Blocked(Body, frozen=True, tag="blocked"):
    """Own log: this account hears no whisper, mention or coming and going of somebody."""

    account: AccountId
    name: str


class Unblocked(Body, frozen=True, tag="unblocked"):
    """Own log: it does again."""

    account: AccountId
    name: str


AnyBody = (
    Message
    | Unheard
    | Gone
    | Created
    | Joined
    | Left
    | Added
    | Topic
    | Renamed
    | ModeSet
    | Invited
    | RoleSet
    | Kicked
    | Banned
    | Unbanned
    | Muted
    | Unmuted
    | Removed
    | Restored
    | Reported
    | Departed
    | RoomJoined
    | RoomLeft
    | RoomInvited
    | Opened
    | Read
    | Blocked
    | Unblocked
)

LEDGER = (
    Renamed
    | ModeSet
    | RoleSet
    | Kicked
    | Banned
    | Unbanned
    | Muted
    | Unmuted
    | Removed
    | Restored
    | Departed
)
"""What a room's ledger shows: who did what to whom, why and until when."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One line of a log, as the store gave it its number."""

    conversation: ConversationId
    seq: Seq
    ordinal: int
    """How many messages the log holds up to and including this entry."""
    at: int
    """Milliseconds since 1970; shown only, and never less than the entry's before."""
    account: AccountId
    name: str
    """The author's name when this was written, which is part of what happened."""
    id: str | None
    """The writer's own id of this write; unique for its account, for ever."""
    body: AnyBody
