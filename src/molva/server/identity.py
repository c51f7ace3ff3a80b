"""Identity: where ids, secrets and hashes come from.

Owns the randomness of the program and the cost of a password. The core is handed the ids and asks
for hashes by effects; it never sees how either is made.
"""

import asyncio
import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from molva.terms.admission import ALPHABET
from molva.terms.ids import AccountId, ConversationId

HASHING_THREADS = 2
"""Passwords hashed at once; argon2 lets go of the interpreter while it works."""

NOBODY_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=1$lEWoAiq5vgiVPMjHEdBlLA"
    "$s++fdE7PrJLYJzOd7P211HlA2OJG+Cp/PD3smLMwF3w"
)
"""Of a password that opens nothing: to compare with where there is no account."""


class SecretIds:
    """Ids that nobody can guess; a `terms.ports.IdSource`."""

    def account(self) -> AccountId:
        """Return 53 random bits, above 0."""
        return AccountId(secrets.randbelow(2**53 - 1) + 1)

    def room(self) -> ConversationId:
        """Return `r` and 64 random bits."""
        return ConversationId("r" + secrets.token_hex(8))

    def token(self) -> str:
        """Return 256 random bits."""
        return secrets.token_urlsafe(32)

    def code(self) -> str:
        """Return 40 random bits in 8 characters."""
        return "".join(secrets.choice(ALPHABET) for _ in range(8))

    def invitation(self) -> str:
        """Return 80 random bits in 16 characters."""
        return "".join(secrets.choice(ALPHABET) for _ in range(16))

    def digest(self, token: str) -> str:
        """Return the SHA-256 of a token: it holds 256 random bits, so no salt is needed.

        Of a code too, which has fewer: who reads the file could find the code of 40 bits, but a
        code lives for minutes, or stands on the server's own screen.
        """
        return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Passwords:
    """Hashes passwords off the loop with argon2id (RFC 9106), a bounded number at a time."""

    def __init__(self, waiting_max: int) -> None:
        # The second choice of RFC 9106 section 4, on one lane: there are more people than cores.
        self._hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
        self._pool = ThreadPoolExecutor(HASHING_THREADS, thread_name_prefix="molva-password")
        self._waiting_max = waiting_max
        self._waiting = 0

    async def hash(self, password: str) -> str | None:
        """Return the hash of a password, or None when too many are waiting."""
        if self._waiting >= self._waiting_max:
            return None
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._hasher.hash, password)
        finally:
            self._waiting -= 1

    async def verify(self, hash: str, password: str) -> bool | None:
        """Say whether a password fits a hash, or None when too many are waiting."""
        if self._waiting >= self._waiting_max:
            return None
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._fits, hash, password)
        finally:
            self._waiting -= 1

    def _fits(self, hash: str, password: str) -> bool:
        try:
            if not hash:
                # Nobody's: the same work, so that the time does not tell who is known here.
                self._hasher.verify(NOBODY_HASH, password)
                return False
            return self._hasher.verify(hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)
