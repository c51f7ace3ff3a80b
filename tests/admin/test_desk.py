"""The desk: who holds the data directory holds the server, and nobody else does."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from molva.cli import run
from molva.server import operator
from molva.store.sqlite import SqliteStore
from molva.terms.names import NameRefused, parse_name
from tests.admin.machine import Machine, here, molva
from tests.serving import ROOT


def pass_of(machine: Machine) -> operator.Pass:
    shown = operator.read(machine.data)
    assert shown is not None
    return shown


# -- The pass ----------------------------------------------------------------------------------


def test_the_pass_is_its_owners_alone_and_goes_with_the_server(
    new_machine: Callable[..., Machine],
) -> None:
    old = os.umask(0)
    try:
        machine = new_machine()
    finally:
        os.umask(old)
    file = machine.data / operator.FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(machine.data.stat().st_mode) == 0o700
    shown = pass_of(machine)
    assert machine.server.process is not None
    assert (shown.port, shown.pid) == (machine.server.port, machine.server.process.pid)
    assert len(shown.token) == 43
    machine.server.reload()
    machine.server.see("read again")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and pass_of(machine).token == shown.token
    machine.down()
    assert not file.exists()
    machine.up()
    assert pass_of(machine).token != shown.token


def test_its_token_is_not_in_the_database(new_machine: Callable[..., Machine]) -> None:
    machine = new_machine()
    machine.done("user", "list", whole=True)
    token = pass_of(machine).token.encode()
    machine.down()
    for file in machine.data.iterdir():
        assert token not in file.read_bytes(), file


def test_nobody_is_called_like_the_operator(machine: Machine) -> None:
    names = ("molva", "Molva", "MOLVA", "mоlva", "molva\u200b", "ｍolva")
    for name in names:
        for more in ({}, {"password": "correct horse"}, {"token": "A" * 43}):
            assert machine.refused(name, **more).startswith("name_"), name
        with pytest.raises(NameRefused):
            parse_name(name)
    for name in names:
        assert machine.do("invite", "--name", name).returncode == 1, name


def test_the_token_opens_for_the_operators_name_alone(
    new_machine: Callable[..., Machine],
) -> None:
    machine = new_machine()
    token = pass_of(machine).token
    assert machine.refused("anna", token=token) == "bad_token"
    assert machine.refused("Molva", token=token) == "name_reserved"
    assert machine.enter("molva", token=token).welcome["role"] == "owner"


def test_the_operator_may_not_talk_and_is_in_no_list(new_machine: Callable[..., Machine]) -> None:
    machine = new_machine()
    anna = machine.enter("anna")
    molva = machine.enter("molva", token=pass_of(machine).token)
    for action, fields in (
        ("new_message", {"text": "hi"}),
        ("new_whisper", {"to": "anna", "text": "hi"}),
        ("create", {"room": "#tea"}),
        ("history", {}),
        ("password", {"new": "correct horse"}),
        ("delete_account", {}),
    ):
        assert molva.ask(action, **fields)["code"] == "not_allowed", action
    assert anna.ask("users")["users"] == ["anna"]
    assert [row["user"] for row in machine.rows("user", "list")] == ["anna"]
    molva.close()
    presence = ("new_user", "user_left", "presence", "away")
    told = [o for o in anna.fence() if o["action"] in presence]
    assert [o for o in told if "molva" in json.dumps(o)] == []


# -- When it does not fit ----------------------------------------------------------------------


def test_a_forged_token_is_refused(new_machine: Callable[..., Machine]) -> None:
    machine = new_machine()
    shown = pass_of(machine)
    forged = operator.Pass(
        host=shown.host, port=shown.port, pid=shown.pid, token="A" * 43, listens=shown.listens
    )
    operator.show(machine.data, forged)
    done = machine.do("user", "list")
    assert done.returncode == 69 and done.stdout == "" and done.stderr.count("\n") == 1


def test_a_pass_that_is_none_is_said_in_one_line(new_machine: Callable[..., Machine]) -> None:
    machine = new_machine()
    file = machine.data / operator.FILE
    for content in (b"", b"{}", b"[]", b'{"host": 1}', b"\xff\x00", None):
        file.unlink() if content is None else file.write_bytes(content)
        done = machine.do("user", "list")
        assert done.returncode == 69 and str(machine.data) in done.stderr, content
        assert done.stderr.count("\n") == 1, content


def test_one_that_a_dead_server_left_behind_is_passed_over(
    new_machine: Callable[..., Machine],
) -> None:
    machine = new_machine()
    machine.server.kill()
    assert (machine.data / operator.FILE).exists()
    # Whoever has the port now is not shown the token.
    with socket.create_server(("127.0.0.1", machine.server.port)) as stranger:
        stranger.setblocking(False)
        assert "Code: " in machine.done("invite")
        with pytest.raises(BlockingIOError):
            stranger.accept()


def test_a_token_is_shown_to_the_process_that_has_the_store_alone(
    new_machine: Callable[..., Machine],
) -> None:
    """The file is of a server that has died; the lock is another process's, without a pass."""
    machine = new_machine()
    machine.server.kill()
    store = SqliteStore(machine.data / "molva.sqlite")
    try:
        with socket.create_server(("127.0.0.1", machine.server.port)) as stranger:
            stranger.setblocking(False)
            done = machine.do("invite")
            assert done.returncode == 69 and str(os.getpid()) in done.stderr
            with pytest.raises(BlockingIOError):
                stranger.accept()
    finally:
        store.close()


