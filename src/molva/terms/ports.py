"""Ports: what the core's effects ask of the world, as exact contracts.

A `Store` is synchronous and is called by one thread at a time for writes; the shell decides which.
`IdSource` is where randomness enters. Both are given, never made, by the floors that use them.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from molva.terms.entries import AnyBody, Entry
from molva.terms.ids import AccountId, ConversationId, Seq
from molva.terms.roles import Role, RoomKind


class StoreUnavailable(Exception):
    """The store cannot do this now: nothing of what was asked took effect."""


class StoreLost(Exception):
    """Whether the last commit took effect cannot be known: this process must end, a new one look.

    To go on would be to guess: what is in memory could differ from what is stored.
    """


class StoreRefused(Exception):
    """The store will not open: locked by another server, newer than we are, or damaged."""

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason, values)
        self.reason = reason
        """A key of the catalogue under `store.`."""
        self.values = values


class Kind(StrEnum):
    """What a conversation is."""

    ROOM = "room"
    DIRECT = "direct"
    OWN = "own"


# -- Writes and their outcomes. A commit takes many writes as one transaction, in order; a refusal
# -- of one (a name that is taken, an id seen before) leaves the others alone.


class Append(msgspec.Struct, frozen=True, gc=False):
    """Give this the next seq of its conversation.

    A direct conversation or an own log comes into being with its first entry; a room by `MakeRoom`,
    and an entry for a room that is not there, or is closed, is `Missing`.
    The store derives from the body, in the same transaction (`DERIVED` tells what of what).
    """

    conversation: ConversationId
    account: AccountId
    name: str
    id: str | None
    at: int
    body: AnyBody


DERIVED = """
`Created`: the author is a member since this seq, its owner, with a marker here.
`Joined`: the author is a member since this seq, with a marker here; their invite is used up.
`Added`: the same for `account`.
`Left`: the author is no member: no role, mute, marker or invite; a room (but `#general` and
    `#moderators`) whose last member goes is closed: its name is free, it is in no list.
`Kicked`: `Left` for `account`. In `#general`: nothing.
`Banned`: `Kicked`, and a sanction `ban` for `account`, for `address`, or for each where both are
    given; a second of the same takes the place of the first. In `#general` no membership changes,
    the role is gone and with `devices` every device of the account is forgotten and barred.
`Unbanned`: the sanction of `account` and that of `address`, where given, are gone; in `#general`
    what is barred for `account` is so no more (its devices stay forgotten).
`Muted`, `Unmuted`: the sanction `mute` of `account`, in the same way.
`Topic`, `ModeSet`: the room's topic, kind, slow_seconds and frozen. `open_from` is this seq when a
    room becomes one of OPEN_KINDS and was none, and None when it becomes private.
`Renamed`: the room's shown, key and skeleton, by `parse_room`; `Taken` (and no entry) where another
    room has it, `Unavailable` where it is no name.
`RoleSet`: the role of `account` here; member and guest are kept as none. In `#general` it makes the
    account a guest's (guest, where it has no password) or not a guest's (any other).
`Invited`: `account` may join.
`Removed`: the message at `target` becomes `Gone`, or `Unheard` without its text where it was that,
    and what it was is kept aside; `Missing` (and no entry) where `account` says nothing there.
