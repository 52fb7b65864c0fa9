"""`python -m tests.fuzz [--seconds N] [TARGET…]`: coverage-guided fuzzing of each target, one after another.

What is found to be interesting lies in `.fuzz/TARGET` afterwards, and what breaks a promise in a file beside it, whose
name is shown: mend the cause and add that input, in hex, to `tests/fuzz/corpus/TARGET.hex`, which plain tests replay.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from tests.fuzz.corpus import keep_inputs, kept_inputs
from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS

WORK = Path(".fuzz")
LIBFUZZER_OPTIONS = ("-max_len=4096", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1")


def main() -> int:
    """Fuzz, and return 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the protocol, bits and files.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--keep", action="store_true", help="add the fewest inputs that reach more to the corpus")
    chosen = parser.parse_args()
    targets = chosen.targets or list(TARGETS)
    broken = [target for target in targets if not _fuzz(target, chosen.seconds)]
    print(f"BROKEN: {', '.join(broken)}" if broken else f"no promise was broken in {', '.join(targets)}", flush=True)
    if chosen.keep and not broken:
        for target in targets:
            _keep(target)
    return 1 if broken else 0


def _fuzz(target: str, seconds: int) -> bool:
    """Fuzz one target in its own process; tell whether it held."""
    found, start = _folder(target), _folder(f"{target}-start")
    for number, data in enumerate([*SEEDS[target](), *kept_inputs(target)]):
        (start / str(number)).write_bytes(data)
    print(f"fuzzing {target} for {seconds} s", flush=True)
    return _run(target, f"-max_total_time={seconds}", f"-artifact_prefix={WORK / target}-", str(found), str(start))


def _keep(target: str) -> None:
    """Add what was found to the corpus, where it reaches what nothing else does."""
    shutil.rmtree(WORK / f"{target}-kept", ignore_errors=True)
    kept = _folder(f"{target}-kept")
    if _run(target, "-merge=1", str(kept), str(WORK / f"{target}-start"), str(WORK / target)):
        keep_inputs(target, [path.read_bytes() for path in kept.iterdir()])


def _folder(name: str) -> Path:
    (WORK / name).mkdir(parents=True, exist_ok=True)
    return WORK / name


def _run(target: str, *arguments: str) -> bool:
    command = [sys.executable, "-m", "tests.fuzz.run", target, *LIBFUZZER_OPTIONS, *arguments]
    return subprocess.run(command, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
