"""Speech through a real audio system: virtual microphone → sender → TCP → receiver → virtual speaker."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from codec.resampling import Resampler
from esc_tui.commands.demo import SPEECH_SAMPLE
from tests.e2e.pulse import RATE, PulseServer, PulseUnavailable, Tap
from tests.net.waiting import wait_until

SPEECH_S = 8
CHUNK_MS, OVERLAP_MS = 320, 40
GAP_MS = 10


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[PulseServer]:
    try:
        server = PulseServer(tmp_path / "pulse")
        server.start()
    except PulseUnavailable as reason:
        pytest.skip(str(reason))
    yield server
    server.kill()


class Command:
    """A command of ours in a process of its own, with its JSON lines."""

    def __init__(self, server: PulseServer, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "esc_tui", *arguments, "--json"], env=server.environment, stdout=subprocess.PIPE
        )
        self.snapshot: dict[str, Any] = {}
        self.heard_ms: list[float] = []
        self.events: list[str] = []
        self._thread = threading.Thread(target=self._read, name=f"read-{arguments[0]}")
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            record = json.loads(line)
            if record["type"] == "snapshot":
                self.snapshot = record
            elif record["type"] == "event":
                self.events.append(record["text"])

    def latency(self, name: str) -> dict[str, Any]:
        return next(each for each in self.snapshot["latencies"] if each["name"] == name)

    def end(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self.finish()

    def finish(self) -> None:
        try:
            self._process.wait(30)
        finally:
            self._process.kill()
            self._process.wait()
            self._thread.join(5)
            assert self._process.stdout is not None
            self._process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def at_speaker_rate(path: Path) -> np.ndarray:
    """What the codec has given, as the receiver saved it (which other tests hold against coding without a link)."""
    sound, rate = soundfile.read(path, dtype="float32")
    up = Resampler(rate, RATE)
    return np.concatenate([up.push(sound), up.finish()])


def lag_of(sound: np.ndarray, reference: np.ndarray) -> int:
    """By how many samples `sound` comes after `reference`."""
    size = 1 << int(np.ceil(np.log2(len(sound) + len(reference))))
    product = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(reference, size)), size)
    lag = int(np.argmax(product))
    return lag if lag < size // 2 else lag - size


def longest_gap_ms(sound: np.ndarray, reference: np.ndarray) -> float:
    """The longest stretch of digital silence where the reference is not silent."""
    silent = (np.abs(sound) < 2e-5) & (np.abs(reference) > 1e-3)
    longest = run = 0
    for is_silent, was_loud in zip(np.abs(sound) < 2e-5, silent, strict=True):
        run = run + 1 if is_silent and (run or was_loud) else 0
        longest = max(longest, run)
    return longest * 1000 / RATE


@pytest.mark.timeout(180)
def test_speech_reaches_the_speaker_as_the_codec_gives_it(
    pulse: PulseServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The speaker's recording correlates with the codec alone by 0.95, without gaps, and the latency shown is true."""
    speech, rate = soundfile.read(SPEECH_SAMPLE, frames=SPEECH_S * 16000, dtype="float32")
    spoken = tmp_path / "spoken.wav"
    soundfile.write(spoken, np.concatenate([speech, np.zeros(2 * rate, np.float32)]), rate)
    port = str(free_port())
    mouth, ear = Tap(pulse, "mouth"), Tap(pulse, "ear")
    receiver = Command(pulse, "receiver", "--port", port, "--play", "--once", "--save-path", str(tmp_path / "out"))
    chunks = ("--chunk-ms", str(CHUNK_MS), "--overlap-ms", str(OVERLAP_MS))
    recording = tmp_path / "raw.wav"
    sender = Command(pulse, "sender", "--microphone", "--port", port, *chunks, "--mic-save-path", str(recording))
    wait_until(lambda: (receiver.snapshot.get("playback") or {}).get("playing"), 60)
    assert pulse.play(spoken).wait(60) == 0
    shown_ms = receiver.latency("heard")["p50_ms"]
    playback = receiver.snapshot["playback"]
    (said, said_s), (heard, heard_s) = mouth.stop(), ear.stop()
    sender.end()
    receiver.finish()
    lag = lag_of(heard, said)
    measured_ms = (heard_s - said_s) * 1000 + lag * 1000 / RATE
    expected = at_speaker_rate(Path(receiver.snapshot["files"][0]))
    offset = lag_of(heard, expected)
    first, last = max(0, offset), min(len(heard), len(expected) + offset)
    heard, expected = heard[first:last], expected[first - offset : last - offset]
    correlation = float(np.corrcoef(heard, expected)[0, 1])
    assert soundfile.info(recording).duration > SPEECH_S
    gap_ms = longest_gap_ms(heard, expected)
    with capsys.disabled():
        print(
            f"\nmouth to ear: {measured_ms:.0f} ms measured, {shown_ms:.0f} ms shown; correlation {correlation:.4f}; "
            f"longest gap {gap_ms:.1f} ms; {playback}; load {os.getloadavg()[0]:.1f}"
        )
    assert correlation >= 0.95
    assert gap_ms <= GAP_MS
    assert measured_ms == pytest.approx(shown_ms, abs=100)
