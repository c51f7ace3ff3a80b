"""Addresses: ranges of them that nobody may come from.

Owns how a range is spelled (CIDR, RFC 4632) and whether one covers an address. An IPv4 address that
came through IPv6 (`::ffff:10.0.0.7`) is that IPv4 address.
"""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


class BadAddress(ValueError):
    """The text is no address and no range."""


def parse_range(text: str) -> str:
    """Return a range as it is kept, `10.0.0.7/32`; raises BadAddress."""
    return str(_network(text))


def _network(text: str) -> Network:
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise BadAddress(text) from None
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96), strict=False)
    return network


class Ranges:
    """Ranges, found by looking once for each length that any of them has."""

    def __init__(self) -> None:
        self._by_length: dict[tuple[int, int], set[int]] = {}
        """By version and length of the prefix: the first addresses, as numbers."""

    def add(self, range: str) -> None:
        """Take a range of `parse_range`."""
        network = ip_network(range)
        key = (network.version, network.prefixlen)
        self._by_length.setdefault(key, set()).add(int(network.network_address))

    def discard(self, range: str) -> None:
        """Let a range go, if it is there."""
        network = ip_network(range)
        key = (network.version, network.prefixlen)
        firsts = self._by_length.get(key)
        if firsts is not None:
            firsts.discard(int(network.network_address))
            if not firsts:
                del self._by_length[key]

    def cover(self, address: str) -> bool:
        """Say whether any range has an address; a text that is none is in no range."""
        if not self._by_length:
            return False
        try:
            found = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        if mapped is not None:
            found = mapped
        number = int(found)
        for (version, length), firsts in self._by_length.items():
            rest = found.max_prefixlen - length
            if version == found.version and (number >> rest) << rest in firsts:
                return True
        return False
