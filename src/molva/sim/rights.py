"""Rights: whether an entry was allowed where it stands, by what the log says before it.

Written from the rules alone and from the chronicle, so that it can disagree with the hub. What has
no place in one log (a whisper, making a room) is not judged by another log's order.
"""

from collections.abc import Callable
from typing import Any

from molva.sim.chronicle import Chronicle, Sentence, Story
from molva.terms import entries
from molva.terms.entries import Entry
from molva.terms.ids import (
    AccountId,
    CommonRoom,
    ServerAccount,
    StaffRoom,
    direct_accounts,
    is_direct,
    is_own_log,
)
from molva.terms.roles import OPEN_KINDS, ROOM_ROLES, Role, RoomKind

MODERATES, OWNS = 2, 3
"""The least levels of who moderates and of who owns, in a room and on the server."""

EARLY_SECONDS = 0.01
"""By so much an end may come early: milliseconds are rounded."""


def trespass(chronicle: Chronicle, entry: Entry, time: float | None) -> str | None:
    """Return why an entry may not be where the log is about to have it; None when it may.

    `time`: the world's, where what has an end can be measured by it.
    """
    id, author = entry.conversation, entry.account
    if is_own_log(id):
        return None if id == f"@{author}" else "in another's log"
    if is_direct(id):
        return _in_direct(chronicle.story(id), entry)
    return _Room(chronicle, chronicle.story(id), entry, time).judge()


def _in_direct(story: Story, entry: Entry) -> str | None:
    if entry.account not in direct_accounts(story.id):
        return "not one of the two"
    match entry.body:
        case entries.Message() | entries.Unheard():
            return None
        case entries.Removed(target=target) | entries.Restored(target=target):
            if story.said.get(target, (None,))[0] != entry.account:
                return "another's words"
            away = isinstance(entry.body, entries.Restored)
            return None if story.is_gone(target, story.head) == away else "not so before"
        case _:
            return "no entry of a direct conversation"


