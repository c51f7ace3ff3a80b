"""Instants: moments are written as RFC 3339 has them, whatever the clock says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from molva.terms.instant import WALL_MS_MAX, Instant, rfc3339

FIRST_MS = -62_135_596_800_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(FIRST_MS, WALL_MS_MAX))
@example(FIRST_MS)
@example(WALL_MS_MAX)
@example(-1)
@example(951_782_400_000)
@example(4_107_542_400_000)
def test_a_moment_is_written_as_the_standard_library_writes_it(wall_ms: int) -> None:
    moment = EPOCH + timedelta(milliseconds=wall_ms)
    expected = moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    assert rfc3339(wall_ms) == expected
    assert datetime.fromisoformat(rfc3339(wall_ms)) == moment


@pytest.mark.parametrize(
    ("wall_ms", "text"),
    [
        (FIRST_MS - 1, "0001-01-01T00:00:00.000Z"),
        (-(2**63), "0001-01-01T00:00:00.000Z"),
        (WALL_MS_MAX + 1, "9999-12-31T23:59:59.999Z"),
        (2**63, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_clock_beyond_the_notation_is_shown_at_the_nearer_end(wall_ms: int, text: str) -> None:
    assert rfc3339(wall_ms) == text


def test_an_instant_is_two_clocks_and_does_not_change() -> None:
    instant = Instant(1.5, 2)
    assert (instant.elapsed, instant.wall) == (1.5, 2)
    with pytest.raises(AttributeError):
        instant.wall = 3  # type: ignore[misc]
