"""One connection's exchange: chunks and END go out, acknowledgements come back."""

import threading

from codec.chunks.packed import PackedChunk
from net.errors import ConnectionLost, LinkError, LocalProtocolError, StreamRefused
from net.protocol.messages import End, Feedback, Ping, Refuse
from net.sender.connecting import ATTEMPT_TIMEOUT_S, AcceptedConnection, Received
from net.sender.rate_controller import RateController
from net.sender.send_buffer import SendBuffer
from net.telemetry.stats import LinkState
from net.telemetry.stream_context import StreamContext

STALLED_S = 300.0
"""A receiver that acknowledges nothing for so long, while its acknowledgement is waited for, is stuck."""
FAREWELL_S = 1.0
"""Limit for the PING after "finished": its PONG confirms to the receiver that this has arrived."""


class Exchange:
    """Sends from the buffer in the calling thread, and listens in one of its own, on one accepted connection."""

    def __init__(
        self, connection: AcceptedConnection, buffer: SendBuffer, rate: RateController, context: StreamContext
    ) -> None:
        self._link, self._protocol, self._hello = connection.link, connection.protocol, connection.hello
        self._early = connection.early
        self._buffer, self._rate, self._context = buffer, rate, context
        self._clock, self._meters = context.clock, context.meters
        self._over = threading.Event()
        self._error: Exception | None = None
        self._finished = self._farewell_answered = False
        self._acknowledged = buffer.acknowledged
        self._progress_s = context.clock.monotonic_s()
        """When `_acknowledged` changed, or nothing had to be acknowledged."""

    def run(self) -> None:
        """Send all, and return when the receiver says that it has finished.

        Raises `ConnectionLost`, `StreamRefused`, `ProtocolError` or `PipelineStopped`, and whatever unexpected error
        ended the listening thread.
        """
        listener = threading.Thread(target=self._listen, name="sender-listen")
        listener.start()
        try:
            self._send_all()
            self._over.wait()
            self._raise_error()
            assert self._finished
        finally:
            self._link.close()
            listener.join(ATTEMPT_TIMEOUT_S)

    def _send_all(self) -> None:
        while (outgoing := self._buffer.next()) is not None:
            message = outgoing.message
            if isinstance(message, End):
                self._context.status.set(LinkState.DRAINING)
                self._send(message)
                return
            self._send_chunk(self._rate.fit(message), resent=outgoing.resent)

    def _send_chunk(self, chunk: PackedChunk, *, resent: bool) -> None:
        meters, hello = self._meters, self._hello
        with meters.sending.time():
            self._send(chunk)
        self._buffer.mark_sent(chunk.index, len(chunk.payload))
        meters.payload.add(len(chunk.payload))
        meters.latencies["sent"].add(self._clock.epoch_s() - self._context.epoch_s - chunk.capture_s)
        meters.count("resent" if resent else "sent")
        hop_samples = hello.chunk_samples - hello.overlap_samples
        meters.set(sent_samples=chunk.index * hop_samples + chunk.samples)

    def _send(self, message: PackedChunk | End) -> None:
        """Send; where the listening thread saw the connection end just before, raise why it ended."""
        try:
            self._link.send(message)
        except LocalProtocolError:
            if not self._protocol.state.is_final:
                raise
            self._over.wait()
            self._raise_error()
            raise

    def _raise_error(self) -> None:
        self._context.raise_if_stopping()
        if self._error is not None:
            raise self._error

    def _listen(self) -> None:
        try:
            self._handle(self._early)
            while not self._finished:
                self._handle(self._link.receive())
                self._check_progress()
            self._await_farewell()
        except Exception as error:  # noqa: BLE001 - the sending thread raises it again
            if not (self._finished and isinstance(error, LinkError)):
                self._error = error
        finally:
            if not self._finished:
                self._buffer.interrupt()
            self._over.set()

    def _check_progress(self) -> None:
        now_s, acknowledged = self._clock.monotonic_s(), self._buffer.acknowledged
        if acknowledged != self._acknowledged or not self._buffer.is_held_up:
            self._acknowledged, self._progress_s = acknowledged, now_s
        elif now_s - self._progress_s > STALLED_S:
            raise ConnectionLost(f"the receiver answers, but has acknowledged nothing for {STALLED_S:.0f} s")

    def _await_farewell(self) -> None:
        deadline_s = self._clock.monotonic_s() + FAREWELL_S
        while not self._farewell_answered:
            self._handle(self._link.receive(FAREWELL_S, deadline_s))

    def _handle(self, messages: list[Received]) -> None:
        for message in messages:
            match message:
                case Feedback():
                    self._take_feedback(message)
                case Ping():
                    self._link.send(message.answer(self._clock.epoch_s()))
                    self._farewell_answered = self._finished
                case Refuse():
                    raise StreamRefused(message.reason, message.code, begun=True)
                case _:
                    pass

    def _take_feedback(self, feedback: Feedback) -> None:
        meters = self._meters
        self._buffer.acknowledge(feedback.acknowledged)
        self._rate.update(feedback)
        for name, latency_ms in (("decoded", feedback.decoded_latency_ms), ("heard", feedback.heard_latency_ms)):
            if latency_ms is not None:
                meters.latencies[name].add(latency_ms / 1000)
        if feedback.round_trip_ms is not None:
            meters.round_trip.add(feedback.round_trip_ms / 1000)
        if feedback.clock_offset_ms is not None:
            meters.set_clock_offset(feedback.clock_offset_ms)
        self._finished = feedback.finished
