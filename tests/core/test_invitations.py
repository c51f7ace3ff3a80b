"""Invitations: the codes that let somebody in, known by their digests alone."""

from molva.core.invitations import Invitation, Invitations
from molva.terms.ids import AccountId
from molva.terms.names import parse_name
from molva.terms.ports import StoredInvitation
from molva.terms.roles import Role

ANNA, BORIS = AccountId(1), AccountId(2)


def digest(code: str) -> str:
    return f"digest of {code}"


def invitations(*stored: StoredInvitation) -> Invitations:
    found = Invitations(digest)
    for one in stored:
        found.restore(one)
    return found


def stored(code: str = "7QF3M0RD", uses: int = 1, name: str | None = None) -> StoredInvitation:
    return StoredInvitation(digest(code), Role.MEMBER, uses, 1_000, ANNA, name)


def test_a_code_is_found_however_it_is_typed_until_its_time_is_up() -> None:
    found = invitations(stored())
    for typed in ("7QF3-M0RD", "7qf3 mord", "７QF3M0RD".replace("７", "7")):
        one = found.find(typed, 999)
        assert one is not None and one.by == ANNA
    assert found.find("7QF3M0RD", 1_000) is None
    assert found.find("7QF3M0RE", 0) is None
    assert [one.until for one in found.over(1_000)] == [1_000] and found.over(999) == []


def test_one_that_everybody_has_begun_to_take_lets_nobody_else_in() -> None:
    found = invitations(stored(uses=1))
    one = found.find("7QF3M0RD", 0)
    assert one is not None
    one.uses -= 1
    assert found.find("7QF3M0RD", 0) is None
    one.uses += 1
    assert found.find("7QF3M0RD", 0) is one
    found.end(one)
    found.end(one)
    assert found.find("7QF3M0RD", 0) is None and len(found) == 0


def test_one_for_a_name_fits_it_in_any_case_and_no_other() -> None:
    one = Invitation("d", Role.MEMBER, 1, 9, ANNA, "anna")
    assert one.fits(parse_name("Anna")) and not one.fits(parse_name("boris"))
    assert Invitation("d", Role.MEMBER, 1, 9, ANNA, None).fits(parse_name("boris"))


def test_one_is_named_by_its_id_or_its_code_and_the_id_lets_nobody_in() -> None:
    found = invitations(stored())
    (one,) = found
    assert found.named(one.id) is one and found.named("7qf3-m0rd") is one
    assert found.named("nothing") is None
    assert found.find(one.id, 0) is None


def test_a_code_for_a_device_is_its_accounts_and_good_once() -> None:
    found = invitations()
    found.add_link("ABCD1234", ANNA, 10.0)
    assert not found.take_link("ABCD1234", BORIS, 0.0)
    assert not found.take_link("ABCD1235", ANNA, 0.0)
    assert found.take_link("abcd-1234", ANNA, 9.9)
    assert not found.take_link("ABCD1234", ANNA, 9.9)


def test_of_an_account_the_newest_code_is_good_and_not_for_ever() -> None:
    found = invitations()
    found.add_link("ABCD1234", ANNA, 10.0)
    found.add_link("ABCD1235", ANNA, 10.0)
    found.add_link("ABCD1236", BORIS, 20.0)
    assert found.links(9.0) == 2 and found.links(10.0) == 1
    assert not found.take_link("ABCD1234", ANNA, 0.0)
    assert not found.take_link("ABCD1235", ANNA, 10.0)
    found.drop_links(BORIS)
    assert not found.take_link("ABCD1236", BORIS, 0.0)
