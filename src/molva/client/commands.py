"""Commands: what a typed line means.

Owns the table of commands, their other names, and how a line is told to be a command or a text.
Refuses to know what a command does and how a line was typed.

Invariants: a line that begins like a command is never a text by mistake: it is a known command,
an unknown one, or was escaped on purpose (`//` says a slash); what follows the command's word is
handed on as it was typed. The word, and nothing else, is understood on the Russian layout too.
"""

import re
from enum import StrEnum
from typing import Final

import msgspec


class Verb(StrEnum):
    """A command, by the first of its names."""

    HELP = "help"
    WHISPER = "w"
    JOIN = "join"
    LEAVE = "leave"
    CREATE = "create"
    TOPIC = "topic"
    ROOMS = "rooms"
    USERS = "users"
    HISTORY = "history"
    AWAY = "away"
    BACK = "back"
    NUMBERS = "numbers"
    REMOVE = "remove"
    RESTORE = "restore"
    REPORT = "report"
    BLOCK = "block"
    UNBLOCK = "unblock"
    BLOCKS = "blocks"
    GROUP = "group"
    INVITE = "invite"
    RENAME = "rename"
    PUBLIC = "public"
    PRIVATE = "private"
    ANNOUNCE = "announce"
    SLOW = "slow"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    KICK = "kick"
    BAN = "ban"
    UNBAN = "unban"
    MUTE = "mute"
    UNMUTE = "unmute"
    BANS = "bans"
    OP = "op"
    DEOP = "deop"
    ROLE = "role"
    LEDGER = "ledger"
    ACCOUNTS = "accounts"
    INVITATION = "invitation"
    INVITATIONS = "invitations"
    END_INVITATION = "end-invitation"
    PASSWORD = "password"
    DEVICES = "devices"
    LINK = "link"
    FORGET = "forget"
    SIGN_OUT = "signout"
    DELETE_ACCOUNT = "delete-account"
    QUIT = "quit"


NAMES: Final[dict[Verb, tuple[str, ...]]] = {
    Verb.HELP: ("help", "h", "?", "помощь"),
    Verb.WHISPER: ("w", "msg", "m", "whisper", "query"),
    Verb.JOIN: ("join", "j"),
    Verb.LEAVE: ("leave", "part", "close"),
    Verb.CREATE: ("create",),
    Verb.TOPIC: ("topic",),
    Verb.ROOMS: ("rooms", "list"),
    Verb.USERS: ("users", "who", "names"),
    Verb.HISTORY: ("history",),
    Verb.AWAY: ("away",),
    Verb.BACK: ("back",),
    Verb.NUMBERS: ("numbers", "seq"),
    Verb.REMOVE: ("remove", "rm"),
    Verb.RESTORE: ("restore",),
    Verb.REPORT: ("report",),
    Verb.BLOCK: ("block", "ignore"),
    Verb.UNBLOCK: ("unblock", "unignore"),
    Verb.BLOCKS: ("blocks",),
    Verb.GROUP: ("group",),
    Verb.INVITE: ("invite",),
    Verb.RENAME: ("rename",),
    Verb.PUBLIC: ("public",),
    Verb.PRIVATE: ("private",),
    Verb.ANNOUNCE: ("announce",),
    Verb.SLOW: ("slow",),
    Verb.FREEZE: ("freeze",),
    Verb.UNFREEZE: ("unfreeze",),
    Verb.KICK: ("kick",),
    Verb.BAN: ("ban",),
    Verb.UNBAN: ("unban",),
    Verb.MUTE: ("mute",),
    Verb.UNMUTE: ("unmute",),
    Verb.BANS: ("bans",),
    Verb.OP: ("op",),
    Verb.DEOP: ("deop",),
    Verb.ROLE: ("role",),
    Verb.LEDGER: ("ledger", "log"),
    Verb.ACCOUNTS: ("accounts",),
    Verb.INVITATION: ("invitation",),
    Verb.INVITATIONS: ("invitations",),
    Verb.END_INVITATION: ("end-invitation",),
    Verb.PASSWORD: ("password",),
    Verb.DEVICES: ("devices",),
    Verb.LINK: ("link",),
    Verb.FORGET: ("forget",),
    Verb.SIGN_OUT: ("signout", "logout"),
    Verb.DELETE_ACCOUNT: ("delete-account",),
    Verb.QUIT: ("quit", "exit", "q"),
}
"""All names of each command; the first is the one that is shown."""

EVERYDAY: Final = (
    Verb.HELP,
    Verb.WHISPER,
    Verb.GROUP,
    Verb.JOIN,
    Verb.LEAVE,
    Verb.CREATE,
    Verb.TOPIC,
    Verb.ROOMS,
    Verb.USERS,
    Verb.HISTORY,
    Verb.REMOVE,
    Verb.REPORT,
    Verb.BLOCK,
    Verb.AWAY,
    Verb.BACK,
    Verb.PASSWORD,
    Verb.LINK,
    Verb.QUIT,
)
"""What most people need: the help begins with these, and they fit a screen."""

_VERBS: Final = {name: verb for verb, names in NAMES.items() for name in names}

_KEYS: Final = str.maketrans(
    "йцукенгшщзхъфывапролджэячсмитьбюё",
    "qwertyuiop[]asdfghjkl;'zxcvbnm,.`",
)
"""What the keys of ЙЦУКЕН say on QWERTY."""

_WORD: Final = re.compile(r"(\S*)[ \t]*(.*)", re.DOTALL)


class Text(msgspec.Struct, frozen=True):
    """The line is to be said, as it is here."""

    text: str


class Command(msgspec.Struct, frozen=True):
    """The line is a command."""

    verb: Verb
    rest: str
    """What follows the word, without the blanks around it."""


class Unknown(msgspec.Struct, frozen=True):
    """The line looks like a command and is none; nothing may be sent."""

    word: str
    """What was typed, with its first character."""


def parse_line(line: str) -> Text | Command | Unknown:
    """Say what a typed line, without its newline, means.

    `/word rest` and `\\word rest` (as in 2022) are commands; `//text` and `\\\\text` say a literal
    slash or backslash. A backslash before what is no letter, as in a drawing, is text. On the
    Russian layout the key of `/` types a dot, so a dot before the Russian spelling of a command's
    name is a command too.
    """
    first = line[:1]
    if first not in ("/", "\\", "."):
        return Text(line)
    if first == "." or (first == "\\" and not line[1:2].isalpha()):
        if line[:2] == "\\\\":
            return Text(line[1:])
        verb = _verb_typed_in_russian(_split(line)[0]) if first == "." else None
        return Text(line) if verb is None else Command(verb, _split(line)[1])
    if line[1:2] == "/":
        return Text(line[1:])
    word, rest = _split(line)
    verb = _VERBS.get(word.lower()) or _verb_typed_in_russian(word)
    return Unknown(first + word) if verb is None else Command(verb, rest)


def split_word(rest: str) -> tuple[str, str]:
    """Return the first word of what follows a command, and what follows that."""
    match = _WORD.match(rest)
    assert match is not None
    return match.group(1), match.group(2)


def _split(line: str) -> tuple[str, str]:
    word, rest = split_word(line[1:])
    return word, rest.strip(" \t")


def _verb_typed_in_russian(word: str) -> Verb | None:
    word = word.lower()
    return None if word.isascii() else _VERBS.get(word.translate(_KEYS))
