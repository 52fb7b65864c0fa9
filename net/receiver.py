"""The receiver engine: listens, serves many streams one after another and at once, and keeps what they bring."""

import contextlib
import selectors
import socket
import threading
from typing import TYPE_CHECKING

from codec.chunks import ChunkPlan, Stitching
from codec.errors import AudioFileError, ContainerError, UsageError
from codec.streaming import history_chunks
from net.admission import AdmissionLimits, Visit
from net.clock import SYSTEM_CLOCK, Clock
from net.devices import SYSTEM_AUDIO, AudioSystem
from net.doorway import Doorway
from net.downlink import Downlink
from net.events import EventLog
from net.guard import Guard
from net.intake import Intake
from net.listening import listen, only_loopback, resolve
from net.live import LIVE_JITTER_MS
from net.messages import Hello
from net.meters import ProcessMeter
from net.models import shared_codec
from net.pipeline import Pipeline
from net.questions import Questions
from net.refusal import Refusal
from net.session import StreamSession
from net.session_meters import HISTORY_CHUNKS
from net.settings import ReceiverSettings
from net.sinks.player import Player
from net.stats import Event, LinkState, StreamStats
from net.stream_files import FileChoices, StreamFiles

if TYPE_CHECKING:
    from codec import Codec

KEPT_SESSIONS = 32
"""Ended sessions that are still shown, and that a sender may still ask about."""
TICK_S = 0.2
JITTER_MS = 200.0
SHORT_CHUNK_S = 0.5


