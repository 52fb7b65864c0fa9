"""The streams of one receiver: those that are served, and the last that have ended."""

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from codec.errors import AudioFileError, ContainerError
from net.protocol.messages import Hello, Refusal
from net.receiver.connection import ReceiverConnection
from net.receiver.context import ReceiverContext
from net.receiver.hello_validation import check_hello, check_resume
from net.receiver.incoming_stream import IncomingStream
from net.receiver.playback import Playback
from net.receiver.quota import Quota
from net.receiver.reporter import FAREWELL_S
from net.receiver.stream_files import StreamFiles
from net.telemetry.stats import Severity

if TYPE_CHECKING:
    from codec import Codec

KEPT_STREAMS = 32
"""Ended streams that are still shown, and that a sender may still ask about."""


class StreamRegistry:
    """Finds or makes the stream that a HELLO names, and ends those whose sender stays away.

    Connections' threads call `open`; any thread may read. The lock is held for no slow work: while a stream's files are
    opened its id is reserved, and only other connections of the same stream wait.
    """

    def __init__(self, context: ReceiverContext, playback: Playback) -> None:
        self._context, self._playback = context, playback
        self._quota = Quota(context.settings, context.clock)
        self._lock = threading.Lock()
        self._opened = threading.Condition(self._lock)
        self._streams: dict[bytes, IncomingStream] = {}
        self._opening: set[bytes] = set()
        self._closed_reason = ""
        """Why no stream is begun any more."""

    def all(self) -> list[IncomingStream]:
        """The streams, oldest first."""
        with self._lock:
            return list(self._streams.values())

    def close(self, reason: str) -> list[IncomingStream]:
        """Begin no stream from now on; return those that have begun, to be ended."""
        with self._lock:
            self._closed_reason = self._closed_reason or reason
            return list(self._streams.values())

    def poll(self) -> None:
        """End streams whose sender stays away for longer than the grace."""
        for stream in self.all():
            stream.poll(self._context.settings.grace_s)

    def is_over(self) -> bool:
        """Whether there were streams, and all are over, are played, and were confirmed or had time to be.

        From the first moment that all have ended no other stream is taken.
        """
        with self._lock:
            streams = list(self._streams.values())
            if not streams or self._opening or not all(stream.ended and stream.played_out for stream in streams):
                return False
            self._closed_reason = "this receiver took one stream (--once), and is about to end"
        return all(
            stream.over and (stream.finish_confirmed.is_set() or self._had_time_to_confirm(stream))
            for stream in streams
        )

    def open(self, hello: Hello, connection: ReceiverConnection) -> IncomingStream:
        """Find the stream that HELLO names, or make it, and attach the connection. Raises `Refusal`."""
        codec = self._context.codec()
        check_hello(hello, codec, self._context.settings.queue_chunks)
        stream = self._find_or_reserve(hello, connection.fingerprint)
        if stream is None:
            try:
                stream = self._begin(hello, codec, connection)
            finally:
                with self._lock:
                    self._opening.remove(hello.stream_id)
                    self._opened.notify_all()
        previous = stream.attach(connection)
        if previous is not None:
            previous.close("its sender has connected anew")
        text = f"{hello.name} from {connection.peer}: {hello.num_streams} streams, from chunk {stream.resume_index} on"
        self._context.throttle.add(Severity.INFO, "begins", stream.stream_id, text, stream.stream_id)
        return stream

    def _find_or_reserve(self, hello: Hello, fingerprint: str | None) -> IncomingStream | None:
        """The stream if it can be resumed; else None, and its id is reserved for a new one. Raises `Refusal`."""
        with self._lock:
            self._opened.wait_for(lambda: hello.stream_id not in self._opening)
            stream = self._streams.get(hello.stream_id)
            if stream is not None:
                check_resume(hello, stream, fingerprint)
                if stream.complete or not stream.ended:
                    return stream
            if self._closed_reason:
                raise Refusal("busy", self._closed_reason)
            active = sum(not stream.over for stream in self._streams.values()) + len(self._opening)
            if active >= self._context.settings.max_connections:
                places = self._context.settings.max_connections
                raise Refusal("busy", f"all {places} places are taken: try again later")
            self._opening.add(hello.stream_id)
        return None

    def _begin(self, hello: Hello, codec: "Codec", connection: ReceiverConnection) -> IncomingStream:
        """Open the stream's files and start it. Raises `Refusal`."""
        quota = self._quota.open(hello, connection.fingerprint or connection.slot.address)
        with ExitStack() as undo:
            try:
                files = StreamFiles(self._context, hello, connection.fingerprint, codec)
            except (AudioFileError, ContainerError) as error:
                raise Refusal("storage", str(error)) from error
            undo.callback(files.close, None)
            quota.resume(files.start.samples, files.kept_bytes)
            player = self._playback.make_player(hello)
            stream = IncomingStream(hello, codec, self._context, files=files, player=player, quota=quota)
            with self._lock:
                if self._closed_reason:
                    raise Refusal("busy", self._closed_reason)
                self._streams[hello.stream_id] = stream
                self._forget_oldest()
                undo.pop_all()
                stream.start()
        return stream

    def _forget_oldest(self) -> None:
        ended = [stream_id for stream_id, kept in self._streams.items() if kept.over and kept.played_out]
        for stream_id in ended[: max(0, len(self._streams) - KEPT_STREAMS)]:
            del self._streams[stream_id]

    def _had_time_to_confirm(self, stream: IncomingStream) -> bool:
        ended_s = stream.ended_s
        return not stream.complete or (
            ended_s is not None and self._context.clock.monotonic_s() - ended_s >= FAREWELL_S
        )
