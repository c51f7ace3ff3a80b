"""Affairs: one's own password, devices and account, and whom one blocks."""

import pytest

from molva.terms import actions, events
from molva.terms.limits import Rate
from molva.terms.roles import RoomKind
from tests.core.stage import Peer, Stage

OLD, NEW = "correct horse", "battery staple"


def keeper(stage: Stage, name: str = "anna") -> Peer:
    """Return somebody who keeps their name by a password."""
    peer = stage.enter(name, password=OLD)
    stage.hash()
    return peer


def second(stage: Stage, name: str = "anna", password: str = OLD) -> Peer:
    """Return another device of theirs, entered by password."""
    peer = stage.enter(name, password=password)
    stage.hash()
    return peer


def useless(stage: Stage, peer: Peer) -> bool:
    """Say whether nobody comes back by a device's token."""
    return stage.enter(peer.name, token=peer.token).results[0].code == "bad_token"


# -- Passwords ---------------------------------------------------------------------------------


def test_a_guest_keeps_the_name_by_a_password() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    anna.send(actions.SetPassword(new=OLD, id="p"))
    stage.hash()
    assert anna.of(events.Done)[-1].id == "p"
    anna.leave()
    stage.advance(stage.limits.guest_hold_seconds + 1)
    assert stage.resume(anna).welcome.account
    assert second(stage.restart()).welcome.role == "member"


@pytest.mark.parametrize(
    ("old", "code"), [(None, "password_required"), ("wrong horse", "wrong_password")]
)
def test_a_password_is_changed_only_by_who_knows_it(old: str | None, code: str) -> None:
    stage = Stage()
    anna = keeper(stage)
    anna.send(actions.SetPassword(new=NEW, old=old, id="p"))
    if stage.passwords:
        stage.hash()
    assert anna.of(events.Error)[-1].code == code
    assert second(stage).welcome


def test_a_change_ends_all_other_devices_at_once() -> None:
    stage = Stage()
    anna, other = keeper(stage), second(stage)
    away = second(stage)
    away.leave()
    anna.send(actions.SetPassword(new=NEW, old=OLD, id="p"))
    stage.hash()
    stage.hash()
    assert anna.of(events.Done)[-1].id == "p" and not anna.closed
    assert other.closed and other.code == "signed_out"
    assert useless(stage, other) and useless(stage, away)
    anna.leave()
    assert stage.resume(anna).welcome
    assert second(stage).results[0].code == "wrong_password"
    assert second(stage.restart(), password=NEW).welcome


def test_who_enters_by_the_old_password_while_it_changes_does_not_stay() -> None:
    for early in (True, False):
        stage = Stage()
        anna = keeper(stage)
        thief = stage.connect()
        thief.send(actions.Registration(name="anna", password=OLD, features=["echo"]))
        anna.send(actions.SetPassword(new=NEW, old=OLD))
        thieves, mine = stage.passwords.popleft(), stage.passwords.popleft()
        stage.prompt = False
        stage.passwords.extend((thieves, mine) if early else (mine,))
        while stage.passwords:
            stage.hash()
        if not early:
            stage.passwords.append(thieves)
            stage.hash()
        stage.prompt = True
        stage.settle()
        assert thief.results[0].result == "error" or thief.closed
        devices = [device.account for device in stage.store.disk.devices.values()]
        assert len(devices) == 1, early


def test_who_was_signed_out_changes_nothing_by_what_they_asked_before() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    link = anna.ask(actions.Link(id="l"))
    assert isinstance(link, events.Link)
    thief = stage.enter("anna", code=link.code)
    thief.send(actions.SetPassword(new=NEW))
    listed = anna.ask(actions.Devices(id="d"))
    assert isinstance(listed, events.Devices)
    (row,) = [device for device in listed.devices if not device.this]
    anna.send(actions.ForgetDevice(device=row.device))
    assert thief.closed
    stage.hash()
    assert stage.store.contents().accounts[0].password_hash is None


def test_passwords_are_not_guessed_without_end() -> None:
    stage = Stage(passwords_per_account=Rate(per_second=0.1, burst=2))
    anna = keeper(stage)
    for _ in range(2):
        anna.send(actions.SetPassword(new=NEW, old="wrong horse"))
        stage.hash()
    limited = anna.ask(actions.SetPassword(new=NEW, old="wrong horse", id="p"))
    assert isinstance(limited, events.Error) and limited.code == "rate_limited"
    assert limited.retry_after


