"""Reading along: what the logs of all rooms say, read by a reader that knows nothing of the hub.

Takes entries in the order in which the store made them durable, keeps who is what, and complains of
each entry whose author had no right to it at that moment.
"""

from molva.terms import entries
from molva.terms.entries import Entry
from molva.terms.ids import AccountId, CommonRoom, ConversationId, ServerAccount, StaffRoom
from molva.terms.roles import OPEN_KINDS, Role, RoomKind

IN_ROOM = {Role.MEMBER: 1, Role.MODERATOR: 2, Role.OWNER: 3}
"""How high each role of a room is in it."""
ON_SERVER = {Role.MODERATOR: 2, Role.ADMIN: 4, Role.OWNER: 5}
"""How high those of the server are in a room that is open to all."""


class Place:
    """A room as its log tells."""

    def __init__(self, id: ConversationId) -> None:
        self.common = id == CommonRoom
        self.staff = id == StaffRoom
        self.kind = RoomKind.PRIVATE if self.staff else RoomKind.PUBLIC
        self.frozen = False
        self.made = False
        self.members: set[AccountId] = set()
        self.roles: dict[AccountId, Role] = {}
        self.muted: set[AccountId] = set()
        self.banned: set[AccountId] = set()
        self.invited: set[AccountId] = set()
        self.authors: dict[int, AccountId] = {}

    def put_out(self, account: AccountId) -> None:
        """Let somebody be no member."""
        self.members.discard(account)
        self.roles.pop(account, None)
        self.muted.discard(account)
        self.invited.discard(account)


class Reader:
    """All rooms, and who may do what in them now."""

    def __init__(self) -> None:
        self.places: dict[ConversationId, Place] = {}
        self.server = self.place(CommonRoom)

    def place(self, id: ConversationId) -> Place:
        """Return a room, of which nothing may have been read yet."""
        return self.places.setdefault(id, Place(id))

    def level(self, account: AccountId, place: Place) -> int:
        """Return how high somebody stands in a room."""
        server = self.server.roles.get(account, Role.MEMBER)
        if place.common:
            return server.rank
        own = IN_ROOM[place.roles.get(account, Role.MEMBER)]
        return max(own, ON_SERVER.get(server, 1)) if place.kind in OPEN_KINDS else own

    def moderates(self, account: AccountId, place: Place) -> bool:
        """Say whether somebody moderates a room."""
        return self.level(account, place) >= IN_ROOM[Role.MODERATOR]

    def owns(self, account: AccountId, place: Place) -> bool:
        """Say whether somebody does in a room what its owner does."""
        own = place.roles.get(account) is Role.OWNER
        server = self.server.roles.get(account, Role.MEMBER)
        keeps = server in (Role.ADMIN, Role.OWNER)
        return own or (keeps and (place.common or place.kind in OPEN_KINDS))

    def read(self, entry: Entry) -> None:
        """Take the next entry of any room; AssertionError when its author had no right to it."""
        if not entry.conversation.startswith("r"):
            return
        place = self.place(entry.conversation)
        place.authors[entry.seq] = entry.account
        if entry.account != ServerAccount:
            assert self.may(entry, place), f"{entry.name} had no right to {entry}"
        self.follow(entry, place)

    def may(self, entry: Entry, place: Place) -> bool:
        """Say whether the author of an entry may write it now."""
        who, body = entry.account, entry.body
        if isinstance(body, entries.Reported):
            return place.staff
        if isinstance(body, entries.Created):
            return not place.members
        if not (place.common or place.staff or place.made):
            # Asked for together with a room that was not made after all: it is closed at once.
            return True
        if isinstance(body, entries.Joined):
            welcome = who in place.invited or place.kind in OPEN_KINDS
            return welcome and who not in place.banned and who not in place.members
        if isinstance(body, entries.Left):
            # Of who goes for good it may come after they were put out: it changes nothing then.
            return not place.common
        if not place.common and who not in place.members:
            return False
        if who in self.server.banned:
            return False
        moderates = self.moderates(who, place)
        match body:
            case entries.Message():
                allowed = not place.frozen and place.kind is not RoomKind.ANNOUNCEMENT
                return moderates or (allowed and who not in place.muted)
            case entries.Topic():
                return moderates or (
                    who not in place.muted and place.kind is not RoomKind.ANNOUNCEMENT
                )
            case entries.Invited():
                closed = place.kind in (RoomKind.PRIVATE, RoomKind.ANNOUNCEMENT)
                return moderates or (not closed and who not in place.muted)
            case entries.Added():
                return place.kind is RoomKind.GROUP and who not in place.muted
            case entries.Removed(account=author) | entries.Restored(account=author):
                own = author == who and isinstance(body, entries.Removed)
                return own or (
                    moderates
                    and (who == author or self.level(who, place) > self.level(author, place))
                )
            case entries.Kicked(account=whom) | entries.Muted(account=whom):
                there = place.common or whom in place.members
                return moderates and there and self.level(who, place) > self.level(whom, place)
            case entries.Banned(account=whom):
                lower = whom is None or self.level(who, place) > self.level(whom, place)
                return moderates and lower
            case entries.Unbanned() | entries.Unmuted():
                return moderates
            case entries.ModeSet(room_kind=kind):
                return moderates if kind is None else self.owns(who, place)
            case entries.Renamed():
                return self.owns(who, place)
            case entries.RoleSet(account=whom, role=role):
                there = place.common or whom in place.members
                mine = self.level(who, place)
                may = whom == who or mine > self.level(whom, place)
                wanted = role.rank if place.common else IN_ROOM[role]
                most = Role.OWNER.rank if place.common else IN_ROOM[Role.OWNER]
                enough = wanted < mine or (whom != who and mine >= most)
                return there and may and enough and self.owns(who, place)
            case _:
                return True

    def follow(self, entry: Entry, place: Place) -> None:
        """Let it follow what an entry says."""
        who, body = entry.account, entry.body
        match body:
            case entries.Created(room_kind=kind):
                place.kind = kind
                place.made = True
                place.members.add(who)
                place.roles[who] = Role.OWNER
            case entries.Joined():
                place.members.add(who)
                place.invited.discard(who)
            case entries.Added(account=whom):
                place.members.add(whom)
                place.invited.discard(whom)
            case entries.Left():
                place.put_out(who)
            case entries.Kicked(account=whom) if not place.common:
                place.put_out(whom)
            case entries.Banned(account=whom) if whom is not None:
                place.banned.add(whom)
                if place.common:
                    place.roles.pop(whom, None)
                else:
                    place.put_out(whom)
            case entries.Unbanned(account=whom) if whom is not None:
                place.banned.discard(whom)
            case entries.Muted(account=whom):
                place.muted.add(whom)
            case entries.Unmuted(account=whom):
                place.muted.discard(whom)
            case entries.Invited(account=whom) if whom not in place.members:
                place.invited.add(whom)
            case entries.RoleSet(account=whom, role=role):
                assert place.common or whom in place.members, "a role of somebody who is not there"
                if role.rank > Role.MEMBER.rank:
                    place.roles[whom] = role
                else:
                    place.roles.pop(whom, None)
            case entries.ModeSet(room_kind=kind, frozen=frozen):
                place.kind = place.kind if kind is None else kind
                place.frozen = place.frozen if frozen is None else frozen
            case entries.Departed(account=whom):
                for each in self.places.values():
                    each.put_out(whom)
                    each.banned.discard(whom)
            case _:
                pass
