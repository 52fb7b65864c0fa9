"""Streams for some minutes over a network that fails at random, and tells what was lost and what leaked.

Two rounds in three run within this process, the third one between processes that are killed.
"""

import argparse
import math
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from codec.codec import Codec
from tests.soak.engines import Round
from tests.soak.measures import Holdings
from tests.soak.processes import ProcessRound

TINY_MODEL = Path(__file__).parents[1] / "data" / "golden" / "tiny"
PROCESSES_EVERY = 3
FEWEST_ROUNDS = 3
WARM_SHARE = 1 / 3
"""In the first rounds caches fill (one layout for each shape of chunk); what grows after them leaks."""
MEMORY_LEAK_MB = 40.0
"""More than the noise of the allocator."""


def soak(minutes: float, seed: int) -> int:
    """Stream for so long; print the balance; return the exit code."""
    codec, chance, counts = Codec.load(TINY_MODEL), random.Random(seed), Counter[str]()  # noqa: S311 - no secret
    end_s = time.monotonic() + minutes * 60
    problems: list[str] = []
    holdings: list[Holdings] = []
    while time.monotonic() < end_s or len(holdings) < FEWEST_ROUNDS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            killing = len(holdings) % PROCESSES_EVERY == PROCESSES_EVERY - 1
            one = (
                ProcessRound(folder, codec, TINY_MODEL, chance, counts)
                if killing
                else Round(folder, codec, chance, counts)
            )
            one.run()
        problems += one.problems
        holdings.append(Holdings.now())
        print(f"round {len(holdings)}: {holdings[-1]}", *one.problems, sep="\n  ", flush=True)
    warm = math.ceil(len(holdings) * WARM_SHARE)
    before, after = holdings[warm - 1], holdings[-1]
    leaks = leaks_between(before, after)
    print(f"\nseed {seed}, {len(holdings)} rounds")
    print("\n".join(f"  {count:4d} {what}" for what, count in sorted(counts.items())))
    print(f"after round {warm}: {before}\nat the end:    {after}")
    print("leaks:", "; ".join(leaks) or "none")
    print("problems:", "; ".join(problems) or "none: every file equals the local coding, those that adapt in length")
    return 1 if leaks or problems else 0


def leaks_between(before: Holdings, after: Holdings) -> list[str]:
    """What the process holds more than before."""
    leaks = [
        f"{later - earlier} {name}"
        for name, earlier, later in (
            ("threads", before.threads, after.threads),
            ("files", before.files, after.files),
            ("sockets", before.sockets, after.sockets),
        )
        if later > earlier
    ]
    grown_mb = after.resident_mb - before.resident_mb
    return leaks + ([f"{grown_mb:.0f} MB of memory"] if grown_mb > MEMORY_LEAK_MB else [])


def main() -> int:
    """Read the options, and soak."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 16))
    options = parser.parse_args()
    return soak(options.minutes, options.seed)


if __name__ == "__main__":
    sys.exit(main())
