"""Write docs/protocol.md: the protocol's reference, made from the words in `molva.terms`.

    python -m tools.protocol > docs/protocol.md      (or: make docs)

Owns the order of the page, its prose and its examples. What can be known from the code is read
there: fields and bounds from the structs, their explanations from the docstrings, states and who
may do what from `policy.TABLE`, `session.TRANSITIONS`, errors from the catalogue, limits from
`limits`.

Invariants: the same code gives the same page; every action, event, field and code is on it, or
nothing is written: a field without an explanation raises.
"""

import ast
import dataclasses
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import get_args

import msgspec
from msgspec import inspect as schema

from molva.core import policy, retries, session
from molva.terms import actions, entries, errors, events, limits, names, roles
from molva.terms.catalogue import PHRASES
from molva.wire.jsonl import format_action, format_event

CLIENT = Path(__file__).resolve().parent.parent / "docs" / "client.py"
CLIENT_LINES_MAX = 20

HELPERS: dict[type[msgspec.Struct], str] = {
    events.Conversation: "a-conversation",
    events.Room: "a-room",
    events.Device: "a-device",
    events.InvitationListed: "a-listed-invitation",
    events.Sanctioned: "a-sanction",
    events.Account: "an-account",
}
"""Objects that stand within events, and how the page calls them."""


# -- Reading the source ------------------------------------------------------------------------


@cache
def _docstrings(module: ModuleType) -> dict[tuple[str, str], str]:
    """Return the string that follows each assignment: by class (or ``) and name."""
    found: dict[tuple[str, str], str] = {}

    def read(owner: str, body: list[ast.stmt]) -> None:
        for statement, following in zip(body, body[1:], strict=False):
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name)):
                    pass
                case ast.Assign(targets=[ast.Name(id=name)]):
                    pass
                case _:
                    continue
            match following:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[owner, name] = _flat(text)

    tree = ast.parse(inspect.getsource(module))
    read("", tree.body)
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            read(node.name, node.body)
    return found


def _flat(text: str) -> str:
    """Return a docstring as one line of Markdown."""
    return " ".join(inspect.cleandoc(text).split())


def _docstring(thing: type) -> str:
    assert thing.__doc__ is not None, thing
    return "\n\n".join(_flat(part) for part in inspect.cleandoc(thing.__doc__).split("\n\n"))


def tag_of(struct: type[msgspec.Struct]) -> str:
    """Return what an action or an event is called on the wire."""
    return str(struct.__struct_config__.tag)


def all_actions() -> tuple[type[actions.Action], ...]:
    """Return the actions, in the order of their source."""
    return get_args(actions.AnyAction)


def all_events() -> tuple[type[events.Event], ...]:
    """Return the events, in the order of their source."""
    lines = {c: inspect.getsourcelines(c)[1] for c in get_args(events.AnyEvent)}
    return tuple(sorted(lines, key=lines.__getitem__))


# -- Fields ------------------------------------------------------------------------------------


def _fields(struct: type[msgspec.Struct]) -> list[str]:
    info = schema.type_info(struct)
    assert isinstance(info, schema.StructType)
    own = [field for field in info.fields if field.name != "id"]
    shared = [field for field in info.fields if field.name == "id"]
    if not info.fields:
        return ["No fields."]
    fields = own + shared
    bounded = any(_bounds(struct, field) for field in fields)
    columns = ["field", "type", "required"] + (["bounds"] if bounded else []) + ["what it says"]
    rows = []
    for field in fields:
        name = field.encode_name
        # A code is a text, because clients meet servers that have further ones.
        kind = "[code](#errors)" if name == "code" else _kind(field.type)
        row = [f"`{name}`", kind, "yes" if field.required else ""]
        if bounded:
            row.append(_bounds(struct, field))
        rows.append([*row, _explained(struct, field)])
    return _table(columns, rows)


def _explained(struct: type[msgspec.Struct], field: schema.Field) -> str:
    """Return what a field means: its docstring, or what fields of that name mean everywhere."""
    name = field.encode_name
    for owner in struct.__mro__:
        module = inspect.getmodule(owner)
        if module in (actions, events):
            text = _docstrings(module).get((owner.__name__, field.name))
            if text is not None:
                return text
    kind = "action" if issubclass(struct, actions.Action) else "event"
    meanings = FIELDS
    text = meanings.get(f"{kind}.{struct.__name__}.{name}") or meanings.get(f"{kind}.{name}")
    if text is None:
        raise KeyError(f"{kind} {struct.__name__}: {name} is explained nowhere")
    return text


def _kind(kind: schema.Type) -> str:
    match kind:
        case schema.Metadata(type=inner):
            return _kind(inner)
        case schema.UnionType(types=types):
            plain = [t for t in types if not isinstance(t, schema.NoneType)]
            return _kind(plain[0]) if len(plain) == 1 else "entry"
        case schema.StrType():
            return "string"
        case schema.IntType():
            return "integer"
        case schema.FloatType():
            return "number"
        case schema.BoolType():
            return "true or false"
        case schema.ListType(item_type=item):
            return f"list of {_plural(_kind(item))}"
        case schema.DictType(key_type=key, value_type=value):
            return f"object: {_kind(key)} to {_kind(value)}"
        case schema.StructType(cls=cls):
            name = HELPERS[cls]
            return f"[{name.replace('-', ' ')}](#{name})"
        case schema.EnumType(cls=cls):
            return f"[{WORDS[cls]}](#roles-and-kinds-of-room)"
        case _:
            raise TypeError(kind)


def _plural(noun: str) -> str:
    return "entries" if noun == "entry" else noun if noun.startswith("[") else f"{noun}s"


def _bounds(struct: type[msgspec.Struct], field: schema.Field) -> str:
    """Return what bounds a field of an action; the server's own fields need none."""
    if not issubclass(struct, actions.Action):
        return ""
    known = BOUNDS.get(f"{tag_of(struct)}.{field.encode_name}")
    if known is None:
        known = BOUNDS.get(field.encode_name)
    return _bounds_of(field.type) if known is None else known


def _bounds_of(kind: schema.Type) -> str:
    match kind:
        case schema.Metadata(type=inner, extra_json_schema=more):
            note = (more or {}).get("description", "")
            return f"{_bounds_of(inner)}. {note}".strip()
        case schema.UnionType(types=types):
            return " ".join(filter(None, map(_bounds_of, types)))
        case schema.StrType(min_length=least, max_length=most) if most is not None:
            return f"{least} to {most:,} characters" if least else f"up to {most:,} characters"
        case schema.IntType(ge=least, le=most) if least is not None and most is not None:
            return f"{least} to {'2^53 - 1' if most == 2**53 - 1 else f'{most:,}'}"
        case schema.ListType(max_length=most, item_type=item) if most is not None:
            return f"up to {most:,}, each {_bounds_of(item)}"
        case schema.DictType(max_length=most) if most is not None:
            return f"up to {most:,}"
        case _:
            return ""


# -- Parts of the page -------------------------------------------------------------------------


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    columns = list(columns)
    return [line(columns), line("---" for _ in columns), *map(line, rows)]


def _example(data: bytes) -> list[str]:
    return ["```json", data.decode().rstrip("\n"), "```"]


