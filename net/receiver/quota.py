"""How much a receiver takes: seconds and bytes of each stream and of each peer, and room on the disk.

Everything is charged before it is decoded, so that a stream ends with its reason before the disk is full. What is
charged for the disk is what the files will hold: never less, and at least one block a file.
"""

import shutil
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codec.chunks.packed import PackedChunk
from net.protocol.messages import End, Hello, Refusal
from net.runtime.clock import Clock
from net.settings import ReceiverSettings

FRAME_BYTES: Final = 16
"""Of a chunk, beside its payload."""
BYTES_PER_SAMPLE: Final = 2
BLOCK_BYTES: Final = 4096
LOOK_EVERY_S: Final = 0.5
DAY_S: Final = 86400.0
MAX_PEERS: Final = 1024
MAX_STREAMS: Final = 4096
"""Streams of which is known that they were counted; one that was forgotten is counted anew."""


@dataclass(slots=True)
class _Peer:
    since_s: float
    sound_s: float = 0.0
    data_bytes: int = 0


class Quota:
    """Keeps count for one receiver. Any thread may call any method."""

    def __init__(self, settings: ReceiverSettings, clock: Clock) -> None:
        self.limits = settings.intake
        self._folder, self._clock = settings.save_path, clock
        self.chunk_files = settings.save_chunks
        """Whether each chunk's sound has a file of its own, too."""
        self._files_a_stream = 2 + settings.save_chunks + settings.save_codes
        self._lock = threading.Lock()
        self._disk_bytes = 0
        self._looked_s = float("-inf")
        self._counted: OrderedDict[bytes, None] = OrderedDict()
        self._peers: OrderedDict[str, _Peer] = OrderedDict()

    @property
    def disk_bytes(self) -> int:
        """What was charged for files so far."""
        with self._lock:
            return self._disk_bytes

    def open(self, hello: Hello, peer: str) -> "StreamQuota":
        """Begin a stream from `peer`, which is a fingerprint or an address. Raises `Refusal`."""
        self.charge(peer, 0.0, 0, self._files_a_stream * BLOCK_BYTES, look=True)
        return StreamQuota(self, hello, peer)

    def charge_kept(self, stream_id: bytes, peer: str, kept_bytes: int) -> None:
        """Count, once, what an earlier process saved of a stream that is resumed. Raises `Refusal`."""
        if stream_id not in self._counted:
            self.charge(peer, 0.0, 0, kept_bytes)
        with self._lock:
            self._counted[stream_id] = None
            if len(self._counted) > MAX_STREAMS:
                self._counted.popitem(last=False)

    def charge(self, peer: str, sound_s: float, data_bytes: int, disk_bytes: int, *, look: bool = False) -> None:
        """Count what is about to be taken. Raises `Refusal`, and then counts nothing."""
        limits = self.limits
        with self._lock:
            now_s = self._clock.monotonic_s()
            kept = self._peer(peer, now_s)
            if kept.sound_s + sound_s > limits.max_peer_s:
                raise Refusal("limit", f"more than {limits.max_peer_s / 3600:g} h of sound came from this peer today")
            if kept.data_bytes + data_bytes > limits.max_peer_bytes:
                raise Refusal("limit", f"more than {limits.max_peer_bytes} bytes came from this peer today")
            if limits.max_disk_bytes is not None and self._disk_bytes + disk_bytes > limits.max_disk_bytes:
                raise Refusal("storage", f"the receiver has saved the {limits.max_disk_bytes} bytes that it may save")
            if look or now_s - self._looked_s >= LOOK_EVERY_S:
                self._looked_s = now_s
                self._check_free(disk_bytes)
            kept.sound_s += sound_s
            kept.data_bytes += data_bytes
            self._disk_bytes += disk_bytes

    def release(self, disk_bytes: int) -> None:
        """Count no longer what was charged for the disk, and is not there any more."""
        with self._lock:
            self._disk_bytes -= disk_bytes

    def _check_free(self, disk_bytes: int) -> None:
        folder = self._folder
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent  # it is made with the first file
        try:
            free_bytes = shutil.disk_usage(folder).free
        except OSError:
            return  # the files' own writes will fail, and are reported
        if free_bytes - disk_bytes < self.limits.min_free_bytes:
            raise Refusal("storage", f"the receiver's disk is nearly full: {free_bytes >> 20} MiB are free")

    def _peer(self, peer: str, now_s: float) -> _Peer:
        kept = self._peers.get(peer)
        if kept is None or now_s - kept.since_s > DAY_S:
            kept = self._peers[peer] = _Peer(now_s)
            if len(self._peers) > MAX_PEERS:
                self._peers.popitem(last=False)
        return kept


