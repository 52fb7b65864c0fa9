"""The sender engine: what a person asks of an outgoing stream, and how it ended."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from codec.config import read_config
from codec.errors import EscError
from net.audio.devices import SYSTEM_AUDIO, AudioSystem
from net.engine import Engine
from net.runtime.clock import SYSTEM_CLOCK, Clock
from net.runtime.models import shared_codec
from net.sender.outgoing_stream import OutgoingStream, check_input
from net.sender.snapshot import snapshot
from net.sender.sources import Source
from net.settings import SenderSettings
from net.telemetry.meters import ProcessMeter
from net.telemetry.stats import LinkState, StreamStats
from net.transport.listening import address_text
from net.transport.security.peer_verifier import PeerVerifier
from net.transport.security.trust_questions import TrustQuestions

if TYPE_CHECKING:
    from codec import Codec


class Sender(Engine):
    """Streams one source to one receiver; what is not given is loaded as the settings say."""

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
        self._stream = OutgoingStream(
            settings, lambda: codec or shared_codec(settings.model_path, settings.device), source, clock, audio_system
        )
        super().__init__(self._stream.pipeline, self._stream.context.events, questions)
        self._control, self._process = self._stream.control, ProcessMeter(clock)

    @property
    def title(self) -> str:
        """Where the stream goes."""
        return f"→ {self._address}"

    def on_failure(self, act: Callable[[], None]) -> None:
        """Call `act` if the stream fails, however early, once nothing more will be sent."""

        def act_if_failed() -> None:
            if self.error is not None:
                act()

        self._pipeline.on_end(act_if_failed)

    def check(self) -> None:
        """Raise what keeps it from sending, as far as the files show.

        `ModelError` where there is no such model, `AudioFileError` or `ContainerError` where the input is no such file,
        `UsageError` where standard input is a keyboard.
        """
        self._check_model()
        check_input(self._settings)

    def start(self) -> None:
        """Open the source and start.

        Raises `ModelError` where there is no such model, `AudioFileError`, `ContainerError` or `AudioDeviceError`
        where the source cannot be opened, and `IdentityError` for an unusable key.
        """
        try:
            self._open()
        except EscError as error:
            self._stream.context.status.set(LinkState.FAILED, str(error))
            self._pipeline.fail(error)
            self._pipeline.close()
            raise
        if warning := self._settings.rate_limit_warning:
            self._events.warning(warning)
        self._events.info(f"connecting to {self._address}")
        self._pipeline.start()

    def request_stop(self) -> None:
        """Stop reading; what was read is still sent."""
        if not self._control.stopped.is_set():
            self._events.info("stopping: what was read is still sent")
        self._control.stop()
        if not self._control.accepted:
            self._pipeline.abort()  # nothing was read, so nothing is lost

    def stop(self, timeout_s: float = 5.0) -> tuple[str, ...]:
        """End now; return the names of threads that outlived the deadline."""
        self._pipeline.close()
        return self._pipeline.join(timeout_s)

    def set_paused(self, paused: bool) -> None:
        """Pause or resume reading; what was read before is still sent."""
        if paused == self._control.paused:
            return
        self._events.info("paused" if paused else "resumed")
        self._control.set_paused(paused)

    def set_muted(self, muted: bool) -> None:
        """Send silence instead of the source."""
        if muted != self._control.muted:
            self._events.info("muted" if muted else "unmuted")
        self._control.set_muted(muted)

    def set_enhanced(self, enhanced: bool) -> None:
        """Enhance the sound, or send it as it is; does nothing where the settings do not ask to enhance."""
        if self._stream.enhanced not in (None, enhanced):
            self._events.info("enhancement on again" if enhanced else "enhancement bypassed")
        self._control.set_bypassed(not enhanced)

    def set_num_streams(self, num_streams: int) -> None:
        """Use so many streams from the next chunk on (if it adapts: at most), at most as many as the settings say."""
        rate = self._stream.rate
        num_streams = max(1, min(num_streams, self._stream.most_streams))
        if num_streams != rate.chosen:
            self._events.info(f"streams {rate.chosen} → {num_streams} from the next chunk on")
        rate.choose(num_streams)

    def snapshots(self) -> tuple[StreamStats, ...]:
        """The one stream as of now."""
        return (snapshot(self._stream, self._process),)

    @property
    def _address(self) -> str:
        return address_text(self._settings.host, self._settings.port)

    def _check_model(self) -> None:
        if self._settings.model_path is not None:
            read_config(self._settings.model_path)

    def _open(self) -> None:
        self._check_model()
        verifier = None
        if self._settings.tls:
            verifier = PeerVerifier(self._settings.tls, self._questions, self._clock)
            self._events.info(f"this sender's fingerprint is {verifier.identity.fingerprint}")
        self._stream.open(verifier)
