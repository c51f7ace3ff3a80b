"""Entries: what a log may hold.

An entry is written once and never changes. Its body is one of the kinds below; a room and a direct
conversation hold what was said and what changed there, an account's own log holds what keeps its
devices equal. Presence and typing are never entries.
"""

import msgspec

from molva.terms.ids import AccountId, ConversationId, Seq


class Body(msgspec.Struct, frozen=True, gc=False, tag_field="kind", omit_defaults=True):
    """What an entry says; the concrete kinds follow."""


class Message(Body, frozen=True, tag="message"):
    """Somebody said something. The only kind that counts towards `ordinal` and unread."""

    text: str


class Created(Body, frozen=True, tag="created"):
    """A room was made, by the entry's author, who is its first member."""

    name: str


class Joined(Body, frozen=True, tag="joined"):
    """The entry's author became a member of the room."""


class Left(Body, frozen=True, tag="left"):
    """The entry's author is no longer a member, from this seq on."""


class Topic(Body, frozen=True, tag="topic"):
    """The room's topic is now this; empty means none."""

    text: str


class RoomJoined(Body, frozen=True, tag="room_joined"):
    """Own log: this account became a member of a room."""

    conversation: ConversationId


class RoomLeft(Body, frozen=True, tag="room_left"):
    """Own log: this account left a room."""

    conversation: ConversationId


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


AnyBody = Message | Created | Joined | Left | Topic | RoomJoined | RoomLeft | Opened | Read


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
