"""Discovery: which servers there are, on this network and on this machine.

Owns the search by multicast DNS (RFC 6762, RFC 6763), what is taken from an announcement, and how
one of several is chosen. Refuses to know what a server says once one is connected.

Invariants: an announcement is a stranger's: its texts are bounded and shown by `safe_line` alone,
and it decides nothing but the address and the port that are shown; what it says of encryption can
only make the line stricter. The search ends in time, whoever answers or floods.
"""

import asyncio
import contextlib
import ipaddress
import logging
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from molva.client.trust import plain_words
from molva.terms.catalogue import Language, plural, say
from molva.terms.events import Pong
from molva.wire.jsonl import BadEvent, parse_event
from molva.wire.terminal import safe_line

if TYPE_CHECKING:
    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceInfo

SERVICE: Final = "_molva._tcp.local."
LOOK_SECONDS: Final = 1.5
"""How long the search takes: long enough for an answer that is delayed on purpose (RFC 6762
section 6), short enough to wait for."""
SERVERS_MAX: Final = 20
"""Servers that are shown."""
NAMES_MAX: Final = 100
"""Names that are looked at; who floods the network with more hides the others, and does no more."""
ADDRESSES_MAX: Final = 8
NAME_CHARACTERS_MAX: Final = 40
ONLINE_MAX: Final = 99_999
LOCAL_HOST: Final = "127.0.0.1"
ANSWER_BYTES_MAX: Final = 4096
"""Of the answer of what listens on this machine."""


class Found(msgspec.Struct, frozen=True):
    """A server that was found."""

    host: str
    """Its address, in numbers."""
    port: int
    name: str = ""
    """What it calls itself: any text; empty for the one of this machine."""
    online: int | None = None
    encrypted: bool = False
    words: str | None = None
    """Of its fingerprint, as announced; a hint and no more."""
    access: str | None = None

    @property
    def address(self) -> str:
        """Address and port as they are shown."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def look(
    *,
    port: int,
    seconds: float = LOOK_SECONDS,
    interfaces: Sequence[str] | None = None,
) -> list[Found]:
    """Return the servers that are found within `seconds`, that of this machine first.

    `port`: where this machine is asked. `interfaces`: addresses of the interfaces to search on,
    instead of all. A network that cannot be searched has no servers.
    """
    local, announced = await asyncio.gather(
        _look_here(port, seconds), _look_around(seconds, interfaces)
    )
    return merged(local, announced)


def merged(local: Found | None, announced: Iterable[Found]) -> list[Found]:
    """Return what was found, each server once: an announcement of our own is the local one's."""
    servers: dict[tuple[str, int], Found] = {}
    if local is not None:
        servers[local.host, local.port] = local
    for found in announced:
        if local is not None and found.port == local.port and _is_own(found.host):
            servers[local.host, local.port] = msgspec.structs.replace(
                local, name=found.name, online=found.online, access=found.access
            )
        else:
            servers.setdefault((found.host, found.port), found)
    first = [] if local is None else [servers.pop((local.host, local.port))]
    others = sorted(servers.values(), key=lambda found: (found.name.lower(), found.address))
    return [*first, *others][:SERVERS_MAX]


def parse_announcement(
    name: str, port: int | None, addresses: Iterable[str], texts: dict[bytes, bytes | None]
) -> Found | None:
    """Return the server of an announcement, or None when it is of no use.

    `name`: the instance's whole name. `texts`: its TXT record; keys and values may be anything.
    """
    host = best_address(addresses)
    if host is None or port is None or not 0 < port <= 65535:
        return None
    online = _value(texts, b"online", r"[0-9]{1,5}")
    words = _value(texts, b"fp", r"[a-z-]{1,64}")
    if words is not None:
        try:
            words = plain_words(words)
        except ValueError:
            words = None
    return Found(
        host,
        port,
        name.removesuffix(f".{SERVICE}")[:NAME_CHARACTERS_MAX],
        None if online is None else min(int(online), ONLINE_MAX),
        _value(texts, b"tls", r"[01]") == "1",
        words,
        _value(texts, b"access", r"open|code|accounts"),
    )


def _value(texts: dict[bytes, bytes | None], key: bytes, pattern: str) -> str | None:
    value = texts.get(key)
    text = "" if value is None else value[:256].decode("ascii", errors="replace")
    return text if re.fullmatch(pattern, text) else None


def best_address(addresses: Iterable[str]) -> str | None:
    """Return the address that is nearest to one of ours; None when none can be a server's.

    A machine announces all its addresses, those of its virtual networks too.
    """
    near: list[tuple[int, str]] = []
    for text in list(addresses)[:ADDRESSES_MAX]:
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(text)
            if not (
                address.is_loopback
                or address.is_multicast
                or address.is_unspecified
                or address.is_reserved
                or text == "255.255.255.255"
            ):
                near.append((_nearness(address), str(address)))
    return max(near, key=lambda pair: pair[0])[1] if near else None


