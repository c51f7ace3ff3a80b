"""The documentation is true: what it shows is run, what it names exists, what is made is fresh."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import typer

from molva import cli, config
from molva.client import commands, exit_codes
from molva.terms.catalogue import PHRASES, Language
from molva.terms.errors import CLOSING, Code
from molva.terms.limits import DEFAULT, Limits
from molva.wire.jsonl import format_action, format_event, parse_action, parse_event
from tests.serving import Server
from tools import protocol

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "protocol.md"
OPERATE = ROOT / "docs" / "operate.md"
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
TIMEOUT_SECONDS = 20.0

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
MAKE = re.compile(r"\bmake ([a-z]+)")
SPAN = re.compile(r"`([^`\n]+)`")
MOLVA = re.compile(r"\bmolva ((?:[a-z]+ )?[a-z]+)\b")
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*)")
SLASH = re.compile(r"^/([a-z][a-z-]*)(?![\w./-])")
VARIABLE = re.compile(r"\bMOLVA_[A-Z_]+[A-Z]\b")
PATHS = {"trust", "up"}
"""What begins like a command of the chat and is a page of the server."""
FOREIGN = {
    "--find-links": "pip",
    "--home-dir": "useradd",
    "--no-index": "pip",
    "--reuse-key": "certbot",
    "--shell": "useradd",
    "--standalone": "certbot",
    "--deploy-hook": "certbot",
    "--system": "useradd",
    "--wheel-dir": "pip",
}
"""Options on the operator's page that are other programs'."""
EVERYWHERE = {"--help", "--language"}
MACHINE = re.compile(
    r"/(home|Users)/[A-Za-z]|/(root|work)/[a-z]|[A-Z]:\\Users"
    r"|://(pypi|registry|files\.pythonhosted|test\.pypi)|--(extra-)?index-url|trusted-host"
)


# -- Reading the repository --------------------------------------------------------------------


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files that belong to the repository, without what is ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True)
    if listed.returncode:
        # Not a clone: an unpacked archive. It holds nothing that is ignored.
        hidden = re.compile(r"(^|/)(\.|__pycache__)")
        found = [p for p in ROOT.rglob("*") if not hidden.search(p.relative_to(ROOT).as_posix())]
    else:
        found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return tuple(sorted(path for path in found if path.is_file()))


def pages() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return [text for kind, text in FENCE.findall(read(path)) if kind == language]


def prose(path: Path) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", read(path))


# -- The protocol's page -----------------------------------------------------------------------


def test_the_protocol_page_is_fresh() -> None:
    fresh = protocol.page()
    assert fresh == protocol.page(), "the same code gives the same page"
    assert read(PAGE) == fresh, "run: make docs"


def test_every_word_is_on_the_page() -> None:
    headings = {title for _, title in HEADING.findall(prose(PAGE))}
    assert {protocol.tag_of(action) for action in protocol.all_actions()} <= headings
    assert {f"{protocol.tag_of(event)} (event)" for event in protocol.all_events()} <= headings
    errors = read(PAGE).partition("\n## Errors\n")[2].partition("\n## Limits\n")[0]
    for code in Code:
        (row,) = re.findall(rf"^\| `{code}` \|.*$", errors, re.MULTILINE)
        assert row.endswith("| yes |" if code in CLOSING else "|  |"), row
        assert all(text.replace("|", "\\|") in row for text in PHRASES[f"error.{code}"])
    for name in Limits.__slots__:
        assert f"| `{name}` |" in read(PAGE)


def test_the_examples_on_the_page_are_what_they_say() -> None:
    """Each is read by the parser that it is for, and written back as it stands."""
    for action, examples in protocol.ACTION_EXAMPLES.items():
        for example in examples:
            assert type(example) is action
            assert parse_action(format_action(example)) == example
    for event, told in protocol.EVENT_EXAMPLES.items():
        assert type(told) is event
        assert parse_event(format_event(told)) == told
    assert set(protocol.ACTION_EXAMPLES) == set(protocol.all_actions())
    assert set(protocol.EVENT_EXAMPLES) == set(protocol.all_events())


def test_the_json_on_the_page_is_json() -> None:
    shown = blocks(PAGE, "json")
    assert len(shown) > len(protocol.all_actions()) + len(protocol.all_events())
    for text in shown:
        json.loads(text)


# -- The client on the page --------------------------------------------------------------------


class Typed:
    """A program of the page, with somebody who types into it and reads what it shows."""

    def __init__(self, program: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(program), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONUTF8": "1"},
        )
        # What hangs is killed, and then its output ends.
        self._timer = threading.Timer(TIMEOUT_SECONDS, self.process.kill)
        self._timer.start()

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def see(self, wanted: str) -> None:
        """Read until a line is what is wanted."""
        assert self.process.stdout is not None
        seen = []
        for line in self.process.stdout:
            seen.append(line.rstrip("\n"))
            if seen[-1] == wanted:
                return
        raise AssertionError(f"{wanted!r} is not in {seen}")

    def end(self) -> int:
        """End its input, and return how it ends."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait()

    def close(self) -> None:
        self._timer.cancel()
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def typed(tmp_path: Path, server: Server) -> Iterator[tuple[Typed, Typed]]:
    """Return the client of the page, run by two people."""
    (text,) = blocks(PAGE, "python")
    program = tmp_path / "client.py"
    program.write_text(text, encoding="utf-8")
    anna = Typed(program, "anna", "127.0.0.1", str(server.port))
    boris = None
    try:
        anna.see("* Welcome, anna! Online: 1.")
        boris = Typed(program, "boris", "127.0.0.1", str(server.port))
        boris.see("* Welcome, boris! Online: 2.")
        yield anna, boris
    finally:
        anna.close()
        if boris is not None:
            boris.close()


