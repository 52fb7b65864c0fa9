"""One received stream: decoded, saved and played. It outlives the connections that bring it."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from codec.chunks.packed import PackedChunk
from codec.chunks.streaming import Contribution
from net.errors import ConnectionLost
from net.protocol.messages import End, Hello, Refusal
from net.receiver.clock_sync import ClockSync
from net.receiver.context import ReceiverContext
from net.receiver.conversion import Conversion
from net.receiver.decoding import ChunkDecoder
from net.receiver.quota import StreamQuota
from net.receiver.sinks.pipe import ClaimedOutput
from net.receiver.sinks.player import Player
from net.receiver.stream_files import StreamFiles
from net.runtime.pipeline import Pipeline
from net.runtime.queues import QueueStats, StageQueue
from net.telemetry.stats import LinkState
from net.telemetry.status import StreamStatus
from net.telemetry.stream_context import StreamContext
from net.telemetry.stream_meters import StreamMeters

if TYPE_CHECKING:
    from codec import Codec
    from net.receiver.connection import ReceiverConnection

HISTORY_CHUNKS = 1
"""Chunks before the next one that a decoder which has lost its state needs again: of overlapping chunks, one."""
POLL_S = 0.5
"""The files are polled this often while nothing comes."""


class IncomingStream:
    """Receives the chunks of one stream in order, over one connection after another, and writes them to its sinks.

    It owns its files and its player: both are closed when its stages have ended, however they end. Any thread may call
    any method.
    """

    def __init__(
        self,
        hello: Hello,
        codec: "Codec",
        receiver: ReceiverContext,
        *,
        files: StreamFiles,
        player: Player | None,
        quota: StreamQuota,
    ) -> None:
        self.hello, self.codec, self.files, self.player = hello, codec, files, player
        self.stream_id, self.min_streams = hello.stream_id.hex(), receiver.settings.min_streams
        self.window_chunks = receiver.settings.queue_chunks + HISTORY_CHUNKS
        """The most chunks that its sender may have unacknowledged."""
        self._quota, clock, events = quota, receiver.clock, receiver.events.for_stream(self.stream_id)
        self._pipeline = Pipeline(f"receiver-{self.stream_id[:4]}", clock)
        meters = StreamMeters(clock, hello.sample_rate, "decode", ("received", "decoded"))
        meters.set(num_streams=hello.num_streams)
        self.context = StreamContext(clock, events, StreamStatus(clock), meters, self._pipeline.stopping, hello.epoch_s)
        self.clock_sync = ClockSync(self.context)
        self._pipe = receiver.output
        self._output: ClaimedOutput | None = None
        self._decoder = ChunkDecoder(hello, codec, files.start, receiver.settings.lookahead_ms, meters.coding)
        self._to_decode: StageQueue[PackedChunk] = self._pipeline.add_queue("decode", self.window_chunks)
        self._to_save: StageQueue[PackedChunk | Contribution] = self._pipeline.add_queue("save", self.window_chunks)
        self._pipeline.add_stage("decode", self._decode_chunks)
        self._pipeline.add_stage("save", self._save_parts)
        self.conversion = Conversion(receiver, self.stream_id, quota)
        self._pipeline.on_end(self._convert)
        self._pipeline.on_end(self._end)
        self._pipeline.on_end(self._close_player)
        self._pipeline.on_end(self._close_files)
        self._lock, self._receiving = threading.RLock(), threading.Lock()
        self._connection: ReceiverConnection | None = None
        self._detached_s: float | None = None
        self._end_message: End | None = None
        self._closed_early: ConnectionLost | None = None
        self.finish_confirmed = threading.Event()
        """Set when the sender has confirmed that it has heard that all is saved."""
        self.ended_s: float | None = None
        """When everything was saved, by the monotonic clock."""
        self.next_index = max(0, files.start.chunks - self._decoder.history_chunks)
        """The chunk that is expected next."""

    def start(self) -> None:
        """Start decoding, saving and playing."""
        self._output = self._pipe.claim(self.context, self.hello) if self._pipe else None
        if self._output is not None:
            self._pipeline.on_end(self._output.release)
        if self.player is not None:
            self.player.start()
        self._pipeline.start()

    # What carries it.

    @property
    def peer(self) -> str:
        """The sender, as it is shown."""
        return self._connection.peer if self._connection else ""

    def attach(self, connection: "ReceiverConnection") -> "ReceiverConnection | None":
        """Attach the connection that carries the stream from now on; return the one that did before.

        Raises `Refusal` where the stream was closed or has failed, and is still being saved.
        """
        with self._lock:
            if self.error is not None or self.context.stopping.is_set():
                raise Refusal("busy", "what came of this stream before is being saved: try again in a moment")
            previous, self._connection, self._detached_s = self._connection, connection, None
            return previous

    def mark_streaming(self, connection: "ReceiverConnection") -> None:
        """Show that the connection was accepted, and chunks may come."""
        self.context.meters.start()
        with self._lock:
            if self._connection is connection:
                self.context.status.set(LinkState.STREAMING)

    def detach(self, connection: "ReceiverConnection", reason: str) -> bool:
        """Detach a connection that is gone; return whether the stream awaits another."""
        with self._lock:
            waits = self._connection is connection and self._end_message is None and not self.ended
            if waits:
                self._detached_s = self.context.clock.monotonic_s()
                self.context.status.set(LinkState.RECONNECTING, reason)
            return waits

    def poll(self, grace_s: float) -> None:
        """Close the stream if it has waited for its sender for longer than `grace_s`."""
        with self._lock:
            if self._detached_s is not None and self.context.clock.monotonic_s() - self._detached_s >= grace_s:
                self.close(f"the sender did not come back in {grace_s:g} s")

    def close(self, reason: str, connection: "ReceiverConnection | None" = None) -> None:
        """Save what has come and end without its sender, unless another than `connection` carries the stream."""
        with self._lock:
            carried = connection is None or self._connection is connection
            if not carried or self.ended or self._closed_early is not None or self._end_message is not None:
                return
            self._closed_early = ConnectionLost(reason)
        if self.context.status.set(LinkState.FAILED, reason):
            self.context.events.warning(f"{self.hello.name}: {reason}; what had come is saved")
        self._to_decode.finish()

    # How it stands.

    @property
    def ended(self) -> bool:
        """Whether everything that came is decoded and saved, or the stream failed."""
        return self._pipeline.ended.is_set()

    @property
    def over(self) -> bool:
        """Whether it has ended, and its files have the format that was asked for, or keep the one they have."""
        return self.ended and self.conversion.wait(0)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where everything is."""
        return tuple(map(self.conversion.path_of, self.files.paths))

    @property
    def played_out(self) -> bool:
        """Whether nothing is left to play."""
        return self.player is None or self.player.drained.is_set()

    @property
    def error(self) -> BaseException | None:
        """What ended the stream early."""
        return self._pipeline.error or self._closed_early

    @property
    def complete(self) -> bool:
        """Whether the sender's END came and everything before it is saved."""
        return self.ended and self.error is None and self._reached_end

    @property
    def end_received(self) -> bool:
        """Whether the sender's END has come."""
        return self._end_message is not None

    @property
    def total_samples(self) -> int | None:
        """The sound's length: as HELLO states it while that can be true, and as END does where the sound is whole."""
        if self._end_message is not None and self._end_message.complete:
            return self._end_message.samples
        stated = self.hello.total_samples
        return None if stated is None or stated < self.context.meters["saved_samples"] else stated

    @property
    def resume_index(self) -> int:
        """The chunk from which a sender resumes: everything below is acknowledged."""
        return max(0, self.files.settled_chunks - self._decoder.history_chunks)

    @property
    def queues(self) -> tuple[QueueStats, QueueStats]:
        """What waits to be decoded, and what waits to be saved."""
        return self._to_decode.stats(), self._to_save.stats()

    # What comes.

    def receive_chunk(self, chunk: PackedChunk) -> None:
        """Queue the next chunk; wait while the decoder is behind. Raises `Refusal` and `PipelineStopped`.

        After a reconnection chunks come again that were not yet acknowledged: those that are here are skipped.
        """
        meters = self.context.meters
        with self._receiving:  # the connection before may still be at it
            self._quota.take(chunk)
            if chunk.index < self.next_index:
                meters.count("refused")
                return
            self.clock_sync.measure("received", chunk)
            meters.payload.add(len(chunk.payload))
            meters.count("received")
            meters.count("silent", chunk.silence_dbfs is not None)
            meters.set(num_streams=chunk.num_streams or meters["num_streams"])
            self._to_decode.put(chunk)
            self.next_index = chunk.index + 1

    def receive_end(self, end: End) -> None:
        """End the stream as the sender's END says: no chunk will follow. Raises `Refusal`."""
        self._quota.take_end(end)
        with self._lock:
            self._end_message = end
        self.next_index = max(self.next_index, end.chunks)
        self.context.status.set(LinkState.DRAINING)
        self._to_decode.finish()

    def fail(self, error: Exception) -> None:
        """End the stream with an error of this program."""
        self._pipeline.fail(error, "link")

    def abort(self) -> None:
        """End now, without decoding or playing what waits."""
        self._pipeline.abort()
        self.conversion.abort()
        self.stop_playing()

    def stop_playing(self) -> None:
        """Leave out what is not played yet; returns at once."""
        if self.player is not None:
            self.player.request_close()

    def join(self, timeout_s: float) -> tuple[str, ...]:
        """Wait for the stages; return the names of those still alive."""
        deadline_s = self.context.clock.monotonic_s() + timeout_s
        alive = self._pipeline.join(timeout_s)
        if self.player is not None:
            alive += self.player.join(max(0.0, deadline_s - self.context.clock.monotonic_s()))
        return alive + self.conversion.join(max(0.0, deadline_s - self.context.clock.monotonic_s()))

    def wait(self, timeout_s: float) -> bool:
        """Wait until all is saved; return whether it is."""
        return self._pipeline.ended.wait(timeout_s)

    def wait_over(self, timeout_s: float) -> bool:
        """Wait until it is `over`; return whether it is."""
        return self.wait(timeout_s) and self.conversion.wait(timeout_s)

    # Stages: each of the two methods below runs in a thread of its own, and in the last of them what follows.

    def _decode_chunks(self) -> None:
        decoder, meters = self._decoder, self.context.meters
        if self.hello.live:
            decoder.warm_up()
        for chunk in self._to_decode:
            self._fill(decoder.missing_before(chunk))
            contribution = decoder.decode(chunk)
            self.clock_sync.measure("decoded", chunk)
            meters.count("decoded")
            if self.files.takes_codes:
                self._to_save.put(chunk)
            if contribution is not None:
                self._deliver(contribution)
        self._fill(decoder.missing_at_end(self._end_message), self._end_message)
        self._deliver(decoder.finish())
        self._to_save.finish()
        if self.player is not None:
            self.player.finish()

    def _fill(self, missing: range, end: End | None = None) -> None:
        """Deliver silence in the place of missing chunks."""
        if not missing:
            return
        lost = "1 chunk was" if len(missing) == 1 else f"{len(missing)} chunks were"
        self.context.events.warning(f"{lost} lost, with silence in place")
        self.context.meters.count("lost", len(missing))
        apart = self.player is not None or self.files.apart
        for contribution in self._decoder.silence(missing, end, chunk_by_chunk=apart):
            self._deliver(contribution)

    def _deliver(self, contribution: Contribution) -> None:
        self.context.meters.sound.push(contribution.audio)
        self.context.meters.set(stitched=contribution.index + 1)
        if self.player is not None:
            captured_s = self.clock_sync.local_s(self._decoder.capture_s)
            self.player.write(contribution.audio, contribution.index, captured_s)
        self._to_save.put(contribution)
        if self._output is not None:
            self._output.write(contribution.audio)

    def _save_parts(self) -> None:
        for part in self._to_save.items(POLL_S):
            if part is not None:
                self.files.write(part)
            else:
                self.files.poll()

    @property
    def _reached_end(self) -> bool:
        return self._end_message is not None and not self.context.stopping.is_set()

    def _close_files(self) -> None:
        self.files.close(self._end_message if self._reached_end else None)

    def _convert(self) -> None:
        wavs = self.files.wavs
        if self._reached_end:
            self.conversion.start(wavs)
        else:
            self.conversion.skip(wavs[0], "its sender may go on with the stream")

    def _close_player(self) -> None:
        if self.context.stopping.is_set():
            self.stop_playing()

    def _end(self) -> None:
        self.ended_s = self.context.clock.monotonic_s()
        reason = str(self.files.loss or "")
        if self._end_message is not None and not self._end_message.complete:
            reason = "the sender ended it early: it was stopped, or its input failed"
        self.context.end(self.error, reason, label=f"{self.hello.name}: ")
