"""Screen: where a person reads lines and types them, on a terminal or through pipes.

Owns the standard input and output of a client: a line editor that what arrives does not tear, or
plain lines. Refuses to know what is said: it is given lines of fragments that are safe already
(see `wire/terminal.py`), and gives lines as they were typed.

Invariants: the order of what is shown is the order of the calls; colours only on a terminal, and
never with NO_COLOR; nothing that is secret reaches the screen or the input's history; a line that
never ends is cut off at a bound.
"""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Final, Protocol, TextIO

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import FormattedText
    from prompt_toolkit.input import Input

Fragments = list[tuple[str, str]]
"""A line: pieces of safe text, each with a style's name (a key of STYLES, or empty)."""

STYLES: Final = {
    "time": "ansibrightblack",
    "name": "bold",
    "own": "ansicyan",
    "room": "ansiblue",
    "whisper": "ansimagenta",
    "note": "ansibrightblack",
    "trouble": "ansired",
}
"""Colours only repeat what the words say."""

LINE_BYTES_MAX: Final = 1024 * 1024
"""A longer line of a pipe is no message in any case: it is cut into pieces of this size."""
LINES_AHEAD_MAX: Final = 100
"""Lines read from a pipe and not taken yet."""


class Screen(Protocol):
    """What a plain client needs of its surroundings."""

    interactive: bool
    """Whether a person sits here; if not, the end of the input is the end of the work."""

    def show(self, line: Fragments) -> None:
        """Show a line, after those before; what is being typed stays whole."""
        ...

    async def read_line(self) -> str | None:
        """Return the next line that was typed, without its newline; None when there are no more."""
        ...

    def changed(self) -> None:
        """The prompt may say something else now."""
        ...

    def close(self) -> None:
        """Nothing more is shown or read."""
        ...


class PipeScreen:
    """Plain lines from the standard input, and to the standard output."""

    interactive = False

    def __init__(
        self, *, prompt: Callable[[], str] = str, out: TextIO | None = None, descriptor: int = 0
    ) -> None:
        """Make a screen; `prompt` is what a person would be asked, shown once as a line."""
        self._prompt = prompt
        self._asked = ""
        self._out = sys.stdout if out is None else out
        self._input = StandardInput(descriptor)
        self.broken = False
        """Nobody reads the output any more."""

    def show(self, line: Fragments) -> None:
        """See `Screen.show`."""
        if self.broken:
            return
        try:
            self._out.write("".join(text for _, text in line) + "\n")
            self._out.flush()
        except OSError:
            self.broken = True
            self._input.end()

    async def read_line(self) -> str | None:
        """See `Screen.read_line`; what was asked is shown as a line before."""
        asked = self._prompt()
        if asked and asked != self._asked:
            self.show([("", asked)])
        self._asked = asked
        return None if self.broken else await self._input.next()

    def changed(self) -> None:
        """See `Screen.changed`."""

    def close(self) -> None:
        """See `Screen.close`."""


