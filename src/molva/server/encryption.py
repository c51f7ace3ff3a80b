"""Encryption: the certificate in use, and when another takes its place.

Owns which certificate the settings ask for and the watch over it. Imports what makes certificates
only where there is one to make, so that a server without TLS starts without it.

Invariant: a certificate that cannot be used never takes the place of one that can.
"""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from molva.config import Config
from molva.server import lan
from molva.server.face import CertificateRefused, Presented

LOOK_SECONDS = 60.0
"""How often it is seen whether our own certificate still covers this machine's addresses."""

OURSELVES = ("127.0.0.1", "::1")


class Encryption:
    """What is shown of the server, for as long as it runs."""

    def __init__(self, config: Config) -> None:
        """Take what the settings ask for. Raises CertificateRefused."""
        self._config = config
        self._covered: tuple[str, ...] = ()
        self.presented = self._present(config)

    def _present(self, config: Config) -> Presented | None:
        if config.cert is not None and config.key is not None:
            from molva.server.certificates import brought

            return brought(config.cert, config.key)
        if not config.lan:
            return None
        from molva.server.certificates import own

        here = tuple(lan.addresses())
        host = lan.host_name()
        presented = own(
            config.data / "tls",
            names=[host, f"{host}.local", "localhost"],
            addresses=[*OURSELVES, *here],
        )
        self._covered = here
        return presented

    def context(self) -> ssl.SSLContext | None:
        """Return what a new connection is encrypted with; None: TLS is not spoken."""
        return None if self.presented is None else self.presented.context

    @property
    def words(self) -> str | None:
        """The fingerprint; None without TLS."""
        return None if self.presented is None else self.presented.words

    def reload(self, config: Config) -> None:
        """Take what is there now, for new connections. Raises CertificateRefused."""
        self.presented = self._present(config)
        self._config = config

    async def watch(
        self,
        renewed: Callable[[datetime], None],
        refused: Callable[[CertificateRefused], None],
    ) -> None:
        """Have our own certificate made anew, while it must be, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._is_due():
                continue
            config = self._config
            try:
                # It writes to the disk.
                loop = asyncio.get_running_loop()
                presented = await loop.run_in_executor(None, self._present, config)
            except CertificateRefused as error:
                refused(error)
                continue
            if presented is not None and config is self._config:
                self.presented = presented
                if presented.made:
                    renewed(presented.expires)

    def _is_due(self) -> bool:
        """Say whether our own certificate may have to be made anew."""
        if self.presented is None or self.presented.authority is None:
            return False
        from molva.server.certificates import RENEW_DAYS

        left = self.presented.expires - datetime.now(UTC)
        return (
            left < timedelta(days=RENEW_DAYS) or set(lan.addresses()) - set(self._covered) != set()
        )
