"""The machine a benchmark runs on: what it is, and what it lacks."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import subprocess
import sys
from pathlib import Path

FILES = 20_000  # open files: 5,000 clients, with room to spare


def missing() -> list[str]:
    """Say what the benchmark needs and this machine has not."""
    if sys.platform != "linux":
        return ["Linux (epoll, /proc, pinning to a core)"]
    needs = []
    if shutil.which(compiler()) is None:
        needs.append(f"a C compiler ({compiler()!r} is not there; set CC to name another)")
    if len(os.sched_getaffinity(0)) < 2:
        needs.append("two cores, one for the server and one for the load")
    if not Path("/proc/self/smaps_rollup").exists():
        needs.append("/proc/PID/smaps_rollup (Linux 4.14 or newer)")
    return needs


def compiler() -> str:
    return os.environ.get("CC") or "cc"


def raise_file_limit() -> int:
    """Allow as many open files as may be, for us and those we start; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FILES:
        return FILES
    for wanted in (max(FILES, hard), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, FILES), wanted))
        except (ValueError, OSError):
            continue
        break
    return min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], FILES)


def filesystem(path: Path) -> str:
    """Name the type of the filesystem that holds `path`."""
    path = path.resolve()
    found, kind = Path("/"), "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, name, *_ = line.split()
        mount = Path(place.replace("\\040", " "))
        if path.is_relative_to(mount) and len(mount.parts) >= len(found.parts):
            found, kind = mount, name
    return kind


def commit(tree: Path) -> str | None:
    """Name the commit of `tree`, if it is a git tree and git is there."""
    # Without optional locks git only reads: it does not refresh its index on the way.
    command = ["git", "--no-optional-locks", "-C", str(tree)]
    command += ["describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def describe(data: Path) -> dict[str, str | int]:
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.lower().startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": model,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "filesystem": filesystem(data),
    }
