"""A PulseAudio of a test's own, with two null sinks: `mouth`, whose monitor is the microphone, and `ear`."""

import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import numpy as np

from net.runtime.clock import SYSTEM_CLOCK
from net.sender.microphone import CaptureClock

RATE = 48000
PROGRAMS = ("pulseaudio", "pactl", "paplay", "parec")
SETUP = f"""
load-module module-native-protocol-unix auth-anonymous=1
load-module module-null-sink sink_name=mouth rate={RATE} channels=2
load-module module-null-sink sink_name=ear rate={RATE} channels=2
set-default-sink ear
set-default-source mouth.monitor
"""


class PulseUnavailable(Exception):
    """No audio server can be had here; the message says why."""


class PulseServer:
    """A daemon in a folder. Its `environment` leads PortAudio and PulseAudio's own programs to it."""

    def __init__(self, folder: Path) -> None:
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            raise PulseUnavailable(f"{', '.join(missing)} not installed: apt install pulseaudio pulseaudio-utils")
        self._folder = folder
        (folder / "run").mkdir(mode=0o700, parents=True)
        (folder / "setup.pa").write_text(SETUP)
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "PULSE_RUNTIME_PATH": str(folder / "run" / "pulse"),
            "PULSE_STATE_PATH": str(folder / "state"),
            "PULSE_SINK": "ear",
            "PULSE_SOURCE": "mouth.monitor",
        }
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the daemon and wait for its sinks. Raises `PulseUnavailable`."""
        command = ["pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "-n", "-F", str(self._folder / "setup.pa")]
        log = (self._folder / "log").open("ab")
        self._daemon = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        log.close()
        deadline_s = SYSTEM_CLOCK.monotonic_s() + 10
        while "ear.monitor" not in self._ask("list", "short", "sources"):
            if self._daemon.poll() is not None or SYSTEM_CLOCK.monotonic_s() > deadline_s:
                self.kill()
                raise PulseUnavailable(f"pulseaudio does not start: {(self._folder / 'log').read_text()[-300:]}")
            threading.Event().wait(0.05)

    def kill(self) -> None:
        """End the daemon as a crash would."""
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGKILL)
            self._daemon.wait(5)
            self._daemon = None

    def play(self, path: Path) -> subprocess.Popen[bytes]:
        """Speak a sound file into the microphone."""
        return subprocess.Popen(["paplay", "--device=mouth", "--latency-msec=50", str(path)], env=self.environment)  # noqa: S607

    def _ask(self, *arguments: str) -> str:
        answer = subprocess.run(
            ["pactl", *arguments],  # noqa: S607
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return answer.stdout


class Tap:
    """Records a sink's monitor, and knows when each sample was there."""

    def __init__(self, server: PulseServer, sink: str) -> None:
        command = ["parec", f"--device={sink}.monitor", "--latency-msec=20", "--format=s16le", "--channels=1"]
        self._process = subprocess.Popen([*command, f"--rate={RATE}"], env=server.environment, stdout=subprocess.PIPE)
        self._blocks: list[bytes] = []
        self._lock = threading.Lock()
        self._clock = CaptureClock(RATE)
        self.end_s = 0.0
        """When the last sample so far was there."""
        self._thread = threading.Thread(target=self._read, name=f"tap-{sink}")
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        position = 0
        while block := os.read(self._process.stdout.fileno(), 1 << 16):
            position += len(block) // 2
            with self._lock:
                self._blocks.append(block)
                self.end_s = self._clock.stamp(position, SYSTEM_CLOCK.epoch_s())

    def between(self, start_s: float, stop_s: float) -> np.ndarray:
        """What was recorded between two times, which must be past."""
        with self._lock:
            sound = np.frombuffer(b"".join(self._blocks), "<i2").astype(np.float32) / 32768
            began_s = self.end_s - len(sound) / RATE
        return sound[round((start_s - began_s) * RATE) : round((stop_s - began_s) * RATE)]

    def stop(self) -> None:
        """End the recording."""
        self._process.terminate()
        self._process.wait(5)
        self._thread.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()