class StreamQuota:
    """Keeps count of one stream, over all its connections; for one thread at a time."""

    def __init__(self, quota: Quota, hello: Hello, peer: str) -> None:
        self._quota, self._peer, self._stream_id = quota, peer, hello.stream_id
        self._rate = hello.sample_rate
        self._plan = hello.plan
        self._samples = self._bytes = 0
        self._may_start_anywhere = hello.resume

    def resume(self, samples: int, kept_bytes: int) -> None:
        """Continue after so much sound, in files of so many bytes, that was saved before. Raises `Refusal`."""
        self._quota.charge_kept(self._stream_id, self._peer, kept_bytes)
        self._samples = samples
        self._may_start_anywhere = self._may_start_anywhere and not samples

    def take(self, chunk: PackedChunk) -> None:
        """Count a chunk, and the silence that stands for those left out before it. Raises `Refusal`."""
        limits = self._quota.limits
        if self._may_start_anywhere:
            self._samples = self._plan.start(chunk.index)  # another receiver has what comes before
        self._may_start_anywhere = False
        data_bytes = FRAME_BYTES + len(chunk.payload)
        if self._bytes + data_bytes > limits.max_stream_bytes:
            raise Refusal("limit", f"a stream may have {limits.max_stream_bytes} bytes, and this one has more")
        self._extend(self._plan.start(chunk.index) + chunk.samples, data_bytes)
        self._bytes += data_bytes

    def take_end(self, end: End) -> None:
        """Count the silence that stands for what was left out at the end. Raises `Refusal`."""
        if self._may_start_anywhere:
            self._samples = end.samples  # another receiver has it all
        self._extend(end.samples, 0)

    def reserve_copy(self, wav_bytes: int) -> int:
        """Count room on the disk for another file beside a WAV, and return how much. Raises `Refusal`."""
        room_bytes = wav_bytes + wav_bytes // 64 + 2 * BLOCK_BYTES  # FLAC of noise is longer than the noise
        self._quota.charge(self._peer, 0.0, 0, room_bytes, look=True)
        return room_bytes

    def release(self, disk_bytes: int) -> None:
        """Count no longer what was charged for the disk, and is not there any more."""
        self._quota.release(disk_bytes)

    def _extend(self, end: int, data_bytes: int) -> None:
        limits, quota = self._quota.limits, self._quota
        if end > limits.max_stream_s * self._rate:
            raise Refusal("limit", f"a stream may last {limits.max_stream_s / 3600:g} h, and this one lasts longer")
        samples = max(0, end - self._samples)
        disk_bytes = samples * BYTES_PER_SAMPLE * (2 if quota.chunk_files else 1) + data_bytes
        if quota.chunk_files:
            disk_bytes += BLOCK_BYTES * (1 + samples // self._plan.hop_samples)
        quota.charge(self._peer, samples / self._rate, data_bytes, disk_bytes)
        self._samples += samples


def size_in_blocks(path: Path) -> int:
    """Bytes that a file takes on the disk, in whole blocks; 0 where there is none."""
    try:
        return -(-path.stat().st_size // BLOCK_BYTES) * BLOCK_BYTES
    except OSError:
        return 0
