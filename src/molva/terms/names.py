"""Names of people and rooms: what may be one, and which two are the same to a reader.

Owns the one way from typed text to a name: what is refused, how a name is shown, the `key` that
makes it unique whatever its case, the `skeleton` that makes it unique to the eye, and the words
nobody may take. Refuses to know which names are taken, by whom, and what a mention looks like:
whoever keeps names compares `key` and `skeleton` with those it has, and refuses if either is there.

Invariants:
- `parse_name(name.shown) == name`, and `parse_name(name.key).key == name.key`; so for rooms.
- A skeleton folded and mapped again is itself.
- Nothing invisible, unassigned or reordering is in any of the three forms.
- The work is bounded: text longer than `INPUT_CHARACTERS_MAX` is refused before it is looked at.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

import msgspec
from precis_i18n import get_profile

from molva.terms import confusables

NAME_BYTES_MAX: Final = 64
"""UTF-8 bytes of a name. Room for 32 Cyrillic letters or 21 ideographs."""

NAME_GRAPHEMES_MAX: Final = 32
"""Characters of a name as a reader counts them: code points that are not combining marks."""

ROOM_BYTES_MAX: Final = 64
"""UTF-8 bytes of a room's name, the `#` included. IRC servers commonly allow 50 to 64."""

MARKS_IN_A_ROW_MAX: Final = 2
"""Combining marks on one letter, beyond what NFC composes: enough to write, too few to stack."""

INPUT_CHARACTERS_MAX: Final = 256
"""Code points of text that is worth a look: no text so long can become a name."""

GENERAL: Final = "#general"
"""The room everybody is in."""

MODERATORS: Final = "#moderators"
"""The room where reports arrive."""

RESERVED: Final = frozenset(
    # The house and those who keep it.
    "molva system server admin administrator root moderator owner bot support help security "
    # Words that speak to or about people.
    "everyone all here channel room me you anonymous global "
    # What programs print when there is nobody.
    "null none undefined "
    # Services of IRC networks.
    "nickserv chanserv operserv memoserv hostserv botserv "
    # Files that Windows cannot make.
    "con prn aux nul "
    # The same in Russian.
    "молва система сервер админ администратор модератор владелец все всем здесь я ты никто".split()
)
"""Words that are nobody's name, in the form of a `Name.key`."""

_PUNCTUATION: Final = frozenset("_-.'")
_LETTERS_AND_DIGITS: Final = frozenset(("Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl"))
_MARKS: Final = frozenset(("Mn", "Mc", "Me"))
_UNSEEN: Final = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"))
# Fillers of Hangul are letters by category and yet nothing is drawn for them.
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0")
_SKELETON_ROUNDS_MAX: Final = 8
# Marks below a letter come before those above it in NFD.
_DOTTED_TWICE: Final = re.compile("([ij][\u0316-\u0319\u031c-\u0333\u0339-\u033c]*)\u0307")

# `enforce` refuses what its own rules would change a second time, so once is enough for both.
_CASE_PRESERVED: Final = get_profile("UsernameCasePreserved")
_CASE_MAPPED: Final = get_profile("UsernameCaseMapped")


