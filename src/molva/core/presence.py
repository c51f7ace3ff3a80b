"""Presence: who is online, and how the others hear of it.

Owns the list of names and the arrivals and departures not told yet. Ephemeral: nothing of it is
ever an entry. The first change after a quiet time is told at once; those that follow within a
window are told together, and the window grows with the number online, so that a crowd arriving
costs each of them a few lists and not a message for each of the others.
"""

from bisect import bisect_left, insort

from molva.core.accounts import Account
from molva.terms.ids import AccountId
from molva.terms.limits import Limits


class Presence:
    """Who is online."""

    def __init__(self) -> None:
        self._names: list[tuple[str, str]] = []
        """(key, shown), sorted, so that every list of people is in the same order."""
        self.arrived: dict[AccountId, Account] = {}
        """Not told yet, in order."""
        self.left: dict[AccountId, Account] = {}
        """Not told yet, in order."""
        self._shown: set[AccountId] = set()
        """Of those, whose change somebody has seen in a list: undone, it must be told too."""
        self.tell_at: float | None = None
        """When they are due; None when nothing is."""
        self._quiet_until = 0.0

    def __len__(self) -> int:
        return len(self._names)

    def names(self) -> list[str]:
        """Return who is online, sorted, to be shown to somebody."""
        self._shown.update(self.arrived, self.left)
        return [shown for _, shown in self._names]

    def arrive(self, account: Account, now: float) -> None:
        """An account's first device connected."""
        insort(self._names, (account.name.key, account.shown))
        if self.left.pop(account.id, None) is None or account.id in self._shown:
            self.arrived[account.id] = account
        self._due(now)

    def leave(self, account: Account, now: float) -> None:
        """An account's last device went."""
        place = bisect_left(self._names, (account.name.key, account.shown))
        assert self._names[place][0] == account.name.key
        del self._names[place]
        if self.arrived.pop(account.id, None) is None or account.id in self._shown:
            self.left[account.id] = account
        self._due(now)

    def _due(self, now: float) -> None:
        if self.tell_at is None:
            self.tell_at = max(now, self._quiet_until)

    def take(self, now: float, limits: Limits) -> tuple[list[Account], list[Account]]:
        """Return who arrived and who left since the last time, and begin a new window."""
        arrived, left = list(self.arrived.values()), list(self.left.values())
        self.arrived.clear()
        self.left.clear()
        self._shown.clear()
        self.tell_at = None
        window = limits.presence_window_seconds * (1 + len(self._names) / 250)
        self._quiet_until = now + min(window, limits.presence_window_seconds_max)
        return arrived, left
