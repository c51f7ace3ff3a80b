"""Administration: invitations, the list of people, and helping those who cannot come any more."""

import pytest

from molva.terms import actions, events
from molva.terms.admission import Access, Admission
from molva.terms.ids import AccountId, ConversationId
from molva.terms.limits import DEFAULT
from molva.terms.roles import Role
from tests.core.stage import Peer, Stage

PASSWORD = "correct horse"


def company(access: Access = Access.OPEN) -> tuple[Stage, Peer, Peer, Peer]:
    """Return an owner, an admin and a member of a server that lets in by `access` from now on."""
    stage = Stage(owned=False)
    anna, boris, vera = (stage.enter(name) for name in ("anna", "boris", "vera"))
    anna.send(actions.SetRole(user="boris", role=Role.ADMIN))
    stage.hub._chat.accounts.admission = Admission(access, "digest of J01NC0DE")
    return stage, anna, boris, vera


def invited(peer: Peer, **more: object) -> events.Invitation:
    told = peer.ask(actions.Invitation(id=f"i{len(peer.heard)}", **more))  # type: ignore[arg-type]
    assert isinstance(told, events.Invitation)
    return told


def result(peer: Peer) -> str | None:
    return peer.results[-1].code


def test_an_invitation_gives_a_role_below_ones_own() -> None:
    stage, anna, boris, vera = company(Access.ACCOUNTS)
    for role in (Role.ADMIN, Role.OWNER):
        assert boris.refused(actions.Invitation(role=role, id=role)) == "not_allowed"
    assert vera.refused(actions.Invitation(id="i")) == "not_allowed"
    code = invited(boris, role=Role.MODERATOR).code
    gleb = stage.enter("gleb", code=code)
    assert stage.store.disk.roles[ConversationId("r0"), AccountId(4)] is Role.MODERATOR
    assert ("r1", 4) in stage.store.disk.members
    gleb.leave()
    assert stage.resume(gleb).welcome.role == "moderator"


@pytest.mark.parametrize("access", list(Access))
def test_uses_are_counted_exactly_also_when_many_come_at_once(access: Access) -> None:
    stage, anna, boris, vera = company(access)
    code = invited(anna, uses=2).code
    stage.prompt = False
    peers = [stage.enter(f"guest{number}", code=code) for number in range(4)]
    stage.prompt = True
    stage.settle()
    assert sorted(str(result(peer)) for peer in peers) == ["None", "None", "bad_code", "bad_code"]
    assert not stage.store.disk.invitations
    assert result(stage.restart().enter("late", code=code)) == "bad_code"


def test_a_use_that_could_not_be_written_is_not_taken() -> None:
    stage, anna, boris, vera = company(Access.ACCOUNTS)
    code = invited(anna, uses=2).code
    stage.prompt = False
    first = stage.enter("guest1", code=code)
    stage.persist()
    second = stage.enter("guest2", code=code)
    stage.store.unavailable = True
    stage.persist()
    stage.store.unavailable = False
    stage.prompt = True
    stage.settle()
    assert (result(first), result(second)) == (None, "unavailable")
    assert result(stage.enter("guest3", code=code)) is None
    assert result(stage.enter("guest4", code=code)) == "bad_code"


def test_an_invitation_for_one_name_is_good_for_no_other() -> None:
    stage, anna, boris, vera = company(Access.CODE)
    told = invited(anna, name="Gleb", uses=5)
    assert (told.uses, told.name) == (1, "Gleb")
    assert result(stage.enter("dina", code=told.code)) == "bad_code"
    assert result(stage.enter("GLEB", code=told.code)) is None


def test_an_invitation_ends_in_time_and_by_hand() -> None:
    stage, anna, boris, vera = company(Access.CODE)
    short, long = invited(anna, seconds=60), invited(boris)
    listed = anna.ask(actions.Invitations(id="l"))
    assert isinstance(listed, events.Invitations)
    assert [row.from_ for row in listed.invitations] == ["anna", "boris"]
    assert short.code not in str(listed)
    stage.wall += 60_000
    assert result(stage.enter("gleb", code=short.code)) == "bad_code"
    assert anna.ask(actions.EndInvitation(invitation=long.invitation, id="e")) == events.Done(
        id="e"
    )
    assert result(stage.enter("gleb", code=long.code)) == "bad_code"
    again = actions.EndInvitation(invitation=long.code, id="f")
    assert anna.refused(again) == "no_such_invitation"


def test_who_may_not_give_a_role_any_more_is_not_who_gives_it() -> None:
    stage, anna, boris, vera = company(Access.ACCOUNTS)
    code = invited(boris, role=Role.MODERATOR).code
    anna.send(actions.SetRole(user="boris", role=Role.MEMBER))
    stage.enter("gleb", code=code)
    given = [e for e in stage.entries("r0") if getattr(e.body, "account", None) == 4]
    assert [entry.name for entry in given] == ["molva"]


# -- Who is let in -----------------------------------------------------------------------------


@pytest.mark.parametrize("access", [Access.CODE, Access.ACCOUNTS])
@pytest.mark.parametrize("code", [None, "WR0NG"])
@pytest.mark.parametrize("password", [None, "wrong horse"])
def test_without_a_good_code_every_name_is_answered_alike(
    access: Access, code: str | None, password: str | None
) -> None:
    stage, anna, boris, vera = company(access)
    boris.send(actions.SetPassword(new=PASSWORD))
    stage.hash()
    gone = stage.enter("dina", code=invited(anna).code)
    gone.send(actions.DeleteAccount())
    banned = stage.enter("mitya", code=invited(anna).code)
    anna.send(actions.Ban(user="mitya"))
    assert banned.closed
    answers = set()
    for name in ("vera", "boris", "dina", "mitya", "nobody", "bоris"):
        peer = stage.enter(name, code=code, password=password)
        while stage.passwords:
            stage.hash()
        answers.add(str(peer.results[-1]))
    assert len(answers) == 1, answers