def test_a_server_does_not_start_while_a_command_has_the_store(
    new_machine: Callable[..., Machine], tmp_path: Path
) -> None:
    machine = new_machine()
    machine.down()
    arguments = [sys.executable, "-c", HOLDING, str(machine.data)]
    holding = subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )
    try:
        assert holding.stdout is not None and holding.stdin is not None
        assert holding.stdout.readline() == "open\n"
        done = molva("serve", "--port", "0", "--data", str(machine.data))
        assert done.returncode == 1 and str(holding.pid) in done.stderr
        assert done.stderr.count("\n") == 1
        again = machine.do("user", "list")
        assert again.returncode == 69 and str(holding.pid) in again.stderr
        holding.stdin.write("\n")
        holding.stdin.close()
        assert holding.stdout.read() == "0\n" and holding.wait() == 0
    finally:
        holding.kill()
        holding.wait()
        for stream in (holding.stdin, holding.stdout):
            if stream is not None:
                stream.close()
    assert machine.enter("anna").welcome["role"] == "owner"


HOLDING = """
import sys
from pathlib import Path
from molva.admin.desk import at_desk
from molva.terms import actions, events
from molva.terms.catalogue import Language
with at_desk(Path(sys.argv[1]), Language.ENGLISH) as desk:
    print("open", flush=True)
    sys.stdin.readline()
    print(len(desk.ask(actions.Accounts(), events.Accounts).accounts))
"""


def test_a_server_that_goes_before_it_answers_is_said(new_machine: Callable[..., Machine]) -> None:
    """A process that has the store takes the token and ends without an answer."""
    machine = new_machine()
    machine.down()
    store = SqliteStore(machine.data / "molva.sqlite")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        shown = operator.Pass(
            host="127.0.0.1",
            port=listening.getsockname()[1],
            pid=os.getpid(),
            token="A" * 43,
            listens="127.0.0.1",
        )
        operator.show(machine.data, shown)

        def answer() -> None:
            accepted, _ = listening.accept()
            with accepted, accepted.makefile("rwb") as lines:
                lines.readline()
                lines.write(b'{"result":"successful","name":"molva"}\n')
                lines.flush()
                lines.readline()

        thread = threading.Thread(target=answer)
        thread.start()
        done = here("user", "list", "--data", str(machine.data))
        thread.join()
    store.close()
    assert done.returncode == 69 and done.stderr.count("\n") == 1 and done.stdout == ""


