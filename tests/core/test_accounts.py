"""Accounts: who has a name, who may come back, and the one way in."""

import pytest

from molva.core.accounts import Account, Accounts, Decision, Verdict
from molva.core.cursor import NOTHING_READ
from molva.terms.admission import Access, Admission
from molva.terms.errors import Code
from molva.terms.ids import AccountId, ConversationId, tag
from molva.terms.instant import Instant
from molva.terms.names import parse_name
from molva.terms.ports import StoredAccount, StoredDevice, StoredInvitation
from molva.terms.roles import Role

NOW = Instant(elapsed=1000.0, wall=1_700_000_000_000)
JOIN_CODE = "JOIN-C0DE"


def digest(token: str) -> str:
    return f"digest of {token}"


class World:
    """Three who are known: a guest with a device, somebody with a password, somebody gone."""

    def __init__(self, access: Access = Access.OPEN) -> None:
        self.accounts = Accounts(digest, Admission(access, digest("J01NC0DE")))
        self.guest = self.accounts.restore(stored(1, "anna"))
        self.accounts.restore_device(StoredDevice(digest("key"), AccountId(1), "laptop"))
        self.keeper = self.accounts.restore(stored(2, "boris", password_hash="hash"))
        self.accounts.restore_retired(stored(3, "vera"))

    def decide(
        self,
        name: str,
        password: str | None = None,
        token: str | None = None,
        code: str | None = None,
        *,
        address_banned: bool = False,
    ) -> tuple[Verdict, Code | None]:
        decision = self.decision(name, password, token, code, address_banned=address_banned)
        return decision.verdict, decision.code

    def decision(
        self,
        name: str,
        password: str | None = None,
        token: str | None = None,
        code: str | None = None,
        *,
        address_banned: bool = False,
        now: Instant = NOW,
    ) -> Decision:
        return self.accounts.authenticate(
            parse_name(name), password, token, code, address_banned=address_banned, now=now
        )

    def invite(self, code: str, uses: int = 1, name: str | None = None) -> None:
        until = NOW.wall + 60_000
        self.accounts.invitations.restore(
            StoredInvitation(digest(code), Role.MEMBER, uses, until, AccountId(2), name)
        )


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
    world.accounts.add_device(world.keeper, digest("other"), "telephone", 5)
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


# -- Who may join ----------------------------------------------------------------------------------


@pytest.mark.parametrize("access", [Access.CODE, Access.ACCOUNTS])
def test_where_a_code_is_needed_no_name_tells_whether_it_is_known(access: Access) -> None:
    world = World(access)
    needed = Code.CODE_REQUIRED if access is Access.CODE else Code.INVITATION_REQUIRED
    for name in ("anna", "boris", "vera", "galina", "аnna"):
        assert world.decide(name) == (Verdict.REFUSE, needed)
        assert world.decision(name, code="WRONG") == Decision(
            Verdict.REFUSE, code=Code.BAD_CODE, guessed=True
        )
        for code in (None, "WRONG"):
            decision = world.decision(name, password="swordfish", code=code)
            assert decision.verdict is Verdict.VERIFY
            assert decision.account is (world.keeper if name == "boris" else None)
            assert decision.guessed is (code is not None)
    assert world.decide("anna", token="key") == (Verdict.ENTER, None)


def test_a_join_code_lets_in_however_it_is_spelled_and_where_it_counts() -> None:
    for spelled in (JOIN_CODE, "joinc0de", "JOIN COdE"):
        assert World(Access.CODE).decide("galina", code=spelled) == (Verdict.MAKE, None)
        assert World(Access.OPEN).decide("galina", code=spelled) == (Verdict.MAKE, None)
        closed = World(Access.ACCOUNTS).decide("galina", code=spelled)
        assert closed == (Verdict.REFUSE, Code.BAD_CODE)
    assert World(Access.CODE).decide("anna", code=JOIN_CODE) == (Verdict.REFUSE, Code.NAME_TAKEN)
    assert World(Access.OPEN).decide("galina", code="WRONG") == (Verdict.REFUSE, Code.BAD_CODE)


def test_an_invitation_lets_in_until_it_is_used_up_or_over_and_for_its_own_name() -> None:
    world = World(Access.ACCOUNTS)
    world.invite("ANY")
    world.invite("HERS", name="galina")
    found = world.decision("dora", code="ANY")
    assert found.verdict is Verdict.MAKE
    assert found.invitation is world.accounts.invitations.find("ANY", NOW.wall)
    assert world.decide("galina", code="HERS") == (Verdict.MAKE, None)
    assert world.decide("dora", code="HERS") == (Verdict.REFUSE, Code.BAD_CODE)
    later = Instant(NOW.elapsed, NOW.wall + 60_000)
    assert world.decision("dora", code="ANY", now=later).code is Code.BAD_CODE
    assert found.invitation is not None
    found.invitation.uses = 0
    assert world.decide("dora", code="ANY") == (Verdict.REFUSE, Code.BAD_CODE)


