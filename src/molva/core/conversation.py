"""Conversations: a room, a direct conversation or an account's own log.

Owns who is in it, what it is called for whom, and how each of its entries is told; its order is the
log's and who hears of it is the audience's. Membership changes only by entries of the same log.
"""

from molva.core.accounts import Account
from molva.core.cursor import Cursor, ReadMarker
from molva.core.log import Log
from molva.core.session import Session
from molva.core.telling import tell_direct, tell_own, tell_room, tell_unheard
from molva.terms import entries, events
from molva.terms.ids import (
    AccountId,
    CommonRoom,
    ConnectionId,
    ConversationId,
    Seq,
    StaffRoom,
    group_label,
    parse_group_label,
)
from molva.terms.instant import rfc3339
from molva.terms.names import GENERAL, NameRefused, parse_room
from molva.terms.names import Room as RoomName
from molva.terms.roles import Role, RoomKind


class Audience:
    """The connections attached to a conversation, grouped by where their cursors stand.

    A connection is in one group only. Those at the head with an open window need no cursor of their
    own, and a new entry is one effect for all of them.
    """

    __slots__ = ("echo", "quiet", "lagging")

    def __init__(self) -> None:
        self.echo: dict[ConnectionId, Session] = {}
        """At the head, and told their own entries too."""
        self.quiet: dict[ConnectionId, Session] = {}
        """At the head, and not told their own entries."""
        self.lagging: dict[ConnectionId, tuple[Session, Cursor]] = {}
        """Behind the head, or with a closed window."""

    def __bool__(self) -> bool:
        return bool(self.echo or self.quiet or self.lagging)


class Sentence:
    """How long a ban or a mute holds, and why."""

    __slots__ = ("until", "reason")

    def __init__(self, until: int | None, reason: str) -> None:
        self.until = until
        """Milliseconds since 1970; None has no end."""
        self.reason = reason


class Conversation:
    """What all three kinds have: an id, a log and an audience."""

    __slots__ = ("id", "log", "audience")

    def __init__(self, id: ConversationId, log: Log) -> None:
        self.id = id
        self.log = log
        self.audience = Audience()

    def tells_author(self, session: Session) -> bool:
        """Whether a session is told what its own account wrote here."""
        return session.echo

    def group(self, session: Session) -> dict[ConnectionId, Session]:
        """Return the group that a session is in while it stands at the head."""
        return self.audience.echo if self.tells_author(session) else self.audience.quiet

    def marker_at_head(self) -> ReadMarker:
        """Return the marker of somebody who has read everything."""
        return ReadMarker(self.log.head, self.log.ordinal)

    def label(self, viewer: Account) -> dict[str, str]:
        """Return how an account names this conversation on the wire: one key, one value."""
        raise NotImplementedError

    def tell(self, entry: entries.Entry) -> events.LogEvent:
        """Return the event that shows an entry, the same for everyone who may see it."""
        raise NotImplementedError


class Room(Conversation):
    """Several people under a name that begins with `#`, or a group without one."""

    __slots__ = (
        "name",
        "former",
        "topic",
        "kind",
        "common",
        "slow_seconds",
        "frozen",
        "open_from",
        "members",
        "roles",
        "muted",
        "banned",
        "invited",
        "said_at",
        "joining",
        "leaving",
        "changing",
        "made",
    )

    def __init__(self, id: ConversationId, log: Log, name: RoomName | None, topic: str) -> None:
        super().__init__(id, log)
        self.name = name
        """None for a group."""
        self.former: set[str] = set()
        """Keys of the names it had since the server began, which others may have by now."""
        self.topic = topic
        self.kind = RoomKind.GROUP if name is None else RoomKind.PUBLIC
        self.common = id == CommonRoom
        """Whether this is `#general`."""
        self.slow_seconds = 0
        self.frozen = False
        self.open_from: Seq | None = None if name is None else Seq(1)
        """Since which seq every member may read it; None while it is private."""
        self.members: dict[AccountId, Seq] = {}
        """Since which seq; the common room's are everyone and are not listed."""
        self.roles: dict[AccountId, Role] = {}
        """Of those who are more than a member; in the common room, on the server."""
        self.muted: dict[AccountId, Sentence] = {}
        self.banned: dict[AccountId, Sentence] = {}
        self.invited: dict[AccountId, None] = {}
        self.said_at: dict[AccountId, float] = {}
        """When who wrote last, while there is a slow mode."""
        self.joining: set[AccountId] = set()
        """Asked of the store and not answered."""
        self.leaving: set[AccountId] = set()
        """Asked of the store and not answered: they may not write any more."""
        self.changing = 0
        """Changes of who may do what that the store has not answered: others wait for them."""
        self.made = True
        """Whether the store has it; before, its name is taken and it is nobody's."""

    @property
    def shown(self) -> str:
        """The name as it is displayed, and named on the wire."""
        return group_label(self.id) if self.name is None else self.name.shown

    def label(self, viewer: Account) -> dict[str, str]:
        """Return the room's name; as `Conversation.label`."""
        return {"room": self.shown}

    def tell(self, entry: entries.Entry) -> events.LogEvent:
        """Return the event that shows an entry; as `Conversation.tell`."""
        return tell_room(entry, self.shown)


