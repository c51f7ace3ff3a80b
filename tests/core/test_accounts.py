"""Accounts: who has a name, who may come back, and the one way in."""

import pytest

from molva.core.accounts import Account, Accounts, Verdict
from molva.core.cursor import NOTHING_READ
from molva.terms.errors import Code
from molva.terms.ids import AccountId, ConversationId, tag
from molva.terms.names import parse_name
from molva.terms.ports import StoredAccount, StoredDevice


def digest(token: str) -> str:
    return f"digest of {token}"


class World:
    """Three who are known: a guest with a device, somebody with a password, somebody gone."""

    def __init__(self) -> None:
        self.accounts = Accounts(digest)
        self.guest = self.accounts.restore(stored(1, "anna"))
        self.accounts.restore_device(StoredDevice(digest("key"), AccountId(1), "laptop"))
        self.keeper = self.accounts.restore(stored(2, "boris", password_hash="hash"))
        self.accounts.restore_retired(stored(3, "vera"))

    def decide(
        self, name: str, password: str | None = None, token: str | None = None
    ) -> tuple[Verdict, Code | None]:
        decision = self.accounts.authenticate(parse_name(name), password, token)
        return decision.verdict, decision.code


def stored(number: int, name: str, password_hash: str | None = None) -> StoredAccount:
    parsed = parse_name(name)
    return StoredAccount(
        AccountId(number), parsed.shown, parsed.key, parsed.skeleton, password_hash
    )


@pytest.fixture
def world() -> World:
    return World()


def test_who_is_retired_is_known_by_id_and_by_tag_and_has_no_name(world: World) -> None:
    accounts = world.accounts
    vera = accounts.get(AccountId(3))
    assert vera is not None and vera.retired
    assert accounts.find("vera") is None
    assert accounts.tagged("vera", tag(AccountId(3))) is vera
    assert vera.label == f"vera~{tag(AccountId(3))}"
    assert list(accounts) == [world.guest, world.keeper]
    assert len(accounts) == 2


def test_a_tag_counts_for_its_own_name_only(world: World) -> None:
    assert world.accounts.tagged("anna", tag(AccountId(1))) is world.guest
    assert world.accounts.tagged("anna", tag(AccountId(2))) is None
    assert world.accounts.tagged("anna", tag(AccountId(99))) is None
    assert world.accounts.tagged("anna", "") is None
    assert world.accounts.tagged("anna", "*") is None


def test_a_name_is_free_when_nobody_has_it_or_one_that_looks_like_it(world: World) -> None:
    assert world.decide("galina") == (Verdict.MAKE, None)
    assert world.decide("vera") == (Verdict.MAKE, None)
    # The first letter is Cyrillic.
    assert world.decide("аnna") == (Verdict.REFUSE, Code.NAME_CONFUSABLE)


def test_a_guests_name_is_entered_by_its_token_only(world: World) -> None:
    assert world.decide("anna", token="key") == (Verdict.ENTER, None)
    assert world.decide("ANNA", token="key") == (Verdict.ENTER, None)
    assert world.decide("anna") == (Verdict.REFUSE, Code.NAME_TAKEN)
    assert world.decide("anna", password="swordfish") == (Verdict.REFUSE, Code.NAME_TAKEN)
    assert world.decide("anna", token="other") == (Verdict.REFUSE, Code.BAD_TOKEN)


def test_a_token_opens_no_other_name(world: World) -> None:
    assert world.decide("boris", token="key") == (Verdict.REFUSE, Code.BAD_TOKEN)
    assert world.decide("galina", token="key") == (Verdict.REFUSE, Code.BAD_TOKEN)


def test_a_name_with_a_password_asks_for_it(world: World) -> None:
    assert world.decide("boris") == (Verdict.REFUSE, Code.PASSWORD_REQUIRED)
    assert world.decide("boris", password="swordfish") == (Verdict.VERIFY, None)


def test_a_password_helps_where_a_token_is_no_longer_known(world: World) -> None:
    assert world.decide("boris", password="swordfish", token="old") == (Verdict.VERIFY, None)


@pytest.mark.parametrize("state", ["pending", "retiring"])
def test_a_name_on_its_way_in_or_out_is_taken_and_nobodys(world: World, state: str) -> None:
    setattr(world.guest, state, True)
    assert world.accounts.find("anna") is None
    assert world.decide("anna") == (Verdict.REFUSE, Code.NAME_TAKEN)
    assert world.decide("anna", token="key") == (Verdict.REFUSE, Code.BAD_TOKEN)


def test_a_retired_name_is_free_for_another_and_its_token_opens_nothing(world: World) -> None:
    world.accounts.retire(world.guest)
    assert world.guest.retired and world.guest.devices == ()
    assert world.accounts.get(AccountId(1)) is world.guest
    assert world.decide("anna", token="key") == (Verdict.REFUSE, Code.BAD_TOKEN)
    assert world.decide("anna") == (Verdict.MAKE, None)
    heir = world.accounts.reserve(AccountId(9), parse_name("anna"), None)
    heir.pending = False
    assert world.accounts.find("anna") is heir
    assert world.accounts.tagged("anna", tag(AccountId(1))) is world.guest


def test_the_devices_of_others_stay_when_one_goes(world: World) -> None:
    world.accounts.add_device(world.keeper, digest("other"))
    world.accounts.retire(world.guest)
    assert world.decide("boris", token="other") == (Verdict.ENTER, None)
    assert world.keeper.devices == ("digest of other",)


def test_who_is_forgotten_is_known_no_more_and_must_be_retired_before(world: World) -> None:
    with pytest.raises(AssertionError):
        world.accounts.forget(world.guest)
    world.accounts.retire(world.guest)
    world.accounts.forget(world.guest)
    assert world.accounts.get(AccountId(1)) is None


def test_a_name_is_reserved_once(world: World) -> None:
    with pytest.raises(AssertionError):
        world.accounts.reserve(AccountId(9), parse_name("Anna"), None)


def test_an_account_has_read_nothing_until_it_is_said_otherwise() -> None:
    account = Account(AccountId(1), parse_name("Anna"), None)
    assert account.marker(ConversationId("r0")) is NOTHING_READ
    assert account.shown == account.label == "Anna"
    assert not account.online


def test_a_name_that_the_store_did_not_take_is_free_again(world: World) -> None:
    asked = world.accounts.reserve(AccountId(9), parse_name("galina"), None)
    world.accounts.remove(asked)
    assert world.accounts.get(AccountId(9)) is None
    assert world.decide("galina") == (Verdict.MAKE, None)
    assert world.decide("anna", token="key") == (Verdict.ENTER, None)
