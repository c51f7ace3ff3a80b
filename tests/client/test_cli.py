"""The command line: help in both languages, one line for what is wrong, and exit codes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from molva.cli import choose_language, run
from molva.client import exit_codes
from molva.client.errand import guest_name
from molva.client.trust import pin_of, words_of
from molva.client.way import Way, WayRefused, parse_server
from molva.terms.catalogue import Language
from molva.terms.names import parse_name
from tests.client.presented import HOST, Authority, Host, der, encrypted, plain, shown

SOURCE = Path(__file__).resolve().parents[2] / "src"
COMMANDS = ("serve", "chat", "send", "tail", "trust", "version")


def molva(
    *arguments: str, stdin: str = "", **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run the program in a process of its own, with nothing of this one's surroundings."""
    return subprocess.run(
        [sys.executable, "-m", "molva", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "LANG": "C.UTF-8"}
        | environment,
    )


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_speaks_both_languages(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [command] if command else []
    shown = {}
    for language in ("en", "ru"):
        assert run([*arguments, "--help"], {"LANG": f"{language}_XX.UTF-8"}) == exit_codes.OK
        shown[language] = capsys.readouterr().out
        assert run([*arguments, "--help", "--language", language], {"LANG": "xx"}) == 0
        assert capsys.readouterr().out == shown[language]
        assert "--language" in shown[language]
    assert "Usage:" in shown["en"] and "Вызов:" in shown["ru"]
    assert not any("а" <= letter <= "я" for letter in shown["en"])
    for english in ("Usage", "Options", "Show this", "Commands", "Arguments", "default"):
        assert english not in shown["ru"]
    if not command:
        assert all(f"  {name} " in shown["ru"] for name in COMMANDS)


def test_the_exit_codes_are_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    run(["send", "--help"], {})
    shown = capsys.readouterr().out
    assert all(str(code) in shown for code in (0, 1, 2, 69, 77))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nope"], "nope"),
        (["send"], "TO"),
        (["send", "#general"], "TEXT"),
        (["send", "--nope", "a", "b"], "--nope"),
        (["tail"], "TO"),
        (["tail", "a", "-n", "x"], "-n"),
        (["tail", "a", "-n", "-1"], "-n"),
        (["tail", "a", "b", "c"], "b"),
        (["chat", "host:port"], "host:port"),
        (["chat", "a\x1b[0mb:x"], "␛"),
        (["send", "--server", ":1", "a", "b"], ":1"),
        (["chat", "molva://h/join/"], "molva://h/join/"),
        (["tail", "a", "--server", "http://h/x"], "http://h/x"),
        (["chat", "h", "--fingerprint", "lusab-\x1b[0m"], "lusab-␛"),
        (["trust"], "--list"),
        (["trust", "h:x"], "h:x"),
        (["serve", "--limits", "maybe"], "maybe"),
        (["serve", "--port", "99999"], "99999"),
        (["serve", "--config", "/nowhere/at/all"], "/nowhere/at/all"),
    ],
)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str], word: str, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, "--language", language], {}) == exit_codes.USAGE
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("molva: ") and said.err.count("\n") == 1
    assert word in said.err and "\x1b" not in said.err


def test_without_a_command_it_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([], {}) == exit_codes.USAGE
    assert "chat" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("chat.example", ("chat.example", 8888)),
        ("127.0.0.1:99", ("127.0.0.1", 99)),
        ("[::1]:99", ("::1", 99)),
        ("[::1]", ("::1", 8888)),
        ("fe80::1", ("fe80::1", 8888)),
        ("", None),
        (":99", None),
        ("h:", None),
        ("h:0", None),
        ("h:65536", None),
        ("h:٣", None),
        ("h:1:2", None),
        ("[::1", None),
        ("[::1]x", None),
        ("[::1]:", None),
        ("a b", None),
        ("a\nb", None),
        ("a/b", None),
        ("user@host", None),
        ("molva://chat.example:99/join/7QF3-M0RD", ("chat.example", 99, "7QF3-M0RD")),
        ("molva://chat.example/join/x", ("chat.example", 8888, "x")),
        ("MOLVA://[::1]:99/join/x/", ("::1", 99, "x")),
        ("molva://192.0.2.7", ("192.0.2.7", 8888)),
        ("http://192.0.2.7:99/join/x", ("192.0.2.7", 99, "x")),
        ("https://chat.example/join/x", ("chat.example", 8888, "x", True)),
        ("https://chat.example/", ("chat.example", 8888, None, True)),
        ("molva://user@chat.example/join/x", None),
        ("molva://chat.example/join/x/y", None),
        ("molva://chat.example/join/x?tls=0", None),
        ("molva://chat.example/join/" + "x" * 65, None),
        ("molva://chat.example/join/х", None),
        ("molva://chat.example/leave/x", None),
        ("molva:///join/x", None),
        ("molva://[::1/join/x", None),
        ("ftp://chat.example/join/x", None),
        ("chat.example/join/x", None),
        ("https://chat.example\n/join/x", None),
    ],
)
def test_a_server_is_host_and_port_or_a_link(
    text: str, server: tuple[str | int | bool | None, ...] | None
) -> None:
    if server is None:
        with pytest.raises(WayRefused):
            parse_server(text)
    else:
        assert parse_server(text) == Way(*server)  # type: ignore[arg-type]


