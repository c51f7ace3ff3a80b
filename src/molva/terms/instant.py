"""Instants: what the core is told about time, and how a moment is written on the wire.

Two clocks, never mixed: `elapsed` only runs forward and drives every deadline; `wall` may jump and
is only shown (invariant I15). Neither is read here: the shell hands both in.
"""

from functools import lru_cache

import msgspec

WALL_MS_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999, beyond which RFC 3339 has no notation."""


class Instant(msgspec.Struct, frozen=True, gc=False):
    """One reading of both clocks."""

    elapsed: float
    """Seconds on a clock that never goes back; its zero means nothing."""
    wall: int
    """Milliseconds since 1970-01-01T00:00:00Z, as the machine believes."""


@lru_cache(maxsize=256)
def _date_time(second: int) -> str:
    # Days to a civil date, after Howard Hinnant's `civil_from_days`: eras of 400 years from March.
    days, rest = divmod(second, 86_400)
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return (
        f"{year:04d}-{month:02d}-{day:02d}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    )


@lru_cache(maxsize=64)  # The entries of one turn were written in the same millisecond.
def rfc3339(wall_ms: int) -> str:
    """Write milliseconds since 1970 in UTC with milliseconds, as RFC 3339 section 5.6 has it.

    A clock outside the years 0001 to 9999 is shown at the nearer end.
    """
    wall_ms = min(max(wall_ms, -62_135_596_800_000), WALL_MS_MAX)
    second, millisecond = divmod(wall_ms, 1_000)
    return f"{_date_time(second)}.{millisecond:03d}Z"
