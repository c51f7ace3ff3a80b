"""Durations: read in both languages, and never guessed."""

import pytest

from molva.client.durations import parse_duration
from molva.terms import limits


@pytest.mark.parametrize(
    ("word", "seconds"),
    [
        ("30s", 30),
        ("10m", 600),
        ("10M", 600),
        ("2h", 7_200),
        ("3d", 259_200),
        ("1w", 604_800),
        ("1d12h", 129_600),
        ("10мин", 600),
        ("10м", 600),
        ("2ч", 7_200),
        ("3д", 259_200),
        ("1н", 604_800),
        ("999999999w", limits.SANCTION_SECONDS_MAX),
        ("10", None),
        ("", None),
        ("m", None),
        ("10x", None),
        ("10m5", None),
        ("0m", None),
        ("-5m", None),
        ("1.5h", None),
        ("٣d", None),
    ],
)
def test_a_duration_is_a_number_with_a_unit(word: str, seconds: int | None) -> None:
    assert parse_duration(word) == seconds
