"""The commands `molva invite | user | admin | code`: their options, and what they ask first.

Owns the options, their help, and the questions before something is done. Refuses to know what is
done; each command imports that when it runs.

Invariants: nothing is asked of the hub, and no lock is held, while a person thinks; what is wrong
is said on the standard error, in their language.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from molva.client import exit_codes
from molva.terms.catalogue import Language, say
from molva.terms.limits import (
    INVITATION_SECONDS,
    INVITATION_SECONDS_MAX,
    INVITATION_USES_MAX,
    PASSWORD_BYTES_MAX,
)
from molva.terms.roles import Role

DAY_SECONDS = 86_400
DAYS = INVITATION_SECONDS // DAY_SECONDS
DAYS_MAX = INVITATION_SECONDS_MAX // DAY_SECONDS

YES = frozenset({"y", "yes", "д", "да"})

Work = Callable[[Any], None]
"""What is done at a `Desk`."""


class Commands:
    """Adds the commands, with their help in a language."""

    def __init__(
        self,
        app: typer.Typer,
        command: type[TyperCommand],
        group: type[TyperGroup],
        language: Language,
    ) -> None:
        """Add them to `app`; `command` and `group` say how help is written."""
        self._app = app
        self._command = command
        self._group = group
        self._language = language
        self._add_invite()
        self._add_code()
        self._add_admin()
        user = self._user()
        self._add_people(user)
        self._add_password(user)
        self._add_bans(user)

    def _text(self, key: str) -> str:
        return say(f"admin.cli.{key}", self._language)

    def _shared(self) -> dict[str, Any]:
        """Return the options that all of them have."""
        return {
            "data": typer.Option(
                None, "--data", metavar="DIR", help=say("chat.cli.data", self._language)
            ),
            "json": typer.Option(False, "--json", help=self._text("json")),
            "host": typer.Option(None, "--host", metavar="HOST", help=self._text("host")),
            "reason": typer.Option("", "--reason", metavar="TEXT", help=self._text("reason")),
            "language": typer.Option(
                None, "--language", metavar="LANG", help=say("chat.cli.language", self._language)
            ),
        }

    # -- Letting people in ---------------------------------------------------------------------

    def _add_invite(self) -> None:
        shared, text, chosen = self._shared(), self._text, self._language

        @self._app.command("invite", cls=self._command, help=text("invite"))
        def _invite(
            role: Annotated[
                str, typer.Option("--role", metavar="ROLE", help=text("invite_role"))
            ] = "member",
            uses: Annotated[
                int | None,
                typer.Option(
                    "--uses", metavar="N", min=1, max=INVITATION_USES_MAX, help=text("uses")
                ),
            ] = None,
            days: Annotated[
                int, typer.Option("--days", metavar="N", min=1, max=DAYS_MAX, help=text("days"))
            ] = DAYS,
            name: Annotated[
                str | None, typer.Option("--name", metavar="NAME", help=text("invite_name"))
            ] = None,
            names: Annotated[
                Path | None, typer.Option("--names", metavar="FILE", help=text("names"))
            ] = None,
            page: Annotated[
                Path | None, typer.Option("--html", metavar="FILE", help=text("html"))
            ] = None,
            list_all: Annotated[bool, typer.Option("--list", help=text("invite_list"))] = False,
            end: Annotated[
                str | None, typer.Option("--end", metavar="ID", help=text("invite_end"))
            ] = None,
            host: str | None = shared["host"],
            json: bool = shared["json"],
            data: Path | None = shared["data"],
            language: str | None = shared["language"],
        ) -> int:
            wanted = {"role": role, "uses": uses, "seconds": days * DAY_SECONDS, "host": host}
            what = {"name": name, "names": names, "list": list_all or None, "end": end}
            given = {key: value for key, value in what.items() if value is not None}
            return _run(lambda: _invited(data, wanted, given, page, chosen, json=json))

    def _add_code(self) -> None:
        shared, text, chosen = self._shared(), self._text, self._language

        @self._app.command("code", cls=self._command, help=text("code"))
        def _code(
            new: Annotated[bool, typer.Option("--new", help=text("code_new"))] = False,
            host: str | None = shared["host"],
            json: bool = shared["json"],
            data: Path | None = shared["data"],
            language: str | None = shared["language"],
        ) -> int:
            from molva.admin.code import renew_code, show_code

            work = renew_code if new else show_code
            return _sit(data, chosen, lambda desk: work(desk, host=host, json=json))

    # -- Who is what ---------------------------------------------------------------------------

    def _add_admin(self) -> None:
        shared, text, chosen = self._shared(), self._text, self._language

        @self._app.command("admin", cls=self._command, help=text("admin"))
        def _admin(
            name: Annotated[str | None, typer.Argument(metavar="[NAME]", help=text("name"))] = None,
            role: Annotated[
                str, typer.Option("--role", metavar="ROLE", help=text("admin_role"))
            ] = "admin",
            list_all: Annotated[bool, typer.Option("--list", help=text("admin_list"))] = False,
            json: bool = shared["json"],
            data: Path | None = shared["data"],
            language: str | None = shared["language"],
        ) -> int:
            from molva.admin import people

            def work(desk: Any) -> None:
                if name is None:
                    people.list_people(desk, json=json, above=Role.MEMBER)
                else:
                    people.give_role(desk, _name(name), _role(role, chosen))

            if (name is None) != list_all:
                return _misused(say("admin.which", chosen, options="NAME, --list"))
            return _sit(data, chosen, work)

    def _user(self) -> typer.Typer:
        text = self._text
        shared = self._shared()
        user = typer.Typer(
            cls=self._group,
            add_completion=False,
            rich_markup_mode=None,
            invoke_without_command=True,
        )

        @user.callback()
        def _top(ctx: typer.Context, language: str | None = shared["language"]) -> None:
            if ctx.invoked_subcommand is None:
                typer.echo(ctx.get_help())
                raise typer.Exit(exit_codes.USAGE)

        self._app.add_typer(user, name="user", help=text("user"))
        return user

    def _add_people(self, user: typer.Typer) -> None:
        shared, text, chosen = self._shared(), self._text, self._language

        @user.command("list", cls=self._command, help=text("list"))
        def _list(
            json: bool = shared["json"],
            data: Path | None = shared["data"],
            language: str | None = shared["language"],
        ) -> int:
            from molva.admin import people

            return _sit(data, chosen, lambda desk: people.list_people(desk, json=json))

        @user.command("remove", cls=self._command, help=text("remove"))
        def _remove(
            name: Annotated[str, typer.Argument(metavar="NAME", help=text("name"))],
            words: Annotated[
                str, typer.Option("--words", metavar="keep|erase", help=text("words"))
            ] = "keep",
            yes: Annotated[bool, typer.Option("--yes", help=text("yes"))] = False,
            data: Path | None = shared["data"],
            language: str | None = shared["language"],
        ) -> int:
            from molva.admin import people

            if words not in ("keep", "erase"):
                return _misused(say("admin.which", chosen, options="--words keep, --words erase"))
            if not yes:
                asked = _confirmed(f"admin.ask.{words}", _name(name), chosen)
                if asked is not None:
                    return asked
            keep = words == "keep"
            return _sit(data, chosen, lambda desk: people.remove(desk, _name(name), words=keep))

    def _add_password(self, user: typer.Typer) -> None:
        shared, text, chosen = self._shared(), self._text, self._language

        @user.command("password", cls=self._command, help=text("password"))
        def _password(
            name: Annotated[str, typer.Argument(metavar="NAME", help=text("name"))],
            stdin: Annotated[bool, typer.Option("--stdin", help=text("stdin"))] = False,
            generate: Annotated[bool, typer.Option("--generate", help=text("generate"))] = False,
            data: Path | None = shared["data"],
            language: str | None = shared["language"],
        ) -> int:
            from molva.admin import people

            if stdin and generate:
                return _misused(say("admin.which", chosen, options="--stdin, --generate"))

            def work() -> None:
                password = None if generate else _asked_password(stdin, chosen)
                _at_desk(
                    data, chosen, lambda desk: people.new_password(desk, _name(name), password)
                )

            return _run(work)

    def _add_bans(self, user: typer.Typer) -> None:
        shared, text, chosen = self._shared(), self._text, self._language
        who = Annotated[str, typer.Argument(metavar="NAME", help=text("name_or_address"))]

        @user.command("ban", cls=self._command, help=text("ban"))
        def _ban(
            name: who,
            lasting: Annotated[
                str | None, typer.Option("--for", metavar="2d", help=text("lasting"))
            ] = None,
            devices: Annotated[bool, typer.Option("--devices", help=text("devices"))] = False,
            reason: str = shared["reason"],
            data: Path | None = shared["data"],
            language: str | None = shared["language"],
        ) -> int:
            from molva.admin import people
            from molva.client.durations import parse_duration

            seconds = None if lasting is None else parse_duration(lasting)
            if lasting is not None and seconds is None:
                return _misused(say("admin.bad_duration", chosen))
            return _sit(
                data,
                chosen,
                lambda desk: people.ban(desk, _name(name), seconds, reason, devices=devices),
            )

        @user.command("unban", cls=self._command, help=text("unban"))
        def _unban(
            name: who,
            reason: str = shared["reason"],
            data: Path | None = shared["data"],
            language: str | None = shared["language"],
        ) -> int:
            from molva.admin import people

            return _sit(data, chosen, lambda desk: people.unban(desk, _name(name), reason))

        @user.command("sanctions", cls=self._command, help=text("sanctions"))
        def _sanctions(
            json: bool = shared["json"],
            data: Path | None = shared["data"],
            language: str | None = shared["language"],
        ) -> int:
            from molva.admin import people

            return _sit(data, chosen, lambda desk: people.sanctions(desk, json=json))


# -- What the commands do -----------------------------------------------------------------------


def _run(work: Callable[[], None]) -> int:
    """Do something; return the exit code, having said what was wrong."""
    from molva.admin import printing
    from molva.admin.line import Complaint

    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # A terminal of another encoding shows a sign for what it lacks.
            reconfigure(errors="replace")
    try:
        work()
    except Complaint as complaint:
        printing.complain(complaint.text)
        return complaint.code
    return exit_codes.OK


def _at_desk(data: Path | None, language: Language, work: Work) -> None:
    from molva.admin.desk import at_desk

    with at_desk(data, language) as desk:
        work(desk)


def _sit(data: Path | None, language: Language, work: Work) -> int:
    return _run(lambda: _at_desk(data, language, work))


def _misused(text: str) -> int:
    from molva.admin.line import Complaint

    def complain() -> None:
        raise Complaint(text, exit_codes.USAGE)

    return _run(complain)


def _invited(
    data: Path | None,
    wanted: dict[str, Any],
    given: dict[str, Any],
    page: Path | None,
    language: Language,
    *,
    json: bool,
) -> None:
    """Do what `molva invite` was asked for. Raises Complaint."""
    from molva.admin import invitations
    from molva.admin.line import Complaint

    if len(given) > 1:
        text = say("admin.which", language, options="--name, --names, --list, --end")
        raise Complaint(text, exit_codes.USAGE)
    if page is not None and (json or "names" not in given):
        raise Complaint(say("admin.html_alone", language), exit_codes.USAGE)
    if wanted["uses"] is not None and ("name" in given or "names" in given):
        raise Complaint(say("admin.one_use", language), exit_codes.USAGE)
    if "list" in given:
        return _at_desk(data, language, lambda d: invitations.list_invitations(d, json=json))
    if "end" in given:
        return _at_desk(data, language, lambda d: invitations.end_invitation(d, given["end"]))
    sort = invitations.Wanted(
        _role(wanted["role"], language), wanted["uses"] or 1, wanted["seconds"], wanted["host"]
    )
    if "names" in given:
        return invitations.invite_all(data, sort, given["names"], page, language, json=json)
    name = _name(given["name"]) if "name" in given else None
    return _at_desk(data, language, lambda d: invitations.invite(d, sort, name, json=json))


def _name(word: str) -> str:
    return word.removeprefix("@")


def _role(word: str, language: Language) -> Role:
    from molva.admin.line import Complaint
    from molva.client.orders import ROLES

    role = ROLES.get(word.lower())
    if role is None:
        text = say("admin.which", language, options=", ".join(map(str, Role)))
        raise Complaint(text, exit_codes.USAGE)
    return role


# -- Questions ----------------------------------------------------------------------------------


def _confirmed(key: str, name: str, language: Language) -> int | None:
    """Ask whether something is meant; return None, or how the command ends."""
    from molva.wire.terminal import safe_line

    if not sys.stdin.isatty():
        return _misused(say("admin.ask.yes", language))
    try:
        answer = input(say(key, language, name=safe_line(name)) + " ")
    except EOFError:
        answer = ""
    return None if answer.strip().lower() in YES else exit_codes.REFUSED


def _asked_password(stdin: bool, language: Language) -> str:
    """Return a new password, of the standard input or asked for twice. Raises Complaint."""
    import getpass

    from molva.admin.line import Complaint

    if stdin:
        line = sys.stdin.buffer.readline(4 * PASSWORD_BYTES_MAX)
        try:
            return line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise Complaint(say("error.bad_text", language), exit_codes.USAGE) from None
    if not sys.stdin.isatty():
        raise Complaint(say("admin.ask.password", language), exit_codes.USAGE)
    try:
        password = getpass.getpass(say("admin.ask.new", language) + " ")
        again = getpass.getpass(say("admin.ask.again", language) + " ")
    except EOFError:
        raise Complaint(say("admin.ask.differ", language), exit_codes.USAGE) from None
    if password != again:
        raise Complaint(say("admin.ask.differ", language), exit_codes.USAGE)
    return password