class _Room:
    """One entry before the room that it is to stand in."""

    def __init__(
        self, chronicle: Chronicle, story: Story, entry: Entry, time: float | None
    ) -> None:
        self._chronicle = chronicle
        self._story = story
        self._entry = entry
        self._author = entry.account
        self._time = time
        self._common = story.id == CommonRoom
        self._staff = story.id == StaffRoom

    def judge(self) -> str | None:
        """Return what stands against it."""
        if not self._story.made and not isinstance(self._entry.body, entries.Created):
            # Its maker had made it before and was not told: nobody ever is in this one.
            return None
        if self._author == ServerAccount:
            return self._of_server()
        body: Any = self._entry.body
        test = _TESTS.get(type(body))
        if test is None:
            return "nobody writes this"
        return test(self, body)

    # -- Who is what ---------------------------------------------------------------------------

    def _level(self, account: AccountId) -> int:
        if account == ServerAccount:
            return 100
        server = self._chronicle.rank(account)
        if self._common:
            return server
        here = self._worth(self._story.roles.get(account, Role.MEMBER))
        # Who keeps the server in order stands above a room's owner, where all may come.
        there = {2: 2, 3: 4, 4: 5}.get(server, 1)
        return max(here, there) if self._story.kind in OPEN_KINDS else here

    def _worth(self, role: Role) -> int:
        if self._common:
            return role.rank
        return {Role.MODERATOR: 2, Role.OWNER: 3}.get(role, 1)

    def _in(self, account: AccountId) -> bool:
        if self._common:
            return account in self._chronicle.alive
        return self._story.is_member(account)

    def _moderates(self) -> bool:
        return self._in(self._author) and self._level(self._author) >= MODERATES

    def _owns(self) -> bool:
        return self._in(self._author) and self._level(self._author) >= OWNS

    def _writes(self) -> bool:
        if not self._in(self._author) or self._author in self._story.banned:
            return False
        if self._moderates():
            return True
        muted = self._author in self._story.muted
        return not muted and self._story.kind is not RoomKind.ANNOUNCEMENT

    def _above(self, account: AccountId) -> bool:
        return self._level(self._author) > self._level(account)

    # -- What the server does ------------------------------------------------------------------

    def _of_server(self) -> str | None:
        story = self._story
        match self._entry.body:
            case entries.Added(account=account) if self._staff:
                above = self._chronicle.rank(account) >= Role.MODERATOR.rank
                return None if above else "let in who moderates nothing"
            case entries.Kicked() if self._staff:
                return None
            case entries.Departed() if self._common:
                return None
            case entries.RoleSet(account=account, role=role) if self._common:
                given = self._chronicle.entitled.get(account)
                return None if given is role else "not what the invitation said"
            case entries.RoleSet(account=account, role=Role.OWNER) if not self._staff:
                return None if story.is_member(account) else "an heir who is not there"
            case entries.Unmuted(account=account):
                return self._over(story.muted.get(account))
            case entries.Unbanned(account=account, address=address):
                whom = account if account is not None else address
                assert whom is not None
                return self._over(story.banned.get(whom))
            case _:
                return "the server does no such thing"

    def _over(self, sentence: Sentence | None) -> str | None:
        if sentence is None or self._time is None:
            return None
        if sentence.due is None or self._time < sentence.due - EARLY_SECONDS:
            return f"over before its end: {self._time:.3f}, not {sentence.due}"
        return None

    # -- What people do ------------------------------------------------------------------------

    def message(self, body: entries.Message) -> str | None:
        """Members write, where they are not muted; few where it is frozen or announced."""
        if not self._writes():
            return "may not write here"
        return "frozen" if self._story.frozen and not self._moderates() else None

    def topic(self, body: entries.Topic) -> str | None:
        """As who writes."""
        return None if self._writes() else "may not set the topic"

    def created(self, body: entries.Created) -> str | None:
        """The first entry; guests make public rooms alone."""
        if self._entry.seq != 1:
            return "made twice"
        guest = self._author in self._chronicle.guests
        return "a guest's" if guest and body.room_kind is not RoomKind.PUBLIC else None

    def joined(self, body: entries.Joined) -> str | None:
        """Open rooms let all in but who is banned; others who was invited."""
        story = self._story
        if self._common or self._staff or self._author in story.banned:
            return "may not join"
        if story.is_member(self._author):
            return "is in already"
        invited = story.kind in OPEN_KINDS or self._author in story.invited
        return None if invited else "was not invited"

    def left(self, body: entries.Left) -> str | None:
        """Whoever wants; one who is out already stays so."""
        return None

    def added(self, body: entries.Added) -> str | None:
        """In groups alone, by who may write, and nobody who was banned."""
        if self._story.kind is not RoomKind.GROUP or not self._writes():
            return "may not add"
        return "added who is banned" if body.account in self._story.banned else None

    def invited(self, body: entries.Invited) -> str | None:
        """Into a public room by who may write, into others by moderators."""
        if self._common or self._staff or body.account in self._story.banned:
            return "invited who is banned, or to where nobody is"
        open_house = self._story.kind in (RoomKind.PUBLIC, RoomKind.GROUP)
        may = self._writes() if open_house else self._moderates()
        return None if may else "may not invite"

    def renamed(self, body: entries.Renamed) -> str | None:
        """By the owner."""
        if self._common or self._staff or self._story.kind is RoomKind.GROUP:
            return "has its name for ever"
        return None if self._owns() else "may not rename"

    def mode_set(self, body: entries.ModeSet) -> str | None:
        """By moderators; the kind by the owner, and never to or from a group."""
        if not self._moderates():
            return "may not set rules"
        if body.room_kind is None:
            return None
        fixed = self._common or self._staff or self._story.kind is RoomKind.GROUP
        if fixed or body.room_kind is RoomKind.GROUP:
            return "is what it is"
        return None if self._owns() else "may not change the kind"

    def role_set(self, body: entries.RoleSet) -> str | None:
        """By an owner: what is below oneself, or anything by an owner, to who is below oneself."""
        if self._common and self._chronicle.entitled.get(body.account) is body.role:
            return None
        if self._staff or not self._owns():
            return "may not give roles"
        if not self._common and body.role not in ROOM_ROLES:
            return "no role of a room"
        if not self._in(body.account) or body.account in self._story.banned:
            return "given to who is not there"
        mine = self._level(self._author)
        if body.account == self._author:
            return None if self._worth(body.role) < mine else "raised oneself"
        if not self._above(body.account):
            return "given to who is not below"
        worth = self._worth(body.role)
        return None if worth < mine or mine >= self._worth(Role.OWNER) else "gave too much"

    def put_out(self, body: entries.Kicked | entries.Muted) -> str | None:
        """By moderators, whoever is there and below them."""
        if not self._moderates():
            return "may not moderate"
        if not self._in(body.account):
            return "done to who is not there"
        return None if self._above(body.account) else "done to who is not below"

    def banned(self, body: entries.Banned) -> str | None:
        """By moderators, whoever is below them; addresses and devices by the server alone."""
        if not self._moderates():
            return "may not ban"
        if (body.address is not None or body.devices) and not self._common:
            return "a room bans no addresses"
        if body.account is None:
            return None
        return None if self._above(body.account) else "banned who is not below"

    def lifted(self, body: entries.Unbanned | entries.Unmuted) -> str | None:
        """By moderators."""
        return None if self._moderates() else "may not lift"

    def removed(self, body: entries.Removed) -> str | None:
        """One's own words, or as a moderator those of who is below."""
        story = self._story
        if story.said.get(body.target, (None,))[0] != body.account:
            return "no words of theirs"
        if story.is_gone(body.target, story.head):
            return "away already"
        if not self._in(self._author):
            return "not in the room"
        return None if body.account == self._author else self._over_words(body.account)

    def restored(self, body: entries.Restored) -> str | None:
        """By moderators alone."""
        if not self._story.is_gone(body.target, self._story.head):
            return "not away"
        return self._over_words(body.account)

    def _over_words(self, account: AccountId) -> str | None:
        if not self._moderates():
            return "may not remove"
        free = account == self._author or account not in self._chronicle.alive
        return None if free or self._above(account) else "words of who is not below"

    def reported(self, body: entries.Reported) -> str | None:
        """To the moderators, by whoever."""
        return None if self._staff else "reported in the open"


_TESTS: dict[type, Callable[[_Room, Any], str | None]] = {
    entries.Message: _Room.message,
    entries.Topic: _Room.topic,
    entries.Created: _Room.created,
    entries.Joined: _Room.joined,
    entries.Left: _Room.left,
    entries.Added: _Room.added,
    entries.Invited: _Room.invited,
    entries.Renamed: _Room.renamed,
    entries.ModeSet: _Room.mode_set,
    entries.RoleSet: _Room.role_set,
    entries.Kicked: _Room.put_out,
    entries.Muted: _Room.put_out,
    entries.Banned: _Room.banned,
    entries.Unbanned: _Room.lifted,
    entries.Unmuted: _Room.lifted,
    entries.Removed: _Room.removed,
    entries.Restored: _Room.restored,
    entries.Reported: _Room.reported,
}
