"""Limits: what is no bound is refused, and so are bounds that do not fit each other."""

from dataclasses import fields, replace
from typing import Any

import pytest

from molva.terms.limits import DEFAULT, UNLIMITED, Limits, Rate

NUMBERS = [
    field.name for field in fields(Limits) if isinstance(getattr(DEFAULT, field.name), int | float)
]
RATES = [field.name for field in fields(Limits) if isinstance(getattr(DEFAULT, field.name), Rate)]


def test_every_limit_is_a_number_or_a_rate() -> None:
    assert len(NUMBERS) + len(RATES) == len(fields(Limits))


@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_limit_is_above_zero(name: str, value: int) -> None:
    wrong: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=name):
        replace(DEFAULT, **wrong)


@pytest.mark.parametrize(
    ("relation", "wrong"),
    [
        ("window_entries", {"window_entries": 10, "deliver_entries_max": 11}),
        ("dead_seconds", {"ping_seconds": 50.0, "dead_seconds": 99.0}),
        ("registration_seconds", {"registration_seconds": 5.0, "frame_seconds": 6.0}),
        ("deliver_bytes_max", {"deliver_bytes_max": 16 * 1024 - 1}),
        ("backlog_entries_max", {"backlog_entries_max": 255}),
    ],
)
def test_limits_that_do_not_fit_each_other_are_refused(
    relation: str, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=relation):
        replace(DEFAULT, **wrong)


def test_without_rates_the_sizes_stay() -> None:
    assert all(getattr(UNLIMITED, name) is None for name in RATES)
    changed = {name for name in NUMBERS if getattr(UNLIMITED, name) != getattr(DEFAULT, name)}
    assert changed == {"connections_per_address_max"}
