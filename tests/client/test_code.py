"""The join code, as the plain client has it: sent, asked for when it is missing or wrong."""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from molva.client import exit_codes
from molva.client.credentials import Credentials
from molva.client.plain import PlainChat
from molva.client.rendering import Renderer
from molva.client.screen import Fragments
from molva.terms.catalogue import Language
from molva.terms.errors import Code
from tests.client.presented import HANG_SECONDS, Host

RIGHT = "7QF3-M0RD"


def keeper(refusals: list[Code]) -> Callable[[Host, socket.socket], None]:
    """Let somebody in with the right code only; refuse with one code after the other."""

    def treat(host: Host, line: socket.socket) -> None:
        with line.makefile("rb") as lines:
            for said in lines:
                action = json.loads(said)
                host.heard.append(action)
                answer: dict[str, Any] = {"action": "stored", "id": action.get("id", ""), "seq": 1}
                if action["action"] == "quit":
                    return
                if action["action"] == "ping":
                    answer = {"action": "pong", "id": action["id"]}
                if action["action"] == "registration":
                    answer = {"result": "successful", "name": action["name"], "users": []}
                    if action.get("code") != RIGHT:
                        code = refusals.pop(0)
                        answer = {"result": "error", "code": code, "text": f"({code})"}
                line.sendall(json.dumps(answer).encode() + b"\n")

    return treat


class Person:
    """A screen, and somebody who answers what it asks."""

    interactive = True

    def __init__(self, chat: PlainChat, answers: dict[str, list[str]]) -> None:
        self.chat = chat
        self.answers = answers
        self.lines: list[str] = []
        self.stirred = asyncio.Event()

    def show(self, line: Fragments) -> None:
        self.lines.append("".join(text for _, text in line))
        self.stirred.set()

    def changed(self) -> None:
        self.stirred.set()

    def close(self) -> None:
        pass

    async def read_line(self) -> str | None:
        while True:
            if any(line.startswith("Online:") for line in self.lines):
                return None
            left = self.answers.get(self.chat.prompt())
            if left:
                assert not self.chat.secret()
                return left.pop(0)
            self.stirred.clear()
            await self.stirred.wait()


def sit(
    directory: Path, host: Host, answers: dict[str, list[str]], **options: Any
) -> tuple[int, list[str]]:
    """Talk to a host until welcome; return the exit code and what was shown."""

    async def run() -> tuple[int, list[str]]:
        people: list[Person] = []

        def screen(chat: PlainChat) -> Person:
            people.append(Person(chat, answers))
            return people[0]

        chat = PlainChat(
            screen,
            Renderer(Language.ENGLISH, today="2026-01-02"),
            host="127.0.0.1",
            port=host.port,
            credentials=Credentials(directory),
            **({"name": "anna", "password": None} | options),
        )
        async with asyncio.timeout(HANG_SECONDS):
            return await chat.run(), people[0].lines

    return asyncio.run(run())


def registrations(host: Host) -> list[tuple[str, str | None, str | None]]:
    return [
        (action["name"], action.get("password"), action.get("code"))
        for action in host.heard
        if action["action"] == "registration"
    ]


@pytest.mark.parametrize("code", [Code.CODE_REQUIRED, Code.INVITATION_REQUIRED, Code.BAD_CODE])
def test_a_code_is_asked_for_and_sent_with_the_password_that_was_sent_before(
    tmp_path: Path, code: Code
) -> None:
    with Host(keeper([code, Code.BAD_CODE])) as host:
        answers = {"Code: ": [" wrong ", RIGHT]}
        ended, lines = sit(tmp_path, host, answers, password="secret")
        assert ended == exit_codes.OK and f"The server: ({code})" in lines
        assert registrations(host) == [
            ("anna", "secret", None),
            ("anna", "secret", "wrong"),
            ("anna", "secret", RIGHT),
        ]


def test_a_code_that_was_given_is_sent_unasked(tmp_path: Path) -> None:
    with Host(keeper([])) as host:
        assert sit(tmp_path, host, {}, code=RIGHT)[0] == exit_codes.OK
        assert registrations(host) == [("anna", None, RIGHT)]


def test_an_empty_line_leads_back_to_the_name(tmp_path: Path) -> None:
    with Host(keeper([Code.CODE_REQUIRED] * 2)) as host:
        answers = {"Code: ": ["", RIGHT], "Your name: ": ["boris"]}
        assert sit(tmp_path, host, answers)[0] == exit_codes.OK
        assert registrations(host) == [
            ("anna", None, None),
            ("boris", None, None),
            ("boris", None, RIGHT),
        ]


def test_a_code_that_cannot_be_sent_is_not_kept(tmp_path: Path) -> None:
    with Host(keeper([Code.CODE_REQUIRED])) as host:
        answers = {"Code: ": [RIGHT], "Your name: ": ["anna"]}
        assert sit(tmp_path, host, answers, code="x" * 65)[0] == exit_codes.OK
        assert registrations(host) == [("anna", None, None), ("anna", None, RIGHT)]