class Direct(Conversation):
    """Two people, or one with themselves."""

    __slots__ = ("one", "other")

    def __init__(self, id: ConversationId, log: Log, one: Account, other: Account) -> None:
        super().__init__(id, log)
        self.one = one
        self.other = other

    def peer(self, viewer: Account) -> Account:
        """Return the other one."""
        return self.other if viewer is self.one else self.one

    def label(self, viewer: Account) -> dict[str, str]:
        """Return the other one's name; as `Conversation.label`."""
        return {"with_": self.peer(viewer).label}

    def tell(self, entry: entries.Entry) -> events.LogEvent:
        """Return the event that shows an entry; as `Conversation.tell`."""
        return tell_direct(entry, *self._people(entry))

    def veil(self, entry: entries.Entry) -> events.LogEvent:
        """Return the event that stands for an entry which the viewer may not see."""
        return tell_unheard(entry, *self._people(entry))

    def _people(self, entry: entries.Entry) -> tuple[str, str]:
        first = entry.account == self.one.id
        author, receiver = (self.one, self.other) if first else (self.other, self.one)
        return author.label, receiver.label


class Reading:
    """What an own log must know of the conversation that a read marker is about."""

    __slots__ = ("label", "unread")

    def __init__(self, label: dict[str, str], unread: int) -> None:
        self.label = label
        self.unread = unread


class OwnLog(Conversation):
    """What keeps an account's devices equal."""

    __slots__ = ("owner", "_hall")

    def __init__(self, id: ConversationId, log: Log, owner: Account, hall: "Hall") -> None:
        super().__init__(id, log)
        self.owner = owner
        self._hall = hall

    def label(self, viewer: Account) -> dict[str, str]:
        """Return `@` and the owner's name; as `Conversation.label`."""
        return {"log": f"@{self.owner.shown}"}

    def tells_author(self, session: Session) -> bool:
        """Always: an own log has no other author."""
        return True

    def tell(self, entry: entries.Entry) -> events.LogEvent:
        """Return the event that shows an entry; as `Conversation.tell`."""
        body, log = entry.body, f"@{self.owner.shown}"
        if not isinstance(body, entries.Read):
            return tell_own(entry, log, self._hall.room_name)
        reading = self._hall.reading(self.owner, body)
        return events.Read(
            log=log,
            through=body.through,
            unread=reading.unread,
            seq=entry.seq,
            at=rfc3339(entry.at),
            id=entry.id,
            **reading.label,
        )


class Hall:
    """All conversations, and rooms by name."""

    def __init__(self) -> None:
        self.by_id: dict[ConversationId, Conversation] = {}
        self.rooms: dict[str, Room] = {}
        """By key."""
        self.room_skeletons: dict[str, Room] = {}
        self.room_count = 0
        """Groups are in it, which have no names."""

    @property
    def common(self) -> Room:
        """`#general`."""
        return self.rooms[GENERAL]

    @property
    def staff(self) -> Room:
        """`#moderators`."""
        room = self.by_id[StaffRoom]
        assert isinstance(room, Room)
        return room

    def add_room(self, room: Room) -> None:
        """Take a room that the store has made, or is asked to make."""
        self.by_id[room.id] = room
        self.room_count += 1
        if room.name is not None:
            self.rooms[room.name.key] = room
            self.room_skeletons[room.name.skeleton] = room

    def remove_room(self, room: Room) -> None:
        """Let go of a room that is closed, or that the store has not made after all."""
        del self.by_id[room.id]
        self.room_count -= 1
        self._let_name_go(room)

    def rename_room(self, room: Room, name: RoomName) -> None:
        """Call a room otherwise; what its window holds was told under the old name."""
        self._let_name_go(room)
        if room.name is not None:
            room.former.add(room.name.key)
        room.name = name
        self.rooms[name.key] = room
        self.room_skeletons[name.skeleton] = room
        room.log.forget()

    def _let_name_go(self, room: Room) -> None:
        # Another may have the name by now, where one was made and one renamed to it at a time.
        if room.name is not None and self.rooms.get(room.name.key) is room:
            del self.rooms[room.name.key]
        if room.name is not None and self.room_skeletons.get(room.name.skeleton) is room:
            del self.room_skeletons[room.name.skeleton]

    def find_room(self, spelled: str) -> Room | None:
        """Return the room of a name or a group's label, however it is spelled; None for none."""
        group = parse_group_label(spelled)
        if group is not None:
            room = self.by_id.get(group)
            return room if isinstance(room, Room) and room.name is None else None
        try:
            return self.rooms.get(parse_room(spelled).key)
        except NameRefused:
            return None

    def room_name(self, conversation: ConversationId) -> str:
        """Return a room's name by its id; a closed one's is unknown."""
        room = self.by_id.get(conversation)
        return room.shown if isinstance(room, Room) else group_label(conversation)

    def reading(self, owner: Account, body: entries.Read) -> Reading:
        """Return how a read marker is told to its owner."""
        conversation = self.by_id.get(body.conversation)
        if conversation is None:
            return Reading({}, 0)
        return Reading(conversation.label(owner), max(0, conversation.log.ordinal - body.ordinal))
