"""`molva serve`: opens the store, listens, and ends in order.

Owns the process: which loop, which signals, what is said at start and stop, and the exit code; and
what takes the place of what when the settings are read again.
"""

import asyncio
import gc
import os
import platform
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path

from molva.config import Config, ConfigRefused
from molva.server import joincode, lan, operator
from molva.server.encryption import Encryption
from molva.server.face import CertificateRefused, Site
from molva.server.identity import SecretIds
from molva.server.listeners import EVERYWHERE, Listeners, Speaker
from molva.server.node import Node
from molva.server.terminal import Terminal
from molva.store.sqlite import SqliteStore
from molva.terms.admission import Access, spelled_code
from molva.terms.catalogue import say
from molva.terms.ports import StoreRefused, StoreUnavailable

EXIT_OK = 0
EXIT_REFUSED = 1
"""The store, the port or the certificate cannot be had."""
EXIT_INTERRUPTED = 130
"""Asked twice to stop, as a shell reports an interrupt."""
EXIT_BUG = 70
"""EX_SOFTWARE of sysexits.h."""

SWITCH_SECONDS = 0.0005
"""How long a thread keeps the interpreter while another wants it: the writer, back from the disk,
must not wait Python's usual 5 ms for a busy loop."""

GARBAGE_THRESHOLDS = (10_000, 20, 50)
"""How seldom Python looks for circles: a message makes none, and each look costs what is alive."""

LOOPBACK = ("127.", "::1", "localhost")
PORT = 8888
"""What clients take when no port is named."""

SHORTAGE_SECONDS = 60.0
"""How often at most it is said that the system has no more sockets to give."""

FIXED = ("host", "port", "data", "lan", "quiet", "server_name")
"""Settings that take effect at a start alone."""

QR_STYLE = "#ffffff on #000000"


class _Refused(Exception):
    """The server cannot start; its text says why."""


