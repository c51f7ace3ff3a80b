"""The command line: `molva serve | chat | send | tail | trust | invite | user | version` …

Owns the commands' options, their help in two languages, and the exit codes; each command imports
what it needs when it runs, so that none waits for another's libraries. Refuses to know what the
commands do.

Invariants: what is wrong is said in one line, in the person's language, on the standard error;
no traceback but for a bug. The language is decided before the first option is read, so that the
help speaks it too.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from molva.admin.commands import Commands
from molva.client import exit_codes
from molva.client.way import SERVER, Way, WayRefused, complain, find, parse_server
from molva.terms.catalogue import Language, parse_language, say

WAIT_SECONDS: Final = 5.0

_ClickError: Final[type[Exception]] = typer.BadParameter.__mro__[2]
"""The parent of all complaints about a command line; some releases of typer bring their own."""


def main() -> None:
    """Run the command line of this process, and exit."""
    sys.exit(run(sys.argv[1:], os.environ))


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command line; return the exit code."""
    language = choose_language(arguments, environment)
    command = typer.main.get_command(build(language))
    try:
        code = command.main(args=list(arguments), prog_name="molva", standalone_mode=False)
    except _ClickError as error:
        complain(_explain(error, arguments, language))
        return exit_codes.USAGE
    except (KeyboardInterrupt, typer.Abort):
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        return exit_codes.OK
    return code if isinstance(code, int) else exit_codes.OK


def choose_language(arguments: Sequence[str], environment: Mapping[str, str]) -> Language:
    """Return the language: of `--language`, MOLVA_LANGUAGE, LC_ALL, LC_MESSAGES or LANG."""
    for place, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == "--language" and place + 1 < len(arguments):
            return parse_language(arguments[place + 1])
        if argument.startswith("--language="):
            return parse_language(argument.partition("=")[2])
    for key in ("MOLVA_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(key):
            return parse_language(environment[key])
    return Language.ENGLISH


def build(language: Language) -> typer.Typer:
    """Return the commands, with their help in a language."""

    def text(key: str) -> str:
        return say(f"chat.cli.{key}", language)

    class Command(TyperCommand):
        def format_help(self, ctx: Any, formatter: Any) -> None:
            _write_help(self, ctx, formatter, language)

    class Group(TyperGroup):
        def format_help(self, ctx: Any, formatter: Any) -> None:
            _write_help(self, ctx, formatter, language)

    app = typer.Typer(
        name="molva",
        cls=Group,
        help=text("about"),
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        invoke_without_command=True,
    )
    language_option = Annotated[
        str | None, typer.Option("--language", metavar="LANG", help=text("language"))
    ]

    @app.callback()
    def _top(ctx: typer.Context, language: language_option = None) -> None:
        if ctx.invoked_subcommand is None:
            typer.echo(ctx.get_help())
            raise typer.Exit(exit_codes.USAGE)

    _add_serve(app, Command, language)
    _add_talking(app, Command, text, language)
    _add_trust(app, Command, text, language)
    Commands(app, Command, Group, language)

    @app.command("version", cls=Command, help=text("version"))
    def _version(language: language_option = None) -> int:
        from molva import __version__

        typer.echo(f"molva {__version__}")
        return exit_codes.OK

    return app


def _add_serve(app: typer.Typer, command: type[TyperCommand], language: Language) -> None:
    """Add `molva serve` to the commands."""

    def text(key: str) -> str:
        return say(f"chat.cli.{key}", language)

    def more(key: str) -> str:
        return say(f"serve.option.{key}", language)

    language_option = Annotated[
        str | None, typer.Option("--language", metavar="LANG", help=text("language"))
    ]

    @app.command("serve", cls=command, help=text("serve"))
    def _serve(
        lan: Annotated[bool, typer.Option("--lan", help=more("lan"))] = False,
        host: Annotated[
            str | None, typer.Option("--host", metavar="HOST", help=text("host"))
        ] = None,
        port: Annotated[
            int | None, typer.Option("--port", metavar="PORT", help=text("port"))
        ] = None,
        access: Annotated[
            str | None,
            typer.Option("--access", metavar="open|code|accounts", help=more("access")),
        ] = None,
        join_code: Annotated[
            str | None, typer.Option("--join-code", metavar="CODE", help=more("join_code"))
        ] = None,
        cert: Annotated[
            Path | None, typer.Option("--cert", metavar="FILE", help=more("cert"))
        ] = None,
        key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help=more("key"))] = None,
        server_name: Annotated[
            str | None, typer.Option("--server-name", metavar="NAME", help=more("server_name"))
        ] = None,
        data: Annotated[
            Path | None, typer.Option("--data", metavar="DIR", help=text("data"))
        ] = None,
        config: Annotated[
            Path | None, typer.Option("--config", metavar="FILE", help=text("config"))
        ] = None,
        limits: Annotated[
            str | None, typer.Option("--limits", metavar="on|off", help=text("limits"))
        ] = None,
        quiet: Annotated[bool, typer.Option("--quiet", help=text("quiet"))] = False,
        language: language_option = None,
    ) -> int:
        if limits not in (None, "on", "off"):
            raise typer.BadParameter(f"--limits {limits}")
        flags: dict[str, object] = {
            "lan": lan or None,
            "host": host,
            "port": port,
            "access": access,
            "join_code": join_code,
            "cert": cert,
            "key": key,
            "server_name": server_name,
            "data": data,
            "file": config,
            "quiet": quiet or None,
            "language": language,
            "limits_on": None if limits is None else limits == "on",
        }
        return _run_server(flags)


