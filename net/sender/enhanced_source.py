"""A source whose sound is enhanced before it is cut into chunks: noise suppressed, the voice levelled."""

import threading
from collections.abc import Iterator

from codec.sound.enhancement import RATE, Enhancer
from codec.types import Audio
from net.sender.microphone import MicrophoneSource
from net.sender.source_control import SourceControl
from net.sender.sources import Source, SourceBlock
from net.telemetry.sound import SoundMeter


class EnhancedSource:
    """A `Source` that enhances another, while the control does not bypass it. Raises what `Enhancer` raises.

    The sound comes up to 16 ms later, which the capture times of its blocks tell; its length stays. The level before
    goes to the meter.
    """

    def __init__(self, source: Source, control: SourceControl, meter: SoundMeter) -> None:
        self._source, self._control, self._meter = source, control, meter
        self._enhancer = Enhancer()
        self.live = source.live

    @property
    def name(self) -> str:
        """What is streamed."""
        return self._source.name

    @property
    def total_samples(self) -> int | None:
        """The whole length at the model's rate, None where it is not known."""
        return self._source.total_samples

    @property
    def lost(self) -> bool:
        """Whether a microphone is gone, and silence stands for what it should give."""
        return isinstance(self._source, MicrophoneSource) and self._source.lost

    def blocks(self, stopping: threading.Event, first_sample: int = 0) -> Iterator[SourceBlock]:
        """Enhanced blocks; a file is enhanced from its start, so that what is resumed is the same as it was."""
        given = captured = 0
        captured_s: float | None = None
        for block in self._source.blocks(stopping):
            captured, captured_s = captured + len(block.audio), block.captured_s
            self._meter.push_input(block.audio)
            audio = self._enhancer.push(block.audio, bypassed=self._control.bypassed)
            given += len(audio)
            pending_s = (captured - given) / RATE
            yield from self._block(audio[max(0, first_sample - given + len(audio)) :], captured_s, pending_s)
        audio = self._enhancer.finish()
        yield from self._block(audio[max(0, first_sample - given) :], captured_s, 0.0)

    def close(self) -> None:
        """Close the other source; calling it twice does nothing."""
        self._source.close()

    def _block(self, audio: Audio, captured_s: float | None, pending_s: float) -> Iterator[SourceBlock]:
        """Sound with its capture time and voice activity, where there is any."""
        if len(audio):
            at_s = None if captured_s is None else captured_s - pending_s
            yield SourceBlock(audio, at_s, speech=self._enhancer.speech)
