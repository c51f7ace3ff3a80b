"""The command line: `molva serve | chat | send | tail | version`.

Owns the commands' options, their help in two languages, and the exit codes; each command imports
what it needs when it runs, so that none waits for another's libraries. Refuses to know what the
commands do.

Invariants: what is wrong is said in one line, in the person's language, on the standard error;
no traceback but for a bug. The language is decided before the first option is read, so that the
help speaks it too.
"""

import ipaddress
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from molva.client import exit_codes
from molva.terms.catalogue import Language, parse_language, say

PORT: Final = 8888
SERVER: Final = f"127.0.0.1:{PORT}"
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
        _complain(_explain(error, arguments, language))
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


def parse_server(text: str) -> tuple[str, int]:
    """Return host and port of `HOST`, `HOST:PORT`, `[IPv6]:PORT` or `IPv6`.

    Raises ValueError for anything else.
    """
    host, port = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(text)
        port = rest[1:]
        if rest and not port:
            raise ValueError(text)
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not port:
            raise ValueError(text)
    if ":" in host:
        ipaddress.IPv6Address(host)  # Its AddressValueError is a ValueError.
    if not host or not host.isprintable() or " " in host:
        raise ValueError(text)
    if not port:
        return host, PORT
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= 65535):
        raise ValueError(text)
    return host, int(port)


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
    server_option = Annotated[
        str,
        typer.Option("--server", metavar="HOST[:PORT]", envvar="MOLVA_SERVER", help=text("server")),
    ]
    wait_option = Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help=text("wait"))
    ]
    name_option = Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", envvar="MOLVA_NAME", help=text("name")),
    ]

    @app.callback()
    def _top(ctx: typer.Context, language: language_option = None) -> None:
        if ctx.invoked_subcommand is None:
            typer.echo(ctx.get_help())
            raise typer.Exit(exit_codes.USAGE)

    @app.command("serve", cls=Command, help=text("serve"))
    def _serve(
        host: Annotated[
            str | None, typer.Option("--host", metavar="HOST", help=text("host"))
        ] = None,
        port: Annotated[
            int | None, typer.Option("--port", metavar="PORT", help=text("port"))
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
            "host": host,
            "port": port,
            "data": data,
            "file": config,
            "quiet": quiet or None,
            "language": language,
            "limits_on": None if limits is None else limits == "on",
        }
        return _run_server(flags)

    @app.command("chat", cls=Command, help=text("chat"))
    def _chat(
        server: Annotated[
            str,
            typer.Argument(metavar="[HOST[:PORT]]", envvar="MOLVA_SERVER", help=text("server")),
        ] = SERVER,
        name: name_option = None,
        plain: Annotated[bool, typer.Option("--plain", help=text("plain"))] = False,
        password: Annotated[bool, typer.Option("--password", help=text("password"))] = False,
        language: language_option = None,
    ) -> int:
        return _run_chat(_server(server, chosen), name, ask_password=password, language=chosen)

    @app.command("send", cls=Command, help=text("send"), epilog=text("send_more"))
    def _send(
        to: Annotated[str, typer.Argument(metavar="TO", help=text("to"), show_default=False)],
        words: Annotated[
            list[str], typer.Argument(metavar="TEXT...", help=text("text"), show_default=False)
        ],
        server: server_option = SERVER,
        name: name_option = None,
        wait: wait_option = WAIT_SECONDS,
        language: language_option = None,
    ) -> int:
        return _run_send(_server(server, chosen), name, wait, to, " ".join(words), chosen)

    @app.command("tail", cls=Command, help=text("tail"))
    def _tail(
        to: Annotated[str, typer.Argument(metavar="TO", help=text("to"), show_default=False)],
        json: Annotated[bool, typer.Option("--json", help=text("json"))] = False,
        lines: Annotated[
            int, typer.Option("-n", "--lines", metavar="N", min=0, help=text("lines"))
        ] = 10,
        follow: Annotated[bool, typer.Option("--follow/--no-follow", help=text("follow"))] = True,
        server: server_option = SERVER,
        name: name_option = None,
        wait: wait_option = WAIT_SECONDS,
        language: language_option = None,
    ) -> int:
        return _run_tail(
            _server(server, chosen),
            name,
            wait,
            to,
            lines=lines,
            follow=follow,
            json=json,
            language=chosen,
        )

    @app.command("version", cls=Command, help=text("version"))
    def _version(language: language_option = None) -> int:
        from molva import __version__

        typer.echo(f"molva {__version__}")
        return exit_codes.OK

    chosen = language
    return app


# -- What the commands do -----------------------------------------------------------------------


class _Wrong(typer.BadParameter):
    """A value of the command line that is wrong, already said in the person's language."""


def _server(text: str, language: Language) -> tuple[str, int]:
    try:
        return parse_server(text)
    except ValueError:
        from molva.wire.terminal import safe_line

        raise _Wrong(say("chat.bad_server", language, server=safe_line(text))) from None


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
        _complain(say(refused.reason, language, **refused.values))
        return exit_codes.USAGE
    return serve(config, reload)


def _run_chat(
    server: tuple[str, int], name: str | None, *, ask_password: bool, language: Language
) -> int:
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
            host=server[0],
            port=server[1],
            name=name,
            password=os.environ.get("MOLVA_PASSWORD"),
            credentials=Credentials(),
            device=_device(),
            ask_password=ask_password,
        ).run()

    _make_output_safe()
    return asyncio.run(chat())


def _run_send(
    server: tuple[str, int], name: str | None, wait: float, to: str, text: str, language: Language
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
            host=server[0],
            port=server[1],
            name=name,
            password=os.environ.get("MOLVA_PASSWORD"),
            credentials=Credentials(),
            device=_device(),
            wait_seconds=wait,
        ).run()

    _make_output_safe()
    return asyncio.run(send())


def _run_tail(
    server: tuple[str, int],
    name: str | None,
    wait: float,
    to: str,
    *,
    lines: int,
    follow: bool,
    json: bool,
    language: Language,
) -> int:
    import asyncio

    from molva.client.credentials import Credentials
    from molva.client.rendering import Renderer
    from molva.client.tail import Tail

    async def tail() -> int:
        return await Tail(
            Renderer(language),
            target=to,
            lines=lines,
            follow=follow,
            json=json,
            host=server[0],
            port=server[1],
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


def _complain(text: str) -> None:
    print(f"molva: {text}", file=sys.stderr)


def _explain(error: Exception, arguments: Sequence[str], language: Language) -> str:
    """Return one line about a command line that is wrong."""
    from molva.wire.terminal import safe_line

    if isinstance(error, _Wrong):
        return str(error.message)
    context = getattr(error, "ctx", None)
    command = getattr(context, "info_name", None) or ""
    command = "" if command == "molva" else command
    kind = type(error).__name__
    message = safe_line(" ".join(str(getattr(error, "message", "") or error).split()))
    if kind == "NoSuchOption":
        name = safe_line(str(getattr(error, "option_name", message)))
        text = say("chat.cli.no_option", language, name=name, command=command)
    elif kind == "MissingParameter":
        parameter = getattr(error, "param", None)
        name = str(getattr(parameter, "metavar", None) or getattr(parameter, "name", ""))
        text = say("chat.cli.missing", language, name=name, command=command)
    elif context is not None and context.parent is None and kind in ("UsageError", "NoSuchCommand"):
        given = [argument for argument in arguments if not argument.startswith("-")]
        text = say("chat.cli.no_command", language, name=safe_line(given[0] if given else ""))
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
