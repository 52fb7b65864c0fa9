"""Enhancement of speech by WebRTC's audio processing: high-pass, noise suppression, automatic gain, voice activity.

`webrtc-noise-gain` (the extra `voice`) is imported when the first `Enhancer` is made.
"""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec

import numpy as np

from codec.errors import UsageError
from codec.types import Audio, ChannelAudio

RATE = 16000
"""The only sampling rate of the processor, in Hz."""
FRAME_SAMPLES = 160
DELAY_SAMPLES = 96
"""By which the noise suppressor's windows make the sound late; it is taken out again."""
NOISE_SUPPRESSION = 2
"""Of 4. Level 3 takes out a little more noise, and costs clean speech more than noisy speech gains."""
AUTO_GAIN = 3
"""As the package advises; since its version 1.3 any number but 0 turns the automatic gain on."""
HANGOVER_FRAMES = 20
"""Voice activity lasts 200 ms longer, so that soft word endings are kept."""
FULL_SCALE = 32768.0


def check_enhancement() -> None:
    """Raise `UsageError` where `webrtc-noise-gain` is not installed; does not import it."""
    if find_spec("webrtc_noise_gain") is None:
        raise UsageError("--enhance needs one more package: run pip install 'esc-tui[voice]'")


def enhanced_blocks(blocks: Iterable[ChannelAudio], channels: int, rate: int) -> Iterator[ChannelAudio]:
    """Enhance sound `[channel, samples]`, each channel by itself; the length of the whole stays.

    Raises `UsageError` for another rate than 16 kHz, or where the extra is not installed.
    """
    if rate != RATE:
        raise UsageError(f"--enhance works at {RATE} Hz, and the model at {rate} Hz: leave it out")
    enhancers = [Enhancer() for _ in range(channels)]
    for block in blocks:
        yield np.stack([enhancer.push(audio) for enhancer, audio in zip(enhancers, block, strict=True)])
    yield np.stack([enhancer.finish() for enhancer in enhancers])


class Enhancer:
    """Enhances mono sound at 16 kHz in blocks of any length: joined, the results do not depend on how it was cut.

    What comes out is aligned with what goes in, to the sample, and up to 16 ms late. Raises `UsageError` where the
    extra is not installed.
    """

    def __init__(self) -> None:
        check_enhancement()
        from webrtc_noise_gain import AudioProcessor  # noqa: PLC0415 - an extra

        self._processor = AudioProcessor(AUTO_GAIN, NOISE_SUPPRESSION)
        self._pending = np.zeros(0, np.float32)
        self._past = np.zeros(DELAY_SAMPLES, np.float32)
        self._surplus = DELAY_SAMPLES
        self._pushed = self._returned = self._hangover = 0
        self._share = 1.0
        self.speech = False
        """Whether there was voice in the newest frame of 10 ms, or up to 200 ms before it."""

    def push(self, audio: Audio, *, bypassed: bool = False) -> Audio:
        """Return what is enhanced by now, possibly nothing.

        While bypassed, the sound comes through as it is, just as late; the change takes 10 ms, without a click.
        """
        self._pushed += len(audio)
        return self._process(audio, 0.0 if bypassed else 1.0)

    def finish(self) -> Audio:
        """Return the end of the sound."""
        missing = self._pushed - self._returned
        return self._process(np.zeros(2 * FRAME_SAMPLES, np.float32), self._share)[:missing]

    def _process(self, audio: Audio, share: float) -> Audio:
        pending = np.concatenate([self._pending, audio])
        stop = len(pending) // FRAME_SAMPLES * FRAME_SAMPLES
        self._pending = pending[stop:]
        frames = [self._frame(frame, share) for frame in pending[:stop].reshape(-1, FRAME_SAMPLES)]
        enhanced = np.concatenate(frames or [self._pending[:0]])
        surplus = min(self._surplus, len(enhanced))
        self._surplus -= surplus
        self._returned += len(enhanced) - surplus
        return enhanced[surplus:]

    def _frame(self, frame: Audio, share: float) -> Audio:
        """Process 10 ms; return as much, `DELAY_SAMPLES` earlier, of which `share` at the end is enhanced."""
        pcm = np.clip(np.rint(frame * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype("<i2")
        result = self._processor.Process10ms(pcm.tobytes())
        self._hangover = HANGOVER_FRAMES if result.is_speech else max(0, self._hangover - 1)
        self.speech = self._hangover > 0
        delayed = np.concatenate([self._past, frame])
        original, self._past = delayed[:FRAME_SAMPLES], delayed[FRAME_SAMPLES:]
        enhanced = np.frombuffer(result.audio, "<i2").astype(np.float32) / np.float32(FULL_SCALE)
        fade = np.linspace(self._share, share, FRAME_SAMPLES, dtype=np.float32)
        self._share = share
        return original + fade * (enhanced - original) if fade[0] != 1 or fade[-1] != 1 else enhanced