def test_the_client_of_the_page_has_20_lines() -> None:
    (text,) = blocks(PAGE, "python")
    assert text == read(ROOT / "docs" / "client.py")
    assert len([line for line in text.split("\n") if line.strip()]) <= 20


def test_the_client_of_the_page_works(typed: tuple[Typed, Typed], server: Server) -> None:
    anna, boris = typed
    anna.see("boris new_user")
    anna.type("Привет, Борис!")
    boris.see("anna Привет, Борис!")
    boris.type('"quoted" \\ {braces}')
    anna.see('boris "quoted" \\ {braces}')
    with server.enter("vera") as vera:
        vera.send("new_whisper", to="boris", text="psst")
        boris.see("vera psst")
    assert boris.end() == 0
    anna.see("boris user_left")
    assert anna.end() == 0


def test_the_client_of_the_page_shows_a_refusal(typed: tuple[Typed, Typed]) -> None:
    anna, _ = typed
    anna.type("")
    anna.see("* There is nothing to send.")


# -- The operator's page -----------------------------------------------------------------------


def test_the_example_configuration_is_true(tmp_path: Path) -> None:
    """It names every setting and every limit, and says the defaults."""
    (example,) = blocks(OPERATE, "toml")
    file = tmp_path / "molva.toml"
    file.write_text(example, encoding="utf-8")
    loaded = config.load({"file": file}, {})
    assert loaded.limits == DEFAULT
    assert (loaded.host, loaded.port) == (config.DEFAULTS.host, config.DEFAULTS.port)
    assert (loaded.language, loaded.quiet) == (config.DEFAULTS.language, config.DEFAULTS.quiet)
    keys = set(re.findall(r"^(?:# )?(\w+) = ", example, re.MULTILINE))
    assert keys == set(config.SETTINGS) | set(Limits.__slots__)


def test_the_operators_page_names_every_variable() -> None:
    text = read(OPERATE)
    for setting in (*config.SETTINGS, "config"):
        assert f"`MOLVA_{setting.upper()}`" in text


def program() -> dict[str, Any]:
    """Return every command, spelled as it is typed, with those of a group."""
    found: dict[str, Any] = {}

    def take(name: str, command: Any) -> None:
        below = getattr(command, "commands", {})
        if name and not below:
            found[name] = command
        for word, one in below.items():
            take(f"{name} {word}".strip(), one)

    take("", typer.main.get_command(cli.build(Language.ENGLISH)))
    return found


def options_of(command: Any) -> set[str]:
    names = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return {name for name in names if name.startswith("--")} - EVERYWHERE


def shown(path: Path) -> str:
    """Return what a page shows as typed: its spans of code and its blocks."""
    fenced = [text for kind, text in FENCE.findall(read(path)) if kind not in ("python", "toml")]
    return "\n".join([*SPAN.findall(prose(path)), *fenced])


def test_every_command_in_the_pages_exists() -> None:
    known = program()
    groups = {name.partition(" ")[0] for name in known}
    for page in (OPERATE, ROOT / "README.md", ROOT / "README.ru.md"):
        for words in MOLVA.findall(shown(page)):
            first, _, second = words.partition(" ")
            assert first in groups, f"{page.name}: molva {words}"
            if first not in known:
                assert not second or words in known, f"{page.name}: molva {words}"


def test_the_operators_page_names_every_command_and_option() -> None:
    text = shown(OPERATE)
    options = set(OPTION.findall(text))
    every = set[str]()
    for name, command in program().items():
        assert re.search(rf"\bmolva {name}\b", text), f"molva {name}"
        every |= options_of(command)
    assert not options - every - EVERYWHERE - set(FOREIGN)
    assert not set(FOREIGN) - options, "take it out of the list"
    missing = {
        f"molva {name}: {sorted(lacking)}"
        for name, command in program().items()
        if (lacking := options_of(command) - options)
    }
    assert not missing, "\n".join(sorted(missing))


