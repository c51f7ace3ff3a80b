"""Pictures of the running program, for the README: `python -m tools.picture docs`.

Runs real servers and two real clients in terminals of their own, lets them talk, and draws what
their screens show as SVG. Nothing is painted by hand; each step waits for what it must see.

`molva serve --lan` runs on a network of its own, which is made for it and gone with it, so that the
pictures name no machine and no announcement leaves this one. (Linux; it needs `ip` and `unshare`.)
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

COLUMNS, LINES = 84, 22
WAIT_SECONDS = 20.0
CHARACTER_PIXELS, LINE_PIXELS, FIRST_PIXEL = 12.2, 24.4, 1.5
"""How wide and high Rich draws a cell, and where the first one begins."""
BLOCKS = {"█": (0, 2), "▀": (0, 1), "▄": (1, 1)}
"""Where a block begins and how high it is, in halves of a line."""
ADDRESS, HOST = "192.168.1.20", "room-12"
"""Of the machine whose greeting is drawn."""
NETWORK = (
    "ip link set lo up && ip link add lan0 type veth peer name lan1 && ip link set lan1 up && "
    f"ip addr add {ADDRESS}/24 dev lan0 && ip link set lan0 up && hostname {HOST} && "
    'exec "$@"'
)
MOLVA = [sys.executable, "-m", "molva"]
COLOURS = {"brown": "yellow", "default": None}
TEMPLATE = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
 font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<!-- blocks -->
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


class Terminal:
    """A program in a terminal of its own."""

    def __init__(
        self, arguments: list[str], environment: dict[str, str], *, lines: int = LINES
    ) -> None:
        self._lines = lines
        self._screen = pyte.Screen(COLUMNS, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._pid, self._file = pty.fork()
        if self._pid == 0:
            os.execvpe(arguments[0], arguments, environment)
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", lines, COLUMNS, 0, 0))

    def see(self, pattern: str) -> str:
        """Wait until the screen shows a pattern, and return what matched."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            found = re.search(pattern, "\n".join(self._screen.display))
            if found:
                return found.group()
            ready, _, _ = select.select([self._file], [], [], 0.1)
            if ready:
                data = os.read(self._file, 65536)
                # A line editor asks where the cursor is before it draws.
                *asked, rest = data.split(b"\x1b[6n")
                for part in asked:
                    self._stream.feed(part)
                    cursor = self._screen.cursor
                    os.write(self._file, f"\x1b[{cursor.y + 1};{cursor.x + 1}R".encode())
                self._stream.feed(rest)
        raise SystemExit(f"never saw {pattern!r} on:\n" + "\n".join(self._screen.display))

    def type(self, line: str) -> None:
        """Type a line, with Enter."""
        os.write(self._file, line.encode() + b"\r")

    def draw(self, title: str, path: Path) -> None:
        """Write the screen as SVG."""
        rows = [self._row(number) for number in range(self._lines)]
        while rows and not rows[-1].plain.strip():
            rows.pop()
        with open(os.devnull, "w") as nowhere:
            console = Console(
                record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="256"
            )
            console.print(Text("\n").join(rows), soft_wrap=True)
            svg = console.export_svg(title=title, code_format=TEMPLATE, unique_id="molva")
        path.write_text(svg.replace("<!-- blocks -->", self._blocks()), encoding="utf-8")

    def _blocks(self) -> str:
        """Return the blocks of a QR code as rectangles: no font draws them without seams."""
        return "".join(
            f'<rect fill="#fff" shape-rendering="crispEdges" x="{column * CHARACTER_PIXELS:.1f}" '
            f'y="{row * LINE_PIXELS + FIRST_PIXEL + begin * LINE_PIXELS / 2:.1f}" '
            f'width="{CHARACTER_PIXELS}" height="{halves * LINE_PIXELS / 2:.1f}"/>'
            for row in range(self._lines)
            for column in range(COLUMNS)
            for begin, halves in [BLOCKS.get(self._screen.buffer[row][column].data, (0, 0))]
            if halves
        )

    def _row(self, number: int) -> Text:
        row = Text()
        line = self._screen.buffer[number]
        for column in range(COLUMNS):
            cell = line[column]
            colour = COLOURS.get(cell.fg, cell.fg)
            if colour is not None and re.fullmatch("[0-9a-f]{6}", colour):
                colour = f"#{colour}"
            elif colour is not None:
                colour = re.sub("^bright", "bright_", colour)
            data = " " if cell.data in BLOCKS else cell.data
            row.append(data, Style(color=colour, bold=cell.bold, italic=cell.italics))
        row.rstrip()
        return row

    def close(self) -> None:
        """End the program."""
        os.kill(self._pid, 15)
        os.waitpid(self._pid, 0)
        os.close(self._file)


