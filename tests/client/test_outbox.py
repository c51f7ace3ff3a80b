"""The outbox: what was put survives a crash at any byte, in order, and leaves only when it may."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from molva.client import outbox as module
from molva.client.outbox import (
    COMPACT_LINES_MIN,
    WRITES_MAX,
    FileOutbox,
    MemoryOutbox,
    Outbox,
    OutboxFull,
    OutboxLocked,
    WriteState,
)
from molva.terms import actions
from molva.terms.errors import Code


def say(id: str, text: str = "hi") -> actions.NewMessage:
    return actions.NewMessage(text=text, room="#general", id=id)


def ids(outbox: Outbox) -> list[str | None]:
    return [write.action.id for write in outbox.pending()]


@pytest.fixture(params=["memory", "file"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Outbox:
    if request.param == "memory":
        return MemoryOutbox()
    made = FileOutbox(tmp_path / "outbox.jsonl")
    request.addfinalizer(made.close)
    return made


def test_writes_are_pending_in_order_until_settled(outbox: Outbox) -> None:
    for id in "abc":
        outbox.put(say(id))
    outbox.mark_sent("a")
    assert [write.state for write in outbox.pending()] == [
        WriteState.SENT,
        WriteState.WAITING,
        WriteState.WAITING,
    ]
    assert outbox.settle("b") and not outbox.settle("b") and not outbox.settle("z")
    assert ids(outbox) == ["a", "c"] and outbox.is_pending("a") and not outbox.is_pending("b")


def test_a_refused_write_is_kept_for_the_eye_until_forgotten(outbox: Outbox) -> None:
    outbox.put(say("a", "text"))
    assert outbox.refuse("a", Code.NOT_A_MEMBER) and not outbox.refuse("a", None)
    (write,) = outbox.refused()
    assert write.code == Code.NOT_A_MEMBER and write.action == say("a", "text")
    assert outbox.pending() == [] and not outbox.settle("a") and not outbox.is_pending("a")
    outbox.forget("a")
    assert outbox.refused() == []


def test_an_id_is_put_once(outbox: Outbox) -> None:
    outbox.put(say("a"))
    with pytest.raises(ValueError):
        outbox.put(say("a"))
    with pytest.raises(ValueError):
        outbox.put(actions.NewMessage(text="without"))


def test_it_is_bounded() -> None:
    outbox = MemoryOutbox()
    for number in range(WRITES_MAX):
        outbox.put(say(f"i{number}"))
    with pytest.raises(OutboxFull):
        outbox.put(say("more"))


def test_all_kinds_of_writes_come_back(tmp_path: Path) -> None:
    writes: list[module.AnyWrite] = [
        actions.NewMessage(text="ё\n\u2028", room="#general", id="1"),
        actions.NewWhisper(to="boris", text="t", id="2"),
        actions.Create(room="#x", topic="t", id="3"),
        actions.Join(room="#x", id="4"),
        actions.Leave(room="#x", id="5"),
        actions.Topic(room="#x", text="", id="6"),
    ]
    path = tmp_path / "deep" / "outbox.jsonl"
    first = FileOutbox(path)
    for write in writes:
        first.put(write)
    first.mark_sent("1")
    first.settle("4")
    first.refuse("5", Code.COMMON_ROOM)
    first.close()
    again = FileOutbox(path)
    assert [write.action for write in again.pending()] == [*writes[:3], writes[5]]
    assert again.pending()[0].state is WriteState.SENT
    assert [write.code for write in again.refused()] == [Code.COMMON_ROOM]
    again.close()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "outbox.jsonl"
    FileOutbox(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_is_put_is_synced_before_put_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = FileOutbox(tmp_path / "o")
    synced: list[bytes] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append((tmp_path / "o").read_bytes())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    outbox.put(say("a"))
    assert len(synced) == 1 and b'"a"' in synced[0]
    outbox.close()


def test_two_programs_do_not_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "o"
    first = FileOutbox(path)
    first.put(say("a"))
    with pytest.raises(OutboxLocked):
        FileOutbox(path)
    first.close()
    second = FileOutbox(path)
    assert ids(second) == ["a"]
    second.close()


def test_a_killed_program_leaves_what_it_put_and_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "o"
    program = (
        "import sys, os, pathlib\n"
        "from molva.client.outbox import FileOutbox\n"
        "from molva.terms import actions\n"
        "outbox = FileOutbox(pathlib.Path(sys.argv[1]))\n"
        "for n in range(5):\n"
        "    outbox.put(actions.NewMessage(text='t', room='#general', id=f'i{n}'))\n"
        "outbox.settle('i0')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    source = Path(module.__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env=os.environ | {"PYTHONPATH": str(source)},
        check=False,
    )
    outbox = FileOutbox(path)
    assert ids(outbox)[-4:] == ["i1", "i2", "i3", "i4"]
    outbox.close()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(min_value=0, max_value=400), st.binary(max_size=8))
def test_a_torn_file_gives_all_that_was_whole(tmp_path: Path, cut: int, tail: bytes) -> None:
    path = tmp_path / "whole"
    path.unlink(missing_ok=True)
    outbox = FileOutbox(path)
    for id in "abcd":
        outbox.put(say(id))
    outbox.mark_sent("a")
    outbox.close()
    data = path.read_bytes()
    torn = data[:cut]
    path.write_bytes(torn + tail.replace(b"\n", b""))
    outbox = FileOutbox(path)
    whole = [line for line in torn.split(b"\n")[:-1] if b'"action"' in line]
    kept = ids(outbox)
    assert kept[: len(whole)] == list("abcd")[: len(whole)]
    outbox.put(say("after"))
    outbox.close()
    outbox = FileOutbox(path)
    assert ids(outbox) == [*kept, "after"], "what a crash left of a line swallows no other"
    outbox.close()


def test_a_line_of_a_newer_program_hides_no_other(tmp_path: Path) -> None:
    path = tmp_path / "o"
    outbox = FileOutbox(path)
    outbox.put(say("a"))
    outbox.close()
    with path.open("ab") as file:
        file.write(b'{"id":"x","state":"dreaming"}\n[[[\n\xff\n{"id":"a","state":"sent"}\n')
    outbox = FileOutbox(path)
    assert [write.state for write in outbox.pending()] == [WriteState.SENT]
    outbox.close()


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "o"
    outbox = FileOutbox(path)
    outbox.put(say("stays"))
    for number in range(2 * COMPACT_LINES_MIN):
        outbox.put(say(f"i{number}"))
        outbox.mark_sent(f"i{number}")
        outbox.settle(f"i{number}")
    assert len(path.read_bytes().split(b"\n")) <= COMPACT_LINES_MIN + 1
    outbox.put(say("last"))
    outbox.close()
    outbox = FileOutbox(path)
    assert ids(outbox) == ["stays", "last"]
    outbox.settle("stays")
    outbox.settle("last")
    assert path.read_bytes() == b"", "what was said does not lie about"
    outbox.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["o", "o.lock"]


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_what_cannot_be_kept_is_not_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "o"
    outbox = FileOutbox(path)
    outbox.put(say("a"))

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space"):
            outbox.put(say("b"))
        outbox.mark_sent("a")
    assert ids(outbox) == ["a"]
    outbox.put(say("c"))
    outbox.close()
    outbox = FileOutbox(path)
    assert ids(outbox) == ["a", "c"]
    outbox.close()


def test_a_failed_compaction_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "o"
    outbox = FileOutbox(path)
    outbox.put(say("stays"))

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", fail)
        for number in range(COMPACT_LINES_MIN):
            outbox.put(say(f"i{number}"))
            outbox.settle(f"i{number}")
    outbox.close()
    outbox = FileOutbox(path)
    assert ids(outbox) == ["stays"]
    outbox.close()
