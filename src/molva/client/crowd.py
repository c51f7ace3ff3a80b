"""Crowd: who is online, as far as one client was told.

Owns the names of those online, how many they are and who is away. Refuses to know whose wish it is
to hear of whom, and what is shown.

Invariant: the number is right also beyond the names that are kept.
"""

from typing import Final

from molva.terms import events

ONLINE_MAX: Final = 100_000
"""Names of those online that are kept; their number is right beyond it."""


class Crowd:
    """Everybody online, ourselves included."""

    def __init__(self) -> None:
        self.users: dict[str, str] = {}
        """By lower case."""
        self.online = 0
        """How many."""
        self.away: dict[str, str] = {}
        """Who is away, by lower case, with what they said."""

    def set(self, names: list[str], online: int | None) -> None:
        """Take a list, and how many there are if it is cut."""
        self.users = {name.lower(): name for name in names[:ONLINE_MAX]}
        self.online = len(names) if online is None else max(online, len(self.users))

    def take(
        self, event: events.NewUser | events.UserLeft | events.Presence
    ) -> tuple[list[str], list[str]]:
        """Take in who comes and goes; return who is new here and who went."""
        match event:
            case events.NewUser(user=user):
                if not self._arrive(user):
                    return [], []
                self.online += 1
                return [user], []
            case events.UserLeft(user=user):
                self._depart(user)
                self.online = max(len(self.users), self.online - 1)
                return [], [user]
            case events.Presence(arrived=arrived, left=left, online=online):
                for name in left or []:
                    self._depart(name)
                new = [name for name in arrived or [] if self._arrive(name)]
                self.online = max(online, 0)
                return new, list(left or [])

    def set_away(self, user: str, text: str | None) -> None:
        """Somebody is away, or with None is back."""
        if text is None:
            self.away.pop(user.lower(), None)
        elif len(self.away) < ONLINE_MAX:
            self.away[user.lower()] = text

    def _arrive(self, name: str) -> bool:
        key = name.lower()
        if key in self.users:
            return False
        if len(self.users) < ONLINE_MAX:
            self.users[key] = name
        return True

    def _depart(self, name: str) -> None:
        key = name.lower()
        self.users.pop(key, None)
        self.away.pop(key, None)