`Restored`: the message is put back; `Missing` (and no entry) where none was removed there.
`Read`: the marker, as before. `Blocked`, `Unblocked`: that the own log's account blocks `account`.
Of `LEDGER` kinds: the ledger of its conversation has the seq.
In what is no room only `Removed`, `Restored`, `Read`, `Blocked` and `Unblocked` bring this about.
With a room that is closed go its roles, sanctions, invites and markers; its log can be loaded.
"""


class MakeRoom(msgspec.Struct, frozen=True, gc=False):
    """Make a room under a name whose key and skeleton no other room that is not closed has.

    A group has three empty strings, which are unlike any. It is open from its first seq, if it is
    of OPEN_KINDS.
    """

    conversation: ConversationId
    shown: str
    key: str
    skeleton: str
    kind: RoomKind = RoomKind.PUBLIC


class MakeAccount(msgspec.Struct, frozen=True, gc=False):
    """Make an account under a name whose key and skeleton no other has, and its first device.

    Its read marker of the common room is set at that room's head, in the same transaction. Names of
    deleted accounts count as had. With an `invitation`, one use of it is taken in the same
    transaction; where it has none left, is over at `at`, or is not there: `Spent`, whatever the
    name, so that who is not let in learns of none.
    """

    account: AccountId
    shown: str
    key: str
    skeleton: str
    password_hash: str | None
    token_digest: str | None
    """None: a connection that cannot come back, so the account ends with it."""
    device: str | None
    at: int
    guest: bool = True
    """Whether the name goes some time after the person has."""
    invitation: str | None = None
    """The digest of the invitation that let them in."""
    claims: bool = False
    """Whether this is to be the server's owner, if nobody has ever been so by this way: the role
    `owner` in `#general` comes in the same transaction, and the outcome is `Made(owner=True)`."""


class AddDevice(msgspec.Struct, frozen=True, gc=False):
    """Let a further device come back under this account, by this token."""

    account: AccountId
    token_digest: str
    device: str | None
    at: int
    replaces: str | None = None
    """The digest of the token that this one takes the place of, if it is this account's."""


class ForgetDevices(msgspec.Struct, frozen=True, gc=False):
    """Let these devices of an account come back no more; unknown ones are passed over."""

    account: AccountId
    token_digests: tuple[str, ...]


class SetPassword(msgspec.Struct, frozen=True, gc=False):
    """Give an account a password; it is no guest's any more. Its devices stay but for those named.

    `Missing` where there is no such account.
    """

    account: AccountId
    password_hash: str
    forget: tuple[str, ...] = ()
    """Digests of the devices that may come back no more."""


class RetireAccount(msgspec.Struct, frozen=True, gc=False):
    """End an account: its devices, markers, roles, sanctions, invites and blocks are gone.

    So is what is barred for it: nobody could lift that any more. A guest's name is free again. Its
    entries stay, and so does its id, which nobody gets again. Where it still was in a room, `Left`
    is not written, and the room is closed if it was the last; whoever asks for this has done so
    before. It changes nothing where there is no such account, or it has ended before.
    """

    account: AccountId
    deleted: bool = False
    """Whether it was deleted: nobody gets its name again."""
    erase: bool = False
    """Whether what it said is to go: `Erase` does it, `contents` tells of it till it is done."""


class Erase(msgspec.Struct, frozen=True, gc=False):
    """Make the next messages of an account that is being erased `Gone`, for ever: `Erased`.

    It looks at `limit` entries at most, of whatever author, from where the last one ended; where
    nothing is to be erased there is no `more`. What was `Unheard` stays so, without its text: as
    `Gone` it would tell of itself. What `Removed` kept aside is gone too.
    """

    account: AccountId
    limit: int


class MakeInvitation(msgspec.Struct, frozen=True, gc=False):
    """Let so many people in by a code, at least one. `Taken` where there is one of this digest."""

    digest: str
    role: Role
    uses: int
    until: int
    """Milliseconds since 1970."""
    by: AccountId
    name: str | None = None
    """The only name that it is good for, as a key of `terms.names`."""


class EndInvitation(msgspec.Struct, frozen=True, gc=False):
    """Let nobody in by it any more; `Missing` where there is none."""

    digest: str


class Find(msgspec.Struct, frozen=True, gc=False):
    """Ask, in the order of writes, whether an account wrote under an id: `Known` or `Missing`."""

    account: AccountId
    id: str


