"""A round of the soak within this process: senders of each kind, a receiver, a failing network between them."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codec.chunks.plan import ChunkPlan, Stitching
from codec.codec import Codec
from codec.errors import EscError
from codec.types import Audio
from net.receiver.engine import Receiver
from net.sender.engine import Sender
from net.settings import TlsSettings
from net.transport.security.identity import make_identity
from tests.net.links import PLAN, locally_coded, make_receiver, make_sender, read_pcm16, write_speech
from tests.net.throttle import Throttle

SEAMLESS = ChunkPlan(PLAN.chunk_samples, 0, Stitching.SEAMLESS)
DEADLINE_S = 120.0
STOP_S = 10.0
PATIENCE = {"connect_timeout_s": 60.0, "reconnect_timeout_s": 60.0}


@dataclass(frozen=True, slots=True)
class Kind:
    """How a sound is sent. What adapts is held to its length only: which streams it had depends on the faults."""

    name: str
    plan: ChunkPlan
    adaptive: bool = False


KINDS = (Kind("cross-faded", PLAN), Kind("seamless", SEAMLESS), Kind("adaptive", PLAN, adaptive=True))


class Round:
    """One sender of each kind and one receiver over one network, and faults until all is said."""

    def __init__(self, folder: Path, codec: Codec, chance: random.Random, counts: Counter[str]) -> None:
        self._folder, self._codec, self._chance, self._counts = folder, codec, chance, counts
        self._tls = self._make_keys() if chance.random() < 0.5 else None
        self._receiver = self._new_receiver()
        self._speeches = [
            write_speech(folder / f"{kind.name}.wav", chance.randrange(3 * 16000, 8 * 16000)) for kind in KINDS
        ]
        self._senders: list[Sender] = []
        self.problems: list[str] = []

    def run(self) -> None:
        """Stream, disturb, and check the files."""
        with Throttle(self._receiver.port, None) as network:
            self._receiver.start()
            try:
                self._senders = [self._new_sender(number, network.port) for number in range(len(KINDS))]
                for sender in self._senders:
                    sender.start()
                self._disturb(network)
            finally:
                self._stop(*self._senders, self._receiver)
        for kind, sender in zip(KINDS, self._senders, strict=True):
            self._counts[f"{kind.name} streams{' over TLS' if self._tls else ''}"] += 1
            if sender.error:
                self.problems.append(f"a {kind.name} sender ended with: {sender.error}")
        self._compare()

    def _disturb(self, network: Throttle) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        pause = threading.Event()
        faults = (self._cut, self._stall, self._trickle, self._restart_receiver, self._restart_sender)
        while not all(sender.wait(0) for sender in self._senders):
            if time.monotonic() > deadline_s:
                self.problems.append(f"a round was not over after {DEADLINE_S:.0f} s")
                return
            fault = self._chance.choice(faults)
            self._counts[fault.__name__.strip("_").replace("_", " ")] += 1
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
        number = self._chance.randrange(len(KINDS))
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

    def _make_keys(self) -> dict[str, TlsSettings]:
        names = ("sender", "receiver")
        keys = frozenset(make_identity(self._folder / name, name).fingerprint for name in names)
        return {name: TlsSettings(folder=self._folder / name, trusted=keys) for name in names}

    def _new_receiver(self) -> Receiver:
        tls = self._tls["receiver"] if self._tls else None
        return make_receiver(self._folder / "out", self._codec, grace_s=60.0, tls=tls)

    def _new_sender(self, number: int, port: int, *, resume: bool = False) -> Sender:
        kind = KINDS[number]
        settings = {
            "realtime": True,
            "adaptive": kind.adaptive,
            "plan": kind.plan,
            "resume": resume,
            "state_folder": self._state(number),
            "tls": self._tls["sender"] if self._tls else None,
            **PATIENCE,
        }
        return make_sender(self._speeches[number], port, self._codec, **settings)

    def _state(self, number: int) -> Path:
        return self._folder / f"state-{number}"

    def _stop(self, *engines: Sender | Receiver) -> None:
        for engine in engines:
            self.problems += [f"the thread {name} did not end" for name in engine.stop(STOP_S)]

    def _compare(self) -> None:
        received = [read_pcm16(path) for path in (self._folder / "out").glob("*.wav")]
        for kind, speech in zip(KINDS, self._speeches, strict=True):
            expected = locally_coded(speech, self._codec, kind.plan)
            if not is_among(expected, received, exactly=not kind.adaptive):
                self.problems.append(f"no file equals the {kind.name} stream: {lengths(expected, received)}")


def is_among(expected: Audio, received: Iterable[Audio], *, exactly: bool) -> bool:
    """Whether a received sound is what was expected, or at least as long."""
    if exactly:
        return any(np.array_equal(expected, sound) for sound in received)
    return any(len(expected) == len(sound) for sound in received)


def lengths(expected: Audio, received: Iterable[Audio]) -> str:
    """How the received sounds differ in length from what was expected."""
    return f"{len(expected)} samples were expected, the files have {', '.join(str(len(sound)) for sound in received)}"