# -- The directory -----------------------------------------------------------------------------


def test_a_directory_without_a_server_is_left_alone(tmp_path: Path) -> None:
    for arguments in (("invite",), ("user", "list"), ("code",), ("admin", "--list")):
        done = here(*arguments, "--data", str(tmp_path / "none"))
        assert done.returncode == 1 and str(tmp_path / "none") in done.stderr
        assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_option_goes_before_the_variable(still: Machine) -> None:
    said = here("user", "list", "--data", str(still.data), MOLVA_DATA="/nowhere")
    assert said.returncode == 0, said.stderr
    assert "/nowhere" in molva("user", "list", MOLVA_DATA="/nowhere").stderr


def test_a_file_that_is_no_database_is_said_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "molva.sqlite"
    file.write_bytes(b"not a database" * 100)
    done = here("user", "list", "--data", str(tmp_path))
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert file.read_bytes() == b"not a database" * 100


def test_settings_that_are_wrong_are_said(new_machine: Callable[..., Machine]) -> None:
    machine = new_machine(running=False)
    (machine.data / "molva.toml").write_text("nonsense = 1\n")
    done = machine.do("user", "list")
    assert done.returncode == 2 and "nonsense" in done.stderr


def test_what_is_asked_is_stored_before_the_command_ends(machine: Machine) -> None:
    machine.done("invite", "--name", "anna", whole=True)
    if machine.server.process is not None:
        machine.server.kill()
    assert [row["name"] for row in machine.rows("invite", "--list")] == ["anna"]


def test_both_languages(machine: Machine) -> None:
    done = machine.do("user", "unban", "nobody", "--language", "ru")
    assert done.returncode == 1 and "nobody" in done.stderr
    assert any("а" <= letter <= "я" for letter in done.stderr)


@pytest.mark.parametrize("command", ["invite", "code", "admin", "user", "user list", "user ban"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_each_command_has_help_in_both_languages(
    command: str, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command.split(), "--help"], {"LANG": f"{language}.UTF-8"}) == 0
    shown = capsys.readouterr().out
    assert "--language" in shown
    assert any("а" <= letter <= "я" for letter in shown) == (language == "ru")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("user", "nope"), "user nope"),
        (("user", "ban"), "user ban --help"),
        (("user", "ban", "--nope", "x"), "--nope"),
        (("user", "list", "x"), "x"),
        (("admin",), "--list"),
        (("admin", "x", "--list"), "--list"),
        (("user", "ban", "x", "--for", "2"), "2h"),
        (("user", "remove", "x", "--words", "all"), "keep"),
        (("user", "remove", "x"), "--yes"),
        (("user", "password", "x"), "--stdin"),
        (("user", "password", "x", "--stdin", "--generate"), "--generate"),
    ],
)
def test_a_command_line_that_is_wrong(
    arguments: tuple[str, ...],
    word: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOLVA_DATA", "/nowhere")
    assert run(arguments, {}) == 2
    said = capsys.readouterr()
    assert said.out == "" and word in said.err
    assert said.err.startswith("molva: ") and said.err.count("\n") == 1


def test_the_group_alone_shows_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["user"], {}) == 2
    assert "sanctions" in capsys.readouterr().out


def test_a_stop_in_between_loses_nothing(new_machine: Callable[..., Machine]) -> None:
    """Ctrl+C while a command waits for nobody's answer leaves the store whole and free."""
    machine = new_machine(running=False)
    machine.down()
    arguments = [sys.executable, "-c", HOLDING, str(machine.data)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as holding:
        assert holding.stdout is not None
        assert holding.stdout.readline() == "open\n"
        holding.send_signal(signal.SIGINT)
        holding.wait()
    assert machine.done("user", "list") == ""
    assert sorted(f.name for f in machine.data.iterdir()) == ["molva.sqlite", "molva.sqlite.lock"]
