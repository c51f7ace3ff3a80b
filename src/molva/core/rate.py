"""Rates: a token bucket for each who spends, so that one cannot take what is everybody's.

The bucket's two numbers live in their owner; this is only the arithmetic. Time is handed in and
never goes back.
"""

from collections.abc import Hashable
from typing import Protocol

from molva.terms.limits import Limits, Rate

ACTION = 1.0
ERROR = 5.0
PAGE = 2.0
BYTES_PER_UNIT = 1024


class Spender(Protocol):
    """Whoever has a bucket."""

    tokens: float
    """What was spent and has not come back: 0 is a full bucket, `burst` an empty one."""
    tokens_at: float
    """When that was so."""


class Bucket:
    """A bucket of its own, for what is not an object of ours: an address."""

    __slots__ = ("tokens", "tokens_at")

    def __init__(self, now: float) -> None:
        self.tokens = 0.0
        self.tokens_at = now


def spend(spender: Spender, rate: Rate, cost: float, now: float) -> float:
    """Take `cost` out of a bucket; return 0, or the seconds until that much will be there.

    What was refused is not spent.
    """
    spent = max(0.0, spender.tokens - (now - spender.tokens_at) * rate.per_second)
    spender.tokens_at = now
    # A cost above the burst would never fit: it goes when nothing else is spent.
    if spent > 0 and spent + cost > rate.burst:
        spender.tokens = spent
        return max(0.001, min(spent, spent + cost - rate.burst) / rate.per_second)
    spender.tokens = spent + cost
    return 0.0


def charge(spender: Spender, rate: Rate, cost: float, now: float) -> None:
    """Take `cost` out of a bucket whatever it holds, to at most one burst below empty."""
    spent = max(0.0, spender.tokens - (now - spender.tokens_at) * rate.per_second)
    spender.tokens_at = now
    spender.tokens = min(spent + cost, 2 * rate.burst)


REMEMBERED_MAX = 10_000
"""Buckets beyond which those that are full again are dropped."""


class Rates:
    """Buckets of what is done seldom, each by the name of its limit and who spends."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, Hashable], Bucket] = {}

    def wait(
        self, limits: Limits, name: str, who: Hashable, now: float, *, cost: float = ACTION
    ) -> float:
        """Take `cost` from whose bucket of a limit; return 0, or the seconds until it is there."""
        rate: Rate | None = getattr(limits, name)
        return spend(self._bucket(limits, name, who, now), rate, cost, now) if rate else 0.0

    def empty(self, limits: Limits, name: str, who: Hashable, now: float) -> float:
        """Return the seconds until one may spend again; nothing is taken."""
        rate: Rate | None = getattr(limits, name)
        bucket = self._buckets.get((name, who))
        if rate is None or bucket is None:
            return 0.0
        spent = bucket.tokens - (now - bucket.tokens_at) * rate.per_second
        return max(0.0, (spent + ACTION - rate.burst) / rate.per_second)

    def _bucket(self, limits: Limits, name: str, who: Hashable, now: float) -> Bucket:
        if len(self._buckets) >= REMEMBERED_MAX:
            self._buckets = {
                key: bucket
                for key, bucket in self._buckets.items()
                if (rate := getattr(limits, key[0])) is not None
                and bucket.tokens > (now - bucket.tokens_at) * rate.per_second
            }
        return self._buckets.setdefault((name, who), Bucket(now))
