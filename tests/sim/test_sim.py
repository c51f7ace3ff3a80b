"""The simulator holds on hundreds of seeds, repeats itself to the byte, and sees planted bugs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from molva.sim.plants import PLANTS, find
from molva.sim.run import run_seed

ROOT = Path(__file__).resolve().parent.parent.parent
SEEDS = 300
SLICES = 10
"""The seeds are tested in so many parts, so that a failing one is named soon."""
PLANT_SEEDS_MAX = 60
RARE_SEEDS_MAX = {
    "show_ahead_of_the_node": 200,
    "show_what_was_removed": 200,
    "read_the_role_at_the_request": 200,
}
"""For bugs that show only where two things meet within a moment."""


def once_failed() -> list[int]:
    lines = (ROOT / "tests" / "sim_seeds.txt").read_text(encoding="utf-8").split("\n")
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("part", range(SLICES))
def test_nothing_is_lost_doubled_or_reordered_on_any_seed(part: int) -> None:
    for seed in range(part, SEEDS, SLICES):
        verdict = run_seed(seed)
        assert verdict.violation is None, f"make sim SEED={seed}: {verdict.violation}"
        assert verdict.acknowledged > 0


@pytest.mark.parametrize("seed", once_failed())
def test_a_seed_that_once_failed_holds(seed: int) -> None:
    verdict = run_seed(seed)
    assert verdict.violation is None, f"make sim SEED={seed}: {verdict.violation}"


def test_the_same_seed_gives_the_same_trace_whatever_the_hash_seed_is() -> None:
    program = (
        "from molva.sim.run import run_seed\nprint([run_seed(seed).digest for seed in range(20)])\n"
    )

    def digests(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "src")}
        return subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    first, second = digests("1"), digests("2")
    assert first == second
    assert first == f"{[run_seed(seed).digest for seed in range(20)]}\n"


@pytest.mark.parametrize("name", PLANTS)
def test_the_checkers_see_a_planted_bug(name: str) -> None:
    seeds_max = RARE_SEEDS_MAX.get(name, PLANT_SEEDS_MAX)
    verdict = find(name, seeds_max)
    assert verdict is not None, f"{name} was missed in {seeds_max} seeds"
