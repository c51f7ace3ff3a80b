"""Framing: where frames end, how long they may be, and that cutting the bytes changes nothing.

The marks F1 to F18 are lines of the threat catalogue.
"""

import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molva.terms.actions import (
    History,
    NewMessage,
    NewWhisper,
    Ping,
    Quit,
    Read,
    Registration,
    Rooms,
    Typing,
)
from molva.terms.errors import Code
from molva.terms.limits import FRAME_BYTES_MAX
from molva.wire.framing import Framer
from molva.wire.jsonl import format_action

BLANK = b" \t\r"


def received(pieces: list[bytes], frame_bytes_max: int = FRAME_BYTES_MAX) -> object:
    """Return all that can be seen of a framer that was given these pieces."""
    framer = Framer(frame_bytes_max)
    frames = [frame for piece in pieces for frame in framer.receive(piece)]
    return frames, framer.broken, framer.pending


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, *(place for place in places if place < len(stream)), len(stream)})
    return [stream[start:end] for start, end in pairwise(ends)]


def closes(start: bytes) -> bool:
    """Say whether an object that begins `start` is complete at its last byte; counted afresh."""
    depth = 0
    string = escape = False
    for byte in start.decode("latin-1"):
        if escape:
            escape = False
        elif string:
            escape = byte == "\\"
            string = byte != '"'
        elif byte == '"':
            string = True
        else:
            depth += {"{": 1, "}": -1}.get(byte, 0)
    return depth == 0 and not string


def by_the_book(stream: bytes, frame_bytes_max: int) -> object:
    """Frame a whole stream the slow way: a line after the other, each object by trying all ends."""
    frames: list[bytes] = []
    begun = False
    *whole, last = stream.split(b"\n")
    for line, ended in [*((line, True) for line in whole), (last, False)]:
        while True:
            body = line.lstrip(BLANK)
            blanks = len(line) - len(body)
            if blanks + bool(body) > frame_bytes_max:
                return frames, Code.TOO_LONG, 0
            if not body:
                break
            if not begun and body[:1] not in (b"{", b"\xef"):
                return frames, Code.BAD_PROTOCOL, 0
            begun = True
            ends = range(1, len(body) + 1) if body.startswith(b"{") else ()
            end = next((end for end in ends if closes(body[:end])), None)
            if blanks + (end or len(body)) > frame_bytes_max:
                return frames, Code.TOO_LONG, 0
            if end is None:
                if not ended:
                    return frames, None, len(body)
                frames.append(body.rstrip(BLANK))
                break
            frames.append(body[:end])
            line = body[end:]
    return frames, None, 0


def lines(*actions: object) -> bytes:
    return b"".join(format_action(action) for action in actions)  # type: ignore[arg-type]


HELLO = lines(Registration(name="anna", features=["echo"], cursors={"#general": 4790, "boris": 7}))
SESSIONS = [
    # As a program of today sends it.
    lines(Ping()),
    HELLO,
    HELLO + lines(NewMessage(text="hi", id="k1"), Ping(id="k2"), Quit()),
    lines(*(NewMessage(text=f"message {number}") for number in range(8))),
    lines(NewWhisper(to="boris", text="привет 👋 « »"), Read(through=9, with_="boris")),
    lines(History(room="#general", before=40, limit=20), Rooms(), Typing(room="#general")),
    lines(NewMessage(text='a "quoted" \\ back\\slash\\\\ {brace} }{ [list] \n\t end')),
    lines(NewMessage(text='"}')) + lines(NewMessage(text='{"')) + lines(NewMessage(text="\\")),
    lines(NewMessage(text="a\u2028b\u0085c\u2029d")),
    HELLO.replace(b"\n", b"\r\n") * 2,
    # As a client of 2022 sends it.
    b'{"action": "registration", "name": "anna"}',
    b'{"action": "registration", "name": "anna"}{"action": "new_message", "text": "hi"}',
    b'{"action": "new_message", "text": "hi"} {"action": "new_message", "text": "}{"}\t',
    b'{"action": "new_message", "text": "\\u043f\\u0440 \\\\\\" {"}{"action": "ping"}',
    # Both, and oddly laid out.
    b'{"a":1}{"b":2}\n{"c":3}',
    b'  {"a":1}  {"b":2}  \n\n\r\n \t {"c":3}\r\n',
    b'{\n"action":"ping"}\n{"action":\n"ping"}\n',
    b'{"text":"a\nb"}\n{"a":1}\n',
    b'{"a":{"b":{"c":{}}},"d":[{},{"e":"}"}]}\n{"a":{}}{"b":{}}',
    # What is no object, or none yet.
    b'{"a":1}\nhello there\n{"b":2} and more {"c":3}\n{"d":4}\n',
    b'{"a":1}\n[{"b":2}]\n"{"\n7\nnull\n{"d":4}\n',
    b'\xef\xbb\xbf{"a":1}\n{"b":2}\n',
    b'{"a":1},{"b":2}\n{"c":3}\n',
    b"{'a':'}'}\n{'b':\"}\"}\n",
    b'{"a":1}}{"b":2}\n}\n{"c":3}\n',
    b'{"a":[}]\n{"b":2}\n',
    b'{"a":"\\',
    b'{"a":"unfinished \\" }',
    b"\n\n\n \n\t\r\n",
    b'{"a":"\xff\xfe \xed\xa0\x80"}\n{"b\xc0\x80":"\x00\x0b\x1e"}\n',
    b'GET / HTTP/1.1\r\n\r\n{"a":1}\n',
    b'{"a":1}\n' + b"x" * 90 + b'\n{"b":2}\n',
    b'{"a":1}\n{"b":"' + b"x" * 90 + b'"}\n{"c":3}\n',
    b'{"a":1}' + b" " * 90 + b'{"b":2}\n',
]
SHORT = 80
"""A frame's limit that a few of the sessions exceed."""


