"""The attacks of tests/attacks for as long as they are given, each round with a fresh seed.

A round runs every attack with ``--times`` times the cases of the default suite. What fails is told
with its seed, and the same seed fails again:

    python benchmarks/fuzz.py --minutes 60 --seed 0
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ATTACKS = Path(__file__).parents[1] / "tests" / "attacks"
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


def one_round(seed: int, times: int, seconds: float) -> tuple[Counter[str], list[str], str]:
    """Return cases by attack, the attacks that failed, and what pytest printed."""
    with tempfile.TemporaryDirectory() as folder:
        tally = Path(folder) / "tally"
        command = (
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist",
            "-W", "ignore", f"--hypothesis-seed={seed}", str(ATTACKS),
        )  # fmt: skip
        told = {"ATTACKS": str(times), "ATTACKS_TALLY": str(tally), "TMPDIR": folder}
        try:
            done = subprocess.run(
                command,
                env=os.environ | told,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            text = error.stdout or b""
            return Counter(), ["a round that did not end"], str(text)
        cases: Counter[str] = Counter()
        for line in tally.read_text().splitlines() if tally.exists() else ():
            number, name = line.split("\t")
            cases[name] = int(number)
        failed = _FAILED.findall(done.stdout)
        if done.returncode and not failed:
            failed = [f"pytest ended with {done.returncode}"]
        return cases, failed, done.stdout + done.stderr


def main() -> int:
    """Run rounds until the time is over; 1 where something failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument("--times", type=int, default=4, help="the cases of the default suite")
    given = parser.parse_args()
    end = time.monotonic() + 60 * given.minutes
    total: Counter[str] = Counter()
    faults: dict[str, list[int]] = {}
    seed = given.seed
    while seed == given.seed or time.monotonic() < end:
        cases, failed, said = one_round(seed, given.times, 3600)
        total += cases
        for name in failed:
            if name not in faults:
                print(said[-6000:])
            faults.setdefault(name, []).append(seed)
        print(f"seed {seed}: {cases.total()} cases, {len(failed)} attacks failed", flush=True)
        seed += 1
    print(f"{total.total()} cases, seeds {given.seed} to {seed - 1}, {len(faults)} attacks failed")
    for name, number in total.most_common():
        print(f"  {number:6d} {name}")
    for name, seeds in faults.items():
        print(f"  failed: {name}, seeds {', '.join(map(str, seeds))}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
