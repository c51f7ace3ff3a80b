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
    and an entry for a room that is not there is `Missing`.
    The store derives from the body, in the same transaction: members from `Joined`, `Left` and
    `Created`; the topic from `Topic`; read markers from `Read`, `Joined` and `Created`.
    """

    conversation: ConversationId
    account: AccountId
    name: str
    id: str | None
    at: int
    body: AnyBody


class MakeRoom(msgspec.Struct, frozen=True, gc=False):
    """Make a room under a name whose key and skeleton no other room has."""

    conversation: ConversationId
    shown: str
    key: str
    skeleton: str


class MakeAccount(msgspec.Struct, frozen=True, gc=False):
    """Make an account under a name whose key and skeleton no other has, and its first device.

    Its read marker of the common room is set at that room's head, in the same transaction.
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


class AddDevice(msgspec.Struct, frozen=True, gc=False):
    """Let a further device come back under this account, by this token."""

    account: AccountId
    token_digest: str
    device: str | None
    at: int


class RetireAccount(msgspec.Struct, frozen=True, gc=False):
    """End a guest's account: its name is free again, its devices are forgotten, it is in no room.

    Its entries stay, and so does its id, which nobody gets again.
    """

    account: AccountId


class Find(msgspec.Struct, frozen=True, gc=False):
    """Ask, in the order of writes, whether an account wrote under an id: `Known` or `Missing`."""

    account: AccountId
    id: str


Write = Append | MakeRoom | MakeAccount | AddDevice | RetireAccount | Find


class Appended(msgspec.Struct, frozen=True, gc=False):
    """The entry is durable, under this seq."""

    entry: Entry


class Known(msgspec.Struct, frozen=True, gc=False):
    """This account wrote under this id before; here is what it wrote then."""

    entry: Entry


class Made(msgspec.Struct, frozen=True, gc=False):
    """The room, account or device exists; or the account is retired."""


class Taken(msgspec.Struct, frozen=True, gc=False):
    """Another has that name (`confusable` False) or one that looks like it."""

    confusable: bool


class Missing(msgspec.Struct, frozen=True, gc=False):
    """There is no such room, or no write under that id."""


class Unavailable(msgspec.Struct, frozen=True, gc=False):
    """The commit failed; nothing of it took effect."""


Outcome = Appended | Known | Made | Taken | Missing | Unavailable


# -- What a store holds when it opens.


class StoredAccount(msgspec.Struct, frozen=True, gc=False):
    """An account."""

    account: AccountId
    shown: str
    key: str
    skeleton: str
    password_hash: str | None


class StoredDevice(msgspec.Struct, frozen=True, gc=False):
    """A device that may come back."""

    token_digest: str
    account: AccountId
    device: str | None


class StoredConversation(msgspec.Struct, frozen=True, gc=False):
    """A conversation and where it ends. Rooms have `shown`, `key`, `skeleton` and `topic`."""

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


class StoredMember(msgspec.Struct, frozen=True, gc=False):
    """Somebody is in a room since a seq (of `Joined` or `Created`)."""

    conversation: ConversationId
    account: AccountId
    since: Seq


class StoredMarker(msgspec.Struct, frozen=True, gc=False):
    """How far an account has read."""

    account: AccountId
    conversation: ConversationId
    through: Seq
    ordinal: int


class Contents(msgspec.Struct, frozen=True):
    """Everything but the entries themselves."""

    accounts: list[StoredAccount]
    """Those that are not retired."""
    retired: list[StoredAccount]
    """Those retired ones with whom somebody who is not retired has a direct conversation."""
    devices: list[StoredDevice]
    conversations: list[StoredConversation]
    members: list[StoredMember]
    markers: list[StoredMarker]


class Store(Protocol):
    """Where the log is. Only what `commit` has returned may be told to anybody."""

    def contents(self) -> Contents:
        """Return all but the entries; called once, before the first commit.

        The common room always exists. Accounts whose device cannot come back (no token, no
        password) are retired first: their connections ended with the server's last run.
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

    def digest(self, token: str) -> str:
        """Return what is stored instead of a token: one way, the same each time."""
        ...
