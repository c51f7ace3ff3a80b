"""JSON lines: frames to actions and events, and back.

Owns what is JSON (RFC 8259, read strictly), what may be in a text, and which refusal names a fault.
Refuses to know who sent a frame, in which state, and what an action does.

Invariants:
- Any bytes give an action or a `Refusal`; no exception leaves `parse_action`.
- A frame has one verdict, found in one order: UTF-8, JSON and its depth, repeated keys, the
  action, characters, fields. Nothing is repaired, replaced or ignored.
- What `format_action` and `format_event` write, `parse_action` and `parse_event` read as the same.
- The quick test lets nothing through that the exact reading would refuse (see `parse_action`).
"""

import re
from enum import Enum
from typing import Final, NamedTuple, get_args

import msgspec

from molva.terms import actions
from molva.terms.actions import AnyAction
from molva.terms.errors import Code, Refusal
from molva.terms.events import AnyEvent, Result
from molva.terms.limits import NESTING_MAX


class BadEvent(ValueError):
    """The server sent what is not an event; the text says where."""


_encode: Final = msgspec.json.Encoder().encode
_decode_action: Final = msgspec.json.Decoder(AnyAction).decode
_decode_event: Final = msgspec.json.Decoder(AnyEvent).decode
_decode_result: Final = msgspec.json.Decoder(Result).decode
_decode_id: Final = msgspec.json.Decoder(actions.Id).decode

_BACKSLASH: Final = 0x5C
_DELETE: Final = 0x7F
_C1_LEAD: Final = 0xC2  # begins U+0080 to U+00BF in UTF-8 (RFC 3629, section 3)
_C1: Final = re.compile(b"\xc2[\x80-\x9f]")


# -- Actions: what a server reads --------------------------------------------------------------


def parse_action(frame: bytes) -> AnyAction | Refusal:
    """Read one frame: an action, or why it is none.

    In: a frame as `Framer` or a WebSocket gives it, of any bytes. Out: an action whose every field
    is of its type and range and whose strings hold no surrogate and no control character but, in
    the `text` of a message or a whisper, newline and tab; or a `Refusal` with one of these codes:

    - `BAD_UTF8`: RFC 3629 is not kept, anywhere.
    - `BAD_JSON`: not one object of RFC 8259.
    - `TOO_DEEP`: objects and lists within each other beyond `NESTING_MAX`; says `depth`.
    - `DUPLICATE_KEY`: an object has a key twice, at any depth, in whatever spelling.
    - `BAD_FIELD`: missing, unknown, of the wrong type or out of range; says which as `detail`.
    - `UNKNOWN_ACTION`: there is no such action.
    - `BAD_TEXT`: a known field holds a character that may not be sent.

    The refusal has the frame's `id` where the frame is JSON and its id a valid one. Never raises.
    """
    try:
        action: AnyAction = _decode_action(frame)
    except (ValueError, RecursionError) as error:
        # msgspec's own errors and UnicodeDecodeError are ValueErrors.
        return _parse_exactly(frame, error)
    # What msgspec accepts is UTF-8 and JSON and has the right fields; but it does not mind repeated
    # keys, nor control characters in an escape or beyond ASCII. The encoding of what it read
    # betrays both, so only an odd frame is read a second time:
    #
    # Characters. The encoding escapes quotes, backslashes and C0; DEL is 0x7F there and no C1 is
    # without 0xC2. With escaped backslashes and quotes taken out, no backslash means no C0.
    #
    # Repeated keys. With escaped ones taken out, a quote begins or ends a string, so half the
    # quotes of a frame is the number of its strings, keys included, however they are spelled. The
    # encoding has each key of an object once, and only keys that the frame has: a field that was
    # left out has its default, and one whose value is the default is not written. What it writes
    # for a key is, string for string, the value that the frame has for it last. So the frame has at
    # least as many strings as the encoding, and any further member, at any depth, brings at least
    # one more, its key. Where the numbers are equal there is none, and so no key stands twice.
    encoded = _encode(action)
    spelled = frame
    if _BACKSLASH in frame:
        # Backslashes come in runs within strings: pairs are taken from the left of each, and what
        # may be left of it escapes the character that follows.
        spelled = spelled.replace(b"\\\\", b"").replace(b'\\"', b"")
        encoded = encoded.replace(b"\\\\", b"").replace(b'\\"', b"")
    if (
        spelled.count(b'"') != encoded.count(b'"')
        or _BACKSLASH in encoded
        or _DELETE in encoded
        or (_C1_LEAD in encoded and _C1.search(encoded))
    ):
        return _parse_exactly(frame, action)
    return action


def format_action(action: AnyAction) -> bytes:
    """Write an action as one JSON object and a newline; fields at their default are left out."""
    return _encode(action) + b"\n"


class _Kind(NamedTuple):
    """The fields of an action, as they are called on the wire."""

    known: frozenset[str]
    required: tuple[str, ...]
    lines: str | None
    """The one that may hold newlines and tabs; all others are single lines."""


