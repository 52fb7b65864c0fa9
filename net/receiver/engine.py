"""The receiver engine: listens, serves many streams one after another and at once, and keeps what they bring."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from codec.config import read_config
from codec.errors import UsageError
from net.audio.devices import SYSTEM_AUDIO, AudioSystem
from net.receiver.acceptor import Acceptor
from net.receiver.connection import ReceiverConnection
from net.receiver.connection_limiter import ConnectionSlot
from net.receiver.playback import Playback
from net.receiver.sinks.player import Player
from net.receiver.stream_files import check_folder
from net.receiver.stream_registry import StreamRegistry
from net.runtime.clock import SYSTEM_CLOCK, Clock
from net.runtime.models import shared_codec
from net.runtime.pipeline import Pipeline
from net.settings import ConnectionLimits, ReceiverSettings
from net.telemetry.event_throttle import EventThrottle
from net.telemetry.events import EventLog
from net.telemetry.stats import Event, StreamStats
from net.transport.listening import address_text, listen, only_loopback, resolve
from net.transport.security.peer_verifier import PeerVerifier
from net.transport.security.trust_questions import TrustQuestions

if TYPE_CHECKING:
    from codec import Codec

STOPPED = "the receiver was stopped"
TICK_S = 0.2
WIND_UP_S = 30.0
"""For saving what has come, once the receiver was stopped: a few bytes of a peer can stand for hours of silence."""


class Receiver:
    """Serves senders until it is stopped, or with `once` until one stream has ended. An `Engine`."""

    def __init__(
        self,
        settings: ReceiverSettings,
        *,
        clock: Clock = SYSTEM_CLOCK,
        codec: "Codec | None" = None,
        audio_system: AudioSystem = SYSTEM_AUDIO,
        questions: TrustQuestions | None = None,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._codec: Callable[[], Codec] = lambda: codec or shared_codec(settings.model_path, settings.device)
        self._events = EventLog(clock)
        self._pipeline = Pipeline("receiver", clock)
        self._listeners: list[socket.socket] = []
        self._questions = questions or TrustQuestions()
        self._guard: PeerVerifier | None = None
        self._playback = Playback(settings.playback, audio_system, clock, self._events)
        self._repeats = EventThrottle(self._events, clock)
        self._sessions = StreamRegistry(
            settings, self._codec, self._playback, clock=clock, events=self._events, repeats=self._repeats
        )
        self._stop_requested = threading.Event()
        self._wake_ends: tuple[socket.socket, socket.socket] | None = None
        self.port = settings.port
        """The port that is listened on; known after `start`."""

    @property
    def title(self) -> str:
        """Where the receiver listens."""
        return f"listening on {address_text(self._settings.host, self.port)}"

    @property
    def error(self) -> BaseException | None:
        """The first error of the receiver, or with `once` of its stream."""
        if self._pipeline.error is not None or not self._settings.once or self._stop_requested.is_set():
            return self._pipeline.error
        faults = (session.error or session.loss for session in self._sessions.all())
        return next(filter(None, faults), None)

    def check(self) -> None:
        """Raise what keeps it from receiving.

        `UsageError` where others could listen in, `ConnectError` where there is no such host, `ModelError` where there
        is no such model, `AudioFileError` where nothing can be saved, and `AudioDeviceError` where there is no such
        output.
        """
        settings = self._settings
        if settings.model_path is not None:
            read_config(settings.model_path)
        check_folder(settings.save_path)
        self._playback.check()
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
            self._guard = PeerVerifier(settings.tls, self._questions, self._clock)
            self._events.info(f"this receiver's fingerprint is {self._guard.identity.fingerprint}")
        self._listeners = listen(settings.host, settings.port, private=not (settings.tls or settings.insecure))
        self.port = self._listeners[0].getsockname()[1]
        self._wake_ends = socket.socketpair()
        self._pipeline.on_abort(self._wake)
        self._pipeline.on_abort(self._questions.stop)
        self._events.info(f"listening on {address_text(settings.host, self.port)}")

    def start(self) -> None:
        """Serve. Raises what `listen` raises."""
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
        for session in self._sessions.close(STOPPED):
            session.abort()
        alive = list(self._pipeline.join(timeout_s))
        for session in self._sessions.all():
            alive += session.join(max(0.0, deadline_s - self._clock.monotonic_s()))
        self._close_sockets()
        return tuple(alive)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the receiver has ended; tell whether it has."""
        return self._pipeline.ended.wait(timeout_s)

    def set_paused(self, paused: bool) -> None:
        """Pause or resume playing; saving goes on. Live sound resumes with its newest."""
        self._playback.set_paused(paused)
        for session in self._sessions.all():
            session.set_paused(paused)

    def set_muted(self, muted: bool) -> None:
        """Play silence, or sound again."""
        self._playback.set_muted(muted)

    def set_volume(self, volume: float) -> None:
        """Set the playback volume, 0 to 2."""
        self._playback.set_volume(volume)

    def set_num_streams(self, num_streams: int) -> None:
        """The sender decides."""

    def events_since(self, sequence: int) -> tuple[Event, ...]:
        """The kept events numbered `sequence` and above."""
        return self._events.since(sequence)

    def snapshots(self) -> tuple[StreamStats, ...]:
        """The streams that are served, and the last ones that have ended, oldest first."""
        return tuple(session.snapshot() for session in self._sessions.all())

    def _players(self) -> list[Player]:
        return [session.player for session in self._sessions.all() if session.player is not None]

    def _wake(self) -> None:
        if self._wake_ends is not None:
            with contextlib.suppress(OSError):  # closed: there is nobody to wake
                self._wake_ends[1].send(b"\0")

    # The accepting thread: listens, starts connections, and ends what has waited too long.

    def _serve(self) -> None:
        self._codec()  # loading takes a while: before anybody is let in
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
                        self._sessions.tend()
                        self._repeats.poll()
                    self._wind_up(door)
                finally:
                    door.close()
                    self._repeats.poll(at_once=True)
        finally:
            self._close_sockets()

    def _readable_sockets(self) -> list[socket.socket]:
        assert self._wake_ends is not None
        return [*self._listeners, self._wake_ends[0]]

    def _take_readable(self, ready: object, door: Acceptor) -> None:
        assert isinstance(ready, socket.socket)
        if self._wake_ends is not None and ready is self._wake_ends[0]:
            ready.recv(4096)  # somebody woke us
        else:
            door.take(ready)

    def _make_door(self, selector: selectors.BaseSelector) -> Acceptor:
        twice = 2 * self._settings.max_connections
        limits = self._settings.admission or ConnectionLimits(
            max_connections=max(64, twice), max_per_address=max(32, twice)
        )

        def make_downlink(connection: socket.socket, visit: ConnectionSlot) -> ReceiverConnection:
            return ReceiverConnection(
                connection,
                visit,
                clock=self._clock,
                repeats=self._repeats,
                receiver_name=socket.gethostname(),
                window_chunks=self._sessions.window_chunks,
                handshake_s=limits.handshake_s,
                guard=self._guard,
                open_session=self._sessions.open,
            )

        return Acceptor(
            selector,
            limits,
            make_downlink,
            clock=self._clock,
            events=self._events,
            repeats=self._repeats,
            in_words=self._guard is None,
        )

    def _over(self) -> bool:
        if self._pipeline.stopping.is_set() or self._stop_requested.is_set():
            return True
        return self._settings.once and self._sessions.is_over()

    def _wind_up(self, door: Acceptor) -> None:
        """Tell the senders, and save what has come."""
        door.finish(STOPPED)
        for session in self._sessions.close(STOPPED):
            session.close_early(STOPPED)
        deadline_s = self._clock.monotonic_s() + WIND_UP_S
        for session in self._sessions.all():
            while not session.wait(TICK_S):
                if self._pipeline.stopping.is_set() or self._clock.monotonic_s() >= deadline_s:
                    session.abort()
        for player in self._players():
            player.close()

    def _close_sockets(self) -> None:
        for each in (*self._listeners, *(self._wake_ends or ())):
            each.close()