def _add_talking(
    app: typer.Typer, command: type[TyperCommand], text: Callable[[str], str], chosen: Language
) -> None:
    """Add `molva chat | send | tail` to the commands."""
    shared = _way_options(text)

    @app.command("chat", cls=command, help=text("chat"))
    def _chat(
        server: Annotated[
            str | None,
            typer.Argument(metavar="[HOST[:PORT]]", envvar="MOLVA_SERVER", help=text("or_search")),
        ] = None,
        name: str | None = shared["name"],
        plain: Annotated[bool, typer.Option("--plain", help=text("plain"))] = False,
        password: Annotated[bool, typer.Option("--password", help=text("password"))] = False,
        code: str | None = shared["code"],
        tls: bool | None = shared["tls"],
        fingerprint: str | None = shared["fingerprint"],
        language: str | None = shared["language"],
    ) -> int:
        _make_output_safe()
        start = server if server is not None else find(chosen)
        if start is None:
            return exit_codes.USAGE
        way = _way(start, chosen, code=code, tls=tls, fingerprint=fingerprint)
        return _run_chat(way, name, ask_password=password, language=chosen)

    @app.command("send", cls=command, help=text("send"), epilog=text("send_more"))
    def _send(
        to: Annotated[str, typer.Argument(metavar="TO", help=text("to"), show_default=False)],
        words: Annotated[
            list[str], typer.Argument(metavar="TEXT...", help=text("text"), show_default=False)
        ],
        server: str = shared["server"],
        name: str | None = shared["name"],
        wait: float = shared["wait"],
        code: str | None = shared["code"],
        tls: bool | None = shared["tls"],
        fingerprint: str | None = shared["fingerprint"],
        language: str | None = shared["language"],
    ) -> int:
        way = _way(server, chosen, code=code, tls=tls, fingerprint=fingerprint)
        return _run_send(way, name, wait, to, " ".join(words), chosen)

    @app.command("tail", cls=command, help=text("tail"))
    def _tail(
        to: Annotated[str, typer.Argument(metavar="TO", help=text("to"), show_default=False)],
        json: Annotated[bool, typer.Option("--json", help=text("json"))] = False,
        lines: Annotated[
            int, typer.Option("-n", "--lines", metavar="N", min=0, help=text("lines"))
        ] = 10,
        follow: Annotated[bool, typer.Option("--follow/--no-follow", help=text("follow"))] = True,
        server: str = shared["server"],
        name: str | None = shared["name"],
        wait: float = shared["wait"],
        code: str | None = shared["code"],
        tls: bool | None = shared["tls"],
        fingerprint: str | None = shared["fingerprint"],
        language: str | None = shared["language"],
    ) -> int:
        way = _way(server, chosen, code=code, tls=tls, fingerprint=fingerprint)
        what = {"target": to, "lines": lines, "follow": follow, "json": json}
        return _run_tail(way, name, wait, what, chosen)


def _add_trust(
    app: typer.Typer, command: type[TyperCommand], text: Callable[[str], str], chosen: Language
) -> None:
    """Add `molva trust` to the commands."""
    shared = _way_options(text)

    @app.command("trust", cls=command, help=text("trust"))
    def _trust(
        server: Annotated[
            str | None, typer.Argument(metavar="[HOST[:PORT]]", help=text("trust_server"))
        ] = None,
        list_all: Annotated[bool, typer.Option("--list", help=text("trust_list"))] = False,
        forget: Annotated[bool, typer.Option("--forget", help=text("trust_forget"))] = False,
        fingerprint: str | None = shared["fingerprint"],
        language: str | None = shared["language"],
    ) -> int:
        from molva.client.acquaintance import accept, forget_server, list_servers

        _make_output_safe()
        if list_all:
            return list_servers(chosen)
        if server is None:
            raise _Wrong(say("chat.trust.which", chosen))
        way = _way(server, chosen, fingerprint=fingerprint)
        if forget:
            return forget_server(way.host, way.port, chosen)
        return accept(way.host, way.port, way.fingerprint, chosen)


