"""The sender engine: what a person asks of an outgoing stream, and how it ended."""

from typing import TYPE_CHECKING

from codec.config import read_config
from codec.errors import EscError
from net.audio.devices import SYSTEM_AUDIO, AudioSystem
from net.runtime.clock import SYSTEM_CLOCK, Clock
from net.runtime.models import shared_codec
from net.sender.outgoing_stream import OutgoingStream, check_input
from net.sender.sources import Source
from net.settings import SenderSettings
from net.telemetry.events import EventLog
from net.telemetry.stats import Event, LinkState, StreamStats
from net.telemetry.status import StreamStatus
from net.transport.security.peer_verifier import PeerVerifier
from net.transport.security.trust_questions import TrustQuestions

if TYPE_CHECKING:
    from codec import Codec


class Sender:
    """Streams one source to one receiver. An `Engine`; what is not given is loaded as the settings say."""

    def __init__(
        self,
        settings: SenderSettings,
        *,
        clock: Clock = SYSTEM_CLOCK,
        codec: "Codec | None" = None,
        source: Source | None = None,
        audio_system: AudioSystem = SYSTEM_AUDIO,
        questions: TrustQuestions | None = None,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._events = EventLog(clock)
        self._status = StreamStatus(clock)
        self._questions = questions or TrustQuestions()
        self._stream = OutgoingStream(
            settings,
            lambda: codec or shared_codec(settings.model_path, settings.device),
            source,
            clock=clock,
            events=self._events,
            status=self._status,
            audio_system=audio_system,
        )
        self._start_error: EscError | None = None
        self._pipeline, self._control = self._stream.pipeline, self._stream.control
        self._pipeline.on_abort(self._questions.stop)

    @property
    def title(self) -> str:
        """Where the stream goes."""
        return f"→ {self._stream.uplink.address}"

    @property
    def error(self) -> BaseException | None:
        """What ended the stream early, or kept it from starting."""
        return self._start_error or self._pipeline.error

    def check(self) -> None:
        """Raise what keeps it from sending, as far as a look at the files tells.

        `ModelError` where there is no such model, `AudioFileError` or `ContainerError` where the input is no such file.
        """
        self._check_model()
        if self._settings.input is not None:
            check_input(self._settings.input)

    def start(self) -> None:
        """Open the source and start.

        Raises `ModelError` where there is no such model, `AudioFileError`, `ContainerError` or `AudioDeviceError`
        where the source cannot be opened, and `IdentityError` for an unusable key.
        """
        try:
            self._open()
        except EscError as error:
            self._start_error = error
            self._status.set(LinkState.FAILED, str(error))
            raise
        self._events.info(f"connecting to {self._stream.uplink.address}")
        self._pipeline.start()

    def _check_model(self) -> None:
        if self._settings.model_path is not None:
            read_config(self._settings.model_path)

    def _open(self) -> None:
        self._check_model()
        if self._settings.tls:
            guard = PeerVerifier(self._settings.tls, self._questions, self._clock)
            self._stream.uplink.secure_with(guard)
            self._events.info(f"this sender's fingerprint is {guard.identity.fingerprint}")
        self._stream.open()

    def request_stop(self) -> None:
        """Stop reading; what was read is still sent."""
        if not self._control.stopped.is_set():
            self._events.info("stopping: what was read is still sent")
        self._control.stop()
        if not self._stream.uplink.accepted.is_set():
            self._pipeline.abort()  # nothing was read, so nothing is lost

    def stop(self, timeout_s: float = 5.0) -> tuple[str, ...]:
        """End now; return the names of threads that outlived the deadline."""
        self._pipeline.abort()
        alive = self._pipeline.join(timeout_s)
        self._stream.close()
        self._end_status()
        return alive

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the stream has ended; tell whether it has."""
        ended = self._pipeline.ended.wait(timeout_s)
        if ended:
            self._end_status()
        return ended

    def set_paused(self, paused: bool) -> None:
        """Pause or resume reading; what was read before is still sent."""
        if paused == self._control.paused:
            return
        self._events.info("paused" if paused else "resumed")
        self._status.set_paused(paused)
        self._control.set_paused(paused)

    def set_muted(self, muted: bool) -> None:
        """Send silence instead of the source."""
        if muted != self._control.muted:
            self._events.info("muted" if muted else "unmuted")
        self._control.muted = muted

    def set_volume(self, volume: float) -> None:
        """A sender plays nothing."""

    def set_num_streams(self, num_streams: int) -> None:
        """Use so many streams from the next chunk on (if it adapts: at most), at most as many as the settings say."""
        num_streams = max(1, min(num_streams, self._stream.most_streams))
        if num_streams != self._stream.streams.chosen:
            self._events.info(f"streams {self._stream.streams.chosen} → {num_streams} from the next chunk on")
        self._stream.streams.choose(num_streams)

    def events_since(self, sequence: int) -> tuple[Event, ...]:
        """The kept events numbered `sequence` and above."""
        return self._events.since(sequence)

    def snapshots(self) -> tuple[StreamStats, ...]:
        """The one stream as of now."""
        self._end_status()
        return (self._stream.stats(),)

    def _end_status(self) -> None:
        if not self._pipeline.ended.is_set():
            return
        self._stream.meters.payload.stop()
        self._stream.uplink.wire.stop()
        if self._pipeline.error is not None:
            if self._status.set(LinkState.FAILED, str(self._pipeline.error)):
                self._events.error(str(self._pipeline.error))
        elif self._pipeline.stopping.is_set():
            self._status.set(LinkState.FAILED, "stopped before the end")
        else:
            self._status.set(LinkState.DONE)
