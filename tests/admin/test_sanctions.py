"""`molva user ban` and `molva admin`: they act through the hub, and everybody sees it."""

from tests.admin.machine import Machine
from tests.hostile import assert_harmless

OLD = "correct horse"


# -- Bans --------------------------------------------------------------------------------------


def test_somebody_is_banned_listed_and_unbanned(open_machine: Machine) -> None:
    olga = open_machine.enter("olga", password=OLD)
    anna = open_machine.enter("anna", password=OLD)
    ban = ("user", "ban", "anna", "--for", "2д", "--reason", "enough is enough")
    open_machine.done(*ban, whole=True)
    if open_machine.running:
        assert anna.rest()[-1]["code"] == "banned"
        told = [o for o in olga.fence() if o["action"] == "banned"]
        assert [(o["user"], o["from"], o["reason"]) for o in told] == [
            ("anna", "molva", "enough is enough")
        ]
    assert open_machine.refused("anna", password=OLD) == "banned"
    (row,) = open_machine.rows("user", "sanctions")
    assert (row["sanction"], row["user"], row["address"]) == ("ban", "anna", None)
    assert row["until"] is not None
    assert "anna: banned until " in open_machine.done("user", "sanctions")
    assert "may come again" in open_machine.done("user", "unban", "anna")
    assert "is not banned" in open_machine.done("user", "unban", "anna")
    open_machine.enter("anna", token=anna.token)
    assert "Nobody" in open_machine.done("user", "sanctions")


def test_an_address_is_banned_and_the_operator_still_comes(open_machine: Machine) -> None:
    open_machine.done("user", "ban", "127.0.0.0/8")
    assert open_machine.refused("anna") == "banned"
    assert "127.0.0.0/8: banned for good" in open_machine.done("user", "sanctions")
    open_machine.done("user", "unban", "127.0.0.0/8")
    open_machine.enter("anna")


def test_a_reason_cannot_hold_what_no_client_may_send(open_machine: Machine) -> None:
    """The command asks through the same door, whose bounds hold for it too."""
    open_machine.enter("olga", password=OLD)
    anna = open_machine.enter("anna", password=OLD)
    for reason in ("two\nlines", "\x1b[31m", "x" * 600, "x" * 70_000):
        done = open_machine.do("user", "ban", "anna", "--reason", reason)
        assert done.returncode != 0 and done.stdout == ""
        assert_harmless(done.stderr)
        assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    open_machine.enter("anna", token=anna.token)


# -- Roles -------------------------------------------------------------------------------------


def test_somebody_becomes_an_admin_and_may_what_admins_may(open_machine: Machine) -> None:
    open_machine.enter("olga", password=OLD)
    boris = open_machine.enter("boris", password=OLD)
    assert boris.ask("accounts")["code"] == "not_allowed"
    assert "boris: admin" in open_machine.done("admin", "boris", whole=True)
    if not open_machine.running:
        boris = open_machine.enter("boris", token=boris.token)
    assert boris.ask("accounts")["action"] == "accounts"
    listed = {row["user"]: row["role"] for row in open_machine.rows("admin", "--list")}
    assert listed == {"olga": "owner", "boris": "admin"}
    open_machine.done("admin", "boris", "--role", "владелец")
    # Now there are two, and the first may step down.
    open_machine.done("admin", "olga", "--role", "member")
    listed = {row["user"]: row["role"] for row in open_machine.rows("admin", "--list")}
    assert listed == {"boris": "owner"}


def test_nobody_becomes_anything_by_a_name_that_is_not_there(open_machine: Machine) -> None:
    done = open_machine.do("admin", "nobody")
    assert (done.returncode, done.stderr) == (1, "molva: There is nobody called nobody.\n")
    assert open_machine.do("admin", "molva").returncode == 1
    evil = open_machine.do("admin", "\x1b[31mx")
    assert evil.returncode == 1 and "\x1b" not in evil.stderr