def _action(action: type[actions.Action]) -> list[str]:
    name = tag_of(action)
    row = policy.TABLE[action]
    heard = [state.name for state in session.State if state in row.states]
    needs = NEEDS[row.scope]
    return [
        f"### {name}",
        "",
        _docstring(action),
        "",
        " ".join(filter(None, [f"Heard in {' and '.join(heard)}.", needs, ANSWERS[action]])),
        "",
        *_fields(action),
        "",
        *_join(_example(format_action(one)) for one in ACTION_EXAMPLES[action]),
    ]


def _event(event: type[events.Event]) -> list[str]:
    return [
        f"### {tag_of(event)} (event)",
        "",
        _docstring(event),
        "",
        *_fields(event),
        "",
        *_example(format_event(EVENT_EXAMPLES[event])),
    ]


def _object(struct: type[msgspec.Struct]) -> list[str]:
    return [f"### {HELPERS[struct].replace('-', ' ')}", "", _docstring(struct), ""] + [
        *_fields(struct)
    ]


def _errors() -> list[str]:
    rows = []
    for code in errors.Code:
        english, russian = PHRASES[f"error.{code}"]
        closes = "yes" if code in errors.CLOSING else ""
        rows.append([f"`{code}`", english, russian, closes])
    return _table(["code", "text, `en`", "text, `ru`", "closes"], rows)


def _protocol_limits() -> list[str]:
    rows = []
    for (owner, name), text in _docstrings(limits).items():
        value = getattr(limits, name, None) if not owner else None
        if isinstance(value, int):
            rows.append([f"`{name}`", f"{value:,}", text])
    for name in ("NAME_BYTES_MAX", "NAME_GRAPHEMES_MAX", "ROOM_BYTES_MAX"):
        rows.append([f"`{name}`", f"{getattr(names, name):,}", _docstrings(names)["", name]])
    return _table(["limit", "value", "what it bounds"], rows)


def _server_limits() -> list[str]:
    rows = []
    for field in dataclasses.fields(limits.Limits):
        value = getattr(limits.DEFAULT, field.name)
        if isinstance(value, limits.Rate):
            shown = f"{value.per_second:g} a second, {value.burst:g} at once"
        else:
            shown = f"{value:,}" if isinstance(value, int) else f"{value:g}"
        rows.append([f"`{field.name}`", shown, _docstrings(limits)["Limits", field.name]])
    return _table(["limit", "default", "what it bounds"], rows)


def _roles() -> list[str]:
    rows = []
    for role in roles.Role:
        own = _docstrings(roles).get(("Role", role.name), "")
        rows.append([f"`{role}`", "yes" if role in roles.ROOM_ROLES else "", own or ROLES[role]])
    return _table(["role", "in a room", "who that is"], rows)


def _room_kinds() -> list[str]:
    rows = []
    for kind in roles.RoomKind:
        made = "anybody" if roles.Role.GUEST in policy.CREATORS[kind] else "who is not a guest"
        rows.append([f"`{kind}`", _docstrings(roles)["RoomKind", kind.name], made])
    return _table(["kind", "what it is", "made by"], rows)


def _table_of(scopes: tuple[policy.Scope, ...]) -> Iterator[tuple[str, policy.Row]]:
    for action in all_actions():
        if policy.TABLE[action].scope in scopes:
            yield f"[{tag_of(action)}](#{tag_of(action)})", policy.TABLE[action]


def _who_in_rooms() -> list[str]:
    """Return the table for rooms: who may, in each kind."""
    rows = []
    for link, row in _table_of((policy.Scope.ROOM, policy.Scope.PLACE)):
        assert row.kinds is not None
        rows.append([link, *(_who(row.kinds[kind]) for kind in roles.RoomKind)])
    return _table(["action", *(f"`{kind}`" for kind in roles.RoomKind)], rows)


def _who(standings: int) -> str:
    """Return in words who is meant: the least who may, where all above them may too."""
    named = [one for one in policy.Standing if one & standings]
    inside = [one for one in named if one & policy.READERS]
    words = [STANDINGS[one] for one in named if one not in inside]
    if inside:
        assert inside == [one for one in policy.Standing if one >= inside[0]], standings
        words.append(STANDINGS[inside[0]])
    return ", ".join(words) or "nobody"


def _who_on_server() -> list[str]:
    rows = []
    for link, row in _table_of((policy.Scope.SERVER,)):
        assert row.roles is not None
        rows.append([link, ", ".join(f"`{role}`" for role in roles.Role if role in row.roles)])
    return _table(["action", "roles"], rows)


def _ledger() -> list[str]:
    """Return what each entry of a ledger means."""
    rows = []
    for body in get_args(entries.LEDGER):
        tag = str(body.__struct_config__.tag)
        (event,) = (e for e in all_events() if tag_of(e) == tag)
        rows.append([f"[{tag}](#{tag}-event)", _flat(_docstring(event)), MEANS[body]])
    return _table(["entry", "what it says", "what follows"], rows)


def _states() -> list[str]:
    rows = [[state.name, _docstrings(session)["State", state.name]] for state in session.State]
    return _table(["state", "what it means"], rows)


def _transitions() -> list[str]:
    """Return the session table, as it is in the code and as a diagram."""
    triggers = list(session.Trigger)
    rows = []
    for state in session.State:
        cells = (session.TRANSITIONS.get((state, trigger)) for trigger in triggers)
        rows.append([state.name, *(cell.name if cell else "" for cell in cells)])
    edges = [
        f"    {state.name} --> {target.name}: {trigger.value}"
        for (state, trigger), target in session.TRANSITIONS.items()
    ]
    diagram = ["```mermaid", "stateDiagram-v2", "    [*] --> NEW", *edges]
    diagram += ["    CLOSED --> [*]", "```"]
    return [*_table(["state", *(t.value for t in triggers)], rows), "", *diagram]


def _features() -> list[str]:
    texts = {getattr(session.Feature, n): t for (o, n), t in _features_docs().items() if o}
    return _table(
        ["feature", "what it says of the client"],
        [[f"`{feature}`", texts[feature]] for feature in session.FEATURES],
    )


def _features_docs() -> dict[tuple[str, str], str]:
    return {key: text for key, text in _docstrings(session).items() if key[0] == "Feature"}


def _client() -> list[str]:
    text = CLIENT.read_text(encoding="utf-8")
    lines = [line for line in text.split("\n") if line.strip()]
    assert len(lines) <= CLIENT_LINES_MAX, f"{len(lines)} lines are no client in 20"
    return ["```python", text.rstrip("\n"), "```"]


def _contents(page: list[str]) -> list[str]:
    """Return links to the page's sections."""
    found = []
    fenced = False
    for line in page:
        fenced ^= line.startswith("```")
        if not fenced and line.startswith("## "):
            title = line.removeprefix("## ")
            found.append(f"- [{title}](#{anchor(title)})")
    return found


def anchor(title: str) -> str:
    """Return the fragment under which a heading is found."""
    return re.sub(r"[^a-z0-9_ -]", "", title.lower()).replace(" ", "-")