class NameRefused(ValueError):
    """The text cannot be a name.

    `code` is one of `name_empty`, `name_too_long`, `name_bad_character`, `name_reserved`.
    `detail` is the character at fault, as `U+0020 SPACE`, or empty if no single one is.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class Name(msgspec.Struct, frozen=True):
    """The name of a person in its three forms.

    `shown` is for the eye, `key` for finding (no two people share one), `skeleton` for refusing
    a name that would be taken for another; a skeleton is never shown.
    """

    shown: str
    key: str
    skeleton: str


class Room(msgspec.Struct, frozen=True):
    """The name of a room in the same three forms, each beginning with `#`."""

    shown: str
    key: str
    skeleton: str


def parse_name(text: str) -> Name:
    """Turn `text`, as somebody typed it, into the name of a person.

    Out: `shown` is `text` under the PRECIS profile UsernameCasePreserved (RFC 8265, section 3.4):
    wide forms narrowed, NFC. `key` is `shown` under UsernameCaseMapped (section 3.3). `skeleton` is
    the skeleton of `shown` (UTS #39, section 4), case-folded and made again until nothing changes.

    Raises NameRefused for text that the IdentifierClass (RFC 8264, section 4.2) or the Bidi Rule
    (RFC 5893) refuses, and besides: for a first character that is neither a letter nor a digit,
    for anything but letters, digits, combining marks and `_ - . '`, for a dot at the end, for more
    than `MARKS_IN_A_ROW_MAX` marks in a row, for more than `NAME_BYTES_MAX` or
    `NAME_GRAPHEMES_MAX`, and for `RESERVED` words, also when they are only imitated.
    """
    return _name(text)


def parse_room(text: str) -> Room:
    """Turn `text`, which must begin with `#`, into the name of a room.

    Out: a `Room` whose forms begin with `#`; the rest is made as in `parse_name`.

    Raises NameRefused as `parse_name` does, except that no word is reserved and that the limit in
    bytes is `ROOM_BYTES_MAX`, the `#` included.
    """
    return _room(text)


@lru_cache(maxsize=4096)
def _name(text: str) -> Name:
    shown, key, skeleton = _forms(text, bytes_max=NAME_BYTES_MAX)
    if key in RESERVED or skeleton in _RESERVED_SKELETONS:
        raise NameRefused("name_reserved")
    return Name(shown=shown, key=key, skeleton=skeleton)


@lru_cache(maxsize=4096)
def _room(text: str) -> Room:
    if not text:
        raise NameRefused("name_empty")
    if text[0] != "#":
        raise NameRefused("name_bad_character", _describe(text[0]))
    shown, key, skeleton = _forms(text[1:], bytes_max=ROOM_BYTES_MAX - 1)
    return Room(shown="#" + shown, key="#" + key, skeleton="#" + skeleton)


def _forms(text: str, *, bytes_max: int) -> tuple[str, str, str]:
    """Return shown, key and skeleton of a name without its `#`."""
    if not text:
        raise NameRefused("name_empty")
    if len(text) > INPUT_CHARACTERS_MAX:
        raise NameRefused("name_too_long")
    for character in text:
        if unicodedata.category(character) in _UNSEEN or character in _FILLERS:
            raise NameRefused("name_bad_character", _describe(character))
    shown = _enforced(text, mapped=False)
    _check(shown, bytes_max=bytes_max)
    key = _enforced(shown, mapped=True)
    if key != shown:
        # A lower case can take more room than its upper case, and a key must be a name too.
        _check(key, bytes_max=bytes_max)
    return shown, key, _skeleton(shown)


def _enforced(text: str, *, mapped: bool) -> str:
    profile = _CASE_MAPPED if mapped else _CASE_PRESERVED
    try:
        return profile.enforce(text)
    except UnicodeEncodeError as error:
        # The error spans one character, or the whole text where the Bidi Rule is at fault.
        at_fault = error.object[error.start : error.end]
        detail = _describe(at_fault) if len(at_fault) == 1 else ""
        raise NameRefused("name_bad_character", detail) from None


def _check(form: str, *, bytes_max: int) -> None:
    """Raise NameRefused for what PRECIS lets through and a name may not have."""
    graphemes = marks_in_a_row = 0
    for character in form:
        category = unicodedata.category(character)
        if category in _MARKS:
            marks_in_a_row += 1
        elif category in _LETTERS_AND_DIGITS or (graphemes and character in _PUNCTUATION):
            marks_in_a_row = 0
            graphemes += 1
        else:
            raise NameRefused("name_bad_character", _describe(character))
        if marks_in_a_row > (MARKS_IN_A_ROW_MAX if graphemes else 0):
            raise NameRefused("name_bad_character", _describe(character))
    if form[-1] == ".":
        raise NameRefused("name_bad_character", _describe("."))
    if graphemes > NAME_GRAPHEMES_MAX or len(form.encode()) > bytes_max:
        raise NameRefused("name_too_long")


def _skeleton(shown: str) -> str:
    """Return the skeleton that is the same for all that look like `shown` in either case.

    The skeleton comes before the case folding, because capital I looks like l and small i does
    not; and again after it, because folding makes new letters. More than a few rounds would mean
    that the table leads in circles, which is a bug.
    """
    skeleton = confusables.skeleton(_undotted(shown))
    for _ in range(_SKELETON_ROUNDS_MAX):
        again = confusables.skeleton(_undotted(skeleton.casefold()))
        if again == skeleton:
            return skeleton
        skeleton = again
    raise AssertionError(f"no end of skeletons for {shown!a}")


def _undotted(text: str) -> str:
    """Return a text without the dots that nobody sees: i and j have one already (Soft_Dotted)."""
    if "\u0307" not in (plain := unicodedata.normalize("NFD", text)):
        return text
    return _DOTTED_TWICE.sub(r"\1", plain)


def _describe(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


# A word can be imitated in any of its cases: ADMlN with a small L looks like ADMIN, not admin.
_RESERVED_SKELETONS: Final = frozenset(
    _skeleton(spelling) for word in RESERVED for spelling in (word, word.upper(), word.capitalize())
)