def run(config: Config, reload: Callable[[], Config] | None = None) -> int:
    """Serve until a signal says stop; return the exit code.

    `reload` makes the configuration anew, at SIGHUP.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    terminal = Terminal(config.language)
    store: SqliteStore | None = None
    try:
        store = _open(config)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_Service(config, store, terminal, reload).run())
    except _Refused as refused:
        print(refused, file=sys.stderr)
        return EXIT_REFUSED
    finally:
        if store is not None:
            store.close()
        terminal.close()


def _open(config: Config) -> SqliteStore:
    try:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        return SqliteStore(config.data / "molva.sqlite")
    except StoreRefused as refused:
        text = say(f"store.{refused.reason}", config.language, **refused.values)
        raise _Refused(text) from refused
    except OSError as error:
        text = say("store.directory", config.language, path=config.data, error=error.strerror)
        raise _Refused(text) from error


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


class _Service:
    """The server as it runs: its parts, and what the operator is told of them."""

    def __init__(
        self,
        config: Config,
        store: SqliteStore,
        terminal: Terminal,
        reload: Callable[[], Config] | None,
    ) -> None:
        self._config = config
        self._store = store
        self._terminal = terminal
        self._reload_config = reload
        self._port = 0
        self._join_code: str | None = None
        """In its plain form."""
        self._operator_token = SecretIds().token()
        self._speaker: Speaker | None = None
        self._short_said_at = float("-inf")
        self._stop = asyncio.Event()
        self._bugs: list[BaseException] = []

    async def run(self) -> int:
        """Serve until told to stop; return the exit code. Raises _Refused."""
        config, terminal = self._config, self._terminal
        self._encryption = self._take_encryption()
        self._join_code = self._take_join_code(config)
        node = self._node = self._take_up()
        listeners = Listeners(
            node, context=self._encryption.context, http=self._http, short=self._short
        )
        try:
            self._port = await listeners.open(config.host, config.port)
        except OSError as error:
            await node.stop()
            raise _Refused(
                say(
                    "serve.port",
                    config.language,
                    host=config.host,
                    port=config.port,
                    error=error.strerror,
                )
            ) from error
        # First the signals: whoever reads that it is ready may send one at once.
        for number in (signal.SIGTERM, signal.SIGINT):
            node.loop.add_signal_handler(number, self._asked_to_stop)
        if self._reload_config is not None:
            node.loop.add_signal_handler(signal.SIGHUP, self._reload, self._reload_config)
        node.let_operator_in(self._operator_token)
        self._show_operator()
        self._greet()
        beside = self._begin_lan() if config.lan else None
        await self._stop.wait()
        listeners.close()
        operator.remove(config.data)
        if not self._bugs:
            terminal.say("serve.stopping")
        if beside is not None:
            await beside()
        if not self._bugs:
            await node.stop()
        # A bug may show as late as in the last writes: then it must not say that nothing is lost.
        if self._bugs:
            traceback.print_exception(self._bugs[0], file=sys.stderr)
            terminal.say("serve.bug", "red")
            return EXIT_BUG
        terminal.say("serve.stopped")
        return EXIT_OK

    # -- Parts ---------------------------------------------------------------------------------

    def _take_encryption(self) -> Encryption:
        try:
            return Encryption(self._config)
        except CertificateRefused as refused:
            text = say(refused.reason, self._config.language, **refused.values)
            raise _Refused(text) from refused

    def _take_join_code(self, config: Config) -> str | None:
        if config.access is not Access.CODE:
            return None
        if config.join_code is not None:
            return config.join_code
        file = config.data / "join-code"
        try:
            return joincode.kept_code(file)
        except OSError as error:
            text = say("serve.join_code", config.language, file=file, error=error.strerror)
            raise _Refused(text) from error

    def _take_up(self) -> Node:
        config = self._config
        try:
            return Node(
                self._store,
                limits=config.limits,
                admission=joincode.admission(config.access, self._join_code),
                report=None if config.quiet else self._terminal.report,
                failed=self._failed,
            )
        except StoreUnavailable as unavailable:
            file = config.data / "molva.sqlite"
            text = say("store.unusable", config.language, path=file, detail=unavailable)
            raise _Refused(text) from unavailable

    def _show_operator(self) -> None:
        """Say where `molva user` and its like find this server, to who may read our files."""
        config, presented = self._config, self._encryption.presented
        shown = operator.Pass(
            host="127.0.0.1" if config.host in (*EVERYWHERE, "0.0.0.0") else config.host,
            port=self._port,
            pid=os.getpid(),
            namespace=operator.namespace(),
            token=self._operator_token,
            listens=config.host,
            secure=presented is not None and presented.authority is None,
            name=presented.host if presented is not None else None,
            words=self._encryption.words,
            join_code=self._join_code,
        )
        try:
            operator.show(config.data, shown)
        except OSError as error:
            self._terminal.say("serve.no_operator", "yellow", error=error.strerror)

    def _failed(self, error: BaseException) -> None:
        self._bugs.append(error)
        self._stop.set()

    def _asked_to_stop(self) -> None:
        """End in order; asked a second time, end at once, which loses nothing that was stored."""
        if self._stop.is_set():
            os._exit(EXIT_INTERRUPTED)
        self._stop.set()

    def _short(self, error: OSError) -> None:
        """Say, now and then, that nobody more can be let in."""
        if time.monotonic() - self._short_said_at > SHORTAGE_SECONDS:
            self._short_said_at = time.monotonic()
            self._terminal.say("serve.short", "yellow", error=error.strerror)

    async def _http(self) -> Speaker:
        """Return what speaks HTTP, loaded when the first asks for it: it is large."""
        if self._speaker is None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, import_module, "molva.server.http")
            from molva.server.http import Pages

            self._speaker = Pages(self._site).speaker
        return self._speaker

    def _site(self) -> Site:
        presented = self._encryption.presented
        return Site(
            name=self._name(),
            port=self._port,
            words=self._encryption.words,
            authority=None if presented is None else presented.authority,
        )

    def _announced(self) -> lan.Announced:
        return lan.Announced(self._name(), self._port, self._encryption.words, self._config.access)

    def _begin_lan(self) -> Callable[[], Awaitable[None]]:
        """Begin what runs beside the chat on a LAN; return what ends it."""
        announcement: lan.Announcement | None = None
        if not self._config.host.startswith(LOOPBACK):
            announcement = lan.Announcement(
                self._announced,
                addresses=self._here,
                online=lambda: self._node.online,
                unseen=lambda reason: self._terminal.say("serve.unseen", "yellow", reason=reason),
            )
        loop = asyncio.get_running_loop()
        watching = self._encryption.watch(self._renewed, self._keep_certificate)
        watch = loop.create_task(watching, name="molva-certificates")
        # Somebody comes by the QR code in a moment.
        loading = loop.create_task(self._http(), name="molva-pages")

        async def end() -> None:
            watch.cancel()
            loading.cancel()
            if announcement is not None:
                await announcement.stop()

        return end

    def _here(self) -> list[str]:
        """Return the addresses by which others reach this server, the likeliest first."""
        host = self._config.host
        if host in EVERYWHERE:
            return lan.addresses()
        if host == "0.0.0.0":
            return [address for address in lan.addresses() if ":" not in address]
        return [] if host.startswith(LOOPBACK) else [host]

    def _name(self) -> str:
        return self._config.server_name or platform.node() or "Molva"

    def _renewed(self, ends: datetime) -> None:
        self._terminal.say("serve.renewed", date=ends.date())

    def _keep_certificate(self, refused: CertificateRefused) -> None:
        self._terminal.say(refused.reason, "red", **refused.values)
        self._terminal.say("serve.kept_certificate", "red")

    # -- What is said at the start -------------------------------------------------------------

    def _greet(self) -> None:
        config, terminal, port = self._config, self._terminal, self._port
        host = f"[{config.host}]" if ":" in config.host else config.host
        if not config.quiet:
            file = (config.data / "molva.sqlite").absolute()
            home = Path.home()
            path = Path("~", file.relative_to(home)) if file.is_relative_to(home) else file
            terminal.say("serve.store", path=path, version=self._store.version)
            if config.lan:
                self._greet_lan()
            else:
                self._greet_plainly()
            if self._encryption.words is not None:
                terminal.say("serve.words", words=self._encryption.words)
        if not config.limits_on:
            terminal.say("serve.limits_off", "bold yellow")
        terminal.say("serve.ready", "bold", host=host, port=port)

    def _greet_plainly(self) -> None:
        config, terminal = self._config, self._terminal
        if config.host.startswith(LOOPBACK):
            terminal.say("serve.loopback")
        host = "127.0.0.1" if config.host in EVERYWHERE else config.host
        terminal.say("serve.chat", address=self._chat_address(host))
        if self._join_code is not None:
            terminal.say("serve.code", code=spelled_code(self._join_code))

    def _greet_lan(self) -> None:
        """Say how others come in: by address, by phone, by code."""
        terminal, here = self._terminal, self._here()
        if here:
            terminal.say("serve.addresses")
        else:
            terminal.say("serve.no_addresses", "yellow")
        for address in [*here, f"{lan.host_name()}.local"] if here else []:
            spelled = lan.spelled(address, self._port, default=PORT)
            terminal.say("serve.address", address=spelled)
        first = here[0] if here else "127.0.0.1"
        presented = self._encryption.presented
        brought = presented is not None and presented.authority is None
        # A phone that does not know our authority would meet a warning, not a page.
        host = (presented.host if brought and presented is not None else None) or first
        path = "/" if self._join_code is None else f"/join/{spelled_code(self._join_code)}"
        link = lan.link(host, self._port, path, secure=brought)
        if _can_show(lan.BLOCKS):
            for line in lan.qr_lines(link):
                terminal.say("serve.qr", QR_STYLE, line=line)
        terminal.say("serve.link", link=link)
        if self._join_code is not None:
            terminal.say("serve.code", "bold", code=spelled_code(self._join_code))
        terminal.say("serve.chat", address=self._chat_address(first))

    def _chat_address(self, host: str) -> str:
        """Return what stands after `molva chat`."""
        spelled = f"[{host}]:{self._port}" if ":" in host else f"{host}:{self._port}"
        if self._port == PORT:
            spelled = host
        words = [] if spelled == "127.0.0.1" else [spelled]
        if self._join_code is not None:
            words += ["--code", spelled_code(self._join_code)]
        return "".join(f" {word}" for word in words)

    # -- Reading the settings again ------------------------------------------------------------

    def _reload(self, reload: Callable[[], Config]) -> None:
        terminal = self._terminal
        try:
            config = reload()
        except ConfigRefused as refused:
            terminal.say(refused.reason, "red", **refused.values)
            return
        try:
            join_code = self._take_join_code(config)
        except _Refused as refused:
            terminal.say("serve.trouble", "red", text=refused)
            return
        changed = [key for key in FIXED if getattr(config, key) != getattr(self._config, key)]
        terminal.language = config.language
        self._node.set_limits(config.limits)
        self._node.set_admission(joincode.admission(config.access, join_code))
        self._join_code = join_code
        self._reload_certificate(replace(config, lan=self._config.lan, data=self._config.data))
        fixed = {key: getattr(self._config, key) for key in FIXED}
        self._config = replace(config, **fixed)
        self._show_operator()
        if changed:
            terminal.say("serve.restart", "yellow", settings=", ".join(changed))
        terminal.say("serve.reloaded")

    def _reload_certificate(self, config: Config) -> None:
        if self._encryption.presented is None and config.cert is None:
            return
        try:
            self._encryption.reload(config)
        except CertificateRefused as refused:
            self._keep_certificate(refused)


def _can_show(characters: str) -> bool:
    """Say whether the terminal has signs for these."""
    try:
        characters.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