def main() -> None:
    """Let servers and people talk, and draw their screens."""
    directory = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": home}
        environment |= {"XDG_STATE_HOME": f"{home}/anna", "XDG_DATA_HOME": f"{home}/data"}
        environment.pop("NO_COLOR", None)
        _draw_talk(directory, environment)
        _draw_greeting(directory, environment)


def _draw_talk(directory: Path, environment: dict[str, str]) -> None:
    home = environment["HOME"]
    russian = {**environment, "MOLVA_LANGUAGE": "ru", "XDG_STATE_HOME": f"{home}/boris"}
    server = Terminal([*MOLVA, "serve", "--data", f"{home}/chat", "--port", "0"], environment)
    port = server.see(r"ready on 127\.0\.0\.1:\d+").rpartition(":")[2]
    address = f"127.0.0.1:{port}"
    anna = Terminal([*MOLVA, "chat", address, "--name", "anna"], environment)
    anna.see("#moderators")
    boris = Terminal([*MOLVA, "chat", address, "--name", "Борис"], russian)
    boris.see("/help")
    anna.see("Борис")
    shop = [*MOLVA, "send", "--server", address, "--name", "shop", "#general"]
    subprocess.run([*shop, "BUY NOW!!! BUY NOW!!!"], env=environment, check=True)
    talk = [
        (anna, "/mute shop 2h advertising", boris, "advertising"),
        (boris, "Спасибо!", anna, "Спасибо"),
        (anna, "Has anybody got the slides?", boris, "slides"),
        (boris, "Сейчас выложу.", anna, "выложу"),
        (anna, "/w Борис you saved me", boris, "saved"),
        (boris, "/ьып anna не за что :)", anna, "не за что"),
        (boris, "/create #лаборатория", boris, r"создана комната"),
        (anna, "/join #лаборатория", boris, "anna теперь"),
        (anna, "Shall we meet here at five?", boris, "at five"),
        (boris, "В пять.", anna, "В пять"),
    ]
    for speaker, line, hearer, seen in talk:
        speaker.type(line)
        hearer.see(seen)
    server.see("В пять")
    boris.see("В пять")
    anna.draw("molva chat", directory / "chat.svg")
    boris.draw("molva chat", directory / "chat.ru.svg")
    server.draw("molva serve", directory / "server.svg")
    for terminal in (anna, boris, server):
        terminal.close()


def _draw_greeting(directory: Path, environment: dict[str, str]) -> None:
    alone = ["unshare", "--map-root-user", "--net", "--uts", "sh", "-c", NETWORK, "sh"]
    for language, file in (("en", "lan.svg"), ("ru", "lan.ru.svg")):
        data = ["--data", f"{environment['HOME']}/lan"]
        serve = [*alone, *MOLVA, "serve", "--lan", *data, "--language", language]
        server = Terminal(serve, environment, lines=30)
        server.see(r"ready on \S+")
        server.draw("molva serve --lan", directory / file)
        server.close()


if __name__ == "__main__":
    main()