def _way_options(text: Callable[[str], str]) -> dict[str, Any]:
    """Return the options that several commands share."""

    def option(default: object, *names: str, **more: Any) -> Any:
        return typer.Option(default, *names, help=text(names[0].strip("-").split("/")[0]), **more)

    return {
        "language": option(None, "--language", metavar="LANG"),
        "server": option(SERVER, "--server", metavar="HOST[:PORT]", envvar="MOLVA_SERVER"),
        "name": option(None, "--name", metavar="NAME", envvar="MOLVA_NAME"),
        "wait": option(WAIT_SECONDS, "--wait", metavar="SECONDS", min=0),
        "code": option(None, "--code", metavar="CODE", envvar="MOLVA_CODE"),
        "tls": option(None, "--tls/--no-tls"),
        "fingerprint": option(None, "--fingerprint", metavar="WORDS"),
    }


# -- What the commands do -----------------------------------------------------------------------


class _Wrong(typer.BadParameter):
    """A value of the command line that is wrong, already said in the person's language."""


def _way(
    server: str | Way,
    language: Language,
    *,
    code: str | None = None,
    tls: bool | None = None,
    fingerprint: str | None = None,
) -> Way:
    """Return the way that was given or found, with what the options say."""
    try:
        way = server if isinstance(server, Way) else parse_server(server)
        return way.asked(code=code, tls=tls, fingerprint=fingerprint)
    except WayRefused as refused:
        from molva.wire.terminal import safe_line

        raise _Wrong(say(refused.reason, language, text=safe_line(refused.text))) from None


def _trust_in(way: Way) -> Any:
    """Return what judges the server at the end of a way."""
    from molva.client.trust import Encryption, Pins, Trust

    encryption = {None: Encryption.AUTO, True: Encryption.ALWAYS, False: Encryption.NEVER}
    return Trust(
        Pins(),
        way.host,
        way.port,
        encryption=encryption[way.tls],
        expected=way.fingerprint,
        advertised=way.advertised,
    )


def _run_server(flags: Mapping[str, object]) -> int:
    from molva.config import Config, ConfigRefused, load
    from molva.server.serve import run as serve

    def reload() -> Config:
        return load(flags)

    try:
        config = load(flags)
    except ConfigRefused as refused:
        language = choose_language(
            ["--language", str(flags["language"])] if flags.get("language") else [], os.environ
        )
        complain(say(refused.reason, language, **refused.values))
        return exit_codes.USAGE
    return serve(config, reload)


def _run_chat(way: Way, name: str | None, *, ask_password: bool, language: Language) -> int:
    import asyncio
    from datetime import datetime

    from molva.client.credentials import Credentials
    from molva.client.plain import PlainChat
    from molva.client.rendering import Renderer
    from molva.client.screen import PipeScreen, Screen, TerminalScreen

    def screen(chat: PlainChat) -> Screen:
        if sys.stdin.isatty() and sys.stdout.isatty():
            return TerminalScreen(prompt=chat.prompt, secret=chat.secret, words=chat.words)
        return PipeScreen(prompt=chat.prompt)

    async def chat() -> int:
        return await PlainChat(
            screen,
            Renderer(language, today=datetime.now().strftime("%Y-%m-%d")),
            host=way.host,
            port=way.port,
            code=way.code,
            trust=_trust_in(way),
            name=name,
            password=os.environ.get("MOLVA_PASSWORD"),
            credentials=Credentials(),
            device=_device(),
            ask_password=ask_password,
        ).run()

    _make_output_safe()
    return asyncio.run(chat())


def _run_send(
    way: Way, name: str | None, wait: float, to: str, text: str, language: Language
) -> int:
    import asyncio
    from collections.abc import AsyncIterator

    from molva.client.credentials import Credentials
    from molva.client.rendering import Renderer
    from molva.client.screen import StandardInput
    from molva.client.send import Send

    async def texts() -> AsyncIterator[str]:
        if text == "-":
            async for line in StandardInput().lines():
                yield line
        else:
            yield text

    async def send() -> int:
        return await Send(
            Renderer(language),
            target=to,
            texts=texts(),
            host=way.host,
            port=way.port,
            code=way.code,
            trust=_trust_in(way),
            name=name,
            password=os.environ.get("MOLVA_PASSWORD"),
            credentials=Credentials(),
            device=_device(),
            wait_seconds=wait,
        ).run()

    _make_output_safe()
    return asyncio.run(send())


