"""`molva user`: who is listed, helped to a new password, and deleted."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.admin.machine import TIMEOUT_SECONDS, Machine
from tests.serving import ROOT

OLD, NEW = "correct horse", "battery staple"


def test_everybody_is_listed(open_machine: Machine) -> None:
    open_machine.enter("anna", password=OLD)
    open_machine.enter("Борис")
    rows = {row["user"]: row for row in open_machine.rows("user", "list", whole=True)}
    assert set(rows) == {"anna", "Борис"}
    assert rows["anna"]["role"] == "owner" and rows["anna"]["password"]
    assert not rows["Борис"]["password"]
    assert rows["anna"]["online"] == open_machine.running
    printed = open_machine.done("user", "list").split("\n")
    assert printed[0].startswith("anna: owner, ") and "no password" in printed[1]


def test_a_list_of_many_is_whole(new_machine: Callable[..., Machine]) -> None:
    machine = new_machine()
    names = [f"pupil{number:03}" for number in range(300)]
    for name in names:
        # Without a token to come back by: the account stays while its connection does.
        machine.enter(name)
    assert [row["user"] for row in machine.rows("user", "list")] == names
    machine.done("admin", names[-1])
    assert [row["user"] for row in machine.rows("admin", "--list")] == [names[0], names[-1]]


# -- Passwords ---------------------------------------------------------------------------------


@pytest.mark.parametrize("generate", [True, False])
def test_a_new_password_works_and_the_old_does_not(open_machine: Machine, generate: bool) -> None:
    olga = open_machine.enter("olga", password=OLD)
    anna = open_machine.enter("anna", password=OLD)
    if generate:
        password = open_machine.done("user", "password", "anna", "--generate").rstrip("\n")
        assert len(password) == 23
    else:
        password = NEW
        typed = f"{NEW}\r\nmore\n"
        open_machine.done("user", "password", "@anna", "--stdin", stdin=typed, whole=True)
    if open_machine.running:
        assert anna.rest()[-1]["code"] == "signed_out"
    assert open_machine.refused("anna", password=OLD) == "wrong_password"
    assert open_machine.refused("anna", token=anna.token) == "bad_token"
    open_machine.enter("anna", password=password)
    open_machine.enter("olga", token=olga.token)


def test_a_password_that_is_none_changes_nothing(open_machine: Machine) -> None:
    open_machine.enter("anna", password=OLD)
    for stdin in ("", "\n", "short\n", "x" * 2000 + "\n"):
        done = open_machine.do("user", "password", "anna", "--stdin", stdin=stdin)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, stdin
    assert open_machine.do("user", "password", "vera", "--generate").returncode == 1
    open_machine.enter("anna", password=OLD)


class Terminal:
    """A command at a terminal: what it shows, and what is typed."""

    def __init__(self, machine: Machine, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        self.shown = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "molva", *arguments, "--data", str(machine.data)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "LANG": "C.UTF-8"},
        )
        os.close(slave)

    def see(self, wanted: str) -> None:
        """Read until something is shown."""
        while wanted not in self.shown:
            self.shown += os.read(self._master, 4096).decode()

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._master, f"{text}\n".encode())

    def end(self) -> int:
        """Return the exit code, with all that was shown."""
        while True:
            try:
                read = os.read(self._master, 4096)
            except OSError:  # A terminal whose other side is closed.
                break
            if not read:
                break
            self.shown += read.decode()
        os.close(self._master)
        return self._process.wait(TIMEOUT_SECONDS)


def test_at_a_terminal_a_password_is_asked_for_twice_and_not_shown(
    open_machine: Machine,
) -> None:
    open_machine.enter("anna", password=OLD)
    if not open_machine.running:
        open_machine.down()
    for again, code in (("another one", 2), (NEW, 0)):
        terminal = Terminal(open_machine, "user", "password", "anna")
        terminal.see("New password:")
        terminal.type(NEW)
        terminal.see("again:")
        terminal.type(again)
        assert terminal.end() == code, terminal.shown
        assert NEW not in terminal.shown and "Traceback" not in terminal.shown
    open_machine.enter("anna", password=NEW)


# -- Going -------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["keep", "erase"])
def test_an_account_is_deleted_with_or_without_its_words(open_machine: Machine, words: str) -> None:
    olga = open_machine.enter("olga", password=OLD)
    anna = open_machine.enter("anna", password=OLD)
    anna.send("new_message", text="what anna said")
    anna.fence()
    open_machine.done("user", "remove", "anna", "--words", words, "--yes")
    assert open_machine.refused("anna", password=OLD) == "name_taken"
    if not open_machine.running:
        olga = open_machine.enter("olga", token=olga.token)
    said = str(olga.ask("history"))
    assert ("what anna said" in said) == (words == "keep")
    open_machine.down()
    kept = b"".join(f.read_bytes() for f in open_machine.data.glob("molva.sqlite*"))
    assert (b"what anna said" in kept) == (words == "keep")


def test_at_a_terminal_it_is_asked_first(open_machine: Machine) -> None:
    open_machine.enter("olga", password=OLD)
    open_machine.enter("anna", password=OLD)
    if not open_machine.running:
        open_machine.down()
    for answer, code in (("", 1), ("n", 1), ("yes", 0)):
        assert "anna" in open_machine.done("user", "list")
        terminal = Terminal(open_machine, "user", "remove", "anna")
        terminal.see("[y/N]")
        terminal.type(answer)
        assert terminal.end() == code, terminal.shown
    assert "anna" not in open_machine.done("user", "list")


def test_the_last_owner_stays(open_machine: Machine) -> None:
    anna = open_machine.enter("anna", password=OLD)
    done = open_machine.do("user", "remove", "anna", "--yes")
    assert done.returncode == 1 and "owner" in done.stderr
    assert open_machine.do("admin", "anna", "--role", "member").returncode == 1
    open_machine.enter("anna", token=anna.token)
