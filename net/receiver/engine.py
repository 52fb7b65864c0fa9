"""The receiver engine: listens, serves many streams one after another and at once, and saves and plays them."""

import threading
from typing import TYPE_CHECKING

from codec.atomic_file import check_folder
from codec.config import read_config
from codec.errors import UsageError
from net.audio.devices import SYSTEM_AUDIO, AudioSystem
from net.engine import Engine
from net.receiver.acceptor import Acceptor
from net.receiver.context import ReceiverContext
from net.receiver.playback import Playback
from net.receiver.sinks.pipe import PipeOutput
from net.receiver.snapshot import stream_stats
from net.receiver.stream_registry import StreamRegistry
from net.runtime.clock import SYSTEM_CLOCK, Clock
from net.runtime.models import shared_codec
from net.runtime.pipeline import Pipeline
from net.settings import ReceiverSettings
from net.telemetry.event_throttle import EventThrottle
from net.telemetry.events import EventLog
from net.telemetry.meters import ProcessMeter
from net.telemetry.stats import StreamStats
from net.transport.listening import address_text, is_loopback, listen, resolve
from net.transport.security.peer_verifier import PeerVerifier
from net.transport.security.trust_questions import TrustQuestions

if TYPE_CHECKING:
    from codec import Codec

STOPPED = "the receiver was stopped"
TICK_S = 0.2
WIND_UP_S = 30.0
"""For saving what has come, once the receiver was stopped: a few bytes of a peer can stand for hours of silence."""


