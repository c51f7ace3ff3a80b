"""A lock: one holder at a time, whichever way the last one ended."""

import os
import signal
import stat
from contextlib import closing
from pathlib import Path

import pytest

from molva.store.lock import Lock
from molva.terms.ports import StoreRefused
from tests.store.files import child, line_from, posix

HOLDER = """
import signal
import sys
from pathlib import Path
from molva.store.lock import Lock
lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
signal.pause()
"""


def lock_file(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


@posix
def test_a_file_that_another_process_has_open_is_refused_with_its_pid(path: Path) -> None:
    with child(HOLDER, path) as holder:
        assert line_from(holder) == "held"
        with pytest.raises(StoreRefused) as refused:
            Lock(path)
        assert refused.value.reason == "locked"
        assert refused.value.values == {"path": str(path), "pid": str(holder.pid)}


@posix
def test_a_file_is_free_again_when_its_holder_was_killed(path: Path) -> None:
    with child(HOLDER, path) as holder:
        assert line_from(holder) == "held"
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        Lock(path).release()


def test_a_file_locked_in_this_process_is_refused_until_it_is_released(path: Path) -> None:
    lock = Lock(path)
    for _ in range(2):
        with pytest.raises(StoreRefused) as refused:
            Lock(path)
        assert refused.value.values["pid"] == str(os.getpid())
    lock.release()
    Lock(path).release()


def test_the_pid_of_an_earlier_holder_is_written_over(path: Path) -> None:
    lock_file(path).write_text("99999999999999999999")
    lock = Lock(path)
    with pytest.raises(StoreRefused) as refused:
        Lock(path)
    assert refused.value.values["pid"] == str(os.getpid())
    lock.release()


def test_a_pid_that_is_none_is_told_as_it_is(path: Path) -> None:
    lock = Lock(path)
    lock_file(path).write_bytes(b"\xff?")
    with pytest.raises(StoreRefused) as refused:
        Lock(path)
    assert refused.value.values["pid"] == "\ufffd?"
    lock.release()


def test_the_file_of_the_lock_stays_and_nothing_else_is_made(path: Path) -> None:
    """To remove it would let two processes lock two files of one name."""
    Lock(path).release()
    assert list(path.parent.iterdir()) == [lock_file(path)]


@posix
def test_the_file_of_the_lock_is_its_owners_alone(path: Path) -> None:
    previous = os.umask(0)
    try:
        Lock(path).release()
    finally:
        os.umask(previous)
    assert stat.S_IMODE(lock_file(path).stat().st_mode) == 0o600


@posix
def test_a_refused_lock_leaves_no_descriptor_open(path: Path) -> None:
    def free() -> int:
        with closing(os.fdopen(os.open(os.devnull, os.O_RDONLY))) as file:
            return file.fileno()

    lock = Lock(path)
    before = free()
    for _ in range(5):
        with pytest.raises(StoreRefused):
            Lock(path)
    assert free() == before
    lock.release()


@posix
def test_a_place_without_a_directory_is_an_os_error(path: Path) -> None:
    with pytest.raises(OSError):
        Lock(path / "deeper")