def _kinds() -> dict[str, _Kind]:
    kinds = {}
    for struct in get_args(AnyAction):
        fields = msgspec.structs.fields(struct)
        kinds[str(struct.__struct_config__.tag)] = _Kind(
            known=frozenset(("action", *(field.encode_name for field in fields))),
            required=tuple(field.encode_name for field in fields if field.required),
            lines="text" if struct in (actions.NewMessage, actions.NewWhisper) else None,
        )
    return kinds


_KINDS: Final = _kinds()
_DETAIL_CHARACTERS_MAX: Final = 64
_PATH: Final = re.compile(r" - at `\$\.([^`]+)`\Z")


def _parse_exactly(frame: bytes, outcome: AnyAction | Exception) -> AnyAction | Refusal:
    """Read a frame exactly; return its first fault or, if there is none, the action.

    `outcome` is what msgspec made of the frame. Its error only tells where a value is of the wrong
    type or range.
    """
    try:
        text = frame.decode()
    except UnicodeDecodeError:
        return Refusal(Code.BAD_UTF8)
    reading = _read(text)
    id_ = _id(reading.values.get("id"))
    if reading.code is Code.TOO_DEEP:
        return Refusal(Code.TOO_DEEP, {"depth": NESTING_MAX}, id_)
    if reading.code is not None:
        return Refusal(reading.code, id=id_)
    spelled = reading.values.get("action", "")
    if not spelled.startswith('"'):
        return _bad_field("action", id_)
    kind = _KINDS.get(_unescape(spelled[1:-1]))
    if kind is None:
        return Refusal(Code.UNKNOWN_ACTION, id=id_)
    for field, controls in reading.controls.items():
        if field in kind.known and (field != kind.lines or controls is _Controls.FORBIDDEN):
            return Refusal(Code.BAD_TEXT, id=id_)
    if not isinstance(outcome, Exception):
        return outcome
    for field in reading.values:
        if field not in kind.known:
            return _bad_field(field, id_)
    for field in kind.required:
        if field not in reading.values:
            return _bad_field(field, id_)
    path = _PATH.search(str(outcome))
    return _bad_field(path[1] if path else "action", id_)


def _bad_field(name: str, id_: str | None) -> Refusal:
    # An unknown name is the sender's own and goes into a text that is shown.
    shown = name[:_DETAIL_CHARACTERS_MAX]
    if not shown.isprintable():
        shown = ascii(shown)[1:-1][:_DETAIL_CHARACTERS_MAX]
    return Refusal(Code.BAD_FIELD, {"detail": shown}, id_)


def _id(spelled: str | None) -> str | None:
    if not spelled:
        return None
    try:
        return _decode_id(spelled)
    except (ValueError, RecursionError):
        return None


# -- The exact reading ------------------------------------------------------------------------
#
# One pass of RFC 8259 over the characters. No pattern has two ways to match the same text, so each
# is linear, and each token is matched once.

_BLANKS: Final = re.compile(r"[ \t\n\r]*")
_STRING: Final = (
    r'"([^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*)*)"'  # section 7
)
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"  # section 6
_OPENING: Final = re.compile(r"([\[{])[ \t\n\r]*")
_AFTER: Final = re.compile(r"[ \t\n\r]*([,\]}])[ \t\n\r]*")
_KEY: Final = re.compile(_STRING + r"[ \t\n\r]*:[ \t\n\r]*")
_SCALAR: Final = re.compile(_STRING + "|" + _NUMBER + "|true|false|null")
# What follows a number or a literal in a list: more of them are passed in one go, though not all,
# because each costs memory while the pattern runs.
_MORE: Final = re.compile(rf"(?:[ \t\n\r]*,[ \t\n\r]*(?:{_NUMBER}|true|false|null)){{0,64}}")

_RAW_CONTROL: Final = re.compile("[\x7f-\x9f]")
# Escapes that may stand for a control character or a surrogate. An escaped backslash before such
# a letter looks the same; unescaping decides.
_MAYBE_CONTROL: Final = re.compile(r"\\(?:[bfnrt]|u(?:00(?:[0189]|7[fF])|[dD][89a-fA-F]))")
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPED: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class _Controls(Enum):
    """Which control characters a string holds."""

    LINES = "newlines or tabs"
    FORBIDDEN = "others, or surrogates"


class _Reading(NamedTuple):
    """What an exact reading found."""

    code: Code | None
    """`BAD_JSON`, `TOO_DEEP`, `DUPLICATE_KEY`, or None."""
    values: dict[str, str]
    """The members of the outer object as spelled, up to a fault; empty for a repeated key."""
    controls: dict[str, _Controls]
    """Members that hold control characters or surrogates, at any depth, and of which sort."""