def page() -> str:
    """Return the whole page."""
    parts = {
        "FEATURES": _features(),
        "CLIENT": _client(),
        "PROTOCOL_LIMITS": _protocol_limits(),
        "SERVER_LIMITS": _server_limits(),
        "ROLES": _roles(),
        "ROOM_KINDS": _room_kinds(),
        "WHO_IN_ROOMS": _who_in_rooms(),
        "WHO_ON_SERVER": _who_on_server(),
        "LEDGER": _ledger(),
        "STATES": _states(),
        "TRANSITIONS": _transitions(),
        "ERRORS": _errors(),
        "ACTIONS": _join(map(_action, all_actions())),
        "RESULT": [*_fields(events.Result), "", *_join(_example(format_event(r)) for r in RESULTS)],
        "EVENTS": _join(map(_event, all_events())),
        "OBJECTS": _join(map(_object, HELPERS)),
    }
    body: list[str] = []
    for line in PAGE.strip("\n").split("\n"):
        marker = re.fullmatch(r"<<([A-Z_]+)>>", line)
        body += parts.pop(marker[1]) if marker else [line]
    assert not parts, f"{sorted(parts)} stand nowhere in the page"
    writes = [f"`{tag_of(action)}`" for action in all_actions() if action in retries.WRITES]
    head = HEAD.strip("\n").split("\n")
    text = "\n".join([*head, "", *_contents(body), "", *body, ""])
    return _filled(text.replace("<<WRITES>>", f"{', '.join(writes[:-1])} and {writes[-1]}"))


def _filled(text: str) -> str:
    """Put limits where the text names them: `<<=name>>`."""

    def value(match: re.Match[str]) -> str:
        found: object = limits
        for name in match[1].split("."):
            found = getattr(limits.DEFAULT if name.islower() and found is limits else found, name)
        assert isinstance(found, int | float)
        return f"{found:,}" if isinstance(found, int) else f"{found:g}"

    return re.sub(r"<<=([A-Za-z_.]+)>>", value, text)


def _join(parts: Iterable[list[str]]) -> list[str]:
    lines: list[str] = []
    for part in parts:
        lines += ["", *part] if lines else part
    return lines


# -- The words of the page ---------------------------------------------------------------------

HEAD = """
# The protocol

<!-- Written by `make docs` from src/molva/terms and tools/protocol.py; do not edit. -->

How a program talks to a Molva server. This page is all you need to write a client: it is made from
the server's own code, and a test runs the client that stands on it.

"""

