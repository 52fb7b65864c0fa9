"""The engines without the console, for scripts: progress on standard error and a summary, or JSON lines."""

import dataclasses
import math
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from esc_tui.errors import ExitCode, exit_code, tell
from esc_tui.markup import shown
from esc_tui.options.shared import Display
from esc_tui.plain.report import event_record, final_report, snapshot_record
from net.engine import Engine
from net.runtime.clock import SYSTEM_CLOCK
from net.telemetry.stats import Event, LinkState, RateStats, Role, Severity, StreamStats

STOP_DEADLINE_S = 5.0
STYLES = {Severity.INFO: "", Severity.WARNING: "yellow", Severity.ERROR: "red"}


class Interrupts:
    """Counts Ctrl-C and SIGTERM: the first asks for an end in order, the second ends at once."""

    def __init__(self) -> None:
        self.count = 0
        self.changed = threading.Event()

    def take(self, _signal: int, _frame: FrameType | None) -> None:
        """Handle the signal."""
        self.count += 1
        self.changed.set()


class Output(Protocol):
    """Where a headless run shows itself."""

    def events(self, events: Sequence[Event]) -> None: ...  # noqa: D102 - the name says it
    def snapshots(self, snapshots: Sequence[StreamStats]) -> None: ...  # noqa: D102 - likewise
    def finish(self, engines: Sequence[Engine], code: ExitCode) -> None: ...  # noqa: D102 - likewise
    def tell(self, error: BaseException) -> None: ...  # noqa: D102 - likewise


def run_headless(engines: Sequence[Engine], display: Display) -> ExitCode:
    """Run engines to their end, showing them as `display` says; return the exit code."""
    with interrupts() as interrupted:
        output: Output = JsonOutput() if display.json else ProgressOutput()
        survivors = _run(engines, output, interrupted, 1 / display.refresh_hz)
    errors = [engine.error for engine in engines if engine.error is not None]
    code = ExitCode.INTERRUPTED if interrupted.count else exit_code(errors[0] if errors else None)
    output.finish(engines, code)
    if code is not ExitCode.INTERRUPTED:
        for error in errors:
            output.tell(error)
    for name in survivors:
        print(f"esc-tui: thread {name} did not end in {STOP_DEADLINE_S:g} s", file=sys.stderr)
    return code


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Take Ctrl-C and SIGTERM while the body runs."""
    taken = Interrupts()
    previous = {number: signal.signal(number, taken.take) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield taken
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _run(engines: Sequence[Engine], output: Output, interrupted: Interrupts, interval_s: float) -> list[str]:
    seen = [0] * len(engines)
    try:
        for engine in reversed(engines):  # a demo's receiver listens before its sender connects
            engine.start()
        while (running := [engine for engine in engines if not engine.wait(0)]) and interrupted.count < 2:
            SYSTEM_CLOCK.wait(interrupted.changed, interval_s)
            interrupted.changed.clear()
            if interrupted.count:
                running[0].request_stop()  # the sender first: what it has in hand needs a receiver that listens
            _show(engines, output, seen)
    finally:
        survivors = [name for engine in engines for name in engine.stop(STOP_DEADLINE_S)]
        _show(engines, output, seen)
    return survivors


def _show(engines: Sequence[Engine], output: Output, seen: list[int]) -> None:
    for index, engine in enumerate(engines):
        events = engine.events_since(seen[index])
        if events:
            seen[index] = events[-1].sequence + 1
            output.events(events)
    output.snapshots([stats for engine in engines for stats in engine.snapshots()])


class JsonOutput:
    """One JSON object a line on standard output: snapshots, events, and a report at the end."""

    def events(self, events: Sequence[Event]) -> None:
        """Print each event."""
        for event in events:
            self._print("event", event_record(event))

    def snapshots(self, snapshots: Sequence[StreamStats]) -> None:
        """Print each stream's snapshot."""
        for stats in snapshots:
            self._print("snapshot", snapshot_record(stats))

    def finish(self, engines: Sequence[Engine], code: ExitCode) -> None:
        """Print the report."""
        self._print("report", final_report(engines, code))

    def tell(self, error: BaseException) -> None:
        """Say on standard error what went wrong, beside the event on standard output."""
        tell(error)

    def _print(self, kind: str, record: dict[str, Any]) -> None:
        sys.stdout.buffer.write(msgspec.json.encode({"type": kind, **record}) + b"\n")
        sys.stdout.buffer.flush()