def test_a_code_for_a_second_device_is_good_once_in_time_and_for_its_account() -> None:
    world = World(Access.CODE)
    links = world.accounts.invitations
    links.add_link("12345678", AccountId(1), NOW.elapsed + 300)
    assert world.decide("boris", code="12345678") == (Verdict.REFUSE, Code.BAD_CODE)
    late = Instant(NOW.elapsed + 300, NOW.wall)
    assert world.decision("anna", code="12345678", now=late).code is Code.BAD_CODE
    added = world.decision("anna", code="1234-5678")
    assert (added.verdict, added.account) == (Verdict.ADD, world.guest)
    assert world.decide("anna", code="12345678") == (Verdict.REFUSE, Code.BAD_CODE)


# -- Who may not come ------------------------------------------------------------------------------


def test_who_is_banned_is_told_so_once_they_have_shown_who_they_are(world: World) -> None:
    world.accounts.banned = {AccountId(1), AccountId(2)}
    assert world.decide("anna", token="key") == (Verdict.REFUSE, Code.BANNED)
    assert world.decide("anna") == (Verdict.REFUSE, Code.NAME_TAKEN)
    assert world.decide("boris") == (Verdict.REFUSE, Code.PASSWORD_REQUIRED)
    assert world.decide("boris", password="swordfish") == (Verdict.VERIFY, None)
    world.accounts.invitations.add_link("12345678", AccountId(2), NOW.elapsed + 300)
    assert world.decide("boris", code="12345678") == (Verdict.REFUSE, Code.BANNED)


def test_a_barred_device_comes_under_no_name(world: World) -> None:
    world.accounts.barred[digest("key")] = AccountId(1)
    for name in ("anna", "boris", "galina"):
        for password in (None, "swordfish"):
            refused = (Verdict.REFUSE, Code.BANNED)
            assert world.decide(name, password=password, token="key") == refused


@pytest.mark.parametrize("role", list(Role))
def test_from_a_banned_address_only_moderators_come(world: World, role: Role) -> None:
    world.guest.role = world.keeper.role = role
    staff = role in (Role.MODERATOR, Role.ADMIN, Role.OWNER)
    refused = (Verdict.REFUSE, Code.BANNED)
    entered = world.decide("anna", token="key", address_banned=True)
    assert entered == ((Verdict.ENTER, None) if staff else refused)
    verified = world.decide("boris", password="swordfish", address_banned=True)
    assert verified == ((Verdict.VERIFY, None) if staff else refused)
    assert world.decide("galina", address_banned=True) == refused


def test_a_deleted_name_is_nobodys_for_ever_nor_is_one_that_looks_like_it(world: World) -> None:
    world.accounts.delete_name(parse_name("Dora"))
    assert world.decide("dora") == (Verdict.REFUSE, Code.NAME_TAKEN)
    # The last letter is Cyrillic.
    assert world.decide("dorа") == (Verdict.REFUSE, Code.NAME_CONFUSABLE)


# -- What an account is ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "password", "devices", "passing"),
    [
        (Role.GUEST, None, (), True),
        (Role.GUEST, None, ("d",), True),
        (Role.MEMBER, None, (), True),
        (Role.MEMBER, None, ("d",), False),
        (Role.OWNER, None, (), True),
        (Role.OWNER, None, ("d",), False),
        (Role.MEMBER, "hash", (), False),
    ],
)
def test_who_could_not_come_back_ends_some_time_after_they_have_gone(
    role: Role, password: str | None, devices: tuple[str, ...], passing: bool
) -> None:
    account = Account(AccountId(1), parse_name("anna"), password)
    account.role, account.devices = role, devices
    assert account.passing is passing


def test_a_device_is_known_by_what_opens_nothing_and_goes_alone(world: World) -> None:
    accounts, anna = world.accounts, world.guest
    second = accounts.add_device(anna, digest("second"), "telephone", 7)
    assert (second.name, second.at, second.id) == ("telephone", 7, digest("second")[-12:])
    assert list(anna.devices) == [digest("key"), digest("second")]
    assert accounts.device(digest("second")) is second
    assert accounts.remove_device(digest("key")) is not None
    assert accounts.remove_device(digest("key")) is None
    assert list(anna.devices) == [digest("second")]
    assert world.decide("anna", token="key") == (Verdict.REFUSE, Code.BAD_TOKEN)
    assert world.decide("anna", token="second") == (Verdict.ENTER, None)


def test_who_holds_the_machine_comes_by_the_token_of_this_start_and_no_other(world: World) -> None:
    accounts = world.accounts
    assert not accounts.is_operator("molva", "made")
    accounts.operator_digest = digest("made")
    assert accounts.is_operator("molva", "made")
    assert not accounts.is_operator("molva", "other")
    assert not accounts.is_operator("molva", None)
    assert not accounts.is_operator("anna", "made")
    assert accounts.operator not in list(accounts) and accounts.find("molva") is None