@pytest.mark.parametrize("access", list(Access))
def test_the_join_code_lets_in_unless_only_accounts_may(access: Access) -> None:
    stage, anna, boris, vera = company(access)
    wanted = None if access is not Access.ACCOUNTS else "bad_code"
    assert result(stage.enter("gleb", code="join-code")) == wanted
    assert result(stage.enter("vera", code="join-code")) == (wanted or "name_taken")


def test_guesses_are_bounded_alike_for_names_that_are_there_and_that_are_not() -> None:
    stage, anna, boris, vera = company()
    boris.send(actions.SetPassword(new=PASSWORD))
    stage.hash()
    stage = Stage(stage.store.disk, ids=stage.ids, admission=Admission(Access.CODE, "x"))
    stage.set_limits(passwords_per_account=DEFAULT.passwords_per_account)
    counted = {}
    for name in ("boris", "nobody"):
        codes = []
        for number in range(12):
            spelled = name if number % 2 else "".join(chr(ord(c) + 0xFEE0) for c in name)
            peer = stage.enter(spelled, password="wrong horse")
            while stage.passwords:
                stage.hash()
            codes.append(result(peer))
        counted[name] = codes
    assert counted["boris"] == counted["nobody"]
    assert "rate_limited" in counted["boris"]


# -- The operator ------------------------------------------------------------------------------


def test_only_who_holds_the_machine_enters_as_the_server() -> None:
    stage, anna, boris, vera = company()
    for token in (None, "token", ""):
        peer = stage.connect()
        peer.send(actions.Registration(name="molva", token=token))
        assert result(peer) == "name_reserved"
    stage.hub.let_operator_in("key")
    for name, token, code in (("molva", "kee", "name_reserved"), ("Molva", "key", "name_reserved")):
        peer = stage.connect()
        peer.send(actions.Registration(name=name, token=token))
        assert result(peer) == code
    operator = stage.connect()
    operator.send(actions.Registration(name="molva", token="key", features=["echo"]))
    assert operator.welcome.role == "owner"
    assert operator.refused(actions.NewMessage(text="hi", id="m")) == "not_allowed"
    operator.send(actions.SetRole(user="vera", role=Role.OWNER, id="r"))
    assert stage.store.disk.roles[ConversationId("r0"), AccountId(3)] is Role.OWNER
    assert getattr(operator.take()[-1], "id", None) == "r", "a command line waits for this"


# -- The owner ---------------------------------------------------------------------------------


def test_the_first_who_can_come_back_owns_the_server_and_nobody_else() -> None:
    stage = Stage(owned=False, prompt=False)
    legacy = stage.connect()
    legacy.send(actions.Registration(name="old"))
    peers = [stage.enter(name) for name in ("anna", "boris")]
    stage.prompt = True
    stage.settle()
    assert [peer.welcome.role for peer in peers] == ["owner", "guest"]
    assert legacy.welcome and [*stage.store.disk.roles.values()] == [Role.OWNER]
    assert stage.restart().enter("vera").welcome.role == "guest"


def test_nobody_owns_a_server_by_coming_where_somebody_keeps_a_name() -> None:
    stage = Stage()
    stage.enter("anna", password=PASSWORD)
    stage.hash()
    stage.store.disk.owned = False
    assert stage.restart().enter("boris").welcome.role == "guest"


# -- Helping -----------------------------------------------------------------------------------


def test_a_new_password_ends_all_devices_and_is_given_only_to_who_stands_lower() -> None:
    stage, anna, boris, vera = company()
    assert vera.refused(actions.ResetPassword(user="boris", new=PASSWORD, id="a")) == "not_allowed"
    assert boris.refused(actions.ResetPassword(user="anna", new=PASSWORD, id="b")) == "not_allowed"
    assert boris.refused(actions.ResetPassword(user="nobody", new=PASSWORD, id="c")) == (
        "no_such_user"
    )
    boris.send(actions.ResetPassword(user="vera", new=PASSWORD, id="d"))
    stage.hash()
    assert boris.of(events.Done)[-1].id == "d" and vera.closed
    assert result(stage.enter("vera", token=vera.token)) == "bad_token"
    again = stage.enter("vera", password=PASSWORD)
    stage.hash()
    assert again.welcome


def test_who_loses_the_right_while_a_password_is_hashed_resets_nothing() -> None:
    stage, anna, boris, vera = company()
    boris.send(actions.ResetPassword(user="vera", new=PASSWORD, id="d"))
    anna.send(actions.SetRole(user="boris", role=Role.MEMBER))
    stage.hash()
    assert [e.code for e in boris.of(events.Error)] == ["not_allowed"] and not vera.closed


def test_an_account_is_deleted_by_who_stands_higher() -> None:
    stage, anna, boris, vera = company()
    assert boris.refused(actions.RemoveAccount(user="anna", id="a")) == "not_allowed"
    boris.send(actions.RemoveAccount(user="vera", words=False, id="b"))
    assert boris.of(events.Done)[-1].id == "b" and vera.closed
    listed = anna.ask(actions.Accounts(id="c"))
    assert isinstance(listed, events.Accounts)
    assert [(row.user, row.role) for row in listed.accounts] == [
        ("anna", "owner"),
        ("boris", "admin"),
    ]
    assert boris.refused(actions.RemoveAccount(user="vera", id="d")) == "no_such_user"