def _read(text: str) -> _Reading:
    values: dict[str, str] = {}
    controls: dict[str, _Controls] = {}
    raw_controls = not text.isascii() or "\x7f" in text
    code = None
    member = ""
    begin = 0  # of the value of `member`, the outer key read last
    # The keys of each object that is open, None for a list.
    open_: list[set[str] | None] = []
    at = _end(_BLANKS.match(text))
    if not text.startswith("{", at):
        return _Reading(Code.BAD_JSON, {}, controls)
    while True:
        # A value begins here, and in an object its key.
        if open_ and (keys := open_[-1]) is not None:
            key = _KEY.match(text, at)
            if key is None:
                return _Reading(Code.BAD_JSON, {}, controls)
            at = key.end()
            name = _unescape(key[1])
            if name in keys:
                code = Code.DUPLICATE_KEY
            keys.add(name)
            if len(open_) == 1:
                member, begin = name, at
            else:
                _note(controls, member, key[1], raw_controls)
        if (opening := _OPENING.match(text, at)) is not None:
            if len(open_) == NESTING_MAX:
                return _Reading(Code.TOO_DEEP, values, controls)
            at = opening.end()
            is_object = opening[1] == "{"
            open_.append(set() if is_object else None)
            if not text.startswith("}" if is_object else "]", at):
                continue
        elif (scalar := _SCALAR.match(text, at)) is not None:
            at = scalar.end()
            if scalar[1] is not None:
                _note(controls, member, scalar[1], raw_controls)
            elif open_[-1] is None:
                at = _end(_MORE.match(text, at))
        else:
            return _Reading(Code.BAD_JSON, {}, controls)
        # A value has ended, and whatever closes after it.
        while open_:
            after = _AFTER.match(text, at)
            if len(open_) == 1 and begin:
                # Twice the same: which of them is meant cannot be known.
                values[member] = "" if member in values else text[begin:at]
            if after is None:
                return _Reading(Code.BAD_JSON, {}, controls)
            at = after.end()
            if after[1] == ",":
                break
            if after[1] != ("]" if open_[-1] is None else "}"):
                return _Reading(Code.BAD_JSON, {}, controls)
            open_.pop()
        else:
            if at < len(text):
                return _Reading(Code.BAD_JSON, {}, controls)
            return _Reading(code, values, controls)


def _note(controls: dict[str, _Controls], member: str, content: str, raw_controls: bool) -> None:
    """Note what is in a string, given as spelled."""
    if "\\" in content and _MAYBE_CONTROL.search(content):
        content = _unescape(content)
    elif not raw_controls or not _RAW_CONTROL.search(content):
        return
    if _FORBIDDEN.search(content):
        controls[member] = _Controls.FORBIDDEN
    elif "\n" in content or "\t" in content:
        controls.setdefault(member, _Controls.LINES)


def _unescape(content: str) -> str:
    """Return what a string stands for; a surrogate that has no other half stays as it is."""
    if "\\" not in content:
        return content
    plain = _ESCAPE.sub(_escaped, content)
    # Two escapes of a pair stand for one character (RFC 8259, section 7).
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _escaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else _ESCAPED.get(match[2], match[2])


def _end(match: re.Match[str] | None) -> int:
    """Return where a pattern that also matches nothing, and so always matches, ended."""
    assert match is not None
    return match.end()


# -- Events: what a client reads --------------------------------------------------------------


class _Shape(msgspec.Struct):
    """What tells frames apart when they are no event that we know."""

    action: str | None = None


class _Page(msgspec.Struct):
    """A page of history, or of a ledger, whose entries are not read yet."""

    entries: list[msgspec.Raw]


_decode_shape: Final = msgspec.json.Decoder(_Shape).decode
_decode_page: Final = msgspec.json.Decoder(_Page).decode
_decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_EVENT_TAGS: Final = frozenset(str(struct.__struct_config__.tag) for struct in get_args(AnyEvent))


def format_event(event: AnyEvent | Result) -> bytes:
    """Write an event as one JSON object and a newline; fields at their default are left out.

    Raises UnicodeEncodeError for a lone surrogate, which no parsed action holds.
    """
    return _encode(event) + b"\n"


def parse_event(frame: bytes) -> AnyEvent | Result | None:
    """Read one frame from a server.

    Out: the event, or the `Result` where there is a `result` and no `action`. What only a newer
    server knows is passed over: None for an unknown action, and fields we do not have are ignored,
    as are such entries in a page of history or of a ledger.
    Raises BadEvent for anything else.
    """
    try:
        event: AnyEvent = _decode_event(frame)
        return event
    except (ValueError, RecursionError) as error:
        reason = str(error)
    try:
        shape = _decode_shape(frame)
        if shape.action is None:
            return _decode_result(frame)
        elif shape.action not in _EVENT_TAGS:
            return None
        elif shape.action in ("history", "ledger"):
            return _parse_page(frame)
    except (ValueError, RecursionError) as error:
        reason = str(error)
    raise BadEvent(reason)


def _parse_page(frame: bytes) -> AnyEvent:
    """Read a page without the entries that only a newer server knows."""
    entries = _decode_page(frame).entries
    known = [entry for entry in entries if _decode_shape(entry).action in _EVENT_TAGS]
    members = _decode_members(frame)
    members["entries"] = msgspec.Raw(_encode(known))
    page: AnyEvent = _decode_event(_encode(members))
    return page
