"""Accounts: who is known, under which name, with which devices.

Owns names in use (those asked of the store and not answered yet too), devices by their digest, and
the one `authenticate()`. Refuses to know connections' bytes, hashing and where accounts are kept.
Invariants: no two accounts share a key or a skeleton; a device belongs to one account.
"""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from enum import Enum

from molva.core.cursor import NOTHING_READ, ReadMarker
from molva.core.invitations import Invitation, Invitations
from molva.core.session import Session
from molva.terms.admission import Access, Admission, plain_code
from molva.terms.errors import Code
from molva.terms.ids import (
    TAG_SEPARATOR,
    AccountId,
    ConversationId,
    ServerAccount,
    parse_tag,
    tag,
)
from molva.terms.instant import Instant
from molva.terms.names import Name
from molva.terms.ports import StoredAccount, StoredDevice
from molva.terms.roles import Role

OPERATOR = "molva"
"""The name of the server itself, which is reserved; who holds the machine acts under it."""

DEVICE_ID_CHARACTERS = 12


class Account:
    """A person: a guest, whose name goes when they do, or one who keeps it."""

    __slots__ = (
        "id",
        "name",
        "password_hash",
        "guest",
        "role",
        "sessions",
        "devices",
        "markers",
        "rooms",
        "directs",
        "invited",
        "blocked",
        "away",
        "pending",
        "retiring",
        "retired",
        "hold_until",
        "entries_ended",
        "tokens",
        "tokens_at",
    )

    def __init__(
        self, id: AccountId, name: Name, password_hash: str | None, *, guest: bool = True
    ) -> None:
        self.id = id
        self.name = name
        self.password_hash = password_hash
        self.guest = guest
        """Whether the name goes some time after the person has."""
        self.role = Role.GUEST if guest else Role.MEMBER
        """On the server; it follows what `#general` says."""
        self.sessions: list[Session] = []
        self.devices: tuple[str, ...] = ()
        """The digests of those that may come back; a guest without any ends with its connection."""
        self.markers: dict[ConversationId, ReadMarker] = {}
        self.rooms: dict[ConversationId, None] = {}
        self.directs: dict[ConversationId, None] | None = None
        self.invited: dict[ConversationId, None] | None = None
        """Rooms it may join because somebody said so."""
        self.blocked: dict[AccountId, None] | None = None
        self.away: str | None = None
        self.pending = True
        """Asked of the store and not answered: the name is taken, but nobody is it."""
        self.retiring = False
        self.retired = False
        """Gone for good; kept while somebody has a direct conversation with them."""
        self.hold_until: float | None = None
        self.entries_ended = 0
        """How often all that let its devices in has ended: what was begun before is in vain."""
        self.tokens = 0.0
        self.tokens_at = 0.0

    @property
    def passing(self) -> bool:
        """Whether it ends some time after its last connection: nobody could come back to it."""
        if self.password_hash is not None:
            return False
        return self.role is Role.GUEST or not self.devices

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

    __slots__ = ("digest", "account", "session", "name", "at")

    def __init__(self, digest: str, account: Account, name: str | None, at: int) -> None:
        self.digest = digest
        self.account = account
        self.session: Session | None = None
        self.name = name
        """What it calls itself."""
        self.at = at
        """When it was added, in milliseconds since 1970."""

    @property
    def id(self) -> str:
        """Return what its owner names it by: enough of its digest, which opens nothing."""
        return self.digest[-DEVICE_ID_CHARACTERS:]


class Verdict(Enum):
    """What a registration comes to."""

    ENTER = "enter"
    """It is who it says."""
    VERIFY = "verify"
    """Its password is to be compared first; with nobody's where there is no account."""
    ADD = "add"
    """It is a further device of who let it in."""
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
    invitation: Invitation | None = None
    """That by which the account is to be made."""
    guessed: bool = False
    """Whether a code was wrong: who guesses is heard more seldom."""