class ProgressOutput:
    """A progress line a stream on standard error, events above them, and a summary on standard output."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[audio]}"),
            TextColumn("{task.fields[kbps]:>5.2f} kbps"),
            TextColumn("{task.fields[state]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[tuple[Role, str], TaskID] = {}
        self._told: list[str] = []
        self._progress.start()

    def events(self, events: Sequence[Event]) -> None:
        """Print each event on a line of its own."""
        for event in events:
            self._console.print(shown(event.text), style=STYLES[event.severity], soft_wrap=True)
            if event.severity is Severity.ERROR:
                self._told.append(event.text)

    def snapshots(self, snapshots: Sequence[StreamStats]) -> None:
        """Bring the progress lines up to date."""
        for stats in snapshots:
            key = (stats.role, stats.stream_id)
            if key not in self._tasks:
                name = shown(f"{stats.role:<8} {stats.source}")
                self._tasks[key] = self._progress.add_task(name, audio="", kbps=0.0, state="")
            self._progress.update(
                self._tasks[key],
                total=stats.total_s,
                completed=stats.audio_s,
                audio=_audio_text(stats),
                kbps=stats.payload.average_kbps,
                state=str(stats.state),
            )

    def finish(self, engines: Sequence[Engine], code: ExitCode) -> None:  # noqa: ARG002 - an Output's signature
        """Print the summary."""
        self._progress.stop()
        print_summary(engines)

    def tell(self, error: BaseException) -> None:
        """Say what went wrong, unless an event has said it."""
        if not any(text.endswith(str(error)) for text in self._told):
            tell(error)


def print_summary(engines: Sequence[Engine]) -> None:
    """Print what each stream was and did, and where its files are, on standard output."""
    console = Console(highlight=False, soft_wrap=True)
    for engine in engines:
        for stats in engine.snapshots():
            if not stats.wire.total_bytes and not stats.audio_s and stats.state is LinkState.FAILED:
                continue  # it never began, and why has been said
            console.print(_summary_table(stats))
            for path in stats.files:
                console.print(f"saved {shown(path)}")


def _summary_table(stats: StreamStats) -> Table:
    table = Table(title=shown(f"{stats.role}: {stats.source}"), title_justify="left", show_header=False, box=None)
    table.add_column(style="dim")
    table.add_column()
    for name, value in _summary_rows(stats):
        table.add_row(name, shown(value))
    return table


def _summary_rows(stats: StreamStats) -> Iterator[tuple[str, str]]:
    verb = "encode" if stats.role is Role.SENDER else "decode"
    yield "state", f"{stats.state}{f' ({stats.reason})' if stats.reason else ''}"
    yield "peer", stats.peer
    yield "model", f"{stats.model} {stats.fingerprint}"
    yield "audio", _audio_text(stats)
    yield "time on air", f"{stats.on_air_s:.2f} s"
    yield "payload", _rate_text(stats.payload, stats.audio_s)
    yield "wire", _rate_text(stats.wire, stats.audio_s)
    yield "chunks", ", ".join(f"{name} {count}" for name, count in dataclasses.asdict(stats.chunks).items())
    yield verb, _duration_text(stats)
    for latency in stats.latencies:
        if latency.count:
            yield f"to {latency.name}", f"p50 {latency.p50_ms:.0f} ms, p95 {latency.p95_ms:.0f} ms"


def _rate_text(rate: RateStats, audio_s: float) -> str:
    """How many bytes, for the time on air and, which does not depend on the link's speed, for the sound's length."""
    of_sound = f", {rate.total_bytes * 8 / audio_s / 1000:.2f} kbps of sound" if audio_s else ""
    return f"{rate.total_bytes} bytes, {rate.average_kbps:.2f} kbps on air{of_sound}"


def _duration_text(stats: StreamStats) -> str:
    duration = stats.codec.duration
    if math.isnan(duration.average_ms):
        return "nothing yet"
    return (
        f"{duration.average_ms:.1f} ms a chunk (min {duration.minimum_ms:.1f}, max {duration.maximum_ms:.1f}), "
        f"real-time factor {stats.codec.rtf_average:.3f}"
    )


def _audio_text(stats: StreamStats) -> str:
    total = "" if stats.total_s is None else f" of {stats.total_s:.2f}"
    return f"{stats.audio_s:.2f}{total} s"
