"""Addresses: how a range is spelled, and whom it covers."""

import pytest

from molva.core.addresses import BadAddress, Ranges, parse_range
from molva.terms import actions
from tests.core.stage import Stage


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("10.0.0.7", "10.0.0.7/32"),
        (" 10.0.0.7/24 ", "10.0.0.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("2001:DB8::7/64", "2001:db8::/64"),
        ("::ffff:10.0.0.7", "10.0.0.7/32"),
        ("::ffff:10.0.0.7/120", "10.0.0.0/24"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("10.0.0.7/255.255.255.0", "10.0.0.0/24"),
        ("fe80::1", "fe80::1/128"),
    ],
)
def test_a_range_is_kept_in_one_spelling(typed: str, kept: str) -> None:
    assert parse_range(typed) == kept
    assert parse_range(kept) == kept


@pytest.mark.parametrize(
    "typed", ["", "anna", "10.0.0", "10.0.0.256", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "1", "/8"]
)
def test_what_is_no_range_is_refused(typed: str) -> None:
    with pytest.raises(BadAddress):
        parse_range(typed)


@pytest.mark.parametrize(
    ("range", "inside", "outside"),
    [
        ("10.0.0.0/24", "10.0.0.255", "10.0.1.0"),
        ("10.0.0.0/24", "::ffff:10.0.0.1", "::ffff:10.0.1.1"),
        ("0.0.0.0/0", "255.255.255.255", "2001:db8::1"),
        ("::/0", "2001:db8::1", "10.0.0.1"),
        ("fe80::/64", "fe80::1%eth0", "fe80:1::1%eth0"),
        ("2001:db8::/64", "2001:db8::ffff", "2001:db8:0:1::"),
        ("10.0.0.7/32", "10.0.0.7", "local"),
    ],
)
def test_a_range_covers_what_is_in_it(range: str, inside: str, outside: str) -> None:
    ranges = Ranges()
    ranges.add(range)
    assert ranges.cover(inside) and not ranges.cover(outside)
    ranges.discard(range)
    assert not ranges.cover(inside)


def test_of_two_ranges_one_may_go_and_one_that_is_not_there_too() -> None:
    ranges = Ranges()
    ranges.add("10.0.0.0/24")
    ranges.add("10.0.1.0/24")
    ranges.discard("10.0.0.0/24")
    ranges.discard("10.0.0.0/8")
    assert ranges.cover("10.0.1.1") and not ranges.cover("10.0.0.1")


def test_who_moderates_may_come_from_an_address_that_is_banned() -> None:
    stage = Stage(owned=False)
    anna = stage.enter("anna", address="192.0.2.1")
    vera = stage.enter("vera", address="::ffff:192.0.2.2")
    anna.send(actions.Ban(address="192.0.2.0/24"))
    assert vera.closed and not anna.closed
    anna.leave()
    assert stage.resume(anna).welcome.role == "owner"
    for name in ("vera", "gleb"):
        refused = stage.enter(
            name, address="192.0.2.9", token=vera.token if name == "vera" else None
        )
        assert refused.results[0].code == "banned"
    assert stage.enter("dina", address="192.0.3.1").welcome
    stage = stage.restart()
    assert stage.enter("gleb", address="192.0.2.9").results[0].code == "banned"