PAGE = """
## In short

- Connect by TCP to port 8888. Write JSON objects in UTF-8, one a line; read JSON objects, one a
  line.
- The first object says who you are: `{"action":"registration","name":"anna"}`. The server answers
  with a `result`, `successful` or `error`; after an `error` you may ask again on the same
  connection.
- Then say something: `{"action":"new_message","text":"hi"}`. What others say comes as objects with
  a key `action` too.

Try it by hand: `nc 127.0.0.1 8888`, and type the two lines.

What a client asks is an *action*, what the server tells is an *event*, and what stays in a
conversation's log is an *entry*. A *conversation* is a room (`#general` is the one everybody is
in), the direct conversation of two people, or one's *own log*, which keeps one's devices equal. An
*account* is a person, a *device* is a program that may come back as that person, a *connection* is
a socket.

## A client in 20 lines

It is in [client.py](client.py) too: `python3 docs/client.py anna`, or with a host and a port behind
the name. It asks for no features, as a client of 2022 does.

<<CLIENT>>

## Frames

- A frame is one JSON object (RFC 8259) in UTF-8, without a byte order mark. The server ends each
  with a newline. A client ends each with a newline, or sends the bare object: a complete object is
  a frame. A newline always ends a frame, so there is none inside an object. Blank lines are passed
  over.
- A frame has at most <<=FRAME_BYTES_MAX>> bytes, and objects and lists stand at most
  <<=NESTING_MAX>> deep within each other.
- JSON is read strictly: no key twice, no comments, no `NaN`. A field that the server does not know
  or of the wrong type is refused, not ignored: a misspelt `room` must not send words to the wrong
  people.
- Strings hold no control characters but newlines and tabs in the `text` of a `new_message` or a
  `new_whisper`, and no half of a surrogate pair. Some other characters reorder or hide a line all
  the same: show what others wrote with care.
- What is optional may be left out, and the server leaves out what is at its default: a `seq` that
  is not there is none, a missing `unread` is 0, a missing `more` is false.
- **Ignore what you do not know**: fields and whole events that this page does not have may come
  from a newer server.

The port speaks nothing but this today. A connection that begins with anything but `{` gets one
error and is closed.

## The words of 2022

The protocol grew out of a chat of 2022, whose words are kept to the letter:

| direction | object |
| --- | --- |
| client | `{"action":"registration","name":"anna"}` |
| server, to it | `{"result":"successful","text":"…","users":["anna","boris"]}` |
| or | `{"result":"error"}`: ask again, under another name |
| server, to others | `{"action":"new_user","user":"anna"}` |
| later | `{"action":"user_left","user":"anna"}` |
| client | `{"action":"new_message","text":"hi"}` (to the common room) |
| server, to others | `{"action":"new_message","text":"hi","from":"anna"}` |
| client | `{"action":"new_whisper","to":"boris","text":"hi"}` |
| server, to one | `{"action":"new_whisper","text":"hi","from":"anna"}` |
| server, to one | `{"action":"error","text":"…"}` |

Everything else was added beside them: more actions and events, and more fields of these.

A connection that asks for no `features` is served as in 2022:

- It never hears its own messages.
- It hears of the common room, of whispers, of `new_user` and `user_left`, and errors; nothing else.
  The server's farewell (`bye`) comes as an `error`. There is no `stored` and no `pong` for it.
- It hears the common room from now on, not what was said before. If it has a password it does
  get the whispers that came while it was away, and what it was sent counts as read.
- Each object is written alone, and a few milliseconds lie between two, because such a client takes
  what one `recv(4096)` gives for one object. So none is longer than
  <<=LEGACY_OBJECT_BYTES_MAX>> bytes: a long text comes
  in several messages, a long list of users is cut and the `text` says so.
- It gets no token. Without a password its name is free again as soon as the connection ends.

## Features

`registration` may carry `features`, a list. A list with anything in it makes the connection a newer
one, which hears everything on this page; these names are known:

<<FEATURES>>

The welcome's `features` are those asked for that the server has; others are passed over. `echo` is
the one to begin with.

## Who you are

- `name` alone: a guest. The name must be free. With features you get a `token`, and for
  <<=guest_hold_seconds>> s after the last connection ends the name is kept for whoever brings that
  back; then the account retires and the name is free.
- `name` and `password`: an account that stays. If the name is free it is made, if it has this
  password it is entered, by as many devices as you like.
- `name` and `token`: the same device again, without the password. Keep the token secret and with
  the name; it is shown once. If the device is still connected, the older connection is closed
  (`resumed_elsewhere`). `bad_token`: register anew.
- `code`: what the server may ask for besides (`code_required`, `invitation_required`): its join
  code, an invitation, or the code for a second device that `link` gave on the first; the last
  needs the `name` and no password. Capitals, hyphens and blanks in a code mean nothing.

The first person on a new server who could come back, by a token or a password, becomes its owner.
`password` keeps a guest's name; `devices`, `forget_device` and `sign_out` end devices, and their
connections with them (`signed_out`); `delete_account` ends the account, and nobody gets its name.

Names have up to 32 letters and 64 bytes: letters and digits of any script and `_ - . '`, a letter
or digit first. Rooms are the same behind a `#`. Upper and lower case are one name, and two names
that look alike cannot both be taken; some words are reserved.

A name may pass to another person once a guest has gone, an account's *tag* never does.
`boris~1z141` is that very Boris, whoever is called so now. Conversations tell the `tag` of the
person they are with; use `name~tag` in `cursors` and in `history` if you keep anything between two
connections. Somebody who is gone for good is named so in events too; a `conversations` event says
when that happens.

## Logs and cursors

Every conversation is a log. Its entries are numbered 1, 2, 3 … without a hole: an entry's `seq`.
Everything else follows from these numbers.

- **Cursor**: the last `seq` you have seen of a log. Keep one for each. Pass over an entry whose
  `seq` is not above it: after a broken line the same entry may come again.
- **Which log an event belongs to**: an event with a `seq` and a `log` is of your own log; else one
  with `room` is of that room (a `renamed` of what was called `was`); else, as a `new_whisper`, it
  is of the direct conversation with `from`, or with `to` when you are `from`.
- **Resume**: register with your cursors, `{"#general":4790,"boris~1z141":77,"@anna":310}`, and get
  all that followed, in order, before anything newer. Nothing of a connection is kept on the server,
  so nothing expires. A conversation that you do not name begins at your read marker, your own log
  at its end. The welcome's `conversations` say of each where it begins (`cursor`) and where it
  ended then (`head`); when `cursor` is 4790, the next entry you get is 4791.
- **Gap**: when more than <<=backlog_entries_max>> entries were missed, the server says what it
  leaves out with a `gap`, and goes on behind it. `history` has the missing ones. Nothing is ever
  left out in silence.
- **cursor_ahead**: your cursor is beyond the end of the log, because the server was restored from
  an older copy. You are served from its end (the `cursor` in the welcome is below
  yours); forget what you know of that log.
- **Own log**: what happens to the account rather than in a conversation: joined and left rooms,
  invitations to rooms, conversations begun, read markers moved, whom you block. Its name is `@` and
  your name.
- When you come into a room or somebody writes to you for the first time, a `conversations` event
  says where that log begins for you, and its entries follow.

## Sent once

Lines break, and a client cannot know whether its last words arrived. So:

1. Give every write an `id` of your own: up to <<=ID_CHARACTERS_MAX>> printable ASCII characters, no
   space and no `~`, never used before by this account. Random ones are fine; ones that begin with
   the time cost the server less. Keep the write and its id until it is acknowledged.
2. The acknowledgement is the entry itself, from you and with your `id`, if you asked for `echo`;
   else `stored` with the `id` and the `seq`. Either says that it is on the disk. (Entries of others
   carry the ids of their writers.)
3. No acknowledgement and the line is gone: connect, register and send the same again with the same
   `id`, in the old order. If it was stored before, you get `stored` with its first `seq` and
   nothing is written twice, even if you have left the room or the other one is gone since.

The server remembers ids as long as the entries, which is for ever. The same `id` for something else
is refused: `id_conflict`. A room that is closed since has no name any more: its `stored` has a
`seq` alone. The writes are <<WRITES>>. Other actions may have an `id` as well; the reply carries
it.

Without an `id`, and without `echo`, a write that succeeds is not answered.

## Read markers

An account has one read marker for each conversation, shared by its devices. It moves when a client
says `read` with `through`, and only forward; sending and receiving do not move it. Every device
hears of it in the own log (`read`), with how many messages are still `unread`. Only messages count,
and still do when they were taken away; joining and leaving do not. Others do not hear what you have
read.

## Roles and kinds of room

A role in `#general` is the role on the server; every other room has roles of its own.

<<ROLES>>

Who makes a room owns it. When the last owner leaves, the moderator who is there longest becomes
one, else the member. When the last member leaves, the room is closed: its name is free, and it is
in no list.

<<ROOM_KINDS>>

A group has no name: on the wire it is `#~` and its tag. By that any room can be named in `cursors`,
so that a device that was away finds one which is called otherwise now. Moderators of the server are
in `#moderators`, where reports arrive; they come and go there with their role.

What one sees of a room is what was said since one came into it, and where the room is `public` or
`announcement` all since it became so. Who is put out hears nothing from that entry on, not even the
entry itself: their own log says it (`room_left`).

## Who may do what

In a room, by its kind. Each of these may also what the one before it may: a muted member, a member,
a moderator, an owner. In `public` and `announcement` rooms those members who moderate the server
are moderators and those who administer or own it are owners, and stand above the room's own.

<<WHO_IN_ROOMS>>

On the server:

<<WHO_ON_SERVER>>

All other actions are about what is one's own, and for everybody.

What is refused is told so: `not_a_member` (to `join`: `no_such_room`) of a room that one is not in,
whether it is there or not; `banned` who may not come in; `muted` who only reads; `not_allowed` who
is in and may not. One acts only on who stands lower, gives only roles below one's own, though an
owner makes owners, and `last_owner` stays until there is another. A message is taken away by who
wrote it, or by a moderator who stands higher than its author; between two people, each their own.

## What moderators do

Each stands in the room's log, to be read by its members; `ledger` lists them. `from` is who did it,
`reason` why, `until` when it ends. In `#general` it holds for the whole server. Where nobody did it
but the server, as when a ban is over, `from` is `molva`.

<<LEDGER>>

Whoever asks while such a change is being written waits for it: nobody is heard by rules that have
just been changed.

## Order and fences

- The entries of a log come in the order of `seq`, to everybody.
- Replies come in the order of your requests, and after the entries that were written before them.
- `ping` is answered by `pong` once all that you sent before is stored and has been handed to the
  connections of everybody attached. So tests wait for a `pong` instead of sleeping.
- After `ping_seconds` of silence the server asks a client that has the feature `ping` whether it is
  there; answer `pong`, or say anything. After <<=dead_seconds>> s of silence it is cut
  (`no_answer`). Nothing is lost: it resumes.
- A client that does not read is not waited for and no queue is kept for it: its cursor stays where
  it is, and when it reads again the log goes on from there. After <<=stall_seconds>> s without
  reading it is cut (`stalled`). Presence and typing are not repeated.

## Rates

An action costs 1, each KiB sent 1 more, a mistake 5, a page of `history` or `ledger` 2 instead
of 1. A connection may spend <<=actions_per_connection.burst>> at once and
<<=actions_per_connection.per_second>> a second, an account with all its connections
<<=actions_per_account.burst>> and
<<=actions_per_account.per_second>>. Beyond it an action is refused with `rate_limited` and
`retry_after`, the seconds after which it will succeed; it took no effect, so send it again with the
same `id`.

## States

The life of a connection:

<<STATES>>

What leads from one to another (an empty field: that cannot happen):

<<TRANSITIONS>>

`drain` is the server's decision to close: after `quit`, after a broken rule, or because it stops.
It sends what waits, `bye` last, and closes. An action that is not heard in a state is refused:
`not_authenticated` before the registration, `already_registered` after it. What arrives while a
registration is decided waits for the decision.

## Actions

Any action may carry an `id`; what answers it carries the same.

<<ACTIONS>>

## Result

The reply to a `registration`. It has no `action`; its `result` is `successful` or `error`.

<<RESULT>>

## Events

Those with a `seq` show an entry of a log; the others are not kept.

<<EVENTS>>

## Objects within events

<<OBJECTS>>

## Errors

An `error` refuses one action and life goes on: nothing of the action took effect. The `code` is
stable, programs depend on it; the `text` is for people, in the language that the registration asked
for (English or Russian). Codes that close come in a `bye`, the last thing before the end; a refused
registration has its code in the `result`.

Words in braces are filled in.

<<ERRORS>>

## Limits

Part of the protocol:

<<PROTOCOL_LIMITS>>

Each server's own, set by whoever runs it:

<<SERVER_LIMITS>>
"""

