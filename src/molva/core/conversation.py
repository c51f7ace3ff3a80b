"""Conversations: a room, a direct conversation or an account's own log.

Owns who is in it, what it is called for whom, and how each of its entries is told; its order is the
log's and who hears of it is the audience's. Membership changes only by entries of the same log.
"""

from molva.core.accounts import Account
from molva.core.cursor import Cursor, ReadMarker
from molva.core.log import Log
from molva.core.session import Session
from molva.terms import entries, events
from molva.terms.ids import AccountId, CommonRoom, ConnectionId, ConversationId, Seq
from molva.terms.instant import rfc3339
from molva.terms.names import GENERAL
from molva.terms.names import Room as RoomName


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
    """Several people under a name that begins with `#`."""

    __slots__ = ("name", "topic", "members", "joining", "leaving", "made")

    def __init__(self, id: ConversationId, log: Log, name: RoomName, topic: str) -> None:
        super().__init__(id, log)
        self.name = name
        self.topic = topic
        self.members: dict[AccountId, Seq] = {}
        """Since which seq; the common room's are everyone and are not listed."""
        self.joining: set[AccountId] = set()
        """Asked of the store and not answered."""
        self.leaving: set[AccountId] = set()
        """Asked of the store and not answered: they may not write any more."""
        self.made = True
        """Whether the store has it; before, its name is taken and it is nobody's."""

    @property
    def common(self) -> bool:
        """Whether this is `#general`."""
        return self.id == CommonRoom

    @property
    def shown(self) -> str:
        """The name as it is displayed."""
        return self.name.shown

    def label(self, viewer: Account) -> dict[str, str]:
        """Return the room's name; as `Conversation.label`."""
        return {"room": self.name.shown}

    def tell(self, entry: entries.Entry) -> events.LogEvent:
        """Return the event that shows an entry; as `Conversation.tell`."""
        body = entry.body
        room, at = self.name.shown, rfc3339(entry.at)
        if type(body) is entries.Message:
            return events.NewMessage(body.text, entry.name, room, entry.seq, at, entry.id)
        match body:
            case entries.Created():
                return events.Created(room=room, user=entry.name, seq=entry.seq, at=at, id=entry.id)
            case entries.Joined():
                return events.Joined(room=room, user=entry.name, seq=entry.seq, at=at, id=entry.id)
            case entries.Left():
                return events.Left(room=room, user=entry.name, seq=entry.seq, at=at, id=entry.id)
            case entries.Topic():
                return events.Topic(
                    room=room,
                    text=body.text,
                    from_=entry.name,
                    seq=entry.seq,
                    at=at,
                    id=entry.id,
                )
            case _:
                raise AssertionError(f"a room holds no {type(body).__name__}")


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
        body = entry.body
        assert isinstance(body, entries.Message), "a direct conversation holds messages only"
        first = entry.account == self.one.id
        author, receiver = (self.one, self.other) if first else (self.other, self.one)
        return events.NewWhisper(
            text=body.text,
            from_=author.label,
            to=receiver.label,
            seq=entry.seq,
            at=rfc3339(entry.at),
            id=entry.id,
        )


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
        body = entry.body
        log, at, seq = f"@{self.owner.shown}", rfc3339(entry.at), entry.seq
        match body:
            case entries.RoomJoined():
                return events.RoomJoined(
                    log=log, room=self._hall.room_name(body.conversation), seq=seq, at=at
                )
            case entries.RoomLeft():
                return events.RoomLeft(
                    log=log, room=self._hall.room_name(body.conversation), seq=seq, at=at
                )
            case entries.Opened():
                return events.Opened(log=log, with_=body.name, seq=seq, at=at)
            case entries.Read():
                reading = self._hall.reading(self.owner, body)
                return events.Read(
                    log=log,
                    through=body.through,
                    unread=reading.unread,
                    seq=seq,
                    at=at,
                    id=entry.id,
                    **reading.label,
                )
            case _:
                raise AssertionError(f"an own log holds no {type(body).__name__}")


class Hall:
    """All conversations, and rooms by name."""

    def __init__(self) -> None:
        self.by_id: dict[ConversationId, Conversation] = {}
        self.rooms: dict[str, Room] = {}
        """By key."""
        self.room_skeletons: dict[str, Room] = {}

    @property
    def common(self) -> Room:
        """`#general`."""
        return self.rooms[GENERAL]

    def add_room(self, room: Room) -> None:
        """Take a room that the store has made."""
        self.by_id[room.id] = room
        self.rooms[room.name.key] = room
        self.room_skeletons[room.name.skeleton] = room

    def remove_room(self, room: Room) -> None:
        """Let go of a room that the store has not made after all."""
        del self.by_id[room.id]
        del self.rooms[room.name.key]
        del self.room_skeletons[room.name.skeleton]

    def room_name(self, conversation: ConversationId) -> str:
        """Return a room's name by its id."""
        room = self.by_id[conversation]
        assert isinstance(room, Room)
        return room.name.shown

    def reading(self, owner: Account, body: entries.Read) -> Reading:
        """Return how a read marker is told to its owner."""
        conversation = self.by_id.get(body.conversation)
        if conversation is None:
            return Reading({}, 0)
        return Reading(conversation.label(owner), max(0, conversation.log.ordinal - body.ordinal))
