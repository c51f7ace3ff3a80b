"""`molva serve`: opens the store, listens, and ends in order.

Owns the process: which loop, which signals, what is said at start and stop, and the exit code.
"""

import asyncio
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from molva.config import Config, ConfigRefused
from molva.server.connection import Connection
from molva.server.node import Node
from molva.server.terminal import Terminal
from molva.store.sqlite import SqliteStore
from molva.terms.catalogue import say
from molva.terms.ports import StoreRefused, StoreUnavailable

EXIT_OK = 0
EXIT_REFUSED = 1
"""The store or the port cannot be had."""
EXIT_INTERRUPTED = 130
"""Asked twice to stop, as a shell reports an interrupt."""
EXIT_BUG = 70
"""EX_SOFTWARE of sysexits.h."""

BACKLOG = 4096
SWITCH_SECONDS = 0.0005
"""How long a thread keeps the interpreter while another wants it: the writer, back from the disk,
must not wait Python's usual 5 ms for a busy loop."""

GARBAGE_THRESHOLDS = (10_000, 20, 50)
"""How seldom Python looks for circles: a message makes none, and each look costs what is alive."""

LOOPBACK = ("127.", "::1", "localhost")


def run(config: Config, reload: Callable[[], Config] | None = None) -> int:
    """Serve until a signal says stop; return the exit code.

    `reload` makes the configuration anew, at SIGHUP.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    terminal = Terminal(config.language)
    try:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = SqliteStore(config.data / "molva.sqlite")
    except StoreRefused as refused:
        print(say(f"store.{refused.reason}", config.language, **refused.values), file=sys.stderr)
        terminal.close()
        return EXIT_REFUSED
    except OSError as error:
        text = say("store.directory", config.language, path=config.data, error=error.strerror)
        print(text, file=sys.stderr)
        terminal.close()
        return EXIT_REFUSED
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_serve(config, store, terminal, reload))
    finally:
        store.close()
        terminal.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(
    config: Config,
    store: SqliteStore,
    terminal: Terminal,
    reload: Callable[[], Config] | None,
) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    bugs: list[BaseException] = []

    def failed(error: BaseException) -> None:
        bugs.append(error)
        stop.set()

    try:
        node = Node(
            store,
            limits=config.limits,
            report=None if config.quiet else terminal.report,
            failed=failed,
        )
    except StoreUnavailable as unavailable:
        file = config.data / "molva.sqlite"
        text = say("store.unusable", config.language, path=file, detail=unavailable)
        print(text, file=sys.stderr)
        return EXIT_REFUSED
    try:
        server = await loop.create_server(
            lambda: Connection(node), config.host, config.port, backlog=BACKLOG
        )
    except OSError as error:
        text = say(
            "serve.port", config.language, host=config.host, port=config.port, error=error.strerror
        )
        print(text, file=sys.stderr)
        await node.stop()
        return EXIT_REFUSED
    port = server.sockets[0].getsockname()[1]
    # First the signals: whoever reads that it is ready may send one at once.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stop)
    if reload is not None:
        loop.add_signal_handler(signal.SIGHUP, _reload, reload, node, terminal)
    _greet(config, store, terminal, port)
    await stop.wait()
    server.close()
    if not bugs:
        terminal.say("serve.stopping")
        await node.stop()
    # A bug may show as late as in the last writes: then it must not say that nothing is lost.
    if bugs:
        traceback.print_exception(bugs[0], file=sys.stderr)
        terminal.say("serve.bug", "red")
        return EXIT_BUG
    terminal.say("serve.stopped")
    return EXIT_OK


def _stop(stop: asyncio.Event) -> None:
    """End in order; asked a second time, end at once, which loses nothing that was stored."""
    if stop.is_set():
        os._exit(EXIT_INTERRUPTED)
    stop.set()


def _greet(config: Config, store: SqliteStore, terminal: Terminal, port: int) -> None:
    host = f"[{config.host}]" if ":" in config.host else config.host
    if not config.quiet:
        file = (config.data / "molva.sqlite").absolute()
        home = Path.home()
        path = Path("~", file.relative_to(home)) if file.is_relative_to(home) else file
        terminal.say("serve.store", path=path, version=store.version)
        if config.host.startswith(LOOPBACK):
            terminal.say("serve.loopback")
        address = host if port == 8888 else f"{host}:{port}"
        terminal.say("serve.chat", address="" if address == "127.0.0.1" else " " + address)
    if not config.limits_on:
        terminal.say("serve.limits_off", "bold yellow")
    terminal.say("serve.ready", "bold", host=host, port=port)


def _reload(reload: Callable[[], Config], node: Node, terminal: Terminal) -> None:
    try:
        config = reload()
    except ConfigRefused as refused:
        terminal.say(refused.reason, "red", **refused.values)
        return
    node.set_limits(config.limits)
    terminal.language = config.language
    terminal.say("serve.reloaded")