NAMED = f"up to {names.NAME_GRAPHEMES_MAX} letters, {names.NAME_BYTES_MAX} bytes"
ROOM_NAMED = f"`#` and a name, {names.ROOM_BYTES_MAX} bytes"
SAID = f"1 to {limits.TEXT_BYTES_MAX:,} bytes, not only blanks"
PASSWORD = f"{limits.PASSWORD_CHARACTERS_MIN} characters to {limits.PASSWORD_BYTES_MAX:,} bytes"

BOUNDS = {
    "registration.name": NAMED,
    "registration.password": PASSWORD,
    "registration.cursors": f"up to {limits.CURSORS_MAX}, each 0 to 2^53 - 1",
    "room": ROOM_NAMED,
    "to": NAMED,
    "with": NAMED,
    "user": NAMED,
    "reason": f"up to {limits.REASON_CHARACTERS_MAX} characters",
    "rename.to": ROOM_NAMED,
    "invitation.name": NAMED,
    "password.new": PASSWORD,
    "password.old": PASSWORD,
    "delete_account.password": PASSWORD,
    "reset_password.new": PASSWORD,
    "ban.address": "an address, or a range as in CIDR (RFC 4632)",
    "unban.address": "an address, or a range as in CIDR (RFC 4632)",
    "create.people": f"up to {limits.GROUP_PEOPLE_MAX}, each {NAMED}",
    "create.topic": f"up to {limits.TOPIC_BYTES_MAX:,} bytes",
    "topic.text": f"up to {limits.TOPIC_BYTES_MAX:,} bytes",
    "away.text": f"up to {limits.AWAY_BYTES_MAX} bytes",
    "new_message.text": SAID,
    "new_whisper.text": SAID,
    "id": f"1 to {limits.ID_CHARACTERS_MAX} of printable ASCII, without space and `~`",
}
"""What is checked beyond the schema, or said more exactly than there, by `action.field`."""

FIELDS = {
    "action.room": "Which room; the common room when it is left out.",
    "action.with": "The person whose conversation with you is meant: a name, or `name~tag`.",
    "action.id": "Your own id of this request or write.",
    "action.Registration.name": "What you want to be called.",
    "action.NewMessage.text": "What you say.",
    "action.NewWhisper.text": "What you say.",
    "action.NewWhisper.to": "Whom to: a name, or `name~tag`.",
    "action.user": "Whom: a name, or `name~tag`.",
    "action.seq": "The message's `seq`.",
    "action.reason": "Why, in one line, for all in the room to read.",
    "action.seconds": "For how long; for good when it is left out.",
    "action.limit": "How many entries at most; 50 when it is left out.",
    "action.Create.room": "What the room is to be called; none for a group.",
    "action.Create.topic": "What it is about.",
    "action.Create.kind": "Which sort of room; `public` when it is left out.",
    "action.Create.people": "Who is in a group beside you.",
    "action.Rename.to": "What it is to be called.",
    "action.Mode.kind": "Of which sort it is from now on; not of a group, and by its owner only.",
    "action.Mode.slow_seconds": "The least time between two messages of one member; 0 for none.",
    "action.Mode.frozen": "Whether only moderators write for now.",
    "action.Ban.address": "Of the server: an address or a range.",
    "action.Ban.devices": "Of the server: by whatever name their devices come.",
    "action.Unban.address": "The range as it was banned.",
    "action.Report.reason": "Why, for the moderators to read.",
    "action.SetRole.role": "What they are to be.",
    "action.Ledger.before": "Entries with a smaller `seq`, the newest of them.",
    "action.SetPassword.new": "The password from now on.",
    "action.SignOut.everywhere": "All of your devices, not this one alone.",
    "action.Invitation.uses": "How many people it lets in.",
    "action.Invitation.seconds": "How long it is good; a week when it is left out.",
    "action.ResetPassword.new": "The password from now on.",
    "action.RemoveAccount.words": "Whether what they said stays.",
    "action.Join.room": "Which room.",
    "action.Leave.room": "Which room.",
    "action.Topic.room": "Which room.",
    "action.Topic.text": "What it is about.",
    "action.Users.room": "Whose members; everyone online when it is left out.",
    "action.Away.text": "Why, or for how long.",
    "action.Read.through": "The `seq` of the newest entry you have read.",
    "action.History.before": "Entries with a smaller `seq`, the newest of them.",
    "action.History.after": "Entries with a greater `seq`, the oldest of them.",
    "action.History.around": "Half of the page before this `seq`, the rest from it on.",
    "action.History.limit": "How many entries at most; 50 when it is left out.",
    "action.Typing.to": "To whom, when it is not in a room.",
    "event.room": "The room.",
    "event.seq": "The entry's number in its log.",
    "event.at": "When it was stored: RFC 3339, UTC, milliseconds. Shown only; order by `seq`.",
    "event.id": "The id that its writer, or the request it answers, had given.",
    "event.log": "Your own log, `@` and your name.",
    "event.with": "The other person of a direct conversation.",
    "event.user": "Who.",
    "event.text": "What was said.",
    "event.from": "Who.",
    "event.code": "Why; see below.",
    "event.retry_after": "Seconds until it may succeed.",
    "event.online": "How many are online now.",
    "event.head": "The seq of the newest entry of that conversation.",
    "event.NewWhisper.to": "Whom to.",
    "event.Presence.arrived": "Who came.",
    "event.Presence.left": "Who went.",
    "event.Away.text": "Why; no text: back again.",
    "event.Error.text": "Why, and what to do, in your language.",
    "event.target": "The message's `seq`.",
    "event.reason": "Why.",
    "event.kind": "Of which sort the room is.",
    "event.until": "Until when: RFC 3339, UTC; left out when there is no end.",
    "event.role": "What they are now.",
    "event.to": "The other person, where it is between two.",
    "event.users": "Who.",
    "event.name": "A name.",
    "event.Conversation.slow_seconds": "The least time between two of your messages.",
    "event.Conversation.frozen": "Whether only moderators write for now.",
    "event.Renamed.was": "What it was called before.",
    "event.Mode.slow_seconds": "The least time between two messages of one member; 0 for none.",
    "event.Mode.frozen": "Whether only moderators write for now.",
    "event.Banned.devices": "Whether it holds for their devices under any name.",
    "event.Unbanned.addresses": "Whether it was an address range.",
    "event.Reported.text": "What it was.",
    "event.Departed.words": "Whether what they said stays.",
    "event.Device.online": "Whether it is connected.",
    "event.Devices.devices": "In the order in which they came.",
    "event.Link.code": "What the second device says as `code`.",
    "event.Invitation.code": "What they say as `code` when they register.",
    "event.Invitation.role": "What they become.",
    "event.Invitation.uses": "How many people it lets in.",
    "event.Invitation.until": "Until when it is good.",
    "event.Invitation.name": "Good for this name only.",
    "event.InvitationListed.invitation": "Its id.",
    "event.InvitationListed.role": "What it makes of those who come.",
    "event.InvitationListed.until": "Until when it is good.",
    "event.InvitationListed.from": "Who made it.",
    "event.InvitationListed.name": "Good for this name only.",
    "event.Invitations.invitations": "Each.",
    "event.Sanctioned.address": "Which addresses; for those alone who may ban them.",
    "event.Sanctions.sanctions": "Each.",
    "event.Account.role": "Their role on the server.",
    "event.Account.online": "Whether they are here.",
    "event.Account.devices": "How many devices may come back.",
    "event.Accounts.accounts": "Each.",
    "event.RoomJoined.room": "The room.",
    "event.Room.kind": "Of which sort it is.",
    "event.Room.invited": "Whether you may join because somebody invited you.",
    "event.Ledger.entries": "Events with a `seq`, as they were first told, oldest first.",
    "event.Topic.text": "The topic.",
    "event.Topic.from": "Who set it.",
    "event.Bye.text": "Why, in your language.",
    "event.Result.result": "`successful` or `error`.",
    "event.Result.text": "A welcome, or why not, in your language.",
    "event.Result.language": "Of the texts you will get: `en` or `ru`.",
    "event.Result.server": "Which program this is.",
    "event.Result.at": "The server's clock.",
    "event.Result.conversations": (
        "Those you are in, your own log first: 100 at most, more follow in `conversations` events."
    ),
    "event.Conversation.topic": "A room's topic.",
    "event.Conversation.room": "The room, or",
    "event.Conversation.with": "the person it is with, or",
    "event.Read.through": "The marker's place.",
    "event.Read.unread": "Messages after it, when this was told.",
    "event.Stored.to": "The person, when it is a direct conversation.",
    "event.Gap.after": "The last entry before the gap.",
    "event.Gap.through": "The last entry in the gap.",
    "event.Conversations.conversations": "How each stands.",
    "event.Room.members": "How many are in it.",
    "event.Room.topic": "What it is about.",
    "event.Room.joined": "Whether you are in it.",
    "event.Rooms.rooms": "Those with the most members first.",
    "event.Users.room": "The room asked for.",
    "event.Typing.to": "Whom to, when it is not in a room.",
    "event.History.entries": "Events with a `seq`, as they were first told, oldest first.",
}
"""What a field means that has no docstring: by kind, class and name, or for all of its kind."""

