"""The chronicle: what the disk's logs say of people and rooms, read by somebody else.

Owns, for every log, what was said in it (also what was taken away since), who was in it from which
seq to which, how it was called and what held there; for the server, who is what. It is read from
what each commit wrote, in that order. Refuses to know the hub and what a store derives: it is the
second opinion on both. Invariant: what it says of a seq does not change as a log grows.
"""

from collections.abc import Sequence

from molva.sim.rules import Violation
from molva.terms import entries
from molva.terms.entries import Entry
from molva.terms.ids import (
    AccountId,
    CommonRoom,
    ConversationId,
    ServerAccount,
    StaffRoom,
    direct_accounts,
    group_label,
    is_direct,
    is_own_log,
)
from molva.terms.names import GENERAL, MODERATORS, parse_room
from molva.terms.ports import (
    Appended,
    EndInvitation,
    Made,
    MakeAccount,
    MakeInvitation,
    Outcome,
    RetireAccount,
    SetPassword,
    Write,
)
from molva.terms.roles import OPEN_KINDS, Role, RoomKind


class Span:
    """From a seq on, up to another and without it; or without end."""

    __slots__ = ("first", "end")

    def __init__(self, first: int) -> None:
        self.first = first
        self.end: int | None = None

    def has(self, seq: int) -> bool:
        """Say whether a seq lies in it."""
        return self.first <= seq and (self.end is None or seq < self.end)


Spans = list[Span]


def begin(spans: Spans, seq: int) -> None:
    """Let something hold from a seq on, if it does not already."""
    if not spans or spans[-1].end is not None:
        spans.append(Span(seq))


def end(spans: Spans, seq: int) -> None:
    """Let it hold no more."""
    if spans and spans[-1].end is None:
        spans[-1].end = seq


def at(spans: Spans, seq: int) -> Span | None:
    """Return the span that a seq lies in."""
    return next((span for span in reversed(spans) if span.has(seq)), None)


class Sentence:
    """A ban or a mute: until when by the wall clock, and by the world's."""

    __slots__ = ("until", "due")

    def __init__(self, until: int | None, due: float | None) -> None:
        self.until = until
        self.due = due


class Story:
    """One log."""

    def __init__(self, id: ConversationId, name: str = "") -> None:
        self.id = id
        self.head = 0
        self.said: dict[int, tuple[AccountId, str]] = {}
        """Who said what, by seq."""
        self.unheard: set[int] = set()
        """Those that only their author may see."""
        self.veiled: set[int] = set()
        """Entries about such, which only their author sees either."""
        self.gone: dict[int, Spans] = {}
        """When each message that was ever taken away was so."""
        self.stays: dict[AccountId, Spans] = {}
        self.bans: dict[AccountId | str, Spans] = {}
        """By account or by address."""
        self.names: list[tuple[int, str]] = [(0, name)] if name else []
        self.opened: list[tuple[int, int | None]] = [(0, 1 if name == GENERAL else None)]
        """From which seq on it is open since which seq, or not."""
        self.made = bool(name)
        """Whether anybody ever was told of it."""
        # What holds now.
        self.kind = RoomKind.PUBLIC if name == GENERAL else RoomKind.PRIVATE
        self.topic = ""
        self.frozen = False
        self.slow_seconds = 0
        self.roles: dict[AccountId, Role] = {}
        self.muted: dict[AccountId, Sentence] = {}
        self.banned: dict[AccountId | str, Sentence] = {}
        self.invited: set[AccountId] = set()

    def members(self) -> dict[AccountId, int]:
        """Return who is in it now, and since which seq."""
        return {
            account: spans[-1].first
            for account, spans in self.stays.items()
            if spans and spans[-1].end is None
        }

    def is_member(self, account: AccountId) -> bool:
        """Say whether somebody is in it now."""
        spans = self.stays.get(account, [])
        return bool(spans) and spans[-1].end is None

    def name(self, seq: int) -> str:
        """Return how it was called after an entry."""
        return next((name for since, name in reversed(self.names) if since <= seq), "")

    def is_gone(self, target: int, seq: int) -> bool:
        """Say whether a message was away after an entry."""
        return at(self.gone.get(target, []), seq) is not None

    def shows(self, account: AccountId, seq: int, now: int) -> bool:
        """Say whether an account may be sent an entry when the log goes to `now`."""
        if is_own_log(self.id):
            return self.id == f"@{account}"
        if is_direct(self.id):
            return account in direct_accounts(self.id)
        if self.id == CommonRoom:
            return at(self.bans.get(account, []), now) is None
        stay = at(self.stays.get(account, []), now)
        if stay is None:
            return False
        opened = next(opened for since, opened in reversed(self.opened) if since <= now)
        return seq >= stay.first or (opened is not None and seq >= opened)