class Accounts:
    """All accounts that are not retired."""

    def __init__(self, digest: Callable[[str], str], admission: Admission) -> None:
        self._digest = digest
        self.admission = admission
        self.invitations = Invitations(digest)
        self._by_key: dict[str, Account] = {}
        self._by_skeleton: dict[str, Account] = {}
        self._by_id: dict[AccountId, Account] = {}
        self._devices: dict[str, Device] = {}
        self._deleted_keys: set[str] = set()
        """Names that nobody gets again."""
        self._deleted_skeletons: set[str] = set()
        self.barred: dict[str, AccountId] = {}
        """Digests of tokens that nobody may come with, and whose they were."""
        self.banned: Container[AccountId] = ()
        """Who may not come at all: `#general` says."""
        self.operator = Account(
            ServerAccount, Name(shown=OPERATOR, key=OPERATOR, skeleton=""), None, guest=False
        )
        """The server itself, and who holds the machine; it is nobody's name and in no list."""
        self.operator.role = Role.OWNER
        self.operator.pending = False
        self.operator_digest: str | None = None
        """Of the token of who holds the machine; the shell makes one at each start."""

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_key.values())

    def restore(self, stored: StoredAccount) -> Account:
        """Take an account from the store's contents."""
        name = Name(shown=stored.shown, key=stored.key, skeleton=stored.skeleton)
        account = self.reserve(stored.account, name, stored.password_hash, guest=stored.guest)
        account.pending = False
        return account

    def restore_device(self, stored: StoredDevice) -> None:
        """Take a device from the store's contents."""
        account = self._by_id[stored.account]
        self.add_device(account, stored.token_digest, stored.device, stored.at)

    def reserve(
        self, id: AccountId, name: Name, password_hash: str | None, *, guest: bool = True
    ) -> Account:
        """Hold a name for an account that the store is asked to make."""
        assert name.key not in self._by_key and name.skeleton not in self._by_skeleton
        account = Account(id, name, password_hash, guest=guest)
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

    def delete_name(self, name: Name) -> None:
        """Let nobody have a name any more: that of a deleted account."""
        self._deleted_keys.add(name.key)
        self._deleted_skeletons.add(name.skeleton)

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

    def add_device(self, account: Account, digest: str, name: str | None, at: int) -> Device:
        """Let a device come back under an account."""
        device = Device(digest, account, name, at)
        self._devices[digest] = device
        account.devices += (digest,)
        return device

    def remove_device(self, digest: str) -> Device | None:
        """Let a device come back no more; return it, or None when there is none."""
        device = self._devices.pop(digest, None)
        if device is not None:
            account = device.account
            account.devices = tuple(other for other in account.devices if other != digest)
        return device

    def bar(self, account: Account) -> None:
        """Let nobody come by an account's devices, under whatever name."""
        for digest in account.devices:
            self.remove_device(digest)
            self.barred[digest] = account.id

    def unbar(self, account: AccountId) -> None:
        """Let them come again; they are nobody's devices any more."""
        for digest in [digest for digest, whose in self.barred.items() if whose == account]:
            del self.barred[digest]

    def device(self, digest: str) -> Device:
        """Return a device of `Account.devices`."""
        return self._devices[digest]

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

    def authenticate(
        self,
        name: Name,
        password: str | None,
        token: str | None,
        code: str | None,
        *,
        address_banned: bool = False,
        now: Instant,
    ) -> Decision:
        """Decide who a registration is: the only way in, for every listener and every device.

        A token counts for its own name only. A name in use is refused, whoever asks, unless it has
        a password and one is offered. Where a code is needed and none or a wrong one is given, the
        answer and the work are the same whether the name is in use or not.
        """
        digest = self._digest(token) if token is not None else None
        if digest is not None and digest in self.barred:
            return Decision(Verdict.REFUSE, code=Code.BANNED)
        decision = self._decide(name, password, digest, code, now)
        known = decision.account
        if address_banned and (known is None or known.role.rank < Role.MODERATOR.rank):
            return Decision(Verdict.REFUSE, code=Code.BANNED)
        # Who has yet to prove who it is must not learn this; `VERIFY` looks again afterwards.
        if known is not None and known.id in self.banned and decision.verdict is not Verdict.VERIFY:
            return Decision(Verdict.REFUSE, known, code=Code.BANNED)
        return decision

    def _decide(
        self,
        name: Name,
        password: str | None,
        digest: str | None,
        code: str | None,
        now: Instant,
    ) -> Decision:
        account = self.find(name.key)
        if digest is not None:
            device = self._devices.get(digest)
            if device is not None and account is device.account:
                if password is None or account.password_hash is None:
                    return Decision(Verdict.ENTER, account, device)
                # Who gives the password logs in anew, and this token's place is taken by another.
                return Decision(Verdict.VERIFY, account)
            if password is None:
                # With a code it may try again: it must know first that it is not who it was.
                return Decision(Verdict.REFUSE, code=Code.BAD_TOKEN)
        if code is not None and account is not None:
            if self.invitations.take_link(code, account.id, now.elapsed):
                return Decision(Verdict.ADD, account)
        admitted, invitation = self._admitted(code, name, now.wall)
        if admitted:
            return self._enter_or_make(name, password, invitation)
        if self.admission.access is Access.OPEN:
            # Anybody may come without a code: a wrong one is a mistake worth telling.
            return Decision(Verdict.REFUSE, code=Code.BAD_CODE, guessed=True)
        if password is not None:
            has_one = account is not None and account.password_hash is not None
            return Decision(Verdict.VERIFY, account if has_one else None, guessed=code is not None)
        if code is not None:
            return Decision(Verdict.REFUSE, code=Code.BAD_CODE, guessed=True)
        closed = self.admission.access is Access.ACCOUNTS
        needed = Code.INVITATION_REQUIRED if closed else Code.CODE_REQUIRED
        return Decision(Verdict.REFUSE, code=needed)

    def _admitted(self, code: str | None, name: Name, wall: int) -> tuple[bool, Invitation | None]:
        """Say whether a code, or none, lets somebody make an account here; and by what."""
        admission = self.admission
        if code is None:
            return admission.access is Access.OPEN, None
        invitation = self.invitations.find(code, wall)
        if invitation is not None and invitation.fits(name):
            return True, invitation
        joins = admission.access is not Access.ACCOUNTS and admission.join_code_digest is not None
        return joins and self._digest(plain_code(code)) == admission.join_code_digest, None

    def _enter_or_make(
        self, name: Name, password: str | None, invitation: Invitation | None
    ) -> Decision:
        account = self._by_key.get(name.key)
        if account is None:
            if name.key in self._deleted_keys:
                return Decision(Verdict.REFUSE, code=Code.NAME_TAKEN)
            if name.skeleton in self._by_skeleton or name.skeleton in self._deleted_skeletons:
                return Decision(Verdict.REFUSE, code=Code.NAME_CONFUSABLE)
            return Decision(Verdict.MAKE, invitation=invitation)
        if account.pending or account.retiring or account.password_hash is None:
            return Decision(Verdict.REFUSE, code=Code.NAME_TAKEN)
        if password is None:
            return Decision(Verdict.REFUSE, code=Code.PASSWORD_REQUIRED)
        return Decision(Verdict.VERIFY, account)

    def is_operator(self, name: str, token: str | None) -> bool:
        """Say whether a registration is of who holds the machine."""
        return (
            name == OPERATOR
            and token is not None
            and self.operator_digest is not None
            and self._digest(token) == self.operator_digest
        )
