"""The face: what a server shows of itself to those who come.

Owns the words for it alone, so that who needs only these loads none of what makes certificates or
pages.
"""

import ssl
from dataclasses import dataclass
from datetime import datetime


class CertificateRefused(Exception):
    """A certificate cannot be used."""

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason, values)
        self.reason = reason
        """A key of the catalogue under `tls.`."""
        self.values = values


@dataclass(frozen=True, slots=True)
class Presented:
    """What a server shows of itself."""

    context: ssl.SSLContext
    """For new connections; those that are open keep theirs."""
    words: str
    """The fingerprint, as words."""
    authority: bytes | None
    """The server's own authority (DER), for those who want to trust it; None when another's."""
    expires: datetime
    host: str | None
    """The name that the certificate is for, where another's authority vouches for one."""
    made: bool
    """Whether the certificate was made just now."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages tell of a server."""

    name: str
    port: int
    words: str | None
    """The fingerprint; None without TLS."""
    authority: bytes | None
    """The server's own authority (DER), if it has one."""