def _run_tail(
    way: Way, name: str | None, wait: float, what: dict[str, Any], language: Language
) -> int:
    import asyncio

    from molva.client.credentials import Credentials
    from molva.client.rendering import Renderer
    from molva.client.tail import Tail

    async def tail() -> int:
        return await Tail(
            Renderer(language),
            **what,
            host=way.host,
            port=way.port,
            code=way.code,
            trust=_trust_in(way),
            name=name,
            password=os.environ.get("MOLVA_PASSWORD"),
            credentials=Credentials(),
            device=_device(),
            wait_seconds=wait,
        ).run()

    _make_output_safe()
    return asyncio.run(tail())


def _device() -> str | None:
    """Return what this device is called, for its owner's eyes."""
    import platform

    from molva.terms.limits import DEVICE_CHARACTERS_MAX

    name = "".join(character for character in platform.node() if character.isprintable())
    return name[:DEVICE_CHARACTERS_MAX] or None


def _make_output_safe() -> None:
    """Have a terminal of another encoding show a sign for what it lacks, and not stop the chat."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


# -- What is said of the command line -----------------------------------------------------------


def _explain(error: Exception, arguments: Sequence[str], language: Language) -> str:
    """Return one line about a command line that is wrong."""
    from molva.wire.terminal import safe_line

    if isinstance(error, _Wrong):
        return str(error.message)
    context = getattr(error, "ctx", None)
    command = (getattr(context, "command_path", None) or "").partition(" ")[2]
    group = getattr(getattr(context, "command", None), "commands", None) is not None
    kind = type(error).__name__
    message = safe_line(" ".join(str(getattr(error, "message", "") or error).split()))
    if kind == "NoSuchOption":
        name = safe_line(str(getattr(error, "option_name", message)))
        text = say("chat.cli.no_option", language, name=name, command=command)
    elif kind == "MissingParameter":
        parameter = getattr(error, "param", None)
        name = str(getattr(parameter, "metavar", None) or getattr(parameter, "name", ""))
        text = say("chat.cli.missing", language, name=name, command=command)
    elif group and kind in ("UsageError", "NoSuchCommand"):
        given = [argument for argument in arguments if not argument.startswith("-")]
        name = " ".join(given[: len(command.split()) + 1])
        text = say("chat.cli.no_command", language, name=safe_line(name))
    elif kind == "UsageError":
        # Its text is English; what is not wanted stands in it between brackets.
        extra = re.search(r"\((.*)\)", message)
        detail = extra.group(1) if extra else message
        text = say("chat.cli.extra", language, detail=detail, command=command)
    else:
        parameter = getattr(error, "param", None)
        detail = message if parameter is None else _spelled(parameter)
        text = say("chat.cli.bad_value", language, detail=detail, command=command)
    return text.replace("  ", " ")


def _write_help(command: Any, context: Any, formatter: Any, language: Language) -> None:
    """Write a command's help: usage, what it does, its arguments, options and commands."""

    def text(key: str) -> str:
        return say(f"chat.cli.{key}", language)

    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    commands = getattr(command, "commands", {})
    pieces = ["COMMAND ..."] if commands else [str(p.metavar) for p in arguments]
    formatter.write_usage(context.command_path, " ".join(["[--...]", *pieces]), text("usage") + " ")
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text(command.help or "")
    if commands:
        _write_rows(
            formatter, text("commands"), [(name, sub.help or "") for name, sub in commands.items()]
        )
    if arguments:
        _write_rows(
            formatter, text("arguments"), [(str(p.metavar), p.help or "") for p in arguments]
        )
    rows = [(_spelled(option), option.help or "") for option in options if option.name != "help"]
    _write_rows(formatter, text("options"), [*rows, ("--help", text("help"))])
    if command.epilog:
        formatter.write_paragraph()
        formatter.write_text(command.epilog)


def _write_rows(formatter: Any, title: str, rows: list[tuple[str, str]]) -> None:
    with formatter.section(title.rstrip(":")):
        formatter.write_dl(rows)


def _spelled(option: Any) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    if option.param_type_name == "argument":
        return str(option.metavar)
    return f"{names} {option.metavar}" if option.metavar else names
