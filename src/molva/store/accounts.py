"""Accounts in the tables: who may come back, by what, and who lets whom in.

Owns the SQL of the writes that leave no entry and are not for ever: accounts, devices, passwords,
invitations, and words that go. Refuses to know rooms, logs and when a transaction ends.

Invariant: of every row that may be as it was before when the transaction ends, it is known what it
was and what it is, so that a COMMIT in doubt can be looked for (`trace`).
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from molva.store.bodies import GONE
from molva.terms.entries import AnyBody, Message, Unheard
from molva.terms.ids import AccountId, CommonRoom
from molva.terms.ports import (
    AddDevice,
    EndInvitation,
    Erase,
    Erased,
    Made,
    MakeAccount,
    MakeInvitation,
    Missing,
    Outcome,
    SetPassword,
    Spent,
    Taken,
    Unavailable,
)
from molva.terms.roles import Role

Trace = tuple[str, tuple[object, ...]]
"""A query, with its values, that finds something where a transaction took effect, else nothing."""


class Watched(msgspec.Struct, frozen=True):
    """The row of a table under a key, and how to ask whether it is so, or is not there."""

    row: str
    same: str
    none: str


_DEVICE_ROW = "SELECT account, device, at FROM devices WHERE token_digest = ?"
_DEVICE = Watched(
    row=_DEVICE_ROW,
    same=f"SELECT 1 WHERE ({_DEVICE_ROW}) IS (?, ?, ?)",
    none=f"SELECT 1 WHERE NOT EXISTS ({_DEVICE_ROW})",
)
_PASSWORD_ROW = "SELECT password_hash, guest FROM accounts WHERE retired = 0 AND id = ?"
_PASSWORD = Watched(
    row=_PASSWORD_ROW,
    same=f"SELECT 1 WHERE ({_PASSWORD_ROW}) IS (?, ?)",
    none=f"SELECT 1 WHERE NOT EXISTS ({_PASSWORD_ROW})",
)
_INVITATION_ROW = "SELECT role, uses, until, author, name FROM invitations WHERE digest = ?"
_INVITATION = Watched(
    row=_INVITATION_ROW,
    same=f"SELECT 1 WHERE ({_INVITATION_ROW}) IS (?, ?, ?, ?, ?)",
    none=f"SELECT 1 WHERE NOT EXISTS ({_INVITATION_ROW})",
)
_ERASING_ROW = "SELECT conversation, seq FROM erasing WHERE account = ?"
_ERASING = Watched(
    row=_ERASING_ROW,
    same=f"SELECT 1 WHERE ({_ERASING_ROW}) IS (?, ?)",
    none=f"SELECT 1 WHERE NOT EXISTS ({_ERASING_ROW})",
)

_HAD = "SELECT 1 FROM accounts WHERE (retired = 0 OR deleted = 1)"
KEY_HAD = f"{_HAD} AND key = ?"
SKELETON_HAD = f"{_HAD} AND skeleton = ?"
FOUNDER = "SELECT 1 FROM accounts WHERE founder = 1"
_ADD = "INSERT INTO devices (token_digest, account, device, at) VALUES (?, ?, ?, ?)"
_FORGET = "DELETE FROM devices WHERE token_digest = ? AND account = ?"

# From a row of the log's tree, not itself, to another: first and last conversation and seq.
_RANGE = "(conversation, seq) > (?, ?) AND (conversation, seq) <= (?, ?)"
NEXT = """SELECT conversation, seq FROM entries WHERE (conversation, seq) > (?, ?)
    ORDER BY conversation, seq LIMIT ?"""
WORDLESS = f"""UPDATE entries SET body = ? WHERE {_RANGE} AND account = ? AND body GLOB ?"""
ASIDE = f"""DELETE FROM removed WHERE {_RANGE} AND EXISTS (SELECT 1 FROM entries
    WHERE entries.conversation = removed.conversation AND entries.seq = removed.seq
    AND account = ?)"""


def text_of(body: AnyBody) -> str:
    """Return a body as the tables hold it."""
    return msgspec.json.encode(body).decode()


def pattern(kind: Message | Unheard) -> str:
    """Return what a body's text matches (GLOB) when it is of this kind."""
    return text_of(kind).removesuffix('""}') + "*"


MESSAGES = pattern(Message(""))
UNHEARD = pattern(Unheard(""))
NOTHING_HEARD = Unheard("")
"""What is left of what nobody heard, without its text."""
_WORDS = ((MESSAGES, text_of(GONE)), (UNHEARD, text_of(NOTHING_HEARD)))


