"""Invitations: the codes that let somebody in.

Owns the invitations to the server that have uses left, and the short codes by which a second device
of somebody enters. Refuses to know the codes themselves: it keeps digests. A code for a device is
good once and for minutes, and lives no longer than the process.
"""

from collections.abc import Callable, Iterator

from molva.terms.admission import plain_code
from molva.terms.ids import AccountId
from molva.terms.names import Name
from molva.terms.ports import StoredInvitation
from molva.terms.roles import Role

INVITATION_ID_CHARACTERS = 12


class Invitation:
    """So many uses, until a time, for a role; for one name or for any."""

    __slots__ = ("digest", "role", "uses", "taking", "until", "by", "name")

    def __init__(
        self, digest: str, role: Role, uses: int, until: int, by: AccountId, name: str | None
    ) -> None:
        self.digest = digest
        self.role = role
        self.uses = uses
        """Those that nobody has begun to take."""
        self.taking = 0
        """Those that somebody has begun to take, and the store has not answered."""
        self.until = until
        self.by = by
        self.name = name

    @property
    def id(self) -> str:
        """Return what it is named by: enough of its digest, which lets nobody in."""
        return self.digest[-INVITATION_ID_CHARACTERS:]

    def fits(self, name: Name) -> bool:
        """Say whether it is good for a name."""
        return self.name is None or self.name == name.key


class Invitations:
    """All codes but the join code."""

    def __init__(self, digest: Callable[[str], str]) -> None:
        self._digest = digest
        self._by_digest: dict[str, Invitation] = {}
        self._links: dict[str, tuple[AccountId, float]] = {}
        """By digest: whose device it lets in, and until when."""

    def __len__(self) -> int:
        return len(self._by_digest)

    def __iter__(self) -> Iterator[Invitation]:
        return iter(self._by_digest.values())

    def restore(self, stored: StoredInvitation) -> None:
        """Take an invitation from the store's contents."""
        self.add(
            Invitation(
                stored.digest, stored.role, stored.uses, stored.until, stored.by, stored.name
            )
        )

    def add(self, invitation: Invitation) -> None:
        """Take an invitation that the store has made."""
        self._by_digest[invitation.digest] = invitation

    def end(self, invitation: Invitation) -> None:
        """Let nobody in by it any more."""
        self._by_digest.pop(invitation.digest, None)

    def find(self, code: str, wall: int) -> Invitation | None:
        """Return the invitation of a code that lets somebody in now; None for none."""
        found = self._by_digest.get(self._digest(plain_code(code)))
        return found if found is not None and found.uses > 0 and wall < found.until else None

    def named(self, text: str) -> Invitation | None:
        """Return the invitation of an id, or of a code; None for none."""
        by_code = self._by_digest.get(self._digest(plain_code(text)))
        if by_code is not None:
            return by_code
        return next((one for one in self if one.id == text), None)

    def over(self, wall: int) -> list[Invitation]:
        """Return those whose time is up."""
        return [one for one in self if one.until <= wall]

    # -- A second device -----------------------------------------------------------------------

    def links(self, now: float) -> int:
        """Return how many codes for devices are good now; those that are not are dropped."""
        self._links = {digest: link for digest, link in self._links.items() if link[1] > now}
        return len(self._links)

    def add_link(self, code: str, account: AccountId, until: float) -> None:
        """Let a device of an account in by a code; an earlier code of the account is good no more.

        `until` is a time of the elapsed clock.
        """
        self.drop_links(account)
        self._links[self._digest(plain_code(code))] = (account, until)

    def drop_links(self, account: AccountId) -> None:
        """Let no device of an account in by a code that was made for it."""
        self._links = {d: link for d, link in self._links.items() if link[0] != account}

    def take_link(self, code: str, account: AccountId, now: float) -> bool:
        """Say whether a code lets in a device of an account, which it does this one time."""
        digest = self._digest(plain_code(code))
        whose, until = self._links.get(digest, (None, 0.0))
        if whose != account or until <= now:
            return False
        del self._links[digest]
        return True