@pytest.mark.parametrize("stream", SESSIONS)
@pytest.mark.parametrize("frame_bytes_max", [SHORT, FRAME_BYTES_MAX])
def test_f1_a_session_gives_the_same_frames_at_every_split_point(
    stream: bytes, frame_bytes_max: int
) -> None:
    whole = received([stream], frame_bytes_max)
    assert whole == by_the_book(stream, frame_bytes_max)
    for place in range(1, len(stream)):
        assert received([stream[:place], stream[place:]], frame_bytes_max) == whole
    assert received([bytes([byte]) for byte in stream], frame_bytes_max) == whole


def test_f1_the_sessions_are_at_least_thirty() -> None:
    assert len(SESSIONS) >= 30


# Bytes that mean something to a framer, and a few that mean nothing.
streams = st.lists(
    st.sampled_from([*(bytes([byte]) for byte in b'{}"\\\n\r \t:[]a,'), b"\xef\xbb\xbf", b"\xff"])
    | st.sampled_from([b'{"a":1}', b'{"a":"}{"}', b'{"a":{"b":2}}\n', b'"\\"', b"\r\n", b"    "]),
    max_size=60,
).map(b"".join)


@given(st.booleans(), streams, st.lists(st.integers(0, 200)), st.integers(1, 60))
def test_a_framer_agrees_with_the_slow_reading_however_the_bytes_are_cut(
    begun: bool, stream: bytes, places: list[int], frame_bytes_max: int
) -> None:
    stream = b"{}" * begun + stream
    expected = by_the_book(stream, frame_bytes_max)
    assert received([stream], frame_bytes_max) == expected
    assert received(cut(stream, places), frame_bytes_max) == expected


@given(st.lists(st.sampled_from(SESSIONS[:-4]), max_size=5), st.lists(st.integers(0, 2000)))
def test_sessions_after_each_other_give_the_same_frames_however_they_are_cut(
    sessions: list[bytes], places: list[int]
) -> None:
    stream = b"\n".join(sessions)
    assert received(cut(stream, places)) == received([stream])


def test_f2_a_thousand_commands_in_one_segment_come_out_in_order() -> None:
    sent = [b'{"action":"ping","id":"%d"}' % number for number in range(1_000)]
    for separator in (b"\n", b"\r\n", b"", b" "):
        assert received([separator.join(sent) + separator]) == (sent, None, 0)


def sized(size: int) -> bytes:
    return b'{"a":"' + b"x" * (size - 8) + b'"}'


@pytest.mark.parametrize(
    ("stream", "fits"),
    [
        (b"{}\n" + make(FRAME_BYTES_MAX + over) + end, over <= 0)
        for make in (sized, lambda size: b"x" * size)
        for end in (b"\n", b"")
        for over in (-1, 0, 1)
    ],
)
def test_f3_a_frame_may_be_as_long_as_the_limit_and_no_longer(stream: bytes, fits: bool) -> None:
    framer = Framer()
    frames = framer.receive(stream)[1:]
    if not fits:
        assert (frames, framer.broken, framer.pending) == ([], Code.TOO_LONG, 0)
    else:
        assert framer.broken is None
        content = stream[3:].rstrip(b"\n")
        whole = stream.endswith((b"\n", b"}"))
        assert frames == ([content] if whole else [])
        assert framer.pending == (0 if whole else len(content))


def test_f3_a_newline_and_blanks_after_an_object_do_not_count() -> None:
    longest = sized(FRAME_BYTES_MAX)
    assert received([longest + b" \r\n" + longest + b"\n"]) == ([longest, longest], None, 0)


