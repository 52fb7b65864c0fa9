"""One received stream: decoded, saved and played. It outlives the connections that bring it."""

import threading
from typing import TYPE_CHECKING

from codec.chunks.packed import PackedChunk
from codec.chunks.plan import ChunkPlan, Stitching
from codec.chunks.streaming import Contribution, history_chunks
from codec.errors import AudioFileError
from net.errors import ConnectionLost
from net.protocol.messages import End, Feedback, Hello, Ping, Pong
from net.receiver.decoding import ChunkDecoder
from net.receiver.meters import ReceiverMeters
from net.receiver.quota import StreamQuota
from net.receiver.sinks.player import Player
from net.receiver.stream_files import StreamFiles
from net.runtime.clock import Clock
from net.runtime.pipeline import Pipeline
from net.runtime.queues import StageQueue
from net.telemetry.events import EventLog
from net.telemetry.meters import ProcessMeter
from net.telemetry.stats import LinkState, StreamStats
from net.telemetry.status import StreamStatus

if TYPE_CHECKING:
    from codec import Codec


class IncomingStream:
    """Takes the chunks of one stream in order, over as many connections as it takes, and writes them to sinks."""

    def __init__(
        self,
        hello: Hello,
        codec: "Codec",
        files: StreamFiles,
        *,
        clock: Clock,
        events: EventLog,
        process: ProcessMeter,
        window_chunks: int,
        player: Player | None = None,
        lookahead_samples: int | None = None,
    ) -> None:
        self.hello, self.player, self.stream_id = hello, player, hello.stream_id.hex()
        self.status = StreamStatus(clock)
        self.peer, self.secure = "", False
        self.intake: StreamQuota | None = None
        self.sender_fingerprint: str | None = None
        """What its sender proves over TLS: nobody else may resume the stream."""
        self.known_finished = threading.Event()
        """Set when the sender has answered that it knows that all is saved."""
        plan = ChunkPlan(hello.chunk_samples, hello.overlap_samples, Stitching(hello.stitching))
        history = history_chunks(codec, plan, exact=not hello.live)
        self.meters = ReceiverMeters(hello, clock, process, history)
        self._codec, self._files, self._clock, self._events = codec, files, clock, events
        self._pipeline = Pipeline(f"receiver-{self.stream_id[:4]}", clock)
        self._to_decode: StageQueue[PackedChunk] = self._pipeline.add_queue("decode", window_chunks)
        self._to_save: StageQueue[Contribution] = self._pipeline.add_queue("save", window_chunks)
        self._decoder = ChunkDecoder(
            hello,
            codec,
            files,
            self._to_save,
            meters=self.meters,
            events=events,
            player=player,
            lookahead_samples=lookahead_samples,
        )
        self._pipeline.add_stage("decode", self._decode_chunks)
        self._pipeline.add_stage("save", self._save_contributions)
        self._pipeline.on_end(self._end_status)
        self._lock, self._taking = threading.Lock(), threading.Lock()
        self._carrier: object = None
        self._end: End | None = None
        self._gave_up: ConnectionLost | None = None
        self.next_index = max(0, files.start.chunks - history)
        """The chunk that is expected next."""
        self.meters.go_on(files.start.chunks, files.start.samples)

    def start(self) -> None:
        """Start decoding, saving and playing."""
        if self.player is not None:
            self.player.start()
        self._pipeline.start()

    def claim(self, carrier: object) -> None:
        """Take that this connection carries the stream from now on, and no other."""
        with self._lock:
            self._carrier = carrier

    def begin(self, carrier: object) -> None:
        """Take that the connection was told so, and chunks may come."""
        self.meters.begin()
        with self._lock:
            if self._carrier is carrier:
                self.status.set(LinkState.STREAMING)

    def lose(self, carrier: object, reason: str) -> bool:
        """Take that this connection is gone; tell whether the stream now waits for another."""
        with self._lock:
            waits = self._carrier is carrier and self._end is None and not self.ended
            if waits:
                self.status.set(LinkState.RECONNECTING, reason)
            return waits

    def abandon(self, carrier: object, reason: str) -> None:
        """Save what has come and end, if this connection carries the stream: its sender is not waited for."""
        with self._lock:
            carries = self._carrier is carrier
        if carries:
            self.close_early(reason)

    @property
    def ended(self) -> bool:
        """Whether everything that came is decoded and saved, or the session failed."""
        return self._pipeline.ended.is_set()

    @property
    def played_out(self) -> bool:
        """Whether nothing is left to play."""
        return self.player is None or self.player.drained.is_set()

    @property
    def error(self) -> BaseException | None:
        """What ended the session early."""
        return self._pipeline.error or self._gave_up

    @property
    def loss(self) -> AudioFileError | None:
        """What no disk took of a stream that came whole."""
        return self._files.loss

    @property
    def complete(self) -> bool:
        """Whether the sender's END came and everything before it is saved."""
        return self.ended and self.error is None and self._end is not None and not self._pipeline.stopping.is_set()

    @property
    def resume_index(self) -> int:
        """The chunk from which a sender has to go on: everything below is acknowledged."""
        return self.meters.acknowledged

    @property
    def end_taken(self) -> bool:
        """Whether the sender's END has come."""
        return self._end is not None

    def take_chunk(self, chunk: PackedChunk) -> None:
        """Take the next chunk; waits while the decoder is behind. Raises `PipelineStopped`.

        After a reconnection chunks come again that were not yet acknowledged: those that are here are passed over.
        """
        with self._taking:  # the connection before may still have some in its hands
            if chunk.index < self.next_index:
                self.meters.count_refused()
                return
            self.meters.count_received(chunk)
            self._to_decode.put(chunk)
            with self._lock:
                self.next_index = chunk.index + 1

    def take_end(self, end: End) -> None:
        """Take that no chunk will follow."""
        with self._lock:
            self._end = end
            self.next_index = max(self.next_index, end.chunks)
        self.status.set(LinkState.DRAINING)
        self._to_decode.finish()

    def close_early(self, reason: str) -> None:
        """Save what has come and end: the sender will not go on."""
        with self._lock:
            if self._gave_up is not None or self._end is not None:
                return
            self._gave_up = ConnectionLost(reason)
        self.status.set(LinkState.FAILED, reason)
        self._events.warning(f"{self.hello.name}: {reason}; what had come is saved", self.stream_id)
        self._to_decode.finish()

    def abort(self) -> None:
        """End now, without decoding or playing what waits."""
        self._pipeline.abort()
        if self.player is not None:
            self.player.request_close()

    def join(self, timeout_s: float) -> tuple[str, ...]:
        """Wait for the stages; return the names of those still alive."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        alive = self._pipeline.join(timeout_s)
        if self.player is not None:
            alive += self.player.join(max(0.0, deadline_s - self._clock.monotonic_s()))
        return alive

    def wait(self, timeout_s: float) -> bool:
        """Wait until all is saved; tell whether it is."""
        return self._pipeline.ended.wait(timeout_s)

    def set_paused(self, paused: bool) -> None:
        """Pause or resume playing, where the stream is played."""
        if self.player is not None:
            self.player.set_paused(paused)
            self.status.set_paused(paused)

    def take_pong(self, pong: Pong) -> None:
        """Take the answer to one of our pings."""
        self.meters.take_pong(pong)

    def make_ping(self, number: int) -> Ping:
        """A ping that tells when it leaves."""
        return Ping(number, self._clock.epoch_s())

    def feedback(self) -> Feedback:
        """How this session stands, for its sender."""
        return self.meters.feedback(self._to_decode.stats(), self.player, finished=self.complete)

    def snapshot(self) -> StreamStats:
        """The stream as of now."""
        return self.meters.stats(
            codec=self._codec,
            status=self.status,
            peer=self.peer,
            secure=self.secure,
            queues=(self._to_decode.stats(), self._to_save.stats()),
            player=self.player,
            files=tuple(map(str, self._files.paths)),
        )

    # Stages: each method below runs in a thread of its own.

    def _decode_chunks(self) -> None:
        self._decoder.run(self._to_decode, self.next_index, lambda: self._end)

    def _save_contributions(self) -> None:
        try:
            for contribution in self._to_save:
                self._files.write(contribution)
                self.meters.count_saved(contribution)
        finally:
            complete = self._end is not None and not self._pipeline.stopping.is_set()
            self._files.close(complete=complete)

    def _end_status(self) -> None:
        self.meters.end()
        if self.error is not None:
            if self.status.set(LinkState.FAILED, str(self.error)):
                self._events.error(f"{self.hello.name}: {self.error}", self.stream_id)
        elif self._pipeline.stopping.is_set():
            self.status.set(LinkState.FAILED, "stopped before the end")
        elif self._end is not None and not self._end.complete:
            self.status.set(LinkState.DONE, "the sender stopped early")
        else:
            self.status.set(LinkState.DONE, str(self.loss or ""))