@pytest.mark.parametrize(
    ("new", "code"), [("short", "password_too_short"), ("я" * 600, "password_too_long")]
)
def test_what_is_no_password_is_refused_before_any_work(new: str, code: str) -> None:
    stage = Stage()
    anna = stage.enter("anna")
    assert anna.refused(actions.SetPassword(new=new, id="p")) == code
    assert not stage.passwords


def test_a_store_that_cannot_write_changes_nothing() -> None:
    stage = Stage()
    anna, other = keeper(stage), second(stage)
    stage.store.unavailable = True
    anna.send(actions.SetPassword(new=NEW, old=OLD, id="p"))
    stage.hash()
    stage.hash()
    assert anna.of(events.Error)[-1].code == "unavailable" and not other.closed
    stage.store.unavailable = False
    assert second(stage).welcome


# -- Devices -----------------------------------------------------------------------------------


def test_a_device_that_is_forgotten_goes_at_once_and_comes_back_no_more() -> None:
    stage = Stage()
    anna, other = keeper(stage), second(stage)
    listed = anna.ask(actions.Devices(id="d"))
    assert isinstance(listed, events.Devices)
    assert [device.this for device in listed.devices] == [True, False]
    anna.send(actions.ForgetDevice(device=listed.devices[1].device, id="f"))
    assert anna.of(events.Done)[-1].id == "f"
    assert other.closed and useless(stage, other)
    again = actions.ForgetDevice(device=listed.devices[1].device, id="g")
    assert anna.refused(again) == "no_such_device"
    assert anna.refused(actions.ForgetDevice(device="", id="h")) == "no_such_device"


def test_signing_out_ends_this_device_and_everywhere_all_of_them() -> None:
    stage = Stage()
    anna, other = keeper(stage), second(stage)
    anna.send(actions.SignOut(id="s"))
    assert anna.heard[-2] == events.Done(id="s")
    assert anna.closed and not other.closed and useless(stage, anna)
    third = second(stage)
    legacy = stage.connect()
    legacy.send(actions.Registration(name="anna", password=OLD))
    stage.hash()
    other.send(actions.SignOut(everywhere=True))
    assert all(peer.closed for peer in (other, third, legacy))
    assert useless(stage, other) and useless(stage, third)
    assert second(stage).welcome


def test_a_second_device_enters_once_by_a_code_under_ones_own_name() -> None:
    stage = Stage()
    anna = stage.enter("anna")
    link = anna.ask(actions.Link(id="l"))
    assert isinstance(link, events.Link) and link.seconds == 300
    assert stage.enter("boris", code=link.code).results[0].code == "bad_code"
    phone = stage.enter("ANNA", code=link.code.lower())
    assert phone.welcome.token and phone.name == "anna"
    assert stage.enter("anna", code=link.code).results[0].code in ("bad_code", "name_taken")


def test_a_code_for_a_device_is_good_for_minutes_and_until_one_signs_out_everywhere() -> None:
    stage = Stage()
    anna = keeper(stage)
    codes = []
    for number in range(2):
        link = anna.ask(actions.Link(id=f"l{number}"))
        assert isinstance(link, events.Link)
        codes.append(link.code)
    assert stage.enter("anna", code=codes[0]).results[0].code == "bad_code"
    stage.advance(300.0)
    assert stage.enter("anna", code=codes[1]).results[0].code == "bad_code"
    late = anna.ask(actions.Link(id="late"))
    assert isinstance(late, events.Link)
    anna.send(actions.SignOut(everywhere=True))
    assert stage.enter("anna", code=late.code).results[0].code == "bad_code"


# -- The account -------------------------------------------------------------------------------


def test_an_account_is_deleted_only_by_who_knows_its_password() -> None:
    stage = Stage()
    anna = keeper(stage)
    assert anna.refused(actions.DeleteAccount(id="d")) == "password_required"
    anna.send(actions.DeleteAccount(password="wrong horse", id="e"))
    stage.hash()
    assert anna.of(events.Error)[-1].code == "wrong_password"
    anna.send(actions.DeleteAccount(password=OLD, id="f"))
    stage.hash()
    assert anna.closed and anna.of(events.Done)[-1].id == "f"
    assert stage.enter("anna").results[0].code == "name_taken"
    assert stage.enter("аnnа").results[0].code == "name_confusable"
    assert stage.restart().enter("Anna").results[0].code == "name_taken"


# -- Blocking ----------------------------------------------------------------------------------


