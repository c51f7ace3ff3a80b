"""The sheet: an invitation for each name of a list, on paper to cut apart.

Owns how a list of names is read and how the slips look, as plain text and as a page to print.
Refuses to know how an invitation is made.

Invariants: a list is taken as a whole or not at all; each value in the page is escaped where it is
put in; the page runs nothing and loads nothing.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from molva.terms.catalogue import Language, say
from molva.terms.limits import Limits
from molva.terms.names import Name, NameRefused, parse_name
from molva.wire.terminal import safe_line

COMMENT = "#"
"""What a line begins with that is no name: no name holds it."""

CUT = "- " * 36

STYLE = """\
body { font: 11pt/1.4 system-ui, sans-serif; margin: 1cm; color: #000; background: #fff; }
.slip { display: flex; gap: .6cm; align-items: flex-start; padding: .5cm 0;
  border-bottom: 1px dashed #888; break-inside: avoid; }
.slip svg { flex: none; width: 3.6cm; height: 3.6cm; }
h2 { font-size: 14pt; margin: 0 0 .2cm; }
p { margin: 0 0 .1cm; overflow-wrap: anywhere; }
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line of a list."""

    line: int
    """From 1."""
    text: str


@dataclass(frozen=True, slots=True)
class Slip:
    """One person's way in."""

    name: str
    code: str
    until: str
    """In words."""
    link: str | None
    command: str
    """What one types in a terminal."""
    words: str | None
    """The server's fingerprint."""


def read_names(data: bytes, language: Language) -> tuple[list[Name], list[Fault]]:
    """Return the names of a list in UTF-8, one a line, and what is wrong with it.

    Blank lines and those that begin with `#` are passed over. Two names that look alike are one
    too many: the server would refuse the second.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault = data[: error.start].count(b"\n") + 1
        return [], [Fault(fault, say("admin.names.encoding", language))]
    names: list[Name] = []
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        spelled = line.strip()
        if not spelled or spelled.startswith(COMMENT):
            continue
        try:
            name = parse_name(spelled)
        except NameRefused as refused:
            why = say(f"error.{refused.code}", language, detail=refused.detail)
            faults.append(Fault(number, f"{safe_line(spelled)}: {why}"))
            continue
        earlier = seen.setdefault(name.skeleton, number)
        if earlier != number:
            why = say("admin.names.twice", language, name=safe_line(name.shown), line=earlier)
            faults.append(Fault(number, why))
        else:
            names.append(name)
    if not names and not faults:
        faults.append(Fault(1, say("admin.names.none", language)))
    most = Limits().invitations_max
    if len(names) > most:
        faults.append(Fault(1, say("admin.names.many", language, most=most)))
    return names, faults


def lines_of(slip: Slip, language: Language) -> list[str]:
    """Return what stands on a slip below the name."""
    lines = []
    if slip.link is not None:
        lines.append(say("admin.slip.link", language, link=slip.link))
    lines.append(say("admin.slip.terminal", language, command=slip.command))
    lines.append(say("admin.slip.code", language, code=slip.code, until=slip.until))
    if slip.words is not None:
        lines.append(say("admin.slip.words", language, words=slip.words))
    return lines


def plain_sheet(slips: Sequence[Slip], language: Language) -> str:
    """Return the slips as lines for a terminal or a printer."""
    lines = [CUT.rstrip()]
    for slip in slips:
        lines += ["", safe_line(slip.name), ""]
        lines += [f"  {safe_line(line)}" for line in lines_of(slip, language)]
        lines += ["", CUT.rstrip()]
    return "\n".join(lines) + "\n"


def printable_page(slips: Sequence[Slip], language: Language) -> str:
    """Return the slips as a page of HTML that stands alone, with a QR code for each link."""
    title = html.escape(say("admin.slip.title", language))
    head = (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f'<meta name="referrer" content="no-referrer">\n<title>{title}</title>\n'
        f"<style>\n{STYLE}</style>\n</head>\n"
    )
    body = "\n".join(_slip(slip, language) for slip in slips)
    return f"{head}<body>\n{body}\n</body>\n</html>\n"


def _slip(slip: Slip, language: Language) -> str:
    pieces = ['<section class="slip">']
    if slip.link is not None:
        pieces.append(_qr(slip.link))
    pieces.append(f"<div>\n<h2><bdi>{html.escape(slip.name)}</bdi></h2>")
    for line in lines_of(slip, language):
        pieces.append(f"<p>{html.escape(line)}</p>")
    pieces.append("</div>\n</section>")
    return "\n".join(pieces)


def _qr(link: str) -> str:
    """Return a QR code as SVG: black paths, nothing of the link itself."""
    import segno

    code = segno.make(link, error="m", micro=False)
    return str(code.svg_inline(border=4, omitsize=True, svgclass=None, lineclass=None))
