"""The disk of the memory store: what outlives a crash, and what an entry brings about in it.

Owns everything that a commit has returned for, in plain containers, and the plainest reading of
`ports.DERIVED`. Refuses to know outcomes of other writes, and when the store is available.

Invariants: only immutable values are in the containers, so a copy of it is a snapshot; what an
entry brings about is checked (`refusal`) before anything is changed (`write`).
"""

import msgspec

from molva.store.bodies import is_said, wordless
from molva.terms import names
from molva.terms.entries import (
    LEDGER,
    Added,
    AnyBody,
    Banned,
    Blocked,
    Created,
    Entry,
    Invited,
    Joined,
    Kicked,
    Left,
    Message,
    ModeSet,
    Muted,
    Read,
    Removed,
    Renamed,
    Restored,
    RoleSet,
    Topic,
    Unbanned,
    Unblocked,
    Unheard,
    Unmuted,
)
from molva.terms.ids import (
    AccountId,
    CommonRoom,
    ConversationId,
    Seq,
    StaffRoom,
    is_own_log,
)
from molva.terms.ports import (
    Kind,
    Missing,
    Outcome,
    Sanction,
    StoredAccount,
    StoredConversation,
    StoredDevice,
    StoredInvitation,
    StoredSanction,
    Taken,
    Unavailable,
)
from molva.terms.roles import OPEN_KINDS, Role, RoomKind

NOTHING = Seq(0)

SanctionKey = tuple[ConversationId, Sanction, AccountId | None, str | None]