WORDS: dict[type, str] = {roles.Role: "role", roles.RoomKind: "kind"}
"""How the page calls what has a list of words."""

NEEDS = {
    policy.Scope.NOTHING: "",
    policy.Scope.ROOM: "[Who may](#who-may-do-what).",
    policy.Scope.PLACE: "[Who may](#who-may-do-what).",
    policy.Scope.SERVER: "[Who may](#who-may-do-what).",
}
"""What `policy.Scope` asks for."""

STANDINGS = {
    policy.Standing.OUTSIDER: "anybody not banned",
    policy.Standing.BANNED: "who is banned",
    policy.Standing.INVITED: "who is invited",
    policy.Standing.MUTED: "all in it",
    policy.Standing.MEMBER: "members",
    policy.Standing.MODERATOR: "moderators",
    policy.Standing.OWNER: "owners",
}
"""Who is meant where each is the least who may."""

ROLES = {
    roles.Role.MEMBER: "Everybody else.",
    roles.Role.MODERATOR: "Keeps order: kicks, bans, mutes, takes messages away.",
    roles.Role.OWNER: "Decides; there is always at least one.",
}
"""What roles are that have no docstring."""

MEANS: dict[type[entries.Body], str] = {
    entries.Renamed: (
        "The old name is free. Older entries are told under the new name from now on; `#~tag` in "
        "`cursors` names the room whatever it is called."
    ),
    entries.ModeSet: (
        "`slow_seconds` lie between two messages of one member (`slow_mode`, with `retry_after`); "
        "in a `frozen` room only moderators write (`frozen`); a `kind` holds from here on."
    ),
    entries.RoleSet: "From here on they may what the table says.",
    entries.Kicked: (
        "They hear nothing from this on and may come back at once where they may join; of the "
        "server, they are disconnected (`kicked`)."
    ),
    entries.Banned: (
        "As kicked, and `join` is refused until it ends; of the server, every registration is "
        "(`banned`), by their `devices` and from their address too where it says so."
    ),
    entries.Unbanned: "They may come back; they are not members by this.",
    entries.Muted: "What they write is refused (`muted`) until it ends.",
    entries.Unmuted: "They write again.",
    entries.Removed: "`history` shows `gone` at its `seq`, and so does every later delivery.",
    entries.Restored: "It is as it was.",
    entries.Departed: "The name is nobody's from here on.",
}
"""What follows from each entry of a ledger."""

ANSWERS: dict[type[actions.Action], str] = {
    actions.Registration: "Answered by a [result](#result).",
    actions.NewMessage: "Answered by the entry or `stored`, see [Sent once](#sent-once).",
    actions.NewWhisper: "Answered by the entry or `stored`, see [Sent once](#sent-once).",
    actions.Create: "Answered by the entry (`created`) or `stored`.",
    actions.Join: (
        "Answered by the entry (`joined`) or `stored`; if you are in it already, by `stored` with "
        "the `seq` since when, or `done` without an `id`."
    ),
    actions.Leave: (
        "Answered by `stored`, or by `done` without an `id`: the entry itself goes to those who "
        "stay. The common room cannot be left."
    ),
    actions.Topic: "Answered by the entry (`topic`) or `stored`.",
    actions.Rooms: "Answered by `rooms`.",
    actions.Users: "Answered by `users`.",
    actions.Away: ("Answered by `done`; others hear `away`. It ends with your last connection."),
    actions.Read: "Answered by the entry (`read`) and `stored`; by `done` where nothing moved.",
    actions.History: (
        "Answered by `history`. Give one of `before`, `after` and `around`, or none. A page ends "
        "early where it would not fit a frame; `more` says so."
    ),
    actions.Typing: (
        "With an `id` answered by `done`. Send it every few seconds while somebody types; it is "
        "passed on once in 3 s at most, and not to more than 200 people."
    ),
    actions.Rename: "Answered by the entry (`renamed`) or `stored`.",
    actions.Mode: "Answered by the entry (`mode`) or `stored`.",
    actions.Invite: (
        "Answered by the entry (`invited`, in a group `added`) or `stored`; by `done` where they "
        "are in it. They hear of it in their own log (`room_invited`)."
    ),
    actions.Kick: "Answered by the entry (`kicked`) or `stored`.",
    actions.Ban: "Answered by the entry (`banned`) or `stored`.",
    actions.Unban: "Answered by the entry (`unbanned`) or `stored`; by `done` where there is none.",
    actions.Mute: "Answered by the entry (`muted`) or `stored`.",
    actions.Unmute: "Answered by the entry (`unmuted`) or `stored`; by `done` where there is none.",
    actions.SetRole: "Answered by the entry (`role`) or `stored`.",
    actions.Remove: "Answered by the entry (`removed`) or `stored`.",
    actions.Restore: "Answered by the entry (`restored`) or `stored`.",
    actions.Report: "Answered by `done`: the report itself is in `#moderators`.",
    actions.Ledger: (
        "Answered by `ledger`. A page ends early where it would not fit a frame; `more` says so."
    ),
    actions.Sanctions: "Answered by `sanctions`.",
    actions.Block: "Answered by the entry (`blocked`) or `stored`; by `done` where you do already.",
    actions.Unblock: "Answered by the entry (`unblocked`) or `stored`; by `done` where you do not.",
    actions.Blocks: "Answered by `blocks`.",
    actions.SetPassword: (
        "Answered by `done`; your other devices are signed out. `old` is needed where there is a "
        "password (`password_required`, `wrong_password`)."
    ),
    actions.Devices: "Answered by `devices`.",
    actions.ForgetDevice: "Answered by `done`. Its connection ends (`signed_out`).",
    actions.SignOut: "Answered by `done`, and the end (`signed_out`).",
    actions.DeleteAccount: (
        "Answered by `done`, and the end. Everybody hears `departed`. The last owner stays "
        "(`last_owner`)."
    ),
    actions.Link: "Answered by `link`.",
    actions.Invitation: "Answered by `invitation`. With a `name` it is good once.",
    actions.Invitations: "Answered by `invitations`.",
    actions.EndInvitation: "Answered by `done`.",
    actions.Accounts: "Answered by `accounts`.",
    actions.ResetPassword: "Answered by `done`; their devices are signed out.",
    actions.RemoveAccount: "Answered by `done`. Everybody hears `departed`.",
    actions.Ping: (
        "Answered by `pong`, to a connection with features; see "
        "[Order and fences](#order-and-fences)."
    ),
    actions.Pong: "Not answered.",
    actions.Quit: "Answered by `bye`, and the end.",
}

