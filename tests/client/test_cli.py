"""The command line: help in both languages, one line for what is wrong, and exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from molva.cli import choose_language, parse_server, run
from molva.client import exit_codes
from molva.client.errand import guest_name
from molva.terms.catalogue import Language
from molva.terms.names import parse_name

SOURCE = Path(__file__).resolve().parents[2] / "src"
COMMANDS = ("serve", "chat", "send", "tail", "version")


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
    assert all(str(code) in shown for code in (0, 1, 2, 69))


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
    ],
)
def test_a_server_is_host_and_port(text: str, server: tuple[str, int] | None) -> None:
    if server is None:
        with pytest.raises(ValueError):
            parse_server(text)
    else:
        assert parse_server(text) == server


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
        "'molva.server', 'molva.core', 'molva.store'}; "
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
