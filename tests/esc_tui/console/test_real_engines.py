"""The console over engines that really stream, with a codec that costs nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from textual.pilot import Pilot

from codec.chunks.streaming import Contribution
from codec.types import Audio, Codes
from esc_tui.console.app import ConsoleApp
from esc_tui.console.panes.stream import StreamPane
from esc_tui.console.widgets.event_log import EventLog
from esc_tui.plain.report import snapshot_record
from net.engine import Engine
from net.receiver.engine import Receiver
from net.receiver.sinks.wav import WavSink
from net.sender.engine import Sender
from net.telemetry.stats import LinkState
from tests.codec.staircase import StaircaseCodec
from tests.esc_tui.console.shown_figures import differences, lines
from tests.esc_tui.console.waiting import until
from tests.net.links import make_receiver, make_sender, running, write_speech

SAMPLES = 64000


class Fault:
    """Fails once, at its third call."""

    def __init__(self, reason: str) -> None:
        self._reason, self._calls = reason, 0

    def __call__(self) -> None:
        self._calls += 1
        if self._calls == 3:
            raise RuntimeError(self._reason)


class FaultyCodec(StaircaseCodec):
    """A codec with a fault in one of its directions."""

    def __init__(self, encoding: Fault | None = None, decoding: Fault | None = None) -> None:
        self._encoding, self._decoding = encoding, decoding

    def encode(self, audio: Audio, num_streams: int = 6) -> Codes:
        if self._encoding:
            self._encoding()
        return super().encode(audio, num_streams)

    def decode(self, codes: Codes, samples: int | None = None, streams: Codes | None = None) -> Audio:
        if self._decoding:
            self._decoding()
        return super().decode(codes, samples, streams)


@asynccontextmanager
async def console(*engines: Engine, size: tuple[int, int]) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    app = ConsoleApp(engines, refresh_hz=10)
    async with app.run_test(size=size) as pilot:
        yield app, pilot


def link(folder: Path, codec: StaircaseCodec) -> tuple[Sender, Receiver]:
    receiver = make_receiver(folder, codec)  # type: ignore[arg-type]
    return make_sender(write_speech(folder / "in.wav", SAMPLES), receiver.port, codec), receiver  # type: ignore[arg-type]


def states(app: ConsoleApp) -> list[LinkState | None]:
    return [pane.stats and pane.stats.state for pane in app.screen.query(StreamPane)]


async def agreement(pilot: Pilot[None], pane: StreamPane, engine: Engine) -> list[str]:
    """How the pane differs from the engine's report; CPU and the rate of the last second may go on for a moment."""
    found: list[str] = []

    def agree() -> bool:
        found[:] = differences(pane, snapshot_record(engine.snapshots()[0], histories=True))
        return not found

    with suppress(AssertionError):
        await until(pilot, agree, within_s=5.0)
    return found


async def test_every_figure_is_the_engines_own(tmp_path: Path) -> None:
    """Each number on the screen at the end of a stream is what the engine reports, and there is no other one."""
    engines = link(tmp_path, StaircaseCodec())
    async with console(*engines, size=(200, 60)) as (app, pilot):
        await until(pilot, lambda: states(app) == [LinkState.DONE] * 2)
        for pane, engine in zip(app.screen.query(StreamPane), engines, strict=True):
            assert await agreement(pilot, pane, engine) == []
            report = snapshot_record(engine.snapshots()[0], histories=True)
            report["chunks"]["silent"] += 1
            report["codec"]["duration"]["maximum_ms"] += 1.0
            assert len(differences(pane, report)) == 2


def faulty_link(folder: Path, stage: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Sender, Receiver]:
    """A link whose third chunk is too much for a stage."""
    fault = Fault(f"no {stage} today")
    if stage == "save":
        write = WavSink.write

        def write_or_fail(sink: WavSink, contribution: Contribution) -> None:
            fault()
            write(sink, contribution)

        monkeypatch.setattr(WavSink, "write", write_or_fail)
        return link(folder, StaircaseCodec())
    return link(folder, FaultyCodec(**{f"{stage[:-1]}ing": fault}))


@pytest.mark.parametrize("stage", ["encode", "decode", "save"])
async def test_a_stage_that_fails_is_told_and_the_console_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Its pane says failed, which stage and why; keys act, summaries stand, and the receiver takes the next stream."""
    sender, receiver = faulty_link(tmp_path, stage, monkeypatch)
    async with console(sender, receiver, size=(120, 40)) as (app, pilot):
        await until(pilot, lambda: LinkState.FAILED in states(app) and sender.wait(0))
        pane = app.screen.query(StreamPane)[0 if stage == "encode" else 1]
        await until(pilot, lambda: f"no {stage} today" in " ".join(" ".join(text for _, text in lines(pane)).split()))
        shown = " ".join(" ".join(text for _, text in lines(pane)).split())
        assert "✗ failed" in shown
        assert f"the {stage} stage failed: RuntimeError: no {stage} today" in shown
        first = app.screen.query(StreamPane).first()
        await until(pilot, lambda: "SUMMARY" in " ".join(text for _, text in lines(first)))
        log = app.screen.query_one(EventLog)
        await until(pilot, lambda: any("error" in line and "no " in line for line in log.text.splitlines()))
        assert not receiver.wait(0)
        await pilot.press("w")
        assert pane.window_s == 120
        again = make_sender(tmp_path / "in.wav", receiver.port, StaircaseCodec())  # type: ignore[arg-type]
        with running(again):
            await until(pilot, lambda: again.wait(0) and receiver.snapshots()[-1].state is LinkState.DONE)
    assert app.survivors == ()
