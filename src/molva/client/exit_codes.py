"""Exit codes: what the client's commands tell the shell; documented in `molva send --help`."""

from typing import Final

OK: Final = 0
"""Done: for `send`, every message is acknowledged as stored."""

REFUSED: Final = 1
"""The server would not have it."""

USAGE: Final = 2
"""The command line, or the configuration, is wrong."""

UNAVAILABLE: Final = 69
"""The server is not there, or does nothing. (EX_UNAVAILABLE of sysexits.h.)"""

DISTRUSTED: Final = 77
"""The server is not, or not provably, the one that is known. (EX_NOPERM of sysexits.h.)"""

INTERRUPTED: Final = 130
"""Ctrl+C, as shells have it: 128 and the signal."""