class Receiver(Engine):
    """Serves senders until it is stopped, or with `once` until one stream has ended."""

    def __init__(
        self,
        settings: ReceiverSettings,
        *,
        clock: Clock = SYSTEM_CLOCK,
        codec: "Codec | None" = None,
        audio_system: AudioSystem = SYSTEM_AUDIO,
        questions: TrustQuestions | None = None,
    ) -> None:
        super().__init__(Pipeline("receiver", clock), EventLog(clock), questions)
        self._settings, self._clock = settings, clock
        self._output = self._make_output()
        self._context = ReceiverContext(
            settings,
            clock,
            self._events,
            EventThrottle(self._events, clock),
            lambda: codec or shared_codec(settings.model_path, settings.device),
            self._output,
        )
        self._playback = Playback(settings.playback, audio_system, clock, self._events)
        self._registry = StreamRegistry(self._context, self._playback)
        self._process = ProcessMeter(clock)
        self._stop_requested = threading.Event()
        self._acceptor: Acceptor | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; with port 0, known after `listen`."""
        return self._acceptor.port if self._acceptor else self._settings.port

    @property
    def title(self) -> str:
        """Where the receiver listens."""
        return f"listening on {address_text(self._settings.host, self.port)}"

    @property
    def error(self) -> BaseException | None:
        """The first error of the receiver, or with `once` of its stream."""
        if self._pipeline.error is not None or not self._settings.once or self._stop_requested.is_set():
            return self._pipeline.error
        faults = (stream.error or stream.files.loss or stream.conversion.error for stream in self._registry.all())
        return next(filter(None, faults), None)

    def check(self) -> None:
        """Raise what keeps it from receiving.

        `UsageError` where others could listen in or the output is no pipe, `ConnectError` where there is no such host,
        `ModelError` where there is no such model, `AudioFileError` where nothing can be saved, and `AudioDeviceError`
        where there is no such output.
        """
        settings = self._settings
        if settings.model_path is not None:
            read_config(settings.model_path)
        check_folder(settings.save_path)
        if self._output is not None:
            self._output.check()
        self._playback.check()
        if settings.tls or settings.insecure:
            return
        if all(is_loopback(address) for _, address in resolve(settings.host, settings.port)):
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
        settings, verifier = self._settings, None
        if settings.tls:
            verifier = PeerVerifier(settings.tls, self._questions, self._clock)
            self._events.info(f"this receiver's fingerprint is {verifier.identity.fingerprint}")
        listeners = listen(
            settings.host,
            settings.port,
            private=not (settings.tls or settings.insecure),
            buffer_bytes=settings.socket_buffer_bytes,
        )
        self._acceptor = Acceptor(listeners, self._context, self._registry, verifier)
        if self._output is not None:
            self._output.open()
        self._pipeline.on_abort(self._acceptor.wake)
        self._events.info(self.title)

    def start(self) -> None:
        """Serve. Raises what `listen` raises."""
        if self._acceptor is None:
            self.listen()
        self._pipeline.add_stage("accept", self._serve)
        self._pipeline.start()

    def request_stop(self) -> None:
        """Stop listening; what has come is still decoded and saved."""
        if not self._stop_requested.is_set():
            self._events.info("stopping: what has come is still saved")
        self._stop_requested.set()
        self._questions.stop()
        if self._acceptor is not None:
            self._acceptor.wake()

    def stop(self, timeout_s: float = 5.0) -> tuple[str, ...]:
        """End now; return the names of threads that outlived the deadline."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        self._pipeline.abort()
        streams = self._registry.close(STOPPED)
        for stream in streams:
            stream.abort()
        alive = self._pipeline.join(timeout_s)
        if self._acceptor is not None and not alive:
            self._acceptor.close()
            self._close_output()
        for stream in streams:
            alive += stream.join(max(0.0, deadline_s - self._clock.monotonic_s()))
        return alive

    def set_paused(self, paused: bool) -> None:
        """Pause or resume playing; saving continues. Live sound resumes with its newest."""
        self._playback.controls.set_paused(paused)

    def set_muted(self, muted: bool) -> None:
        """Play silence, or sound again."""
        self._playback.controls.set_muted(muted)

    def set_enhanced(self, enhanced: bool) -> None:
        """Do nothing: the sender decides."""

    def set_volume(self, volume: float) -> None:
        """Set the playback volume, 0 to 2."""
        self._playback.controls.set_volume(volume)

    def snapshots(self) -> tuple[StreamStats, ...]:
        """The streams that are served, and the last ones that have ended, oldest first."""
        process = self._process.stats()
        return tuple(stream_stats(stream, process) for stream in self._registry.all())

    def _make_output(self) -> PipeOutput | None:
        path = self._settings.output
        return PipeOutput(path, self._stop_without_reader, wav=self._settings.output_wav) if path else None

    def _close_output(self) -> None:
        if self._output is not None:
            self._output.close()

    def _stop_without_reader(self) -> None:
        assert self._output is not None
        self._events.warning(f"the reader of {self._output.name} has gone away")
        self.request_stop()

    # The accepting thread: accepts connections, and ends what has waited too long.

    def _serve(self) -> None:
        acceptor, throttle = self._acceptor, self._context.throttle
        assert acceptor is not None
        try:
            self._context.codec()  # loading takes a while: before anybody is accepted
            while not self._is_over():
                acceptor.poll(TICK_S)
                self._registry.poll()
                throttle.poll()
                if self._output is not None:
                    self._output.poll()
            self._wind_up(acceptor)
        finally:
            acceptor.close()
            self._close_output()
            throttle.poll(at_once=True)

    def _is_over(self) -> bool:
        if self._pipeline.stopping.is_set() or self._stop_requested.is_set():
            return True
        return self._settings.once and self._registry.is_over()

    def _wind_up(self, acceptor: Acceptor) -> None:
        """Stop the senders, and save what has come."""
        acceptor.stop(STOPPED)
        streams = self._registry.close(STOPPED)
        for stream in streams:
            stream.close(STOPPED)
        deadline_s = self._clock.monotonic_s() + WIND_UP_S
        for stream in streams:
            while not stream.wait_over(TICK_S):
                if self._pipeline.stopping.is_set() or self._clock.monotonic_s() >= deadline_s:
                    stream.abort()
        for stream in streams:
            stream.stop_playing()
        for player in filter(None, (stream.player for stream in streams)):
            player.close()
