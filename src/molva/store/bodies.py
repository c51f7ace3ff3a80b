"""Bodies: what both stores must know of what an entry says, whatever they keep it in.

Owns what of a write no store can hold, how much text a body has, and what is left of it when its
author's words go. Refuses to know where entries are kept.
"""

import msgspec

from molva.terms.entries import AnyBody, Gone, Message, Reported, Topic, Unheard

GONE = Gone()


def text_bytes(body: AnyBody) -> int:
    """Return how many bytes of UTF-8 the text of a body has; 0 for a body without one."""
    if isinstance(body, Message | Topic | Unheard | Reported):
        return len(body.text.encode())
    return 0


def is_said(body: AnyBody) -> bool:
    """Say whether a body is what somebody said, and still says it."""
    return isinstance(body, Message) or (isinstance(body, Unheard) and bool(body.text))


def wordless(body: AnyBody) -> AnyBody:
    """Return what is left of a body when its author's words are gone for ever.

    What was unheard stays so, without its text: as `Gone` it would tell others that it was there.
    """
    if isinstance(body, Message):
        return GONE
    return Unheard("") if isinstance(body, Unheard) else body


def holdable(thing: object) -> bool:
    """Say whether every number of a struct or tuple fits 64 bits and every text UTF-8."""
    match thing:
        case msgspec.Struct():
            return all(holdable(getattr(thing, field)) for field in thing.__struct_fields__)
        case tuple():
            return all(map(holdable, thing))
        case int():
            return -(2**63) <= thing < 2**63
        case str():
            return _is_utf8(thing)
    return True


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
