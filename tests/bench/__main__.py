"""`make bench`: what coding and streaming cost on this machine, as a table and as JSON."""

import argparse
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from codec.codec import Codec
from net.runtime.models import shared_codec
from tests.bench.coding import (
    ESC_BASE,
    ESC_LARGE,
    Times,
    compare,
    random_codec,
    real_time_factors,
    roofline,
    whole_file_rtf,
)
from tests.bench.console import console_lateness, crowded_lateness, spectrogram_ms
from tests.bench.link import transfer
from tests.bench.start import start


def main() -> None:
    """Measure everything, in one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    arguments = parser.parse_args()
    console = Console()
    bundled = Codec.load()
    codecs = {
        "esc-mini": bundled,
        "ESC-Base shape": random_codec("base", ESC_BASE),
        "ESC-Large shape": random_codec("large", ESC_LARGE),
    }
    report: dict[str, Any] = {"machine": machine(), "models": {}}
    console.print(report["machine"])
    table = Table("model", "encode ms", "decode ms", "plain ÷ fast", "whole file RTF", title="1 s chunks, 6 streams")
    for name, codec in codecs.items():
        times, rtf = compare(codec), whole_file_rtf(codec)
        report["models"][name] = asdict(times) | ratios(times) | {"whole_file_rtf": rtf, **roofline(codec)}
        table.add_row(
            name,
            f"{times.plain_encode_ms:.0f} → {times.fast_encode_ms:.0f}",
            f"{times.plain_decode_ms:.0f} → {times.fast_decode_ms:.0f}",
            f"{times.encode_ratio:.2f}, {times.decode_ratio:.2f}",
            f"{rtf:.3f}",
        )
    console.print(table)
    report["real_time_factors"] = {name: real_time_factors(codecs[name]) for name in ("esc-mini", "ESC-Base shape")}
    console.print(report["real_time_factors"])
    sent = transfer(Codec.load(threads=1))
    report["loopback"] = asdict(sent) | {"overlap_ratio": sent.overlap_ratio}
    console.print(report["loopback"])
    started = start()
    report["start"] = asdict(started) | {"beyond_torch_s": started.beyond_torch_s}
    console.print(report["start"])
    report["console_lateness"] = asdict(console_lateness(shared_codec(None, "cpu")))
    report["crowded_lateness"] = asdict(crowded_lateness())
    report["spectrogram_ms"] = spectrogram_ms()
    for name in ("console_lateness", "crowded_lateness", "spectrogram_ms"):
        console.print(name, report[name])
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def ratios(times: Times) -> dict[str, float]:
    """Plain ÷ fast."""
    return {"encode_ratio": times.encode_ratio, "decode_ratio": times.decode_ratio}


if __name__ == "__main__":
    main()