class Disk:
    """Everything that a commit has returned for, and nothing else."""

    def __init__(self) -> None:
        self.conversations: dict[ConversationId, StoredConversation] = {}
        """Those that are not closed. Where each ends is not kept here: its log says it."""
        self.logs: dict[ConversationId, list[Entry]] = {}
        """Of each that ever was, in the order in which they came into being."""
        self.written: dict[tuple[AccountId, str], tuple[ConversationId, Seq]] = {}
        self.removed: dict[tuple[ConversationId, Seq], Message | Unheard] = {}
        self.ledgers: dict[ConversationId, tuple[Seq, ...]] = {}
        self.accounts: dict[AccountId, StoredAccount] = {}
        self.retired: dict[AccountId, StoredAccount] = {}
        self.deleted: frozenset[AccountId] = frozenset()
        self.devices: dict[str, StoredDevice] = {}
        self.barred: dict[str, AccountId] = {}
        self.members: dict[tuple[ConversationId, AccountId], Seq] = {}
        self.markers: dict[tuple[AccountId, ConversationId], tuple[Seq, int]] = {}
        self.roles: dict[tuple[ConversationId, AccountId], Role] = {}
        self.sanctions: dict[SanctionKey, StoredSanction] = {}
        self.invites: dict[tuple[ConversationId, AccountId], None] = {}
        self.blocks: dict[tuple[AccountId, AccountId], None] = {}
        self.invitations: dict[str, StoredInvitation] = {}
        self.owned = False
        """Whether an account has been made the first owner."""
        self.erasing: dict[AccountId, tuple[int, Seq]] = {}
        """How far: through which seq of the conversation at which place of `logs`."""
        general, moderators = names.parse_room(names.GENERAL), names.parse_room(names.MODERATORS)
        self.make_room(CommonRoom, general, RoomKind.PUBLIC)
        self.make_room(StaffRoom, moderators, RoomKind.PRIVATE)

    def copy(self) -> "Disk":
        """Return a snapshot that later commits do not change."""
        other = Disk()
        for name, value in vars(self).items():
            if isinstance(value, dict):
                setattr(other, name, dict(value))
        other.deleted = self.deleted
        other.owned = self.owned
        other.logs = {conversation: list(log) for conversation, log in self.logs.items()}
        return other

    def head(self, conversation: ConversationId) -> tuple[Seq, int, int]:
        """Return seq, ordinal and time of the newest entry, zeros where there is none."""
        log = self.logs.get(conversation)
        return (log[-1].seq, log[-1].ordinal, log[-1].at) if log else (NOTHING, 0, 0)

    def entry(self, conversation: ConversationId, seq: Seq) -> Entry | None:
        """Return the entry at a seq as it is now; None where there is none."""
        log = self.logs.get(conversation, [])
        return log[seq - 1] if 0 < seq <= len(log) else None

    def is_room(self, conversation: ConversationId) -> bool:
        """Say whether this is a room that is not closed."""
        stored = self.conversations.get(conversation)
        return stored is not None and stored.kind is Kind.ROOM

    # -- Names

    def make_room(self, conversation: ConversationId, name: names.Room, kind: RoomKind) -> None:
        """Let there be an empty room."""
        self.logs[conversation] = []
        self.conversations[conversation] = StoredConversation(
            conversation=conversation,
            kind=Kind.ROOM,
            head=NOTHING,
            ordinal=0,
            at=0,
            shown=name.shown,
            key=name.key,
            skeleton=name.skeleton,
            room_kind=kind,
            open_from=Seq(1) if kind in OPEN_KINDS else None,
        )

    def room_taken(self, key: str, skeleton: str, but: ConversationId | None) -> Taken | None:
        """Say whether a room other than `but` has that key, or that skeleton."""
        rooms = [
            room
            for room in self.conversations.values()
            if room.kind is Kind.ROOM and room.conversation != but
        ]
        if key and any(room.key == key for room in rooms):
            return Taken(confusable=False)
        if skeleton and any(room.skeleton == skeleton for room in rooms):
            return Taken(confusable=True)
        return None

    # -- Entries

    def refusal(self, conversation: ConversationId, body: AnyBody) -> Outcome | None:
        """Return what stands against a body in this conversation, or None."""
        match body:
            case Renamed(name=name) if self.is_room(conversation):
                try:
                    room = names.parse_room(name)
                except names.NameRefused:
                    return Unavailable()
                return self.room_taken(room.key, room.skeleton, conversation)
            case Removed(target=target, account=account):
                found = self.entry(conversation, target)
                if found is None or found.account != account or not is_said(found.body):
                    return Missing()
            case Restored(target=target) if (conversation, target) not in self.removed:
                return Missing()
            case _:
                pass
        return None

    def write(self, entry: Entry) -> None:
        """Put an entry at the end of its log, and let what follows from it follow."""
        conversation = entry.conversation
        if conversation not in self.conversations:
            self.logs[conversation] = []
            self.conversations[conversation] = StoredConversation(
                conversation=conversation,
                kind=Kind.OWN if is_own_log(conversation) else Kind.DIRECT,
                head=NOTHING,
                ordinal=0,
                at=0,
            )
        self.logs[conversation].append(entry)
        if entry.id is not None:
            self.written[entry.account, entry.id] = (conversation, entry.seq)
        if isinstance(entry.body, LEDGER):
            self.ledgers[conversation] = (*self.ledgers.get(conversation, ()), entry.seq)
        self._derive(entry)

    def _derive(self, entry: Entry) -> None:
        """Let what follows from an entry in any conversation follow."""
        conversation = entry.conversation
        match entry.body:
            case Removed(target=target):
                said = self.logs[conversation][target - 1].body
                assert isinstance(said, Message | Unheard)
                self.removed[conversation, target] = said
                self.put(conversation, target, wordless(said))
            case Restored(target=target):
                self.put(conversation, target, self.removed.pop((conversation, target)))
            case Read() as read:
                self.advance(entry.account, read.conversation, read.through, read.ordinal)
            case Blocked(account=other) if is_own_log(conversation):
                self.blocks[AccountId(int(conversation[1:])), other] = None
            case Unblocked(account=other) if is_own_log(conversation):
                self.blocks.pop((AccountId(int(conversation[1:])), other), None)
            case _ if self.is_room(conversation):
                self._derive_membership(entry)
                if self.is_room(conversation):
                    self._derive_rules(entry)
            case _:
                pass

    def _derive_membership(self, entry: Entry) -> None:
        """Let it follow who is in a room, and as what."""
        conversation, author = entry.conversation, entry.account
        match entry.body:
            case Created():
                self._join(entry, author)
                self.roles[conversation, author] = Role.OWNER
            case Joined():
                self._join(entry, author)
                self.invites.pop((conversation, author), None)
            case Added(account=account):
                self._join(entry, account)
                self.invites.pop((conversation, account), None)
            case Invited(account=account):
                self.invites[conversation, account] = None
            case Left():
                self._leave(conversation, author)
            case Kicked(account=account) if conversation != CommonRoom:
                self._leave(conversation, account)
            case Banned(account=account) if account is not None:
                if conversation != CommonRoom:
                    self._leave(conversation, account)
                    return
                self.roles.pop((conversation, account), None)
                if entry.body.devices:
                    for digest in self.devices_of(account):
                        del self.devices[digest]
                        self.barred[digest] = account
            case RoleSet(account=account, role=role):
                if role in (Role.MEMBER, Role.GUEST):
                    self.roles.pop((conversation, account), None)
                else:
                    self.roles[conversation, account] = role
                if conversation == CommonRoom and account in self.accounts:
                    stored = self.accounts[account]
                    guest = role is Role.GUEST and stored.password_hash is None
                    self.accounts[account] = msgspec.structs.replace(stored, guest=guest)
            case _:
                pass

    def _derive_rules(self, entry: Entry) -> None:
        """Let it follow what holds in a room that is not closed, and against whom."""
        conversation = entry.conversation
        stored = self.conversations[conversation]
        match entry.body:
            case Topic(text=text):
                self.conversations[conversation] = msgspec.structs.replace(stored, topic=text)
            case Renamed(name=name):
                room = names.parse_room(name)
                self.conversations[conversation] = msgspec.structs.replace(
                    stored, shown=room.shown, key=room.key, skeleton=room.skeleton
                )
            case ModeSet(room_kind=kind, slow_seconds=slow, frozen=frozen):
                kind = stored.room_kind if kind is None else kind
                opened = entry.seq if stored.open_from is None else stored.open_from
                self.conversations[conversation] = msgspec.structs.replace(
                    stored,
                    room_kind=kind,
                    slow_seconds=stored.slow_seconds if slow is None else slow,
                    frozen=stored.frozen if frozen is None else frozen,
                    open_from=opened if kind in OPEN_KINDS else None,
                )
            case Banned() as body:
                if body.account is not None:
                    self._sanction(conversation, Sanction.BAN, body, account=body.account)
                if body.address is not None:
                    self._sanction(conversation, Sanction.BAN, body, address=body.address)
            case Unbanned(account=account, address=address):
                if account is not None:
                    self.sanctions.pop((conversation, Sanction.BAN, account, None), None)
                    if conversation == CommonRoom:
                        for digest in [d for d, of in self.barred.items() if of == account]:
                            del self.barred[digest]
                if address is not None:
                    self.sanctions.pop((conversation, Sanction.BAN, None, address), None)
            case Muted() as body:
                self._sanction(conversation, Sanction.MUTE, body, account=body.account)
            case Unmuted(account=account):
                self.sanctions.pop((conversation, Sanction.MUTE, account, None), None)
            case _:
                pass

    def put(self, conversation: ConversationId, seq: Seq, body: AnyBody) -> None:
        """Let an entry say something else."""
        log = self.logs[conversation]
        log[seq - 1] = msgspec.structs.replace(log[seq - 1], body=body)

    def erase(self, account: AccountId, limit: int) -> bool:
        """Take the words from the next entries, and say whether there may be more."""
        if account not in self.erasing:
            return False
        position = self.erasing[account]
        rows = [
            (place, entry)
            for place, log in enumerate(self.logs.values())
            for entry in log
            if (place, entry.seq) > position
        ]
        for place, entry in rows[: max(limit, 0)]:
            self.erasing[account] = (place, entry.seq)
            if entry.account == account:
                self.put(entry.conversation, entry.seq, wordless(entry.body))
                self.removed.pop((entry.conversation, entry.seq), None)
        if len(rows) < limit:
            del self.erasing[account]
        return len(rows) >= limit

    # -- People

    def devices_of(self, account: AccountId) -> list[str]:
        """Return the digests of an account's devices."""
        return [digest for digest, device in self.devices.items() if device.account == account]

    def advance(
        self, account: AccountId, conversation: ConversationId, through: Seq, ordinal: int
    ) -> None:
        """Move a marker forward, never back; what is not there cannot have been read."""
        here = self.markers.get((account, conversation))
        if conversation in self.conversations and (here is None or here[0] < through):
            self.markers[account, conversation] = (through, ordinal)

    def retire(self, account: AccountId) -> None:
        """Let all go that an account has, but for its entries."""
        self.retired[account] = self.accounts.pop(account)
        self.barred = {k: v for k, v in self.barred.items() if v != account}
        for digest in self.devices_of(account):
            del self.devices[digest]
        for conversation in [where for where, who in self.members if who == account]:
            self._leave(conversation, account)
        self.markers = {k: v for k, v in self.markers.items() if k[0] != account}
        self.roles = {k: v for k, v in self.roles.items() if k[1] != account}
        self.sanctions = {k: v for k, v in self.sanctions.items() if k[2] != account}
        self.invites = {k: v for k, v in self.invites.items() if k[1] != account}
        self.blocks = {k: v for k, v in self.blocks.items() if account not in k}

    def _join(self, entry: Entry, account: AccountId) -> None:
        self.members.setdefault((entry.conversation, account), entry.seq)
        self.advance(account, entry.conversation, entry.seq, entry.ordinal)

    def _leave(self, conversation: ConversationId, account: AccountId) -> None:
        """Let somebody be no member; who was the last closes the room."""
        was = self.members.pop((conversation, account), None)
        self.markers.pop((account, conversation), None)
        self.roles.pop((conversation, account), None)
        self.sanctions.pop((conversation, Sanction.MUTE, account, None), None)
        self.invites.pop((conversation, account), None)
        if was is None or conversation in (CommonRoom, StaffRoom):
            return
        if not any(where == conversation for where, _ in self.members):
            del self.conversations[conversation]
            self.markers = {k: v for k, v in self.markers.items() if k[1] != conversation}
            self.roles = {k: v for k, v in self.roles.items() if k[0] != conversation}
            self.sanctions = {k: v for k, v in self.sanctions.items() if k[0] != conversation}
            self.invites = {k: v for k, v in self.invites.items() if k[0] != conversation}

    def _sanction(
        self,
        conversation: ConversationId,
        sanction: Sanction,
        body: Banned | Muted,
        *,
        account: AccountId | None = None,
        address: str | None = None,
    ) -> None:
        self.sanctions[conversation, sanction, account, address] = StoredSanction(
            conversation=conversation,
            sanction=sanction,
            account=account,
            name=body.name,
            address=address,
            until=body.until,
            reason=body.reason,
        )