def test_every_command_of_the_chat_in_the_pages_exists() -> None:
    known = {name for names in commands.NAMES.values() for name in names} | PATHS
    for page in (OPERATE, ROOT / "README.md", ROOT / "README.ru.md"):
        for span in SPAN.findall(prose(page)):
            for name in SLASH.findall(span):
                assert name in known, f"{page.name}: /{name}"


def test_the_pages_name_every_variable_of_the_program_and_no_other() -> None:
    source = "".join(read(path) for path in tracked() if path.is_relative_to(ROOT / "src"))
    settings = {f"MOLVA_{setting.upper()}" for setting in config.SETTINGS}
    assert set(VARIABLE.findall(read(OPERATE))) == set(VARIABLE.findall(source)) | settings


def test_the_operators_page_names_every_exit_code() -> None:
    text = read(OPERATE)
    for name, code in vars(exit_codes).items():
        if isinstance(code, int):
            assert re.search(rf"(\| |\bcode |\bwith ){code}\b", text), f"{name}: {code}"


def test_the_table_of_files_is_true() -> None:
    """Each file it names is there, and no part of the house is left out."""
    rows = re.findall(r"^\| (`.*?) \|", read(ARCHITECTURE), re.MULTILINE)
    named = set[str]()
    for row in rows:
        part = ""
        for span in SPAN.findall(row):
            before, slash, name = span.partition("/")
            part = before if slash else part
            named.add(f"{part}/{name if slash else span}".strip("/"))
    source = ROOT / "src" / "molva"
    for name in named:
        path = source / name
        assert path.with_suffix(".py").is_file() or path.is_dir(), name
    parts = {path.relative_to(source).parts[0] for path in source.rglob("*.py")}
    parts = {part.removesuffix(".py") for part in parts if not part.startswith("__")}
    assert parts == {name.partition("/")[0] for name in named}


def test_every_picture_is_shown() -> None:
    linked = {target for page in pages() for target in LINK.findall(prose(page))}
    for path in tracked():
        if path.suffix == ".svg":
            assert {path.name, f"docs/{path.name}"} & linked, path.name


# -- All pages ---------------------------------------------------------------------------------


def test_every_link_to_a_file_leads_to_one() -> None:
    broken = []
    for page in pages():
        for target in LINK.findall(prose(page)):
            path, _, fragment = target.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            leads_to = (page.parent / path).resolve() if path else page
            if not leads_to.exists():
                broken.append(f"{page.name}: {target}")
            elif fragment and leads_to.suffix == ".md":
                titles = [title for _, title in HEADING.findall(prose(leads_to))]
                if fragment not in map(protocol.anchor, titles):
                    broken.append(f"{page.name}: {target}")
    assert not broken, "\n".join(broken)


def test_every_make_word_in_the_pages_exists() -> None:
    words = set(re.findall(r"^([a-z]+):", read(ROOT / "Makefile"), re.MULTILINE))
    for page in pages():
        spans = re.findall(r"`([^`\n]+)`", prose(page))
        spans += [text for kind, text in FENCE.findall(read(page)) if kind != "python"]
        for word in MAKE.findall("\n".join(spans)):
            assert word in words, f"{page.name}: make {word}"


def test_the_readme_is_there_in_both_languages() -> None:
    english, russian = ROOT / "README.md", ROOT / "README.ru.md"
    assert [len(marks) for marks, _ in HEADING.findall(prose(english))] == [
        len(marks) for marks, _ in HEADING.findall(prose(russian))
    ]


def test_the_catalogue_says_the_same_in_both_languages() -> None:
    for key, texts in PHRASES.items():
        english, russian = (
            sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)
            for text in texts
        )
        assert english == russian, key
        assert all(texts), key


def test_every_code_has_a_text() -> None:
    assert {f"error.{code}" for code in Code} == {k for k in PHRASES if k.startswith("error.")}


def test_no_machine_is_named() -> None:
    """Neither somebody's own directories nor where somebody's packages come from."""
    found = []
    for path in tracked():
        try:
            text = read(path)
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.split("\n"), start=1):
            if path != Path(__file__).resolve() and MACHINE.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert not found, "\n".join(found)


def test_the_licence_of_the_confusables_goes_with_them() -> None:
    from molva.terms import confusables

    text = read(ROOT / "THIRD_PARTY.md")
    assert confusables.__doc__ is not None
    assert "confusables.txt" in confusables.__doc__ and "confusables.txt" in text
    assert "UNICODE LICENSE V3" in text