ACTION_EXAMPLES: dict[type[actions.Action], tuple[actions.AnyAction, ...]] = {
    actions.Registration: (
        actions.Registration(name="anna"),
        actions.Registration(
            name="anna",
            token="pVd0QYkKZpXn1Zb7Qe0m2i0Jm2vC3mYbq8dH8zqkTzY",
            device="laptop",
            language="ru",
            features=["echo", "presence", "ping"],
            cursors={"#general": 4790, "boris~1z141": 77, "@anna": 310},
        ),
    ),
    actions.NewMessage: (actions.NewMessage(text="hi", id="k7"),),
    actions.NewWhisper: (actions.NewWhisper(to="boris", text="hi", id="k8"),),
    actions.Create: (
        actions.Create(room="#tea", topic="Green or black?", id="k9"),
        actions.Create(kind=roles.RoomKind.GROUP, people=["boris", "vera"], id="k14"),
    ),
    actions.Join: (actions.Join(room="#tea", id="k10"),),
    actions.Leave: (actions.Leave(room="#tea", id="k11"),),
    actions.Topic: (actions.Topic(room="#tea", text="Green.", id="k12"),),
    actions.Rooms: (actions.Rooms(id="q1"),),
    actions.Users: (actions.Users(room="#tea", id="q2"),),
    actions.Away: (actions.Away(text="lunch", id="q3"), actions.Away()),
    actions.Read: (actions.Read(through=4812, room="#general", id="k13"),),
    actions.History: (actions.History(room="#general", before=4700, limit=50, id="q4"),),
    actions.Typing: (actions.Typing(to="boris"),),
    actions.Rename: (actions.Rename(room="#tea", to="#coffee", id="k15"),),
    actions.Mode: (
        actions.Mode(room="#tea", slow_seconds=30, reason="One at a time.", id="k16"),
        actions.Mode(room="#tea", kind=roles.RoomKind.PRIVATE, id="k17"),
    ),
    actions.Invite: (actions.Invite(room="#tea", user="vera", id="k18"),),
    actions.Kick: (actions.Kick(room="#tea", user="boris", reason="Cool down.", id="k19"),),
    actions.Ban: (
        actions.Ban(room="#tea", user="boris", seconds=3600, reason="Flooding.", id="k20"),
        actions.Ban(user="boris", devices=True, address="198.51.100.0/24", id="k21"),
    ),
    actions.Unban: (actions.Unban(room="#tea", user="boris", id="k22"),),
    actions.Mute: (actions.Mute(room="#tea", user="boris", seconds=600, id="k23"),),
    actions.Unmute: (actions.Unmute(room="#tea", user="boris", id="k24"),),
    actions.SetRole: (
        actions.SetRole(room="#tea", user="vera", role=roles.Role.MODERATOR, id="k25"),
    ),
    actions.Remove: (actions.Remove(seq=4812, reason="Not here.", id="k26"),),
    actions.Restore: (actions.Restore(seq=4812, id="k27"),),
    actions.Report: (actions.Report(room="#tea", seq=7, reason="Rude.", id="k28"),),
    actions.Ledger: (actions.Ledger(room="#tea", limit=20, id="q5"),),
    actions.Sanctions: (actions.Sanctions(room="#tea", id="q6"),),
    actions.Block: (actions.Block(user="boris", id="k29"),),
    actions.Unblock: (actions.Unblock(user="boris", id="k30"),),
    actions.Blocks: (actions.Blocks(id="q7"),),
    actions.SetPassword: (actions.SetPassword(new="correct horse battery", id="q8"),),
    actions.Devices: (actions.Devices(id="q9"),),
    actions.ForgetDevice: (actions.ForgetDevice(device="8hK2xw0Zc3aQ", id="q10"),),
    actions.SignOut: (actions.SignOut(everywhere=True, id="q11"),),
    actions.DeleteAccount: (actions.DeleteAccount(words=False, id="q12"),),
    actions.Link: (actions.Link(id="q13"),),
    actions.Invitation: (
        actions.Invitation(uses=30, id="q14"),
        actions.Invitation(name="vera", role=roles.Role.MODERATOR, seconds=86_400, id="q15"),
    ),
    actions.Invitations: (actions.Invitations(id="q16"),),
    actions.EndInvitation: (actions.EndInvitation(invitation="Yb3v9QmT4s1e", id="q17"),),
    actions.Accounts: (actions.Accounts(id="q18"),),
    actions.ResetPassword: (
        actions.ResetPassword(user="boris", new="correct horse battery", id="q19"),
    ),
    actions.RemoveAccount: (actions.RemoveAccount(user="boris", id="q20"),),
    actions.Ping: (actions.Ping(id="f1"),),
    actions.Pong: (actions.Pong(),),
    actions.Quit: (actions.Quit(),),
}

AT = "2026-05-04T12:00:00.000Z"

RESULTS = (
    events.Result(
        result="successful",
        text="Welcome, anna! Online: 2.",
        users=["anna", "boris"],
        name="anna",
        token="pVd0QYkKZpXn1Zb7Qe0m2i0Jm2vC3mYbq8dH8zqkTzY",
        account=False,
        features=["echo", "ping"],
        language="en",
        server="molva",
        at=AT,
        role="guest",
        ping_seconds=45.0,
        conversations=[
            events.Conversation(log="@anna", head=310, cursor=310),
            events.Conversation(
                room="#general",
                tag="0",
                head=4812,
                cursor=4790,
                read=4790,
                unread=20,
                role="guest",
            ),
        ],
    ),
    events.Result(
        result="error",
        text="This name is taken. Choose another.",
        code=errors.Code.NAME_TAKEN,
    ),
)

