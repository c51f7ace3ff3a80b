"""Rates: what a bucket lets through, and what it costs to ask too often."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molva.core.rate import REMEMBERED_MAX, Bucket, Rates, charge, spend
from molva.terms.limits import DEFAULT, UNLIMITED, Rate

RATE = Rate(per_second=2.0, burst=10.0)


def test_a_full_bucket_gives_its_burst_and_then_says_how_long_to_wait() -> None:
    bucket = Bucket(0.0)
    assert [spend(bucket, RATE, 1.0, 0.0) for _ in range(10)] == [0.0] * 10
    assert spend(bucket, RATE, 1.0, 0.0) == pytest.approx(0.5)


def test_who_waits_as_long_as_was_said_is_let_through() -> None:
    bucket = Bucket(0.0)
    charge(bucket, RATE, 10.0, 0.0)
    wait = spend(bucket, RATE, 3.0, 1.0)
    assert wait > 0
    assert spend(bucket, RATE, 3.0, 1.0 + wait) == 0.0


def test_what_was_refused_is_not_spent() -> None:
    bucket = Bucket(0.0)
    charge(bucket, RATE, 10.0, 0.0)
    waits = [spend(bucket, RATE, 1.0, 0.0) for _ in range(5)]
    assert len(set(waits)) == 1


def test_a_cost_above_the_burst_goes_when_nothing_else_is_spent_and_no_sooner() -> None:
    bucket = Bucket(0.0)
    assert spend(bucket, RATE, 25.0, 0.0) == 0.0
    wait = spend(bucket, RATE, 25.0, 0.0)
    assert wait == pytest.approx(12.5)
    assert spend(bucket, RATE, 25.0, wait) == 0.0


def test_a_refusal_never_says_to_wait_for_nothing() -> None:
    bucket = Bucket(0.0)
    charge(bucket, RATE, 10.0, 0.0)
    assert spend(bucket, RATE, 1e-12, 0.0) >= 0.001


def test_a_charge_is_taken_whatever_is_there_to_one_burst_below_empty() -> None:
    bucket = Bucket(0.0)
    for _ in range(50):
        charge(bucket, RATE, 5.0, 0.0)
    assert bucket.tokens == 20.0
    assert spend(bucket, RATE, 1.0, 5.0) > 0
    assert spend(bucket, RATE, 1.0, 5.6) == 0.0


@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.1, 10.0)), max_size=60))
def test_no_pattern_of_asking_gets_more_than_a_burst_and_what_came_back(
    asked: list[tuple[float, float]],
) -> None:
    bucket = Bucket(0.0)
    now = got = 0.0
    for pause, cost in asked:
        now += pause
        if spend(bucket, RATE, cost, now) == 0.0:
            got += cost
        assert got <= RATE.burst + now * RATE.per_second + 1e-6


# -- Buckets by the name of their limit ------------------------------------------------------------


def test_each_who_spends_has_a_bucket_of_their_own_for_each_limit() -> None:
    limits = replace(DEFAULT, rooms_per_account=RATE, reports_per_account=RATE)
    rates = Rates()
    assert [rates.wait(limits, "rooms_per_account", 1, 0.0) for _ in range(10)] == [0.0] * 10
    assert rates.empty(limits, "rooms_per_account", 1, 0.0) == pytest.approx(0.5)
    assert rates.wait(limits, "rooms_per_account", 1, 0.0) == pytest.approx(0.5)
    assert rates.wait(limits, "rooms_per_account", 2, 0.0) == 0.0
    assert rates.wait(limits, "reports_per_account", 1, 0.0) == 0.0


def test_to_ask_whether_one_may_spend_takes_nothing() -> None:
    limits = replace(DEFAULT, rooms_per_account=RATE)
    rates = Rates()
    assert [rates.empty(limits, "rooms_per_account", 1, 0.0) for _ in range(20)] == [0.0] * 20
    rates.wait(limits, "rooms_per_account", 1, 0.0, cost=10.0)
    assert rates.empty(limits, "rooms_per_account", 1, 0.0) == pytest.approx(0.5)
    assert rates.empty(limits, "rooms_per_account", 1, 0.5) == 0.0
    assert rates.wait(limits, "rooms_per_account", 1, 0.5) == 0.0


def test_a_rate_that_is_lifted_bounds_nobody() -> None:
    rates = Rates()
    assert {rates.wait(UNLIMITED, "rooms_per_account", 1, 0.0) for _ in range(1000)} == {0.0}
    assert rates.empty(UNLIMITED, "rooms_per_account", 1, 0.0) == 0.0


def test_buckets_that_are_full_again_are_dropped_and_no_others() -> None:
    limits = replace(DEFAULT, rooms_per_account=RATE)
    rates = Rates()
    rates.wait(limits, "rooms_per_account", "spent", 1.0, cost=10.0)
    for number in range(REMEMBERED_MAX - 1):
        rates.wait(limits, "rooms_per_account", number, 0.0)
    rates.wait(limits, "rooms_per_account", "last", 2.0)
    assert len(rates._buckets) == 2
    assert rates.wait(limits, "rooms_per_account", "spent", 2.0, cost=9.0) > 0