def test_an_option_goes_before_a_link() -> None:
    way = parse_server("https://chat.example/join/x")
    asked = way.asked(code=None, tls=None, fingerprint=None)
    assert (asked.code, asked.tls, asked.fingerprint) == ("x", True, None)
    words = "LUSAB babad Gutih tugad haguz"
    asked = way.asked(code="y", tls=False, fingerprint=words)
    assert (asked.code, asked.tls) == ("y", False)
    assert asked.fingerprint == "lusab-babad-gutih-tugad-haguz"


@pytest.mark.parametrize(
    ("arguments", "environment", "language"),
    [
        ([], {}, "en"),
        ([], {"LANG": "ru_RU.UTF-8"}, "ru"),
        ([], {"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, "en"),
        ([], {"LANG": "ru_RU.UTF-8", "LC_ALL": ""}, "ru"),
        ([], {"LANG": "en_US", "MOLVA_LANGUAGE": "ru"}, "ru"),
        (["--language", "en"], {"MOLVA_LANGUAGE": "ru"}, "en"),
        (["chat", "--language=ru"], {}, "ru"),
        (["send", "a", "--", "--language", "ru"], {}, "en"),
        (["--language"], {"LANG": "ru"}, "ru"),
    ],
)
def test_the_language_is_chosen(
    arguments: list[str], environment: dict[str, str], language: str
) -> None:
    assert choose_language(arguments, environment) == Language(language)


def test_a_guests_name_is_a_name_whatever_the_login() -> None:
    for login in ("anna", "", "Анна", "DOMAIN\\user name", "x" * 200, "root", "."):
        name = guest_name(login)
        assert parse_name(name).shown == name
        assert guest_name(login) != name


def test_the_help_starts_without_what_it_does_not_need() -> None:
    program = (
        "import sys; from molva.cli import run; run(['--help'], {}); "
        "heavy = {'asyncio', 'prompt_toolkit', 'rich', 'sqlite3', 'uvloop', 'precis_i18n', "
        "'molva.server', 'molva.core', 'molva.store', 'cryptography', 'zeroconf'}; "
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_program_runs_as_a_module(tmp_path: Path) -> None:
    assert molva("version").stdout.startswith("molva ")
    state = {"XDG_STATE_HOME": str(tmp_path)}
    nowhere = molva("send", "--server", "127.0.0.1:1", "--wait", "0.1", "#general", "hi", **state)
    assert nowhere.returncode == exit_codes.UNAVAILABLE
    assert nowhere.stdout == "" and nowhere.stderr.count("\n") == 1
    state |= {"MOLVA_SERVER": "127.0.0.1:1", "LANG": "ru_RU.UTF-8"}
    nowhere = molva("tail", "#general", "--wait", "0.1", **state)
    assert nowhere.returncode == exit_codes.UNAVAILABLE
    assert "недоступен" in nowhere.stderr


# -- Whom one speaks to -------------------------------------------------------------------------


def texts_of(host: Host) -> list[str]:
    return [action["text"] for action in host.heard if "text" in action]


def test_send_and_tail_and_chat_know_a_server_again(tmp_path: Path) -> None:
    first, second = Authority("a").issue(), Authority("b").issue()
    words, new_words = (words_of(pin_of(der(chain))) for _, chain in (first, second))
    state = {"XDG_STATE_HOME": str(tmp_path)}
    with Host(encrypted(shown(tmp_path, *first))) as host:
        server = f"{HOST}:{host.port}"
        say_hi = ("send", "--server", server, "#general", "hi")
        done = molva(*say_hi, MOLVA_CODE="7QF3-M0RD", **state)
        assert done.returncode == exit_codes.OK and words in done.stderr
        assert host.heard[0]["code"] == "7QF3-M0RD"
        done = molva(*say_hi, **state)
        assert (done.returncode, done.stderr) == (exit_codes.OK, "")
        assert molva("trust", "--list", **state).stdout == f"{server}  {words}\n"

        host.manner = encrypted(shown(tmp_path, *second))
        before = len(host.heard)
        for command in (
            say_hi,
            ("tail", "#general", "--server", server),
            ("chat", server, "--name", "anna"),
        ):
            done = molva(*command, stdin="hi\n", MOLVA_PASSWORD="secret", **state)
            assert done.returncode == exit_codes.DISTRUSTED
            said = done.stderr + done.stdout
            assert "STOP" in said and words in said and new_words in said
            assert f"molva trust {server}" in said
        refused = molva(*say_hi, "--no-tls", **state)
        assert refused.returncode == exit_codes.DISTRUSTED
        wrong = molva("trust", server, "--fingerprint", words, **state)
        assert wrong.returncode == exit_codes.DISTRUSTED
        assert len(host.heard) == before

        accepted = molva("trust", server, "--fingerprint", new_words.upper(), **state)
        assert accepted.returncode == exit_codes.OK
        assert new_words in accepted.stdout and words in accepted.stdout
        assert len(host.heard) == before
        assert molva(*say_hi, **state).returncode == exit_codes.OK
        assert texts_of(host) == ["hi"] * 3

        assert molva("trust", "--forget", server, **state).returncode == exit_codes.OK
        assert molva("trust", "--forget", server, **state).returncode == exit_codes.REFUSED
        assert molva("trust", "--list", **state).stdout == ""


def test_a_line_that_is_not_encrypted_is_said_to_be(tmp_path: Path) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path)}
    with Host(plain) as host:
        here, there = f"127.0.0.1:{host.port}", f"{HOST}:{host.port}"
        done = molva("send", "--server", here, "#general", "hi", **state)
        assert (done.returncode, done.stderr) == (exit_codes.OK, "")
        done = molva("send", "--server", there, "#general", "hi", **state)
        assert done.returncode == exit_codes.OK
        assert "NOT encrypted" in done.stderr and done.stderr.count("\n") == 1
        for server in (here, there):
            done = molva("send", "--server", server, "--tls", "#general", "hi", **state)
            assert done.returncode == exit_codes.DISTRUSTED
        link = f"https://{there}/join/x"
        done = molva("send", "--server", link, "#general", "hi", **state)
        assert done.returncode == exit_codes.DISTRUSTED
        unavailable = molva("trust", there, **state)
        assert unavailable.returncode == exit_codes.UNAVAILABLE
        assert "tls: wrong version number" in unavailable.stderr.lower()
        assert texts_of(host) == ["hi"] * 2


def test_a_file_of_servers_that_cannot_be_read_is_said_and_kept(tmp_path: Path) -> None:
    (tmp_path / "molva").mkdir()
    file = tmp_path / "molva" / "servers.json"
    file.write_text("{")
    state = {"XDG_STATE_HOME": str(tmp_path)}
    for command in (
        ("trust", "--list"),
        ("trust", "--forget", "h"),
        ("send", "--server", "192.0.2.7", "#general", "hi"),
    ):
        done = molva(*command, **state)
        assert done.returncode == exit_codes.DISTRUSTED and str(file) in done.stderr
        assert "Traceback" not in done.stderr
    assert file.read_text() == "{"


def test_a_chat_at_a_pipe_that_is_not_let_in_ends_as_refused(tmp_path: Path) -> None:
    def refuses(host: Host, line: socket.socket) -> None:
        with context.wrap_socket(line, server_side=True) as inner:
            inner.recv(65536)
            inner.sendall(b'{"result":"error","code":"code_required","text":"A code!"}\n')
            inner.recv(65536)

    context = shown(tmp_path, *Authority().issue())
    with Host(refuses) as host:
        for stdin in ("", "hello\n"):
            done = molva(
                "chat",
                f"{HOST}:{host.port}",
                "--name",
                "anna",
                stdin=stdin,
                XDG_STATE_HOME=str(tmp_path / "state"),
            )
            assert done.returncode == exit_codes.REFUSED and "A code!" in done.stdout
