"""The engines without the console, for scripts: progress on standard error and a summary, or JSON lines."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

from esc_tui.errors import ExitCode, exit_code, print_error
from esc_tui.markup import shown
from esc_tui.options.command import Display
from esc_tui.plain.loop import Output, run_plain
from esc_tui.plain.output import ProgressLines, figures_table, print_json, results_console
from esc_tui.plain.report import event_record, final_report, snapshot_record
from net.engine import Engine
from net.telemetry.stats import Event, LinkState, RateStats, Role, Severity, StreamStats

STYLES = {Severity.INFO: "", Severity.WARNING: "yellow", Severity.ERROR: "red"}


def run_headless(engines: Sequence[Engine], display: Display) -> ExitCode:
    """Run engines to their end, shown as `display` says; return the exit code."""
    output = JsonOutput(engines) if display.json else ProgressOutput(engines)
    return run_plain(engines, output, 1 / display.refresh_hz, signals_to_end=2)


class EngineOutput(Output):
    """What both outputs read of the engines."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._engines = engines
        self._next_events = [0] * len(engines)

    def errors(self) -> list[BaseException]:
        """Return the errors that ended engines."""
        return [engine.error for engine in self._engines if engine.error is not None]

    def exit_code(self) -> ExitCode:
        """Return the exit code of the first error."""
        return exit_code(next(iter(self.errors()), None))

    def new_events(self) -> Iterator[Event]:
        """Yield the events since the last call."""
        for index, engine in enumerate(self._engines):
            for event in engine.events_since(self._next_events[index]):
                self._next_events[index] = event.sequence + 1
                yield event

    def snapshots(self) -> Iterator[StreamStats]:
        """Yield each stream's snapshot."""
        for engine in self._engines:
            yield from engine.snapshots()


class JsonOutput(EngineOutput):
    """One JSON object a line on standard output: events and snapshots, and a report at the end."""

    def show(self) -> None:
        """Print new events and each stream's snapshot."""
        for event in self.new_events():
            print_json({"type": "event", **event_record(event)})
        for stats in self.snapshots():
            print_json({"type": "snapshot", **snapshot_record(stats)})

    def finish(self, code: ExitCode) -> None:
        """Print the report, and errors on standard error."""
        print_json({"type": "report", **final_report(self._engines, code)})
        for error in self.errors() if code is not ExitCode.INTERRUPTED else ():
            print_error(error)


class ProgressOutput(EngineOutput):
    """A progress line a stream on standard error, events above them, and a summary on standard output."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        super().__init__(engines)
        self._lines = ProgressLines("{task.fields[audio]}", "{task.fields[kbps]:>5.2f} kbps", "{task.fields[state]}")
        self._printed_errors: list[str] = []

    def close(self) -> None:
        """Remove the progress lines."""
        self._lines.close()

    def show(self) -> None:
        """Print new events, and update the progress lines."""
        for event in self.new_events():
            self._lines.note(event.text, STYLES[event.severity])
            if event.severity is Severity.ERROR:
                self._printed_errors.append(event.text)
        for stats in self.snapshots():
            self._lines.update(
                (stats.role, stats.stream_id),
                f"{stats.role:<8} {stats.source}",
                stats.total_s,
                stats.audio_s,
                audio=_audio_text(stats),
                kbps=stats.payload.average_kbps,
                state=str(stats.state),
            )

    def finish(self, code: ExitCode) -> None:
        """Print the summary, and the errors that no event has named."""
        print_summary(self._engines)
        for error in self.errors() if code is not ExitCode.INTERRUPTED else ():
            if not any(text.endswith(str(error)) for text in self._printed_errors):
                print_error(error)


def print_summary(engines: Sequence[Engine]) -> None:
    """Print what each stream was and did, and where its files are, on standard output."""
    console = results_console()
    for engine in engines:
        for stats in engine.snapshots():
            if not stats.wire.total_bytes and not stats.audio_s and stats.state is LinkState.FAILED:
                continue  # it never began, and its error has been printed
            console.print(figures_table(f"{stats.role}: {stats.source}", _summary_rows(stats)))
            for path in stats.files:
                console.print(f"saved {shown(path)}")


def _summary_rows(stats: StreamStats) -> Iterator[tuple[str, str]]:
    verb = "encode" if stats.role is Role.SENDER else "decode"
    yield "state", f"{stats.state}{f' ({stats.reason})' if stats.reason else ''}"
    yield "peer", stats.peer
    yield "model", f"{stats.model} {stats.fingerprint}"
    yield "audio", _audio_text(stats)
    yield "time on air", f"{stats.on_air_s:.2f} s"
    yield "payload", _rate_text(stats.payload, stats.audio_s)
    yield "wire", _rate_text(stats.wire, stats.audio_s)
    if stats.socket_buffer_bytes:
        yield "socket buffer", f"{stats.socket_buffer_bytes} bytes"
    yield "chunks", ", ".join(f"{name} {count}" for name, count in dataclasses.asdict(stats.chunks).items())
    yield verb, _duration_text(stats)
    for latency in stats.latencies:
        if latency.count:
            yield f"to {latency.name}", f"p50 {latency.p50_ms:.0f} ms, p95 {latency.p95_ms:.0f} ms"


def _rate_text(rate: RateStats, audio_s: float) -> str:
    """Return bytes, the bitrate on air and, independent of the link's speed, the bitrate of the sound."""
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
