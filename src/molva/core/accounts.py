"""Accounts: who is known, under which name, with which devices.

Owns names in use (those asked of the store and not answered yet too), devices by their digest, and
the one `authenticate()`. Refuses to know connections' bytes, hashing and where accounts are kept.
Invariants: no two accounts share a key or a skeleton; a device belongs to one account.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from molva.core.cursor import NOTHING_READ, ReadMarker
from molva.core.rate import Bucket
from molva.core.session import Session
from molva.terms.errors import Code
from molva.terms.ids import TAG_SEPARATOR, AccountId, ConversationId, parse_tag, tag
from molva.terms.names import Name
from molva.terms.ports import StoredAccount, StoredDevice


class Account:
    """A person: a guest, whose name goes when they do, or one with a password."""

    __slots__ = (
        "id",
        "name",
        "password_hash",
        "sessions",
        "devices",
        "markers",
        "rooms",
        "directs",
        "away",
        "pending",
        "retiring",
        "retired",
        "hold_until",
        "tokens",
        "tokens_at",
        "password_tokens",
    )

    def __init__(self, id: AccountId, name: Name, password_hash: str | None) -> None:
        self.id = id
        self.name = name
        self.password_hash = password_hash
        self.sessions: list[Session] = []
        self.devices: tuple[str, ...] = ()
        """The digests of those that may come back; a guest without any ends with its connection."""
        self.markers: dict[ConversationId, ReadMarker] = {}
        self.rooms: dict[ConversationId, None] = {}
        self.directs: dict[ConversationId, None] | None = None
        self.away: str | None = None
        self.pending = True
        """Asked of the store and not answered: the name is taken, but nobody is it."""
        self.retiring = False
        self.retired = False
        """Gone for good; kept while somebody has a direct conversation with them."""
        self.hold_until: float | None = None
        self.tokens = 0.0
        self.tokens_at = 0.0
        self.password_tokens: Bucket | None = None

    @property
    def shown(self) -> str:
        """The name as it is displayed."""
        return self.name.shown

    @property
    def label(self) -> str:
        """What names this account on the wire: with its tag once the name is no longer its own."""
        return f"{self.shown}{TAG_SEPARATOR}{tag(self.id)}" if self.retired else self.shown

    @property
    def online(self) -> bool:
        """Whether any device is connected."""
        return bool(self.sessions)

    def marker(self, conversation: ConversationId) -> ReadMarker:
        """Return how far it has read a conversation."""
        return self.markers.get(conversation, NOTHING_READ)


class Device:
    """What may come back under an account by its token."""

    __slots__ = ("digest", "account", "session")

    def __init__(self, digest: str, account: Account) -> None:
        self.digest = digest
        self.account = account
        self.session: Session | None = None


class Verdict(Enum):
    """What a registration comes to."""

    ENTER = "enter"
    """It is who it says."""
    VERIFY = "verify"
    """Its password is to be compared first."""
    MAKE = "make"
    """The name is free: an account is to be made."""
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, and whom or what it is about."""

    verdict: Verdict
    account: Account | None = None
    device: Device | None = None
    code: Code | None = None


class Accounts:
    """All accounts that are not retired."""

    def __init__(self, digest: Callable[[str], str]) -> None:
        self._digest = digest
        self._by_key: dict[str, Account] = {}
        self._by_skeleton: dict[str, Account] = {}
        self._by_id: dict[AccountId, Account] = {}
        self._devices: dict[str, Device] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_key.values())

    def restore(self, stored: StoredAccount) -> Account:
        """Take an account from the store's contents."""
        name = Name(shown=stored.shown, key=stored.key, skeleton=stored.skeleton)
        account = self.reserve(stored.account, name, stored.password_hash)
        account.pending = False
        return account

    def restore_device(self, stored: StoredDevice) -> None:
        """Take a device from the store's contents."""
        self.add_device(self._by_id[stored.account], stored.token_digest)

    def reserve(self, id: AccountId, name: Name, password_hash: str | None) -> Account:
        """Hold a name for an account that the store is asked to make."""
        assert name.key not in self._by_key and name.skeleton not in self._by_skeleton
        account = Account(id, name, password_hash)
        self._by_key[name.key] = account
        self._by_skeleton[name.skeleton] = account
        self._by_id[id] = account
        return account

    def restore_retired(self, stored: StoredAccount) -> None:
        """Take somebody who is gone, but with whom somebody talked."""
        name = Name(shown=stored.shown, key=stored.key, skeleton=stored.skeleton)
        account = Account(stored.account, name, None)
        account.pending = False
        account.retired = True
        self._by_id[account.id] = account

    def retire(self, account: Account) -> None:
        """Let a name go, and every device under it; who it was stays known by its id."""
        self.remove(account)
        account.retired = True
        self._by_id[account.id] = account

    def forget(self, account: Account) -> None:
        """Drop somebody retired with whom nobody has a conversation any more."""
        assert account.retired
        del self._by_id[account.id]

    def remove(self, account: Account) -> None:
        """Let a name go, and every device under it."""
        del self._by_key[account.name.key]
        del self._by_skeleton[account.name.skeleton]
        del self._by_id[account.id]
        for digest in account.devices:
            del self._devices[digest]
        account.devices = ()

    def add_device(self, account: Account, digest: str) -> Device:
        """Let a device come back under an account."""
        device = Device(digest, account)
        self._devices[digest] = device
        account.devices += (digest,)
        return device

    def find(self, key: str) -> Account | None:
        """Return who has a name, by its key; None for nobody, not yet and no more."""
        account = self._by_key.get(key)
        return None if account is None or account.pending or account.retiring else account

    def get(self, id: AccountId) -> Account | None:
        """Return an account by its id; None when nobody needs to know it any more."""
        return self._by_id.get(id)

    def tagged(self, key: str, tag: str) -> Account | None:
        """Return the account of a tag, if its name has that key; retired ones too."""
        id = parse_tag(tag)
        account = None if id is None else self._by_id.get(id)
        return account if account is not None and account.name.key == key else None

    def authenticate(self, name: Name, password: str | None, token: str | None) -> Decision:
        """Decide who a registration is: the only way in, for every listener and every device.

        A token counts for its own name only. A name in use is refused, whoever asks, unless it has
        a password and one is offered.
        """
        if token is not None:
            device = self._devices.get(self._digest(token))
            if device is not None and self.find(name.key) is device.account:
                return Decision(Verdict.ENTER, device.account, device)
            if password is None:
                return Decision(Verdict.REFUSE, code=Code.BAD_TOKEN)
        account = self._by_key.get(name.key)
        if account is None:
            if name.skeleton in self._by_skeleton:
                return Decision(Verdict.REFUSE, code=Code.NAME_CONFUSABLE)
            return Decision(Verdict.MAKE)
        if account.pending or account.retiring or account.password_hash is None:
            return Decision(Verdict.REFUSE, code=Code.NAME_TAKEN)
        if password is None:
            return Decision(Verdict.REFUSE, code=Code.PASSWORD_REQUIRED)
        return Decision(Verdict.VERIFY, account)