def _nearness(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    """Return how many bits an address has in common with ours on the way to it; ours: none."""
    source = _source_towards(str(address))
    if source is None or source == str(address):
        return -1
    ours = ipaddress.ip_address(source.partition("%")[0])
    if ours.version != address.version:
        return -1
    return address.max_prefixlen - (int(ours) ^ int(address)).bit_length()


def _source_towards(host: str) -> str | None:
    """Return the address of ours from which a host would be reached; nothing is sent."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((host, 9))
            return str(asking.getsockname()[0])
    except OSError:
        return None


def _is_own(host: str) -> bool:
    return _source_towards(host) == host


# -- Searching ----------------------------------------------------------------------------------


async def _look_here(port: int, seconds: float) -> Found | None:
    """Ask on this machine's port whether what listens there is one of ours."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(LOCAL_HOST, port, limit=ANSWER_BYTES_MAX)
            writer.write(b'{"action":"ping","id":"look"}\n')
            event = parse_event((await reader.readuntil(b"\n")).rstrip(b"\r\n"))
            return Found(LOCAL_HOST, port) if isinstance(event, Pong) else None
    except (OSError, BadEvent, TimeoutError, EOFError, asyncio.LimitOverrunError):
        return None
    finally:
        if writer is not None:
            writer.transport.abort()


async def _look_around(seconds: float, interfaces: Sequence[str] | None) -> list[Found]:
    try:
        from zeroconf import Error as ZeroconfError
        from zeroconf import InterfaceChoice, IPVersion
        from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf
    except ImportError:
        return []
    # It tells of each packet that it cannot read, which anybody may send.
    logging.getLogger("zeroconf").setLevel(logging.CRITICAL)
    infos: dict[str, AsyncServiceInfo] = {}
    asking: set[asyncio.Task[bool]] = set()
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds

    def heard(
        zeroconf: "Zeroconf", service_type: str, name: str, state_change: "ServiceStateChange"
    ) -> None:
        if name in infos or len(infos) >= NAMES_MAX or not name.endswith(f".{SERVICE}"):
            return
        try:
            infos[name] = info = AsyncServiceInfo(SERVICE, name)
        except ZeroconfError:
            return  # A name that none may have.
        left = max(ends - loop.time(), 0.0)
        asking.add(
            asyncio.create_task(info.async_request(zeroconf, left * 1000), name="molva-look")
        )

    try:
        network = AsyncZeroconf(
            interfaces=InterfaceChoice.All if interfaces is None else list(interfaces),
            ip_version=IPVersion.V4Only,
        )
    except OSError:
        return []
    try:
        browser = AsyncServiceBrowser(network.zeroconf, SERVICE, handlers=[heard])
        await asyncio.sleep(seconds)
        await browser.async_cancel()
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await network.async_close()
    return [found for info in infos.values() if (found := _read(info)) is not None]


def _read(info: "AsyncServiceInfo") -> Found | None:
    from zeroconf import IPVersion

    return parse_announcement(
        info.name, info.port, info.parsed_addresses(IPVersion.V4Only), info.properties
    )


# -- Choosing -----------------------------------------------------------------------------------


def rows(servers: Sequence[Found], language: Language) -> list[str]:
    """Return a numbered line for each server, safe to be shown."""
    lines = []
    for number, found in enumerate(servers, start=1):
        notes = [found.address]
        if found.online is not None:
            people = plural(found.online, language, say("chat.people", language))
            notes.append(say("chat.found.online", language, n=found.online, people=people))
        if found.access in ("code", "accounts"):
            notes.append(say(f"chat.found.{found.access}", language))
        if found.encrypted:
            notes.append("TLS")
        lines.append(f"{number:>3}. {name_of(found, language)} — {', '.join(notes)}")
    return lines


def name_of(found: Found, language: Language) -> str:
    """Return what a server is called, safe to be shown."""
    return safe_line(found.name) if found.name.strip() else say("chat.found.unnamed", language)


def choose(
    servers: Sequence[Found],
    language: Language,
    *,
    show: Callable[[str], None],
    ask: Callable[[str], str] | None,
) -> Found | None:
    """Return the one of several that the person chooses, None when nobody does.

    `ask` shows a question and returns the line typed, raising EOFError at the end of the input;
    None: there is nobody to ask.
    """
    show(say("chat.found.several", language))
    for row in rows(servers, language):
        show(row)
    if ask is None:
        return None
    while True:
        try:
            typed = ask(say("chat.found.which", language, n=len(servers))).strip()
        except EOFError:
            return None
        if typed.isascii() and typed.isdigit() and 0 < int(typed[:9]) <= len(servers):
            return servers[int(typed) - 1]
