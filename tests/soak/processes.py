"""A round of the soak with the real commands, each a process of its own, killed without warning in mid-stream."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from codec.codec import Codec
from tests.net.links import locally_coded, read_pcm16, write_speech
from tests.ports import free_port
from tests.soak.engines import KINDS, is_among, lengths

DEADLINE_S = 180.0
END_S = 30.0
KILLS = 4
NOTHING_TO_RESUME = 2


class ProcessRound:
    """`esc-tui sender` and `esc-tui receiver` with a small model; the killed one is started again each time."""

    def __init__(self, folder: Path, codec: Codec, model: Path, chance: random.Random, counts: Counter[str]) -> None:
        self._folder, self._codec, self._model = folder, codec, model
        self._chance, self._counts = chance, counts
        self._kind = chance.choice([kind for kind in KINDS if not kind.adaptive])
        self._speech = write_speech(folder / "in.wav", chance.randrange(16 * 16000, 24 * 16000))
        self._port = free_port()
        self._deadline_s = time.monotonic() + DEADLINE_S
        self.problems: list[str] = []

    def run(self) -> None:
        """Stream, kill, and check the file."""
        processes = {"receiver": self._start("receiver"), "sender": self._start("sender")}
        try:
            for _ in range(KILLS):
                if not self._await_progress(processes):
                    break
                self._kill(processes, self._chance.choice(("sender", "receiver")))
            self._end(processes)
        finally:
            for process in processes.values():
                process.kill()
                process.wait()
        self._counts[f"{self._kind.name} streams between processes"] += 1
        self._compare()

    def _kill(self, processes: "dict[str, subprocess.Popen[bytes]]", role: str) -> None:
        threading.Event().wait(self._chance.uniform(0.0, 1.5))
        self._counts[f"kill {role}"] += 1
        processes[role].kill()
        if processes[role].wait() == 0:
            return  # it had just ended
        options = ("--resume",) if role == "sender" else ()
        processes[role] = self._start(role, *options)

    def _end(self, processes: "dict[str, subprocess.Popen[bytes]]") -> None:
        self._await(lambda: processes["sender"].poll() is not None)
        if processes["sender"].poll() == NOTHING_TO_RESUME:  # it had not begun when it was killed
            processes["sender"] = self._start("sender")
            self._await(lambda: processes["sender"].poll() is not None)
        if processes["sender"].poll() != 0:
            self.problems.append(f"the sender ended with {processes['sender'].poll()}: {self._said('sender')}")
        processes["receiver"].send_signal(signal.SIGTERM)
        try:
            processes["receiver"].wait(END_S)
        except subprocess.TimeoutExpired:
            self.problems.append(f"the receiver did not end in {END_S:.0f} s: {self._said('receiver')}")

    def _await_progress(self, processes: "dict[str, subprocess.Popen[bytes]]") -> bool:
        """Wait until more sound is on disk; tell whether the sender still streams."""
        before = self._position()
        self._await(lambda: self._position() != before or processes["sender"].poll() is not None)
        return processes["sender"].poll() is None

    def _position(self) -> list[str]:
        """What the journals say, where any is whole."""
        try:
            return [path.read_text() for path in (self._folder / "out").glob(".*.json")]
        except OSError:  # it was removed just now
            return []

    def _await(self, holds: Callable[[], bool]) -> None:
        pause = threading.Event()
        while not holds():
            if time.monotonic() > self._deadline_s:
                self.problems.append(f"processes were not done in {DEADLINE_S:.0f} s: {self._said('sender')}")
                return
            pause.wait(0.05)

    def _start(self, role: str, *options: str) -> "subprocess.Popen[bytes]":
        plan = self._kind.plan
        of_role = {
            "sender": (
                *("--input", str(self._speech), "--realtime", "--stitching", str(plan.stitching)),
                *("--chunk-size", str(plan.chunk_samples), "--overlap-size", str(plan.overlap_samples)),
                *("--connect-timeout", "60", "--reconnect-timeout", "60"),
            ),
            "receiver": ("--save-path", str(self._folder / "out"), "--grace", "60"),
        }
        command = [sys.executable, "-m", "esc_tui", role, "--json", "--model-path", str(self._model)]
        command += ["--host", "127.0.0.1", "--port", str(self._port), *of_role[role], *options]
        state = {"XDG_STATE_HOME": str(self._folder / "state"), "XDG_CONFIG_HOME": str(self._folder / "config")}
        with (self._folder / f"{role}.log").open("ab") as log:
            return subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=log, env={**os.environ, **state, "OMP_NUM_THREADS": "1"}
            )

    def _said(self, role: str) -> str:
        return (self._folder / f"{role}.log").read_text(errors="replace")[-500:].strip() or "it said nothing"

    def _compare(self) -> None:
        expected = locally_coded(self._speech, self._codec, self._kind.plan)
        received = [read_pcm16(path) for path in (self._folder / "out").glob("*.wav")]
        if not is_among(expected, received, exactly=True):
            self.problems.append(f"no file equals the {self._kind.name} stream: {lengths(expected, received)}")
