"""Any bytes, however cut, give actions or refusals, the same ones; nothing else leaves.

`python fuzz/frames.py [seconds] [seed]` mutates the seeds below for so long (10 s by default) and
ends with a count, or with the input that broke the rule. `python fuzz/frames.py --atheris …` hands
the rest of its arguments to Atheris where that is installed. No input is longer than
`INPUT_BYTES_MAX`, and no more than `CORPUS_MAX` are kept.
"""

import importlib
import random
import sys
import time
from collections.abc import Sequence
from typing import get_args

from molva.terms.actions import AnyAction
from molva.terms.errors import Code, Refusal
from molva.wire import jsonl
from molva.wire.framing import Framer
from molva.wire.jsonl import BadEvent, format_action, format_event, parse_action, parse_event

INPUT_BYTES_MAX = 4_096
FRAME_BYTES_MAX = 512
CORPUS_MAX = 2_000

ACTIONS = get_args(AnyAction)
ABOUT_FRAMES = {
    *(Code.BAD_UTF8, Code.BAD_JSON, Code.TOO_DEEP, Code.DUPLICATE_KEY),
    *(Code.UNKNOWN_ACTION, Code.BAD_FIELD, Code.BAD_TEXT),
}

SEEDS = [
    b'{"action":"registration","name":"anna","features":["echo"],"cursors":{"#general":4790}}\n',
    b'{"action": "registration", "name": "anna"}{"action": "new_message", "text": "hi"}',
    b'{"action":"new_message","text":"hi","room":"#general","id":"k1"}\r\n{"action":"ping"}\n',
    rb'{"action":"new_whisper","to":"b","text":"\u043f \ud83d\udc4b \"\\\/\n\t }{"}',
    '{"action":"create","room":"#комната","topic":"«тема» 👋"}\n'.encode(),
    b'{"action":"history","room":"#a","before":9007199254740991,"limit":100}\n',
    b'{"action":"read","through":0,"with":"boris","room":null}\n{"action":"away"}\n',
    b'{"action":"ping","x":[[{"a":[1,2.5e-3,true,null,{}]}],[]],"x":{"":""}}\n',
    b'{"action":"new_message","from":"anna","text":"hi","seq":1}\n{"result":"error"}\n',
    b'{"action":"history","head":1,"entries":[{"action":"joined"},{"action":"nope"}]}\n',
    b"\xef\xbb\xbf{}\n\n \t\r\nfoo\n[1]\n" + b" " * 600,
]
SNIPPETS = [
    *(b"\n", b"\r\n", b"{", b"}", b"[", b"]", b'"', b"\\", b":", b",", b" ", b"\x00", b"\x7f"),
    *(b"\xc2\x85", b"\xc2\xab", b"\xed\xa0\x80", b"\xc0\xaf", b"\xff", b"\xef\xbb\xbf"),
    *(rb"\u0000", rb"\ud800", rb"\udc00", rb"\u0061", rb"\n", rb"\"", rb"\\", rb"\x"),
    *(b'"action":"ping"', b'"text":"', b'"id":"k"', b'"room":null', b'"through":1', b"{}"),
    *(b"0", b"-", b".5", b"1e999", b"NaN", b"true", b"null", b"9" * 20, b"[" * 40, b'{"a":' * 40),
]


def framed(pieces: Sequence[bytes]) -> tuple[list[bytes], Code | None, int]:
    """Return the frames of these pieces, why they broke off, and what is unfinished."""
    framer = Framer(FRAME_BYTES_MAX)
    frames = [frame for piece in pieces for frame in framer.receive(piece)]
    return frames, framer.broken, framer.pending


def check(stream: bytes, dice: random.Random) -> frozenset[object]:
    """Raise AssertionError if the rule is broken; return what was seen, to tell inputs apart."""
    whole = framed([stream])
    frames, broken, pending = whole
    places = sorted(dice.randint(0, len(stream)) for _ in range(dice.randint(1, 6)))
    starts, ends = [0, *places], [*places, len(stream)]
    assert framed([stream[a:b] for a, b in zip(starts, ends, strict=True)]) == whole
    assert framed([stream[at : at + 1] for at in range(len(stream))]) == whole
    assert broken in (None, Code.TOO_LONG, Code.BAD_PROTOCOL)
    assert pending <= FRAME_BYTES_MAX
    seen: set[object] = {broken, len(frames).bit_length()}
    for frame in (*frames, stream):
        seen.add(check_frame(frame))
    return frozenset(seen)


def check_frame(frame: bytes) -> object:
    """Raise AssertionError if a frame breaks the rule; return the sort of what it is."""
    parsed = parse_action(frame)
    sort: object
    if isinstance(parsed, Refusal):
        assert parsed.code in ABOUT_FRAMES
        sort = (parsed.code, str(parsed.values.get("detail"))[:12])
    else:
        assert type(parsed) in ACTIONS
        # The quick test let nothing through that the exact reading would not.
        assert jsonl._parse_exactly(frame, parsed) is parsed
        assert parse_action(format_action(parsed)[:-1]) == parsed
        sort = type(parsed)
    assert parse_action(frame) == parsed
    try:
        event = parse_event(frame)
        if event is not None:
            assert parse_event(format_event(event)[:-1]) == event
            sort = (sort, type(event))
    except BadEvent:
        pass
    return sort


def mutated(corpus: Sequence[bytes], dice: random.Random) -> bytes:
    """Return an input of the corpus with pieces of it, of another or of the snippets put in."""
    data = bytearray(dice.choice(corpus))
    for _ in range(dice.choice((1, 1, 2, 4, 8))):
        start = dice.randint(0, len(data))
        end = start + dice.choice((0, 0, 0, 1, 1, 2, 8, 40))
        other = dice.choice(corpus)
        piece = dice.randint(0, len(other))
        data[start:end] = dice.choice(
            (
                b"",
                bytes([dice.randrange(256)]),
                dice.choice(SNIPPETS),
                dice.choice(SNIPPETS),
                other[piece : piece + dice.randint(0, 60)],
            )
        )
    return bytes(data[:INPUT_BYTES_MAX])


def run(seconds: float, seed: int) -> None:
    """Mutate and check for so many seconds; exit with the input and its seed if the rule breaks."""
    dice = random.Random(seed)
    corpus = list(SEEDS)
    known: set[frozenset[object]] = set()
    inputs = 0
    end = time.monotonic() + seconds
    for stream in SEEDS:
        known.add(check(stream, dice))
    while time.monotonic() < end:
        stream = mutated(corpus, dice)
        inputs += 1
        try:
            seen = check(stream, dice)
        except BaseException:
            print(f"seed {seed}, input {inputs}: {stream!r}", file=sys.stderr)
            raise
        if seen not in known and len(corpus) < CORPUS_MAX:
            known.add(seen)
            corpus.append(stream)
    print(f"{inputs} inputs, {len(corpus)} kept, seed {seed}: the rule holds")


def run_atheris(arguments: list[str]) -> None:
    """Let Atheris choose the inputs, by the coverage of the wire."""
    atheris = importlib.import_module("atheris")
    atheris.instrument_all()

    def target(data: bytes) -> None:
        check(data[:INPUT_BYTES_MAX], random.Random(len(data)))

    atheris.Setup([sys.argv[0], *arguments], target)
    atheris.Fuzz()


if __name__ == "__main__":
    if "--atheris" in sys.argv:
        run_atheris([argument for argument in sys.argv[1:] if argument != "--atheris"])
    else:
        run(
            float(sys.argv[1]) if len(sys.argv) > 1 else 10.0,
            int(sys.argv[2]) if len(sys.argv) > 2 else 1,
        )
