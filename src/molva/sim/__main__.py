"""`python -m molva.sim`: run seeds, replay one, or show that the checkers see."""

import argparse
import sys
import time

from molva.sim.plants import PLANTS, find
from molva.sim.run import Verdict, run_seed


def main() -> int:
    """Return 0 when every seed held, 1 when one did not."""
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay one seed and show its last steps")
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds (default 1000)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--selftest", action="store_true", help="plant every bug in turn")
    arguments = parser.parse_args()
    if arguments.selftest:
        return _selftest(arguments.seeds)
    if arguments.seed is not None:
        verdict = run_seed(arguments.seed)
        print("\n".join(verdict.last))
        _report(verdict)
        return 1 if verdict.violation else 0
    return _run(range(arguments.first, arguments.first + arguments.seeds))


def _run(seeds: range) -> int:
    began = time.monotonic()
    verdicts = []
    for seed in seeds:
        verdict = run_seed(seed)
        verdicts.append(verdict)
        if verdict.violation is not None:
            _report(verdict)
    failed = [verdict for verdict in verdicts if verdict.violation is not None]
    print(
        f"{len(verdicts)} seeds, {sum(v.faults for v in verdicts)} faults, "
        f"{sum(v.entries for v in verdicts)} entries, "
        f"{sum(v.deliveries for v in verdicts)} deliveries, "
        f"{sum(v.acknowledged for v in verdicts)} acknowledged, "
        f"{sum(v.seconds for v in verdicts) / 3600:.1f} virtual hours, "
        f"{len(failed)} failed, {time.monotonic() - began:.1f} s"
    )
    return 1 if failed else 0


def _report(verdict: Verdict) -> None:
    if verdict.violation is None:
        print(f"seed {verdict.seed} held; digest {verdict.digest:08x}")
    else:
        print(f"make sim SEED={verdict.seed}")
        print(f"  {verdict.violation}")


def _selftest(seeds_max: int) -> int:
    missed = 0
    for name in PLANTS:
        caught = find(name, seeds_max)
        if caught is None:
            missed += 1
            print(f"{name:32} missed in {seeds_max} seeds")
        else:
            print(f"{name:32} seed {caught.seed:4}  {str(caught.violation)[:60]}")
    print(f"{len(PLANTS) - missed} of {len(PLANTS)} planted bugs caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