class Accounts:
    """The writes of one transaction that are about accounts."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """`connection` is within a transaction."""
        self._execute = connection.execute
        self._changed: dict[tuple[Watched, object], tuple[Any, Any]] = {}
        """Rows as they were before, and as they are now."""

    def make(self, write: MakeAccount, mark: Callable[[], None]) -> Outcome:
        """Make an account and its device; `mark` sets its marker when all else has succeeded."""
        uses = None
        if write.invitation is not None:
            # First, so that who was not let in learns nothing of who is here.
            uses = self._first(
                "SELECT uses FROM invitations WHERE digest = ? AND until > ?",
                *(write.invitation, write.at),
            )
            if uses is None:
                return Spent()
        if self._first(KEY_HAD, write.key):
            return Taken(confusable=False)
        if self._first(SKELETON_HAD, write.skeleton):
            return Taken(confusable=True)
        if self._first("SELECT 1 FROM accounts WHERE id = ?", write.account) or self._first(
            _DEVICE.row, write.token_digest
        ):
            return Unavailable()
        self._execute(
            "INSERT INTO accounts (id, shown, key, skeleton, password_hash, guest)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(write.account, write.shown, write.key, write.skeleton),
                *(write.password_hash, write.guest),
            ),
        )
        if write.token_digest is not None:
            self._execute(_ADD, (write.token_digest, write.account, write.device, write.at))
        mark()
        owner = write.claims and self._first(FOUNDER) is None
        if owner:
            self._execute(
                "UPDATE accounts SET founder = 1, guest = 0 WHERE id = ?", (write.account,)
            )
            self._execute(
                "INSERT OR REPLACE INTO roles (conversation, account, role)"
                " SELECT number, ?, ? FROM conversations WHERE id = ?",
                (write.account, Role.OWNER.value, CommonRoom),
            )
        if uses is not None:
            assert write.invitation is not None
            with self._changing(_INVITATION, write.invitation):
                self._execute(
                    "DELETE FROM invitations WHERE digest = ?"
                    if uses == (1,)
                    else "UPDATE invitations SET uses = uses - 1 WHERE digest = ?",
                    (write.invitation,),
                )
        return Made(owner=owner)

    def add_device(self, write: AddDevice) -> Outcome:
        """Add a device, and forget the one that it replaces."""
        if not self._first("SELECT 1 FROM accounts WHERE retired = 0 AND id = ?", write.account):
            return Unavailable()
        if self._first(_DEVICE.row, write.token_digest):
            return Unavailable()
        if write.replaces is not None:
            self.forget(write.account, (write.replaces,))
        with self._changing(_DEVICE, write.token_digest):
            self._execute(_ADD, (write.token_digest, write.account, write.device, write.at))
        return Made()

    def forget(self, account: AccountId, digests: Iterable[str]) -> Outcome:
        """Forget those of these devices that are this account's."""
        for digest in digests:
            with self._changing(_DEVICE, digest):
                self._execute(_FORGET, (digest, account))
        return Made()

    def set_password(self, write: SetPassword) -> Outcome:
        """Give an account a password."""
        with self._changing(_PASSWORD, write.account):
            found = self._execute(
                "UPDATE accounts SET password_hash = ?, guest = 0 WHERE id = ? AND retired = 0",
                (write.password_hash, write.account),
            )
        return self.forget(write.account, write.forget) if found.rowcount else Missing()

    def erase(self, write: Erase) -> Outcome:
        """Take the words from the next rows of the log's tree."""
        account = write.account
        position = self._first(_ERASING.row, account)
        if position is None:
            return Erased(more=False)
        rows = self._execute(NEXT, (*position, max(write.limit, 0))).fetchall()
        with self._changing(_ERASING, account):
            if rows:
                here = (*position, *rows[-1])
                # What is overwritten is not to be read from the file either.
                self._execute("PRAGMA secure_delete = ON")
                for words, instead in _WORDS:
                    self._execute(WORDLESS, (instead, *here, account, words))
                self._execute(ASIDE, (*here, account))
                self._execute("PRAGMA secure_delete = OFF")
            if len(rows) < write.limit:
                self._execute("DELETE FROM erasing WHERE account = ?", (account,))
                return Erased(more=False)
            if rows:
                self._execute(
                    "UPDATE erasing SET conversation = ?, seq = ? WHERE account = ?",
                    (*rows[-1], account),
                )
        return Erased(more=True)

    def make_invitation(self, write: MakeInvitation) -> Outcome:
        """Make an invitation."""
        if self._first(_INVITATION.row, write.digest):
            return Taken(confusable=False)
        if write.uses < 1:
            return Unavailable()
        with self._changing(_INVITATION, write.digest):
            self._execute(
                "INSERT INTO invitations (digest, role, uses, until, author, name)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    *(write.digest, write.role.value, write.uses),
                    *(write.until, write.by, write.name),
                ),
            )
        return Made()

    def end_invitation(self, write: EndInvitation) -> Outcome:
        """End an invitation."""
        with self._changing(_INVITATION, write.digest):
            ended = self._execute("DELETE FROM invitations WHERE digest = ?", (write.digest,))
        return Made() if ended.rowcount else Missing()

    def trace(self) -> Trace | None:
        """Return what of this is to be seen in the tables; None where all is as it was before.

        True only where nothing else of the transaction touched the same rows.
        """
        for (watched, key), (before, after) in self._changed.items():
            if after != before:
                return (watched.none, (key,)) if after is None else (watched.same, (key, *after))
        return None

    @contextmanager
    def _changing(self, watched: Watched, key: object) -> Iterator[None]:
        """Take down the row under a key, as it is before and after what is done within."""
        now = self._first(watched.row, key)
        yield
        before, _ = self._changed.get((watched, key), (now, None))
        self._changed[watched, key] = (before, self._first(watched.row, key))

    def _first(self, query: str, *values: object) -> Any:
        return self._execute(query, values).fetchone()