Write = (
    Append
    | MakeRoom
    | MakeAccount
    | AddDevice
    | ForgetDevices
    | SetPassword
    | RetireAccount
    | Erase
    | MakeInvitation
    | EndInvitation
    | Find
)


class Appended(msgspec.Struct, frozen=True, gc=False):
    """The entry is durable, under this seq."""

    entry: Entry


class Known(msgspec.Struct, frozen=True, gc=False):
    """This account wrote under this id before; here is what it wrote then."""

    entry: Entry


class Made(msgspec.Struct, frozen=True, gc=False):
    """It is so: what was to exist exists, what was to be gone is."""

    owner: bool = False
    """Whether the account that was made is the server's first owner."""


class Taken(msgspec.Struct, frozen=True, gc=False):
    """Another has that name (`confusable` False) or one that looks like it."""

    confusable: bool


class Missing(msgspec.Struct, frozen=True, gc=False):
    """There is no such room, message, account, invitation, or no write under that id."""


class Spent(msgspec.Struct, frozen=True, gc=False):
    """The invitation lets nobody in any more."""


class Erased(msgspec.Struct, frozen=True, gc=False):
    """A part of what an account said is gone."""

    more: bool
    """Whether there may be more of it."""


class Unavailable(msgspec.Struct, frozen=True, gc=False):
    """The commit failed; nothing of it took effect."""


Outcome = Appended | Known | Made | Taken | Missing | Spent | Erased | Unavailable


# -- What a store holds when it opens.


class StoredAccount(msgspec.Struct, frozen=True, gc=False):
    """An account."""

    account: AccountId
    shown: str
    key: str
    skeleton: str
    password_hash: str | None
    guest: bool = True


class StoredDevice(msgspec.Struct, frozen=True, gc=False):
    """A device that may come back."""

    token_digest: str
    account: AccountId
    device: str | None
    at: int = 0
    """When it was added."""


class StoredConversation(msgspec.Struct, frozen=True, gc=False):
    """A conversation and where it ends. What follows `at` is a room's; closed ones are left out."""

    conversation: ConversationId
    kind: Kind
    head: Seq
    ordinal: int
    at: int
    """When its newest entry was written."""
    shown: str = ""
    key: str = ""
    skeleton: str = ""
    topic: str = ""
    room_kind: RoomKind = RoomKind.PUBLIC
    slow_seconds: int = 0
    frozen: bool = False
    open_from: Seq | None = None
    """Since which seq everybody who is a member may read it; None while it is private."""


class StoredMember(msgspec.Struct, frozen=True, gc=False):
    """Somebody is in a room since a seq (of `Joined`, `Added` or `Created`)."""

    conversation: ConversationId
    account: AccountId
    since: Seq


class StoredMarker(msgspec.Struct, frozen=True, gc=False):
    """How far an account has read."""

    account: AccountId
    conversation: ConversationId
    through: Seq
    ordinal: int


class StoredRole(msgspec.Struct, frozen=True, gc=False):
    """Somebody is more than a member."""

    conversation: ConversationId
    account: AccountId
    role: Role


class Sanction(StrEnum):
    """What somebody may not."""

    BAN = "ban"
    MUTE = "mute"


class StoredSanction(msgspec.Struct, frozen=True, gc=False):
    """A ban or a mute that was not ended: of an account, or of an address range, never of both.

    `name` is what its entry said, also beside an address; `until` may have passed.
    """

    conversation: ConversationId
    sanction: Sanction
    account: AccountId | None
    name: str
    address: str | None
    until: int | None
    reason: str = ""


class StoredInvite(msgspec.Struct, frozen=True, gc=False):
    """Somebody may join a room."""

    conversation: ConversationId
    account: AccountId


class StoredBlock(msgspec.Struct, frozen=True, gc=False):
    """Somebody blocks another."""

    account: AccountId
    other: AccountId