class Receiver:
    """Serves senders until it is stopped, or with `once` until one stream has ended. An `Engine`."""

    def __init__(
        self,
        settings: ReceiverSettings,
        *,
        clock: Clock = SYSTEM_CLOCK,
        codec: "Codec | None" = None,
        audio_system: AudioSystem = SYSTEM_AUDIO,
        questions: Questions | None = None,
    ) -> None:
        self._settings, self._clock, self._codec = settings, clock, codec
        self._audio_system = audio_system
        self._paused = self._muted = False
        self._volume = 1.0
        self._events = EventLog(clock)
        self._pipeline = Pipeline("receiver", clock)
        self._process = ProcessMeter(clock)
        self._listeners: list[socket.socket] = []
        self._lock = threading.Lock()
        self._sessions: dict[bytes, StreamSession] = {}
        self._links: dict[StreamSession, Downlink] = {}
        self._detached_s: dict[StreamSession, float] = {}
        self._questions = questions or Questions()
        self._guard: Guard | None = None
        self._intake = Intake(
            settings.intake,
            settings.save_path,
            files_a_stream=2 + settings.save_chunks + settings.save_codes,
            chunk_files=settings.save_chunks,
            clock=clock,
        )
        self._stop_requested = threading.Event()
        self._wake_ends: tuple[socket.socket, socket.socket] | None = None
        self.port = settings.port
        """The port that is listened on; known after `start`."""

    @property
    def title(self) -> str:
        """Where the receiver listens."""
        return f"listening on {self._settings.host}:{self.port}"

    @property
    def error(self) -> BaseException | None:
        """The first error of the receiver, or with `once` of its stream."""
        if self._pipeline.error is not None or not self._settings.once or self._stop_requested.is_set():
            return self._pipeline.error
        faults = (session.error or session.loss for session in self._all_sessions())
        return next(filter(None, faults), None)

    def check(self) -> None:
        """Raise `UsageError` where others could listen in, and `ConnectError` where there is no such host."""
        settings = self._settings
        if settings.tls or settings.insecure or only_loopback(resolve(settings.host, settings.port)):
            return
        raise UsageError(
            f"--host {settings.host} can be reached from other machines, and anybody could listen in or send: "
            "add --tls on both sides, or --insecure if that is meant"
        )

    def listen(self) -> None:
        """Bind the port, which `start` does otherwise.

        Raises what `check` raises, `IdentityError` for a key that cannot be used, and `ConnectError` where the port
        cannot be had.
        """
        self.check()
        settings = self._settings
        if settings.tls:
            self._guard = Guard(settings.tls, self._questions, self._clock)
            self._events.info(f"this receiver's fingerprint is {self._guard.identity.fingerprint}")
        self._listeners = listen(settings.host, settings.port, private=not (settings.tls or settings.insecure))
        self.port = self._listeners[0].getsockname()[1]
        self._wake_ends = socket.socketpair()
        self._pipeline.on_abort(self._wake)
        self._pipeline.on_abort(self._questions.stop)
        self._events.info(f"listening on {settings.host}:{self.port}")

    def start(self) -> None:
        """Serve. Raises what `listen` raises, and `AudioDeviceError` where there is no such output."""
        playback = self._settings.playback
        if playback is not None:
            self._audio_system.find_output(playback.device)
        if not self._listeners:
            self.listen()
        self._pipeline.add_stage("accept", self._serve)
        self._pipeline.start()

    def request_stop(self) -> None:
        """Stop listening; what has come is still decoded and saved."""
        if not self._stop_requested.is_set():
            self._events.info("stopping: what has come is still saved")
        self._stop_requested.set()
        self._questions.stop()
        self._wake()

    def stop(self, timeout_s: float = 5.0) -> tuple[str, ...]:
        """End now; return the names of threads that outlived the deadline."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        self._pipeline.abort()
        for session in self._all_sessions():
            session.abort()
        alive = list(self._pipeline.join(timeout_s))
        for session in self._all_sessions():
            alive += session.join(max(0.0, deadline_s - self._clock.monotonic_s()))
        self._close_sockets()
        return tuple(alive)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the receiver has ended; tell whether it has."""
        return self._pipeline.ended.wait(timeout_s)

    def set_paused(self, paused: bool) -> None:
        """Pause or resume playing; saving goes on. Live sound resumes with its newest."""
        self._paused = paused
        for session in self._all_sessions():
            session.set_paused(paused)

    def set_muted(self, muted: bool) -> None:
        """Play silence, or sound again."""
        self._muted = muted
        for player in self._players():
            player.set_muted(muted)

    def set_volume(self, volume: float) -> None:
        """Set the playback volume, 0 to 2."""
        self._volume = volume
        for player in self._players():
            player.set_volume(volume)

    def set_num_streams(self, num_streams: int) -> None:
        """The sender decides."""

    def events_since(self, sequence: int) -> tuple[Event, ...]:
        """The kept events numbered `sequence` and above."""
        return self._events.since(sequence)

    def snapshots(self) -> tuple[StreamStats, ...]:
        """The streams that are served, and the last ones that have ended, oldest first."""
        return tuple(session.snapshot() for session in self._all_sessions())

    def _players(self) -> list[Player]:
        return [session.player for session in self._all_sessions() if session.player is not None]

    def _all_sessions(self) -> list[StreamSession]:
        with self._lock:
            return list(self._sessions.values())

    def _wake(self) -> None:
        if self._wake_ends is not None:
            with contextlib.suppress(OSError):  # closed: there is nobody to wake
                self._wake_ends[1].send(b"\0")

    # The accepting thread: listens, starts connections, and ends what has waited too long.

    def _serve(self) -> None:
        if self._codec is None:
            self._codec = shared_codec(self._settings.model_path, self._settings.device)
        try:
            with selectors.DefaultSelector() as selector:
                for ready in self._readable_sockets():
                    selector.register(ready, selectors.EVENT_READ)
                door = self._make_door(selector)
                try:
                    while not self._over():
                        for key, _ in selector.select(TICK_S):
                            self._take_readable(key.fileobj, door)
                        door.tend()
                        self._tend_sessions()
                    self._wind_up(door)
                finally:
                    door.close()
        finally:
            self._close_sockets()

    def _readable_sockets(self) -> list[socket.socket]:
        assert self._wake_ends is not None
        return [*self._listeners, self._wake_ends[0]]

    def _take_readable(self, ready: object, door: Doorway) -> None:
        assert isinstance(ready, socket.socket)
        if self._wake_ends is not None and ready is self._wake_ends[0]:
            ready.recv(4096)  # somebody woke us
        else:
            door.take(ready)

    def _make_door(self, selector: selectors.BaseSelector) -> Doorway:
        twice = 2 * self._settings.max_connections
        limits = self._settings.admission or AdmissionLimits(
            max_connections=max(64, twice), max_per_address=max(32, twice)
        )

        def make_downlink(connection: socket.socket, visit: Visit) -> Downlink:
            return Downlink(
                connection,
                visit,
                clock=self._clock,
                events=self._events,
                receiver_name=socket.gethostname(),
                window_chunks=self._settings.buffer_chunks + HISTORY_CHUNKS,
                handshake_s=limits.handshake_s,
                guard=self._guard,
                open_session=self._open_session,
            )

        return Doorway(
            selector, limits, make_downlink, clock=self._clock, events=self._events, in_words=self._guard is None
        )

    def _over(self) -> bool:
        if self._pipeline.stopping.is_set() or self._stop_requested.is_set():
            return True
        sessions = self._all_sessions()
        return (
            self._settings.once and bool(sessions) and all(session.ended and session.played_out for session in sessions)
        )

    def _tend_sessions(self) -> None:
        """End sessions whose sender stays away."""
        now_s = self._clock.monotonic_s()
        for session in self._all_sessions():
            if session.status.state is not LinkState.RECONNECTING:
                self._detached_s.pop(session, None)
            elif now_s - self._detached_s.setdefault(session, now_s) >= self._settings.grace_s:
                session.close_early(f"the sender did not come back in {self._settings.grace_s:g} s")

    def _wind_up(self, door: Doorway) -> None:
        """Tell the senders, and save what has come."""
        door.finish("the receiver was stopped")
        for session in self._all_sessions():
            session.close_early("the receiver was stopped")
        for session in self._all_sessions():
            while not session.wait(TICK_S):
                if self._pipeline.stopping.is_set():
                    session.abort()
        for player in self._players():
            player.close()

    def _close_sockets(self) -> None:
        for each in (*self._listeners, *(self._wake_ends or ())):
            each.close()

    # Called by the connections' threads.

    def _open_session(self, hello: Hello, downlink: Downlink) -> StreamSession:
        """Find the stream that HELLO names, or make it. Raises `Refusal`."""
        codec = self._codec
        assert codec is not None
        _check_hello(hello, codec, self._settings.buffer_chunks)
        with self._lock:
            session = self._sessions.get(hello.stream_id)
            if session is not None:
                _check_return(hello, session, downlink)
            if session is None or (session.ended and not session.complete):
                session = self._make_session(hello, codec, downlink)
            previous = self._links.get(session)
            self._links[session] = downlink
        if previous is not None:
            previous.close("its sender has connected anew")
        session.peer, session.secure = downlink.peer, downlink.fingerprint is not None
        self._events.info(
            f"{hello.name} from {downlink.peer}: {hello.num_streams} streams, from chunk {session.resume_index} on",
            session.stream_id,
        )
        return session

    def _make_session(self, hello: Hello, codec: "Codec", downlink: Downlink) -> StreamSession:
        active = sum(not session.ended for session in self._sessions.values())
        if active >= self._settings.max_connections:
            raise Refusal("busy", f"all {self._settings.max_connections} places are taken: try again later")
        intake = self._intake.open(hello, downlink.fingerprint or downlink.visit.address)
        files = self._open_files(hello, codec)
        intake.skip(files.start.samples)
        session = StreamSession(
            hello,
            codec,
            files,
            clock=self._clock,
            events=self._events,
            process=self._process,
            window_chunks=self._settings.buffer_chunks + HISTORY_CHUNKS,
            player=self._make_player(hello),
        )
        session.meters.min_streams = self._settings.min_streams
        session.intake, session.sender_fingerprint = intake, downlink.fingerprint
        self._sessions[hello.stream_id] = session
        ended = [stream_id for stream_id, kept in self._sessions.items() if kept.ended]
        for stream_id in ended[: max(0, len(self._sessions) - KEPT_SESSIONS)]:
            self._links.pop(self._sessions.pop(stream_id), None)
        session.start()
        return session

    def _make_player(self, hello: Hello) -> Player | None:
        playback = self._settings.playback
        if playback is None:
            return None
        target_ms = playback.jitter_ms
        if target_ms is None:
            short = hello.chunk_samples <= SHORT_CHUNK_S * hello.sample_rate
            target_ms = LIVE_JITTER_MS if hello.live and short else JITTER_MS
        player = Player(
            self._audio_system,
            playback.device,
            hello.sample_rate,
            live=hello.live,
            target_ms=target_ms,
            clock=self._clock,
            events=self._events,
            stream_id=hello.stream_id.hex(),
        )
        player.set_paused(self._paused)
        player.set_muted(self._muted)
        player.set_volume(self._volume)
        return player

    def _open_files(self, hello: Hello, codec: "Codec") -> StreamFiles:
        settings = self._settings
        choices = FileChoices(
            folder=settings.save_path, save_chunks=settings.save_chunks, save_codes=settings.save_codes
        )
        try:
            return StreamFiles(
                choices,
                hello,
                kbps=codec.kbps(hello.num_streams),
                frame_samples=codec.frame_samples,
                clock=self._clock,
                events=self._events,
            )
        except (AudioFileError, ContainerError) as error:
            raise Refusal("storage", str(error)) from error


