"""The server's terminal: shows what happens, as in 2022.

Owns how a report becomes a line. Writes in a thread of its own, with a bounded queue: a terminal
that is scrolled back or a pipe that nobody reads must not stop the chat. Text from people is never
markup and moves no cursor.
"""

import os
import queue
import sys
import threading
import time
from typing import TextIO

from rich.console import Console
from rich.text import Text

from molva.core.effects import Report
from molva.terms.catalogue import Language, plural, say
from molva.wire.terminal import safe_text

LINES_WAITING_MAX = 1_000

STYLES = {
    "report.connected": "dim",
    "report.disconnected": "dim",
    "report.refused": "yellow",
    "report.registered": "green",
    "report.device": "green",
    "report.left": "red",
    "report.message": "",
    "report.whisper": "magenta",
    "report.created": "cyan",
    "report.joined": "cyan",
    "report.parted": "cyan",
}
"""Colours only repeat what the words say."""


class Terminal:
    """Prints lines, one at a time, never in the way."""

    def __init__(self, language: Language, out: TextIO | None = None) -> None:
        """Begin to print to `out`, the standard output unless given."""
        self.language = language
        out = sys.stdout if out is None else out
        self._out = out
        coloured = out.isatty() and not os.environ.get("NO_COLOR")
        self._console = Console(file=out, markup=False, highlight=False) if coloured else None
        self._lines: queue.Queue[tuple[str, str] | None] = queue.Queue(LINES_WAITING_MAX)
        self._skipped = 0
        self._thread = threading.Thread(target=self._run, name="molva-terminal", daemon=True)
        self._thread.start()

    def report(self, report: Report) -> None:
        """Show a report with the time; skipped, and counted, when the terminal is too slow."""
        values = {
            name: safe_text(value) if isinstance(value, str) else value
            for name, value in report.values.items()
        }
        text = say(report.what, self.language, **values).replace("\n", " ⏎ ")
        style = STYLES.get(report.what, "")
        try:
            self._lines.put_nowait((f"{time.strftime('%H:%M:%S')} {text}", style))
        except queue.Full:
            self._skipped += 1

    def say(self, key: str, style: str = "", /, **values: object) -> None:
        """Show a line of the catalogue; skipped, and counted, when nobody reads the others."""
        try:
            self._lines.put_nowait((say(key, self.language, **values), style))
        except queue.Full:
            self._skipped += 1

    def close(self) -> None:
        """Print what waits, for a moment, and end."""
        try:
            self._lines.put(None, timeout=2.0)
        except queue.Full:
            return
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            self._print(*line)
            skipped, self._skipped = self._skipped, 0
            if skipped:
                forms = plural(skipped, self.language, say("serve.lines", self.language))
                self._print(say("serve.skipped", self.language, n=skipped, lines=forms), "dim")

    def _print(self, text: str, style: str) -> None:
        try:
            if self._console is not None:
                self._console.print(Text(text, style=style), soft_wrap=True)
            else:
                self._out.write(text + "\n")
                self._out.flush()
        except (OSError, ValueError):
            # Nobody reads any more; the chat goes on.
            pass
