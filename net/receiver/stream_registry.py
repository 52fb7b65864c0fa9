"""The streams of one receiver: those that are served, and the last that have ended."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from codec.errors import AudioFileError, ContainerError
from net.live import decoding_lookahead_samples
from net.protocol.messages import Hello
from net.protocol.refusal import Refusal
from net.receiver.connection import ReceiverConnection
from net.receiver.hello_validation import check_hello, check_resume
from net.receiver.incoming_stream import IncomingStream
from net.receiver.meters import HISTORY_CHUNKS
from net.receiver.playback import Playback
from net.receiver.quota import Quota
from net.receiver.reporter import FAREWELL_S
from net.receiver.stream_files import FileChoices, StreamFiles
from net.runtime.clock import Clock
from net.settings import ReceiverSettings
from net.telemetry.event_throttle import EventThrottle
from net.telemetry.events import EventLog
from net.telemetry.meters import ProcessMeter
from net.telemetry.stats import LinkState, Severity

if TYPE_CHECKING:
    from codec import Codec

KEPT_SESSIONS = 32
"""Ended sessions that are still shown, and that a sender may still ask about."""


class StreamRegistry:
    """Finds or makes the session that a HELLO names, and ends those whose sender stays away.

    Connections' threads call `open`; any thread may read.
    """

    def __init__(
        self,
        settings: ReceiverSettings,
        codec: "Callable[[], Codec]",
        playback: Playback,
        *,
        clock: Clock,
        events: EventLog,
        repeats: EventThrottle,
    ) -> None:
        self._settings, self._codec, self._playback = settings, codec, playback
        self._clock, self._events, self._repeats = clock, events, repeats
        self._process = ProcessMeter(clock)
        self._intake = Quota(
            settings.intake,
            settings.save_path,
            files_a_stream=2 + settings.save_chunks + settings.save_codes,
            chunk_files=settings.save_chunks,
            clock=clock,
        )
        self._lock = threading.Lock()
        self._sessions: dict[bytes, IncomingStream] = {}
        self._links: dict[IncomingStream, ReceiverConnection] = {}
        self._detached_s: dict[IncomingStream, float] = {}
        self._ended_s: dict[IncomingStream, float] = {}
        self._closed_for = ""
        """Why no stream is begun any more."""

    @property
    def window_chunks(self) -> int:
        """How many chunks a sender may have unacknowledged."""
        return self._settings.buffer_chunks + HISTORY_CHUNKS

    def all(self) -> list[IncomingStream]:
        """The sessions, oldest first."""
        with self._lock:
            return list(self._sessions.values())

    def close(self, reason: str) -> list[IncomingStream]:
        """Begin no stream from now on; return the sessions, to be ended."""
        with self._lock:
            self._closed_for = self._closed_for or reason
            return list(self._sessions.values())

    def tend(self) -> None:
        """End sessions whose sender stays away for longer than the grace; for one thread."""
        now_s, grace_s = self._clock.monotonic_s(), self._settings.grace_s
        for session in self.all():
            if session.status.state is not LinkState.RECONNECTING:
                self._detached_s.pop(session, None)
            elif now_s - self._detached_s.setdefault(session, now_s) >= grace_s:
                session.close_early(f"the sender did not come back in {grace_s:g} s")

    def is_over(self) -> bool:
        """Whether there were streams, and all have ended and are played, and their senders know or had time to ask.

        From the first moment that all have ended no other stream is taken. For one thread.
        """
        with self._lock:
            sessions = list(self._sessions.values())
            if not sessions or not all(session.ended and session.played_out for session in sessions):
                return False
            self._closed_for = "this receiver took one stream (--once), and is about to end"
        now_s = self._clock.monotonic_s()
        return all(
            session.known_finished.is_set()
            or not session.complete
            or now_s - self._ended_s.setdefault(session, now_s) >= FAREWELL_S
            for session in sessions
        )

    def open(self, hello: Hello, downlink: ReceiverConnection) -> IncomingStream:
        """Find the stream that HELLO names, or make it. Raises `Refusal`."""
        codec = self._codec()
        check_hello(hello, codec, self._settings.buffer_chunks)
        with self._lock:
            session = self._sessions.get(hello.stream_id)
            if session is not None:
                check_resume(hello, session, downlink.fingerprint)
            if session is None or (session.ended and not session.complete):
                replaced, session = session, self._make_session(hello, codec, downlink)
                self._drop(replaced)
            previous = self._links.get(session)
            self._links[session] = downlink
            session.claim(downlink)
        if previous is not None:
            previous.close("its sender has connected anew")
        session.peer, session.secure = downlink.peer, downlink.fingerprint is not None
        begins = f"{hello.name} from {downlink.peer}: {hello.num_streams} streams, from chunk {session.resume_index} on"
        self._repeats.add(Severity.INFO, "begins", session.stream_id, begins, session.stream_id)
        return session

    def _make_session(self, hello: Hello, codec: "Codec", downlink: ReceiverConnection) -> IncomingStream:
        if self._closed_for:
            raise Refusal("busy", self._closed_for)
        active = sum(not session.ended for session in self._sessions.values())
        if active >= self._settings.max_connections:
            raise Refusal("busy", f"all {self._settings.max_connections} places are taken: try again later")
        intake = self._intake.open(hello, downlink.fingerprint or downlink.visit.address)
        files = self._open_files(hello, codec, downlink.fingerprint)
        try:
            intake.go_on(files.start.samples, files.kept_bytes)
        except Refusal:
            files.give_up()
            raise
        session = IncomingStream(
            hello,
            codec,
            files,
            clock=self._clock,
            events=self._events,
            process=self._process,
            window_chunks=self.window_chunks,
            player=self._playback.make_player(hello),
            lookahead_samples=decoding_lookahead_samples(self._settings.lookahead_ms, hello),
        )
        session.meters.min_streams = self._settings.min_streams
        session.intake, session.sender_fingerprint = intake, downlink.fingerprint
        self._sessions[hello.stream_id] = session
        self._forget_oldest()
        session.start()
        return session

    def _forget_oldest(self) -> None:
        ended = [stream_id for stream_id, kept in self._sessions.items() if kept.ended]
        for stream_id in ended[: max(0, len(self._sessions) - KEPT_SESSIONS)]:
            self._drop(self._sessions.pop(stream_id))

    def _drop(self, session: IncomingStream | None) -> None:
        """Keep nothing of a session that is no longer in the book."""
        if session is not None:
            self._links.pop(session, None)
            self._detached_s.pop(session, None)
            self._ended_s.pop(session, None)

    def _open_files(self, hello: Hello, codec: "Codec", sender: str | None) -> StreamFiles:
        settings = self._settings
        choices = FileChoices(
            folder=settings.save_path, save_chunks=settings.save_chunks, save_codes=settings.save_codes
        )
        try:
            return StreamFiles(
                choices,
                hello,
                sender,
                kbps=codec.kbps(hello.num_streams),
                frame_samples=codec.frame_samples,
                clock=self._clock,
                events=self._events,
            )
        except (AudioFileError, ContainerError) as error:
            raise Refusal("storage", str(error)) from error
