"""The command line of training."""

import argparse
import sys
from pathlib import Path

from codec.errors import EscError
from codec.training.run import RunOptions, run


def parser() -> argparse.ArgumentParser:
    """All options; `RunOptions` explains them."""
    options = argparse.ArgumentParser(
        prog="python -m codec.training",
        description="Train an ESC model on a folder of sound files; goes on from the newest checkpoint in --out.",
    )
    options.add_argument("--data", type=Path, required=True, help="folder of sound files, searched to any depth")
    options.add_argument("--out", type=Path, required=True, help="folder for checkpoints, log and exported model")
    options.add_argument("--config", type=Path, help="config.yaml: sections model and training (default: bundled)")
    options.add_argument("--device", default="cpu", help="cpu, cuda or mps (default: cpu)")
    options.add_argument("--steps", type=int, help="end after so many steps")
    options.add_argument("--minutes", type=float, help="end after so many minutes")
    options.add_argument("--decay", action="store_true", help="let the learning rates fall to zero over this run")
    options.add_argument("--start", type=Path, help="model folder or checkpoint to start from, if --out has none")
    options.add_argument("--adversarial", action="store_true", help="fine-tune with discriminators: for GPUs")
    options.add_argument("--compile", action="store_true", help="compile the network first: for GPUs")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run; gives the exit code."""
    try:
        run(RunOptions(**vars(parser().parse_args(arguments))))
    except EscError as error:
        print(f"codec.training: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