def pair(blocks: bool) -> tuple[Stage, Peer, Peer]:
    """Return anna, and boris whom she blocks or not."""
    stage = Stage()
    anna = stage.enter("anna", features=("echo", "typing"))
    boris = stage.enter("boris", features=("echo", "typing"))
    if blocks:
        anna.send(actions.Block(user="boris"))
    stage.wall = 1_700_000_100_000
    anna.take()
    boris.take()
    return stage, anna, boris


def test_who_is_blocked_learns_nothing() -> None:
    heard = []
    for blocks in (False, True):
        stage, anna, boris = pair(blocks)
        for action in (
            actions.NewWhisper(to="anna", text="hi", id="a"),
            actions.NewWhisper(to="anna", text="hi", id="a"),
            actions.NewWhisper(to="anna", text="ho", id="a"),
            actions.Read(through=1, with_="anna", id="b"),
            actions.Typing(to="anna", id="c"),
            actions.Users(id="d"),
            actions.History(with_="anna", id="e"),
            actions.History(with_="anna", around=1, id="f"),
            actions.Report(with_="anna", seq=1, id="g"),
            actions.Away(text="tea", id="h"),
            actions.Create(room="#den", kind=RoomKind.PUBLIC, id="i"),
            actions.Invite(room="#den", user="anna", id="j"),
            actions.Restore(with_="anna", seq=1, id="k"),
            actions.Ping(id="l"),
        ):
            boris.send(action)
        anna.send(actions.Away(text="gone"))
        boris.leave()
        anna.send(actions.NewWhisper(to="boris", text="yes"))
        again = stage.resume(boris, features=["echo"])
        heard.append([str(e).replace(again.token or "", "") for e in (*boris.heard, *again.heard)])
    assert heard[0] == heard[1]


def test_who_blocks_hears_nothing_counts_nothing_and_sees_only_a_place() -> None:
    stage, anna, boris = pair(True)
    boris.send(actions.NewWhisper(to="anna", text="psst"))
    boris.send(actions.Typing(to="anna"))
    boris.send(actions.Away(text="tea"))
    assert "psst" not in str(anna.heard)
    assert [e.seq for e in anna.heard if isinstance(e, events.Unheard)] == [1]
    assert not any(isinstance(e, events.Typing | events.Away) for e in anna.heard)
    page = anna.ask(actions.History(with_="boris", id="h"))
    assert isinstance(page, events.History)
    assert [type(e) for e in page.entries] == [events.Unheard]
    users = anna.ask(actions.Users(id="u"))
    assert isinstance(users, events.Users) and users.users == ["anna"]
    anna.leave()
    again = stage.resume(anna)
    listed = next(c for c in again.welcome.conversations or () if c.with_ == "boris")
    assert listed.unread == 0 and again.welcome.blocked == ["boris"]
    assert again.welcome.users == ["anna"]
    again.send(actions.Unblock(user="boris"))
    boris.send(actions.NewWhisper(to="anna", text="now"))
    assert again.texts() == ["now"]
    late = again.ask(actions.History(with_="boris", id="i"))
    assert isinstance(late, events.History)
    assert [type(e).__name__ for e in late.entries] == ["Unheard", "NewWhisper"]
    assert "psst" not in str(stage.restart().resume(again, cursors={"boris": 0}).heard)


def test_who_is_blocked_cannot_put_one_into_a_group() -> None:
    stage, anna, boris = pair(True)
    boris.send(actions.SetPassword(new=OLD))
    stage.hash()
    group = actions.Create(kind=RoomKind.GROUP, people=["ANNA"], id="g")
    told = boris.ask(group)
    nobody = boris.ask(actions.Create(kind=RoomKind.GROUP, people=["NOBODY"], id="h"))
    assert isinstance(told, events.Error) and isinstance(nobody, events.Error)
    assert told.text.replace("ANNA", "NOBODY") == nobody.text and told.code == nobody.code


def test_blocking_twice_and_unblocking_nobody_changes_nothing() -> None:
    stage, anna, boris = pair(True)
    assert anna.ask(actions.Block(user="boris", id="a")) == events.Done(id="a")
    assert anna.refused(actions.Block(user="anna", id="b")) == "no_such_user"
    assert anna.refused(actions.Block(user="nobody", id="c")) == "no_such_user"
    blocks = anna.ask(actions.Blocks(id="d"))
    assert blocks == events.Blocks(users=["boris"], id="d")
    done = anna.ask(actions.Unblock(user="boris", id="e"))
    assert isinstance(done, events.Unblocked)
    assert isinstance(anna.ask(actions.Unblock(user="boris", id="e")), events.Stored)
    assert anna.ask(actions.Unblock(user="boris", id="f")) == events.Done(id="f")
