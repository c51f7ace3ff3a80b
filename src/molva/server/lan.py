"""The LAN: how those nearby come to know of a server.

Owns which addresses and names this machine has for others, the QR code, and the announcement by
multicast DNS (RFC 6762, RFC 6763). Knows nothing of who comes.

Invariants: nothing here holds up the start, and no network that refuses multicast ends the server:
it is said once, and people type the address instead.
"""

import asyncio
import ipaddress
import logging
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from molva.terms.admission import Access

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncServiceInfo

SERVICE = "_molva._tcp.local."
INSTANCE_BYTES_MAX = 63
"""A label of the DNS (RFC 1035, section 2.3.4)."""

ONLINE_SECONDS = 10.0
"""How often at most the network is told how many are online."""

GOODBYE_SECONDS = 2.0
"""How long the end waits for the network to be told of it."""

BLOCKS = "█▀▄ "
"""Two modules, one above the other: both light, the upper, the lower, none."""

QUIET_MODULES = 2
"""Width of the light frame around a QR code. (ISO/IEC 18004 asks for 4; readers need less.)"""


def host_name() -> str:
    """Return this machine's name as a label of the DNS."""
    label = re.sub(r"[^a-z0-9-]+", "-", platform.node().partition(".")[0].lower()).strip("-")
    return label[:63] or "molva"


def addresses() -> list[str]:
    """Return the addresses by which others reach this machine, the likeliest first."""
    import ifaddr

    found: list[tuple[int, str]] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            text = str(ip.ip[0] if isinstance(ip.ip, tuple) else ip.ip)
            with suppress(ValueError):
                rank = _rank(ipaddress.ip_address(text))
                if rank is not None:
                    found.append((rank, text))
    return list(dict.fromkeys(text for _, text in sorted(found, key=lambda pair: pair[0])))


def _rank(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int | None:
    """Say how likely an address is the one to use, 0 the likeliest; None: it is of no use."""
    if address.is_loopback or address.is_link_local or address.is_multicast:
        return None
    if address.is_unspecified or address.is_reserved:
        return None
    if address.version == 4:
        return 0 if address.is_private else 1
    return 2 if address.is_private else 3


def spelled(host: str, port: int, *, default: int) -> str:
    """Return a host and port as the command line takes them; no port where it is the default."""
    if port == default:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def link(host: str, port: int, path: str, *, secure: bool) -> str:
    """Return a URL of this server."""
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{host}:{port}{path}"


def qr_lines(text: str) -> list[str]:
    """Return a QR code as lines of half blocks, its light modules drawn.

    Drawn like this it is read on a dark terminal without colours; with white on black on any.
    """
    import segno

    code = segno.make(text, error="l", micro=False)
    rows = [list(row) for row in code.matrix_iter(border=QUIET_MODULES)]
    if len(rows) % 2:
        rows.append([1] * len(rows[0]))
    return [
        "".join(BLOCKS[2 * bool(above) + bool(below)] for above, below in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Announced:
    """What the network is told of a server."""

    name: str
    port: int
    words: str | None
    """The fingerprint; None without TLS."""
    access: Access

    def texts(self, online: int) -> Mapping[str, str]:
        """Return the TXT record."""
        texts = {"v": "1", "tls": "0" if self.words is None else "1"}
        if self.words is not None:
            texts["fp"] = self.words
        return {**texts, "online": str(online), "access": self.access.value}


class Announcement:
    """Tells the network of a server for as long as it runs."""

    def __init__(
        self,
        announced: Callable[[], Announced],
        *,
        addresses: Callable[[], list[str]],
        online: Callable[[], int],
        unseen: Callable[[str], None],
    ) -> None:
        """Begin. `announced`, `addresses` and `online` are asked again as time goes by.

        `unseen` hears, once, why the network cannot be told.
        """
        self._announced = announced
        self._addresses = addresses
        self._online = online
        self._unseen = unseen
        self._task = asyncio.get_running_loop().create_task(self._run(), name="molva-announce")

    async def stop(self) -> None:
        """Say good-bye to the network, for a moment."""
        self._task.cancel()
        with suppress(asyncio.CancelledError, TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._task), GOODBYE_SECONDS * 2)

    async def _run(self) -> None:
        told = False
        while True:
            here = self._addresses()
            try:
                await self._tell(here)
            except Exception as error:
                # The library raises whatever a system's sockets do, and errors of its own.
                if not told:
                    told = True
                    self._unseen(str(error) or type(error).__name__)
            await asyncio.sleep(ONLINE_SECONDS)

    async def _tell(self, here: Sequence[str]) -> None:
        """Announce the server until the addresses change."""
        # Seldom needed and slow to import: not on the way to being ready.
        await asyncio.get_running_loop().run_in_executor(None, _import)
        from zeroconf import IPVersion
        from zeroconf.asyncio import AsyncZeroconf

        if not here:
            raise OSError("no network")
        version = IPVersion.All if any(":" in text for text in here) else IPVersion.V4Only
        network = AsyncZeroconf(ip_version=version)
        try:
            known = (self._announced(), self._online())
            info = _service(*known, here)
            registered = await network.async_register_service(info, allow_name_change=True)
            await registered
            while self._addresses() == here:
                await asyncio.sleep(ONLINE_SECONDS)
                now = (self._announced(), self._online())
                if now != known:
                    known = now
                    fresh = _service(*known, here, name=info.name)
                    await (await network.async_update_service(fresh))
        finally:
            # A stop cancels this: the good-bye is told all the same.
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await network.async_close()


def _import() -> None:
    import zeroconf.asyncio  # noqa: F401

    # It tells of each packet that it cannot read, and anybody may send those.
    logging.getLogger("zeroconf").setLevel(logging.CRITICAL)


def _service(
    announced: Announced, online: int, here: Sequence[str], *, name: str | None = None
) -> "AsyncServiceInfo":
    from zeroconf.asyncio import AsyncServiceInfo

    return AsyncServiceInfo(
        SERVICE,
        name or f"{instance(announced.name)}.{SERVICE}",
        port=announced.port,
        properties=dict(announced.texts(online)),
        server=f"{host_name()}.local.",
        parsed_addresses=list(here),
    )


def instance(name: str) -> str:
    """Return a server's name as the instance of a service, as much of it as there is room for."""
    plain = "".join(character for character in name if character.isprintable()).strip()
    room = INSTANCE_BYTES_MAX - len(" (99)")  # The library numbers a second one of that name.
    return plain.encode()[:room].decode(errors="ignore").strip() or "Molva"
