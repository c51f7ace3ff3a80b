"""Durations: how long, as people type it: `10m`, `2h`, `3d`, `1w`, also `10мин`, `2ч`, `3д`, `1н`.

Owns the units in both languages. Refuses to know what lasts so long.

Invariant: a number without a unit is no duration: nobody is banned for good by half a word.
"""

import re
from typing import Final

from molva.terms import limits

_UNITS: Final = {
    1: ("s", "sec", "с", "сек"),
    60: ("m", "min", "м", "мин"),
    3_600: ("h", "ч", "час"),
    86_400: ("d", "д", "дн", "день"),
    7 * 86_400: ("w", "н", "нед"),
}
_SECONDS: Final = {unit: seconds for seconds, units in _UNITS.items() for unit in units}
_PART: Final = re.compile(r"([0-9]{1,9})([a-zа-я]+)")


def parse_duration(word: str) -> int | None:
    """Return the seconds that a word means, as `90m` or `1d12h`; None when it is no duration.

    What is longer than a ban may last is as long as that; nothing at all is no duration.
    """
    word = word.lower()
    seconds = 0
    place = 0
    while match := _PART.match(word, place):
        unit = _SECONDS.get(match.group(2))
        if unit is None:
            return None
        seconds += int(match.group(1)) * unit
        place = match.end()
    if place != len(word) or not seconds:
        return None
    return min(seconds, limits.SANCTION_SECONDS_MAX)