class TerminalScreen:
    """A line editor at the bottom, and what arrives above it."""

    interactive = True

    def __init__(
        self,
        *,
        prompt: Callable[[], str],
        secret: Callable[[], bool],
        words: Callable[[], Iterable[str]],
    ) -> None:
        """Make a screen. `prompt`: what stands before the line. `secret`: whether what is typed
        must not be seen. `words`: what the tabulator may complete, names and commands.
        """
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import CompleteEvent, Completer, Completion
        from prompt_toolkit.document import Document
        from prompt_toolkit.filters import Condition
        from prompt_toolkit.history import InMemoryHistory
        from prompt_toolkit.layout.processors import ConditionalProcessor, PasswordProcessor

        class Words(Completer):
            def get_completions(
                self, document: Document, complete_event: CompleteEvent
            ) -> Iterable[Completion]:
                begun = document.get_word_before_cursor(WORD=True)
                bare = begun.lstrip("@")
                if begun and not secret():
                    for word in words():
                        if word.lower().startswith(bare.lower()) or word.startswith(begun):
                            yield Completion(word, -len(begun))

        class History(InMemoryHistory):
            def append_string(self, string: str) -> None:
                if not secret():
                    super().append_string(string)

        self._prompt = prompt
        self._lines: list[Fragments] = []
        self._flushing: asyncio.Handle | None = None
        self._raw = contextlib.ExitStack()
        self._coloured = not os.environ.get("NO_COLOR")
        self._session: PromptSession[str] = PromptSession(
            message=self._message,
            input=_quiet_input(),
            history=History(),
            completer=Words(),
            complete_while_typing=False,
            # Stars would tell how long the password is.
            input_processors=[ConditionalProcessor(PasswordProcessor(char=""), Condition(secret))],
            # What was typed is shown by its echo, when it is stored; not twice.
            erase_when_done=True,
        )
        # Also between two lines: what is typed then is for the next line, and must not be shown by
        # the terminal itself, which would put it into what is being written.
        self._raw.enter_context(self._session.input.raw_mode())

    def _message(self) -> "FormattedText":
        from prompt_toolkit.formatted_text import FormattedText

        return FormattedText([("bold" if self._coloured else "", self._prompt())])

    def show(self, line: Fragments) -> None:
        """See `Screen.show`. Lines of one turn of the loop are written at once."""
        self._lines.append(line)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        from prompt_toolkit import print_formatted_text
        from prompt_toolkit.formatted_text import FormattedText

        self._flushing = None
        lines, self._lines = self._lines, []
        if not lines:
            return
        fragments: list[tuple[str, str]] = []
        for line in lines:
            for style, text in line:
                fragments.append((STYLES.get(style, "") if self._coloured else "", text))
            fragments.append(("", "\n"))
        # Tuples of style and text: nothing in a text is read as markup.
        print_formatted_text(FormattedText(fragments), end="")

    async def read_line(self) -> str | None:
        """See `Screen.read_line`. Ctrl+C clears the line; on an empty one it offers `/quit`."""
        default = ""
        while True:
            try:
                return await self._session.prompt_async(
                    default=default, set_exception_handler=False
                )
            except KeyboardInterrupt:
                empty = not self._session.default_buffer.text
                default = "/quit" if empty else ""
            except EOFError:
                return None

    def changed(self) -> None:
        """See `Screen.changed`."""
        self._session.app.invalidate()

    def close(self) -> None:
        """See `Screen.close`."""
        if self._flushing is not None:
            self._flushing.cancel()
        self._flush()
        self._raw.close()


def _quiet_input() -> "Input | None":
    """Return an input whose terminal stays raw while lines are written above the prompt.

    The line editor makes it echo then, for programs that ask something meanwhile; nothing here
    does, and what is typed at that moment would stand in the middle of what is written, or be
    lost. None: the platform's own will do.
    """
    try:
        from prompt_toolkit.input.vt100 import Vt100Input
    except ImportError:
        return None

    class QuietInput(Vt100Input):
        def cooked_mode(self) -> contextlib.AbstractContextManager[None]:
            return contextlib.nullcontext()

    return QuietInput(sys.stdin)


class StandardInput:
    """Lines of a file descriptor, read by a thread, so that files and pipes serve alike."""

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(LINES_AHEAD_MAX)
        self._ended = False
        # A daemon, and below Python's own buffers: a read that never returns must not keep the
        # program from ending.
        self._thread = threading.Thread(target=self._run, name="molva-input", daemon=True)
        self._thread.start()

    async def next(self) -> str | None:
        """Return the next line without its newline; None at the end, also when asked again.

        Bytes that are not UTF-8 become lone surrogates, which no server takes.
        """
        if self._ended:
            return None
        line = await self._queue.get()
        if line is None:
            self._ended = True
        return line

    async def lines(self) -> AsyncIterator[str]:
        """Go through the lines to the end."""
        while (line := await self.next()) is not None:
            yield line

    def end(self) -> None:
        """Have `next` return None from now on, whoever waits for it."""
        self._ended = True
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(None)

    def _run(self) -> None:
        kept = b""
        try:
            while data := os.read(self._descriptor, 65536):
                *lines, kept = (kept + data).split(b"\n")
                if len(kept) > LINE_BYTES_MAX:
                    lines.append(kept)
                    kept = b""
                for line in lines:
                    self._put(line)
        except OSError:
            pass  # A descriptor that is closed has no more lines.
        if kept:
            self._put(kept)
        self._put(None)

    def _put(self, line: bytes | None) -> None:
        text = None if line is None else line.removesuffix(b"\r").decode(errors="surrogateescape")
        # It waits while the queue is full, so a file of any size is read as it is taken.
        with contextlib.suppress(RuntimeError):  # The loop has ended, and with it our work.
            asyncio.run_coroutine_threadsafe(self._queue.put(text), self._loop).result()