_SAID = events.NewMessage(text="hi", from_="anna", room="#general", seq=4812, at=AT, id="k7")

EVENT_EXAMPLES: dict[type[events.Event], events.AnyEvent] = {
    events.NewMessage: _SAID,
    events.NewWhisper: events.NewWhisper(
        text="hi", from_="anna", to="boris", seq=78, at=AT, id="k8"
    ),
    events.NewUser: events.NewUser(user="boris"),
    events.UserLeft: events.UserLeft(user="boris"),
    events.Presence: events.Presence(arrived=["boris"], left=["vera"], online=12),
    events.Away: events.Away(user="anna", text="lunch"),
    events.Error: events.Error(
        text="There is nobody called boris.", code=errors.Code.NO_SUCH_USER, id="k8"
    ),
    events.Created: events.Created(room="#tea", user="anna", seq=1, at=AT, id="k9"),
    events.Joined: events.Joined(room="#tea", user="boris", seq=3, at=AT, id="k10"),
    events.Left: events.Left(room="#tea", user="boris", seq=4, at=AT, id="k11"),
    events.Topic: events.Topic(room="#tea", text="Green.", from_="anna", seq=5, at=AT, id="k12"),
    events.Added: events.Added(room="#~x2k9", user="galina", from_="anna", seq=6, at=AT, id="k31"),
    events.Renamed: events.Renamed(
        room="#coffee", was="#tea", from_="anna", seq=7, at=AT, id="k15"
    ),
    events.Mode: events.Mode(
        room="#tea", slow_seconds=30, from_="anna", reason="One at a time.", seq=8, at=AT, id="k16"
    ),
    events.Invited: events.Invited(room="#tea", user="vera", from_="anna", seq=9, at=AT, id="k18"),
    events.Role: events.Role(
        room="#tea", user="vera", role="moderator", from_="anna", seq=10, at=AT, id="k25"
    ),
    events.Kicked: events.Kicked(
        room="#tea", user="boris", from_="anna", reason="Cool down.", seq=11, at=AT, id="k19"
    ),
    events.Banned: events.Banned(
        room="#tea",
        user="boris",
        until="2026-05-04T13:00:00.000Z",
        from_="anna",
        reason="Flooding.",
        seq=12,
        at=AT,
        id="k20",
    ),
    events.Unbanned: events.Unbanned(
        room="#tea", user="boris", from_="molva", seq=13, at="2026-05-04T13:00:00.000Z"
    ),
    events.Muted: events.Muted(
        room="#tea", user="boris", until="2026-05-04T12:10:00.000Z", from_="anna", seq=14, at=AT
    ),
    events.Unmuted: events.Unmuted(
        room="#tea", user="boris", from_="vera", reason="All well.", seq=15, at=AT
    ),
    events.Removed: events.Removed(
        target=4812, user="boris", from_="anna", room="#general", seq=4813, at=AT, id="k26"
    ),
    events.Restored: events.Restored(
        target=4812, user="boris", from_="anna", room="#general", seq=4814, at=AT, id="k27"
    ),
    events.Gone: events.Gone(from_="boris", room="#general", seq=4812, at=AT, id="k7"),
    events.Unheard: events.Unheard(from_="boris", to="anna", seq=79, at=AT),
    events.Reported: events.Reported(
        room="#moderators",
        from_="vera",
        about="#tea",
        target=7,
        user="boris",
        text="Your tea is bad.",
        reason="Rude.",
        seq=5,
        at=AT,
    ),
    events.Departed: events.Departed(room="#general", user="boris", words=False, seq=4815, at=AT),
    events.RoomInvited: events.RoomInvited(log="@anna", room="#tea", from_="boris", seq=315, at=AT),
    events.Blocked: events.Blocked(log="@anna", user="boris", seq=316, at=AT, id="k29"),
    events.Unblocked: events.Unblocked(log="@anna", user="boris", seq=317, at=AT, id="k30"),
    events.Devices: events.Devices(
        devices=[
            events.Device(device="8hK2xw0Zc3aQ", name="laptop", at=AT, online=True, this=True),
            events.Device(device="pL6d0vTqR2nM", name="telephone", at=AT),
        ],
        id="q9",
    ),
    events.Link: events.Link(code="4827-1590", seconds=300, id="q13"),
    events.Invitation: events.Invitation(
        code="7QF3-M0RD-2K8V-XN5A",
        invitation="Yb3v9QmT4s1e",
        role="member",
        uses=30,
        until="2026-05-11T12:00:00.000Z",
        id="q14",
    ),
    events.Invitations: events.Invitations(
        invitations=[
            events.InvitationListed(
                invitation="Yb3v9QmT4s1e",
                role="member",
                uses=28,
                until="2026-05-11T12:00:00.000Z",
                from_="anna",
            )
        ],
        id="q16",
    ),
    events.Sanctions: events.Sanctions(
        room="#tea",
        sanctions=[
            events.Sanctioned(sanction="ban", user="boris", until="2026-05-04T13:00:00.000Z")
        ],
        id="q6",
    ),
    events.Blocks: events.Blocks(users=["boris"], id="q7"),
    events.Accounts: events.Accounts(
        accounts=[
            events.Account(user="anna", role="owner", password=True, online=True, devices=2),
            events.Account(user="boris", role="guest", devices=1),
        ],
        id="q18",
    ),
    events.RoomJoined: events.RoomJoined(log="@anna", room="#tea", seq=311, at=AT),
    events.RoomLeft: events.RoomLeft(log="@anna", room="#tea", seq=312, at=AT),
    events.Opened: events.Opened(log="@anna", with_="boris", seq=313, at=AT),
    events.Read: events.Read(
        log="@anna", through=4812, unread=0, room="#general", seq=314, at=AT, id="k13"
    ),
    events.Stored: events.Stored(id="k7", seq=4812, room="#general"),
    events.Done: events.Done(id="q3"),
    events.Gap: events.Gap(after=4790, through=14800, room="#general"),
    events.Conversations: events.Conversations(
        conversations=[events.Conversation(with_="boris", tag="1z141", head=0, cursor=0)]
    ),
    events.Rooms: events.Rooms(
        rooms=[
            events.Room(room="#general", members=14, joined=True),
            events.Room(room="#tea", members=2, topic="Green."),
        ],
        id="q1",
    ),
    events.Users: events.Users(
        users=["anna"], away={"anna": "lunch"}, offline=["boris"], room="#tea", id="q2"
    ),
    events.Typing: events.Typing(from_="anna", to="boris"),
    events.Ping: events.Ping(),
    events.Pong: events.Pong(id="f1"),
    events.Bye: events.Bye(
        text="The server is stopping. Connect again soon; nothing is lost.",
        code=errors.Code.SHUTTING_DOWN,
    ),
    events.Ledger: events.Ledger(
        room="#tea",
        entries=[
            events.Kicked(
                room="#tea", user="boris", from_="anna", reason="Cool down.", seq=11, at=AT
            )
        ],
        more=True,
        id="q5",
    ),
    events.History: events.History(entries=[_SAID], head=4812, more=True, room="#general", id="q4"),
}


def main() -> None:
    """Print the page, in UTF-8 whatever the locale."""
    sys.stdout.buffer.write(page().encode())


if __name__ == "__main__":
    main()
