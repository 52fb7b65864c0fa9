"""What the link costs: a file over loopback, as fast as it goes, against the slower of its two halves.

Each half works on one core, as on two machines: where one half alone fills all cores, nothing is left to overlap.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import soundfile

from codec.chunks.plan import ChunkPlan, SoundChunk
from codec.chunks.streaming import decoder_for, encode_chunk
from codec.codec import Codec
from net.runtime.clock import SYSTEM_CLOCK
from net.telemetry.meters import ProcessMeter
from tests.bench.coding import RATE, noise
from tests.net.links import make_receiver, make_sender, running

SECONDS = 30


@dataclass(frozen=True, slots=True)
class Transfer:
    """Seconds that a transfer of 30 s of sound took, and that its halves take alone."""

    transfer_s: float
    encode_s: float
    decode_s: float
    resident_mb: float

    @property
    def overlap_ratio(self) -> float:
        """Transfer ÷ the slower half: 1 where the stages overlap completely."""
        return self.transfer_s / max(self.encode_s, self.decode_s)


def transfer(codec: Codec) -> Transfer:
    """Send a file from a sender to a receiver in this process, then do the halves alone."""
    plan = ChunkPlan()
    sound = noise(SECONDS * RATE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.wav"
        soundfile.write(path, sound, RATE)
        receiver = make_receiver(Path(folder), codec, once=True)
        sender = make_sender(path, receiver.port, codec, plan=plan)
        start_s = time.perf_counter()
        with running(receiver, sender):
            sender.wait()
            receiver.wait()
        transfer_s = time.perf_counter() - start_s
    pieces = [
        SoundChunk(index, sound[plan.start(index) : plan.start(index) + plan.chunk_samples])
        for index in range(plan.chunk_count(len(sound)))
    ]
    start_s = time.perf_counter()
    coded = [encode_chunk(codec, piece, codec.max_streams) for piece in pieces]
    encode_s = time.perf_counter() - start_s
    decoder = decoder_for(codec, plan)
    start_s = time.perf_counter()
    for chunk in coded:
        decoder.push(chunk)
    decode_s = time.perf_counter() - start_s
    resident_mb = ProcessMeter(SYSTEM_CLOCK).stats().resident_bytes / 1e6
    return Transfer(transfer_s, encode_s, decode_s, resident_mb)