@pytest.mark.parametrize("chunk", [1_000, 70_000, 10**6])
@pytest.mark.parametrize("line", [b"x" * 70_000, sized(70_000), b'{"a":"' + b"x" * 70_000])
def test_f4_the_tail_of_an_oversized_line_is_never_a_frame(line: bytes, chunk: int) -> None:
    stream = b'{"a":1}\n' + line + b'{"action":"smuggled"}\n{"action":"smuggled"}\n'
    pieces = [stream[at : at + chunk] for at in range(0, len(stream), chunk)]
    assert received(pieces) == ([b'{"a":1}'], Code.TOO_LONG, 0)


def test_f4_a_broken_framer_stays_broken_and_keeps_nothing() -> None:
    framer = Framer(10)
    assert framer.receive(b'{"a":1}\n' + b"x" * 11) == [b'{"a":1}']
    for data in (b"\n", b'{"a":1}\n', b"", b"{"):
        assert framer.receive(data) == []
        assert (framer.broken, framer.pending) == (Code.TOO_LONG, 0)


@pytest.mark.parametrize("filling", [b"x", b" ", b'{"a":"', b"{", b"\\", b'"'])
def test_f5_endless_bytes_without_a_newline_break_at_the_limit_and_are_not_kept(
    filling: bytes,
) -> None:
    framer = Framer()
    framer.receive(b'{"a":1}{')
    chunk = filling * (4_096 // len(filling))
    pending = 0
    tracemalloc.start()
    try:
        for _ in range(16 * 1024):
            assert framer.receive(chunk) == []
            pending = max(pending, framer.pending)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert framer.broken is Code.TOO_LONG
    assert pending <= FRAME_BYTES_MAX
    assert peak < 4 * FRAME_BYTES_MAX


@pytest.mark.parametrize("unfinished", [b"foo", b'{"action":"ping"', b'{"a":"}', b'{"a":"\\"}'])
def test_f6_what_is_not_terminated_is_no_frame(unfinished: bytes) -> None:
    assert received([b"{}\n" + unfinished]) == ([b"{}"], None, len(unfinished))


@pytest.mark.parametrize(
    ("stream", "frames"),
    [
        (b"", []),
        (b"\n\n\n", []),
        (b" \t \n", []),
        (b"\r\n\r\n", []),
        (b"\r", []),
        (b'{"a":1}\r\n', [b'{"a":1}']),
        (b'{"a":1}\r{"b":2}\r', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}\rfoo\rbar\r\n', [b'{"a":1}', b"foo\rbar"]),
        (b'\r\n \n{"a":1}\n', [b'{"a":1}']),
        (b'\xef\xbb\xbf{"a":1}\n', [b'\xef\xbb\xbf{"a":1}']),
        (b'{"a":1}\n\xef\xbb\xbf{"a":1}\n', [b'{"a":1}', b'\xef\xbb\xbf{"a":1}']),
    ],
)
def test_f7_blank_lines_are_no_frames_and_a_carriage_return_is_a_blank(
    stream: bytes, frames: list[bytes]
) -> None:
    assert received([stream]) == (frames, None, 0)


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_f16_nothing_but_a_newline_ends_a_line(mark: str) -> None:
    frame = f'{{"text":"a{mark}b"}}'.encode()
    assert received([frame + b"\n" + frame]) == ([frame, frame], None, 0)


@pytest.mark.parametrize(
    "first",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b'POST / HTTP/1.1\r\n\r\n{"action":"ping"}\n',
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"NICK anna\r\n",
        b'["a"]\n',
        b'"a"\n',
        b"\xff\xfe{\x00",
        b"\x00{",
        b" \r\n\t7\n",
    ],
)
def test_f18_a_connection_that_cannot_be_json_is_broken_at_its_first_byte(first: bytes) -> None:
    for pieces in ([first], [bytes([byte]) for byte in first], [first, b'{"action":"ping"}\n']):
        assert received(pieces) == ([], Code.BAD_PROTOCOL, 0)


@pytest.mark.parametrize("filling", [b"x", b'"', b"\\", b'\\"', b"{", b"{}", b'{"', b'",{'])
@pytest.mark.parametrize("size", [1, 16, 65_536])
def test_the_work_is_linear_however_small_the_pieces(filling: bytes, size: int) -> None:
    framer = Framer()
    stream = b'{"":"' + filling * (FRAME_BYTES_MAX // 2 // len(filling))
    began = time.perf_counter()
    for at in range(0, len(stream), size):
        framer.receive(stream[at : at + size])
    assert time.perf_counter() - began < 1


def test_a_framer_takes_lines_of_a_chunk_as_they_are() -> None:
    line = b'{"action":"new_message","text":"hi"}'
    framer = Framer()
    assert framer.receive(line + b"\n") == [line]
    assert framer.receive((line + b"\n") * 100) == [line] * 100
    assert framer.pending == 0
