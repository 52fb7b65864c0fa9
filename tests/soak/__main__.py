"""Streams for some minutes over a network that fails at random, and tells what was lost and what leaked."""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np

from codec.chunks import Audio
from codec.errors import EscError
from codec.inference import Codec
from net.receiver import Receiver
from net.sender import Sender
from tests.net.links import locally_coded, make_receiver, make_sender, read_pcm16, write_speech
from tests.net.throttle import Throttle
from tests.soak.measures import Holdings

TINY_MODEL = Path(__file__).parents[1] / "data" / "golden" / "tiny"
SENDERS = 2
ROUND_DEADLINE_S = 120.0
STOP_S = 10.0
MEMORY_LEAK_MB = 40.0
"""Growth between the second round and the last that is more than the noise of the allocator."""
PATIENCE = {"connect_timeout_s": 60.0, "reconnect_timeout_s": 60.0}


class Round:
    """Some senders and one receiver over one network, and faults until all is said."""

    def __init__(self, folder: Path, codec: Codec, chance: random.Random, faults: Counter[str]) -> None:
        self._folder, self._codec, self._chance, self._faults = folder, codec, chance, faults
        self._receiver = self._new_receiver()
        self._speeches = [
            write_speech(folder / f"{number}.wav", chance.randrange(3 * 16000, 8 * 16000)) for number in range(SENDERS)
        ]
        self._senders: list[Sender] = []
        self.problems: list[str] = []

    def run(self) -> None:
        """Stream, disturb, and check the files."""
        with Throttle(self._receiver.port, None) as network:
            self._receiver.start()
            try:
                self._senders = [self._new_sender(number, network.port) for number in range(SENDERS)]
                for sender in self._senders:
                    sender.start()
                self._disturb(network)
            finally:
                self._stop(*self._senders, self._receiver)
        self.problems += [f"a sender ended with: {sender.error}" for sender in self._senders if sender.error]
        self._compare()

    def _disturb(self, network: Throttle) -> None:
        deadline_s = time.monotonic() + ROUND_DEADLINE_S
        pause = threading.Event()
        while not all(sender.wait(0) for sender in self._senders):
            if time.monotonic() > deadline_s:
                self.problems.append(f"a round was not over after {ROUND_DEADLINE_S:.0f} s")
                return
            fault = self._chance.choice((self._cut, self._stall, self._trickle, self._restart_receiver,
                                         self._restart_sender))  # fmt: skip
            self._faults[fault.__name__.strip("_").replace("_", " ")] += 1
            fault(network)
            pause.wait(self._chance.uniform(0.5, 2.0))

    def _cut(self, network: Throttle) -> None:
        network.cut()

    def _stall(self, network: Throttle) -> None:
        network.flowing.clear()
        threading.Event().wait(self._chance.uniform(0.1, 2.0))
        network.flowing.set()

    def _trickle(self, network: Throttle) -> None:
        network.rate_bps = self._chance.randrange(2000, 20000)
        threading.Event().wait(self._chance.uniform(0.5, 2.0))
        network.rate_bps = None

    def _restart_receiver(self, network: Throttle) -> None:
        network.target_port = None
        network.cut()
        self._stop(self._receiver)
        self._receiver = self._new_receiver()
        self._receiver.start()
        network.target_port = self._receiver.port

    def _restart_sender(self, network: Throttle) -> None:
        number = self._chance.randrange(SENDERS)
        if self._senders[number].wait(0) or not self._state(number).is_dir():
            return
        network.cut()
        self._stop(self._senders[number])
        sender = self._new_sender(number, network.port, resume=True)
        try:
            sender.start()
        except EscError:  # it had just finished
            return
        self._senders[number] = sender

    def _new_receiver(self) -> Receiver:
        return make_receiver(self._folder / "out", self._codec, grace_s=60.0)

    def _new_sender(self, number: int, port: int, *, resume: bool = False) -> Sender:
        settings = {"realtime": True, "resume": resume, "state_folder": self._state(number), **PATIENCE}
        return make_sender(self._speeches[number], port, self._codec, **settings)

    def _state(self, number: int) -> Path:
        return self._folder / f"state-{number}"

    def _stop(self, *engines: Sender | Receiver) -> None:
        for engine in engines:
            self.problems += [f"the thread {name} did not end" for name in engine.stop(STOP_S)]

    def _compare(self) -> None:
        received = [read_pcm16(path) for path in (self._folder / "out").glob("*.wav")]
        for speech in self._speeches:
            expected = locally_coded(speech, self._codec)
            if not any(np.array_equal(expected, sound) for sound in received):
                self.problems.append(f"no file equals the local coding: {nearest(expected, received)}")


def nearest(expected: Audio, received: list[Audio]) -> str:
    """How the received sounds differ from what was expected."""
    lengths = ", ".join(str(len(sound)) for sound in received)
    return f"{len(expected)} samples were expected, the files have {lengths}"


def soak(minutes: float, seed: int) -> int:
    """Stream for so long; print the balance; return the exit code."""
    codec, chance, faults = Codec.load(TINY_MODEL), random.Random(seed), Counter[str]()  # noqa: S311 - no secret
    end_s = time.monotonic() + minutes * 60
    problems: list[str] = []
    holdings: list[Holdings] = []
    while time.monotonic() < end_s or len(holdings) < 3:
        with tempfile.TemporaryDirectory() as folder:
            one = Round(Path(folder), codec, chance, faults)
            one.run()
        problems += one.problems
        holdings.append(Holdings.now())
        print(f"round {len(holdings)}: {holdings[-1]}", *one.problems, sep="\n  ", flush=True)
    leaks = leaks_between(holdings[1], holdings[-1])
    print(f"\nseed {seed}, {len(holdings)} rounds, {SENDERS * len(holdings)} streams; faults: {dict(faults)}")
    print(f"after round 2: {holdings[1]}\nat the end:    {holdings[-1]}")
    print("leaks:", "; ".join(leaks) or "none")
    print("problems:", "; ".join(problems) or "none: every file equals the local coding")
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