class Chronicle:
    """All logs and all people."""

    def __init__(self) -> None:
        self.stories: dict[ConversationId, Story] = {}
        self.by_name: dict[str, list[Story]] = {}
        """Every room that was ever called so, by key."""
        self.alive: set[AccountId] = set()
        self.shown: dict[AccountId, str] = {}
        self.guests: set[AccountId] = set()
        self.staff_once: set[AccountId] = set()
        """Who ever was a moderator or more."""
        self.owners_made = 0
        self.silenced: dict[AccountId, int] = {}
        """Whose words are gone, and since which seq of `#general`."""
        self.blocks: dict[AccountId, set[AccountId]] = {}
        self.entitled: dict[AccountId, Role] = {}
        """What an invitation makes of who came by it."""
        self.sound = True
        """Whether the logs only grew; what a disk loses is read again, without its order."""
        self._invitations: dict[str, tuple[Role, int]] = {}
        """By digest: the role, and the uses that are left."""
        for id, name in ((CommonRoom, GENERAL), (StaffRoom, MODERATORS)):
            self._call(self.story(id, name), name)

    def story(self, id: ConversationId, name: str = "") -> Story:
        """Return the story of a log, which may have just begun."""
        story = self.stories.get(id)
        if story is None:
            story = self.stories[id] = Story(id, name)
        return story

    @property
    def common(self) -> Story:
        """`#general`."""
        return self.stories[CommonRoom]

    @property
    def staff(self) -> Story:
        """`#moderators`."""
        return self.stories[StaffRoom]

    def rank(self, account: AccountId) -> int:
        """Return how high an account stands on the server."""
        if account == ServerAccount:
            return 100
        plain = Role.GUEST if account in self.guests else Role.MEMBER
        return self.common.roles.get(account, plain).rank

    def rooms(self) -> list[Story]:
        """Return the rooms that somebody is in, but for the two of the server."""
        return [
            story
            for id, story in self.stories.items()
            if not is_own_log(id) and not is_direct(id)
            if id not in (CommonRoom, StaffRoom) and story.members()
        ]

    # -- What a commit wrote -------------------------------------------------------------------

    def take(self, write: Write, outcome: Outcome, time: float, wall: int) -> None:
        """Take one write and what came of it, at a time of each clock."""
        match write, outcome:
            case _, Appended(entry):
                self._fold(entry, time, wall)
            case MakeAccount(), Made(owner=owner):
                self._make(write, owner=owner)
            case SetPassword(account=account), Made():
                self.guests.discard(account)
            case RetireAccount(account=account), Made():
                self.retire(account)
            case MakeInvitation(digest=digest, role=role, uses=uses), Made():
                self._invitations[digest] = (role, uses)
            case EndInvitation(digest=digest), Made():
                self._invitations.pop(digest, None)

    def _make(self, write: MakeAccount, *, owner: bool) -> None:
        account = write.account
        self.alive.add(account)
        self.shown[account] = write.shown
        if write.guest and not owner:
            self.guests.add(account)
        if owner:
            self.owners_made += 1
            self.common.roles[account] = Role.OWNER
            self.staff_once.add(account)
            if self.owners_made > 1:
                raise Violation("owners", f"{write.shown} is another first owner")
        if write.invitation is not None:
            role, uses = self._invitations.get(write.invitation, (Role.GUEST, 0))
            if uses < 1:
                raise Violation("rights", f"{write.shown} came by an invitation without uses")
            self._invitations[write.invitation] = (role, uses - 1)
            self.entitled[account] = role

    def retire(self, account: AccountId) -> None:
        """Let somebody be no more, also where they were still in: who cannot come back after a
        restart has not left by an entry.
        """
        if account not in self.alive:
            return
        self.alive.discard(account)
        self.blocks.pop(account, None)
        for blocked in self.blocks.values():
            blocked.discard(account)
        for story in self.stories.values():
            end(story.stays.get(account, []), story.head + 1)
            story.roles.pop(account, None)
            story.muted.pop(account, None)
            story.banned.pop(account, None)
            story.invited.discard(account)

    def restarted(self, alive: Sequence[AccountId], time: float, wall: int) -> None:
        """Take who is there after a restart; what has an end is counted anew from then on."""
        for account in self.alive - set(alive):
            self.retire(account)
        for story in self.stories.values():
            for sentence in (*story.muted.values(), *story.banned.values()):
                if sentence.until is not None:
                    sentence.due = time + max(0, sentence.until - wall) / 1000

    def reread(self, logs: dict[ConversationId, list[Entry]]) -> None:
        """Begin again with what is there: some of what was read is not."""
        self.sound = False
        for id, log in logs.items():
            if len(log) < self.story(id).head:
                name = self.stories[id].name(0)
                self.stories[id] = Story(id, name)
                for entry in log:
                    self._fold(entry, 0.0, 0)

    # -- Entries -------------------------------------------------------------------------------

    def _fold(self, entry: Entry, time: float, wall: int) -> None:
        story = self.story(entry.conversation)
        story.head = seq = entry.seq
        match entry.body:
            case entries.Message(text=text) | entries.Unheard(text=text):
                story.said[seq] = (entry.account, text)
                if isinstance(entry.body, entries.Unheard):
                    story.unheard.add(seq)
            case entries.Removed(target=target, unheard=unheard):
                begin(story.gone.setdefault(target, []), seq)
                if unheard:
                    story.veiled.add(seq)
            case entries.Restored(target=target, unheard=unheard):
                end(story.gone.get(target, []), seq)
                if unheard:
                    story.veiled.add(seq)
            case entries.Departed(account=account, words=False):
                self.silenced[account] = seq
            case entries.Blocked(account=account):
                self.blocks.setdefault(entry.account, set()).add(account)
            case entries.Unblocked(account=account):
                self.blocks.get(entry.account, set()).discard(account)
            case entries.Topic(text=text):
                story.topic = text
            case entries.Renamed(name=name):
                self._call(story, name)
            case entries.ModeSet():
                self._set_mode(story, entry.body)
            case entries.RoleSet(account=account, role=role):
                self._give(story, account, role)
            case _:
                self._fold_people(story, entry, time, wall)

    def _fold_people(self, story: Story, entry: Entry, time: float, wall: int) -> None:
        seq, author = entry.seq, entry.account
        match entry.body:
            case entries.Created(name=name, room_kind=kind):
                story.made = True
                story.kind = kind
                story.opened = [(0, 1 if kind in OPEN_KINDS else None)]
                self._call(story, name or group_label(story.id))
                story.roles[author] = Role.OWNER
                self._enter(story, author, seq)
            case entries.Joined():
                self._enter(story, author, seq)
            case entries.Added(account=account):
                self._enter(story, account, seq)
            case entries.Invited(account=account):
                story.invited.add(account)
            case entries.Left():
                self._leave(story, author, seq)
            case entries.Kicked(account=account) if story.id != CommonRoom:
                self._leave(story, account, seq)
            case entries.Banned() as body:
                sentence = _sentence(body.until, time, wall)
                for whom in (body.account, body.address):
                    if whom is not None:
                        story.banned[whom] = sentence
                        begin(story.bans.setdefault(whom, []), seq)
                if body.account is not None and story.id == CommonRoom:
                    story.roles.pop(body.account, None)
                elif body.account is not None:
                    self._leave(story, body.account, seq)
            case entries.Unbanned() as lifted:
                for whom in (lifted.account, lifted.address):
                    if whom is not None:
                        story.banned.pop(whom, None)
                        end(story.bans.get(whom, []), seq)
            case entries.Muted(account=account, until=until):
                story.muted[account] = _sentence(until, time, wall)
            case entries.Unmuted(account=account):
                story.muted.pop(account, None)
            case _:
                pass

    def _call(self, story: Story, name: str) -> None:
        story.names.append((story.head, name))
        key = name if name.startswith("#~") else parse_room(name).key
        self.by_name.setdefault(key, []).append(story)

    def _enter(self, story: Story, account: AccountId, seq: int) -> None:
        begin(story.stays.setdefault(account, []), seq)
        story.invited.discard(account)

    def _leave(self, story: Story, account: AccountId, seq: int) -> None:
        end(story.stays.get(account, []), seq)
        story.roles.pop(account, None)
        story.muted.pop(account, None)
        story.invited.discard(account)

    def _give(self, story: Story, account: AccountId, role: Role) -> None:
        if role.rank > Role.MEMBER.rank:
            story.roles[account] = role
        else:
            story.roles.pop(account, None)
        if story.id == CommonRoom:
            if role is not Role.GUEST:
                self.guests.discard(account)
            elif account in self.alive:
                self.guests.add(account)
            if role.rank >= Role.MODERATOR.rank:
                self.staff_once.add(account)

    def _set_mode(self, story: Story, body: entries.ModeSet) -> None:
        if body.slow_seconds is not None:
            story.slow_seconds = body.slow_seconds
        if body.frozen is not None:
            story.frozen = body.frozen
        if body.room_kind is not None:
            story.kind = body.room_kind
            was = story.opened[-1][1]
            since = story.head if was is None else was
            story.opened.append((story.head, since if story.kind in OPEN_KINDS else None))


def _sentence(until: int | None, time: float, wall: int) -> Sentence:
    return Sentence(until, None if until is None else time + max(0, until - wall) / 1000)