def _check_hello(hello: Hello, codec: "Codec", buffer_chunks: int) -> None:
    """Refuse a stream that this model cannot decode."""
    if hello.fingerprint != codec.fingerprint:
        raise Refusal(
            "model",
            f"the sender codes with model {hello.model} ({hello.fingerprint}), "
            f"this receiver has {codec.name} ({codec.fingerprint}): both need the same --model-path",
        )
    promised = (hello.sample_rate, hello.groups, hello.bits_per_code)
    if promised != (codec.sample_rate, codec.groups, codec.bits_per_code) or hello.num_streams > codec.max_streams:
        raise Refusal("format", f"the stream's format does not fit the model {codec.name}")
    try:
        plan = ChunkPlan(hello.chunk_samples, hello.overlap_samples, Stitching(hello.stitching))
    except UsageError as error:
        raise Refusal("format", str(error)) from error
    history = history_chunks(codec, plan)
    if history > max(1, buffer_chunks // 2):
        raise Refusal(
            "format",
            f"seamless chunks of {plan.chunk_samples} samples are too short for a buffer of {buffer_chunks} chunks: "
            f"{history} must be kept",
        )


def _check_return(hello: Hello, session: StreamSession, downlink: Downlink) -> None:
    """Refuse one who claims a stream that is not theirs, or was another sound."""
    if session.sender_fingerprint != downlink.fingerprint:
        raise Refusal("policy", "this stream is another sender's")
    if session.next_index and not hello.resume:
        raise Refusal("protocol", "this stream has begun before: resume it, or start a new one")
    if _format(hello) != _format(session.hello):
        raise Refusal("format", "the stream had another format before: start a new one")


def _format(hello: Hello) -> tuple[object, ...]:
    """What may not change while a stream lasts."""
    chunks = (hello.chunk_samples, hello.overlap_samples, hello.stitching)
    return (hello.fingerprint, hello.sample_rate, hello.num_streams, hello.groups, hello.bits_per_code, *chunks)