class StoredInvitation(msgspec.Struct, frozen=True, gc=False):
    """An invitation with uses left, over or not."""

    digest: str
    role: Role
    uses: int
    until: int
    by: AccountId
    name: str | None


class Contents(msgspec.Struct, frozen=True):
    """Everything but the entries themselves."""

    accounts: list[StoredAccount]
    """Those that are not retired."""
    retired: list[StoredAccount]
    """Those retired ones with whom somebody who is not retired has a direct conversation."""
    deleted: list[StoredAccount]
    """Those retired ones whose name nobody gets again; some of them are in `retired` too."""
    devices: list[StoredDevice]
    conversations: list[StoredConversation]
    members: list[StoredMember]
    markers: list[StoredMarker]
    roles: list[StoredRole] = []
    sanctions: list[StoredSanction] = []
    invites: list[StoredInvite] = []
    blocks: list[StoredBlock] = []
    invitations: list[StoredInvitation] = []
    barred: list[tuple[str, AccountId]] = []
    """Digests of tokens that nobody may come back with, and whose they were."""
    erasing: list[AccountId] = []
    """Accounts whose words are not all gone yet, though they shall be."""


class Store(Protocol):
    """Where the log is. Only what `commit` has returned may be told to anybody."""

    def contents(self) -> Contents:
        """Return all but the entries; called once, before the first commit.

        The common room and the moderators' always exist. Guests whose device cannot come back (no
        token, no password) are retired first: their connections ended with the server's last run.
        Those who are banned from `#general` stay, or the ban would end with them.
        """
        ...

    def commit(self, writes: Sequence[Write]) -> list[Outcome]:
        """Make the writes durable as one transaction and return an outcome for each, in order.

        When this returns, what is `Appended` survives a power cut. When the transaction fails every
        outcome is `Unavailable` and nothing took effect. A store that fails in the very act looks
        which of both is so; where it cannot, it raises StoreLost, from then on for every commit.
        No other exception but a bug leaves here.
        `(account, id)` is unique for ever: a second `Append` under the same is `Known`, also within
        one commit. Seqs are dense from 1; `at` never decreases within a conversation.
        """
        ...

    def load(
        self, conversation: ConversationId, *, after: Seq, limit: int, bytes_max: int
    ) -> list[Entry]:
        """Return entries `after` a seq (excluded), ascending and contiguous, at most `limit`.

        It stops early, but not before one entry, where the texts reach `bytes_max` bytes. Unknown
        conversation: empty. Raises StoreUnavailable. May run in another thread than `commit`.
        """
        ...

    def load_before(
        self, conversation: ConversationId, *, before: Seq, limit: int, bytes_max: int
    ) -> list[Entry]:
        """Return the last entries before a seq (excluded), ascending and contiguous; as `load`."""
        ...

    def load_ledger(
        self, conversation: ConversationId, *, before: Seq, limit: int, bytes_max: int
    ) -> list[Entry]:
        """Return the last entries of `LEDGER` kinds before a seq, ascending; as `load_before`.

        They are not contiguous. The bound on bytes counts texts, of which these have none but
        reasons, and may be passed over.
        """
        ...

    def close(self) -> None:
        """Let go of the file; the last call."""
        ...


class IdSource(Protocol):
    """Where ids and secrets come from."""

    def account(self) -> AccountId:
        """Return a new account id, from 1 to 2**53 - 1."""
        ...

    def room(self) -> ConversationId:
        """Return a new room id: `r` and letters and digits."""
        ...

    def token(self) -> str:
        """Return a new secret of 256 bits, in printable ASCII."""
        ...

    def code(self) -> str:
        """Return a new code of 40 bits for a person to type: 8 of `admission.ALPHABET`."""
        ...

    def invitation(self) -> str:
        """Return a new code of 80 bits, 16 of `admission.ALPHABET`."""
        ...

    def digest(self, token: str) -> str:
        """Return what is stored instead of a token or a code: one way, the same each time."""
        ...
