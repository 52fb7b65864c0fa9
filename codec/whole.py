"""A sound coded as a whole, span by span: the codes and the sound of one pass over all of it, in bounded memory.

The network looks a bounded way around each code frame (less than half a second), and its attention windows begin at
every second frame. So a span that is coded within that much context, and from such a frame on, is coded as within the
whole sound.
"""

from typing import TYPE_CHECKING

import numpy as np

from codec.bitstream import Codes
from codec.chunks import Audio
from codec.container import EscHeader
from codec.streaming import CodedChunk, Contribution

if TYPE_CHECKING:
    from codec.inference import Codec

SPAN_FRAMES = 500
"""Code frames of a span: 10 s. Longer ones take more memory, shorter ones spend more time on context."""
CONTEXT_FRAMES = 32
"""Code frames around a span that are coded with it and dropped: 640 ms. Even, as spans are."""
FADE_SAMPLES = 80
"""Where chunks are missing, the sound fades out before and in after the gap, over 5 ms."""


class WholeEncoder:
    """Codes a sound that arrives in blocks as a whole, and cuts its codes into the chunks of a seamless file."""

    def __init__(self, codec: "Codec", header: EscHeader) -> None:
        self._codec, self._header = codec, header
        self._frame = header.frame_samples
        self._chunk_frames = header.chunk_samples // self._frame
        self._audio = np.zeros(0, np.float32)
        self._audio_frame = 0
        """The code frame at which the kept sound begins."""
        self._next_frame = 0
        self._samples = 0
        self._codes: list[Codes] = []
        self._next_index = 0

    def push(self, block: Audio) -> list[CodedChunk]:
        """Take more sound; return the chunks whose codes are final."""
        self._audio = np.concatenate([self._audio, block])
        self._samples += len(block)
        needed = SPAN_FRAMES + CONTEXT_FRAMES
        while self._audio_frame * self._frame + len(self._audio) >= (self._next_frame + needed) * self._frame:
            self._encode_span((self._next_frame + needed - self._audio_frame) * self._frame, SPAN_FRAMES)
        return self._full_chunks()

    def finish(self) -> list[CodedChunk]:
        """Return the chunks that are left, the last one with its tail."""
        if not self._samples:
            return []
        padded = np.pad(self._audio, (0, -self._samples % self._frame))
        self._audio = padded
        self._encode_span(len(padded), self._header.frames(self._samples, tail=True) - self._next_frame)
        return [*self._full_chunks(), self._last_chunk()]

    def _encode_span(self, samples: int, frames: int) -> None:
        """Encode the first `samples` of the kept sound for the codes of the next `frames`."""
        codes = self._codec.encode(self._audio[:samples], self._header.num_streams)
        first = self._next_frame - self._audio_frame
        self._codes.append(codes[:, :, first : first + frames].astype(np.uint16))
        self._next_frame += frames
        kept_from = max(0, self._next_frame - CONTEXT_FRAMES)
        self._audio = self._audio[(kept_from - self._audio_frame) * self._frame :]
        self._audio_frame = kept_from

    def _full_chunks(self) -> list[CodedChunk]:
        """All chunks that are full and not the last: there is sound beyond them."""
        chunks = []
        while self._header.plan.start(self._next_index + 1) < self._samples:
            codes = self._take(self._chunk_frames)
            if codes is None:
                break
            chunks.append(CodedChunk(self._next_index, self._header.chunk_samples, codes, tail=False))
            self._next_index += 1
        return chunks

    def _last_chunk(self) -> CodedChunk:
        samples = self._header.samples_of(self._next_index, self._samples)
        codes = self._take(self._header.frames(samples, tail=True))
        assert codes is not None
        return CodedChunk(self._next_index, samples, codes, tail=True)

    def _take(self, frames: int) -> Codes | None:
        if sum(codes.shape[2] for codes in self._codes) < frames:
            return None
        joined = np.concatenate(self._codes, axis=2)
        self._codes = [joined[:, :, frames:]]
        return joined[:, :, :frames]


class WholeDecoder:
    """Decodes the chunks of a seamless file as one sound; it gives sound back a span at a time.

    A gap of missing chunks ends the sound before it and begins one after it, both faded towards the silence between.
    """

    def __init__(self, codec: "Codec", header: EscHeader) -> None:
        self._codec, self._header = codec, header
        self._frame = header.frame_samples
        self._index = -1
        self._after_gap = False
        self._begin_run(0)

    def push(self, chunk: CodedChunk) -> Contribution:
        """Take the next chunk; return the sound that is final with it."""
        if not self._run_samples:
            self._begin_run(self._header.plan.start(chunk.index) // self._frame)
        self._index = chunk.index
        self._run_samples += chunk.samples
        self._tail = chunk.tail
        self._codes.append(chunk.codes)
        parts = []
        while self._code_frames() >= (needed := self._next_frame - self._codes_frame + SPAN_FRAMES + CONTEXT_FRAMES):
            parts.append(self._decode_span(needed, SPAN_FRAMES * self._frame))
        return Contribution(chunk.index, _joined(parts))

    def push_silence(self, index: int, samples: int) -> Contribution:
        """Put silence in place of a chunk that is missing or silent."""
        end = self._end_run()
        if len(end):
            fade = min(FADE_SAMPLES, len(end))
            end[len(end) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        self._index = index
        self._after_gap = True
        return Contribution(index, _joined([end, np.zeros(samples, np.float32)]))

    def finish(self) -> Contribution:
        """Return the sound's end."""
        return Contribution(self._index, self._end_run())

    def _begin_run(self, frame: int) -> None:
        self._codes: list[Codes] = []
        self._codes_frame = self._next_frame = frame
        self._run_samples = self._given_samples = 0
        self._tail = False

    def _end_run(self) -> Audio:
        if not self._run_samples:
            return np.zeros(0, np.float32)
        if not self._tail:  # cut off: the frame after the last is a guess, of which some milliseconds are heard
            self._codes.append(self._codes[-1][:, :, -1:])
        audio = self._decode_span(self._code_frames(), self._run_samples - self._given_samples)
        self._begin_run(self._next_frame)
        return audio

    def _code_frames(self) -> int:
        return sum(codes.shape[2] for codes in self._codes)

    def _decode_span(self, frames: int, samples: int) -> Audio:
        """Decode the first `frames` of the kept codes for the next `samples` of sound."""
        streams = min(len(codes) for codes in self._codes)
        codes = np.concatenate([codes[:streams] for codes in self._codes], axis=2)
        first = (self._next_frame - self._codes_frame) * self._frame
        audio = self._codec.decode(codes[:, :, :frames], samples=first + samples)[first:].copy()
        self._given_samples += samples
        self._next_frame += samples // self._frame
        kept_from = max(self._codes_frame, self._next_frame - CONTEXT_FRAMES)
        self._codes = [codes[:, :, kept_from - self._codes_frame :]]
        self._codes_frame = kept_from
        if self._after_gap:
            fade = min(FADE_SAMPLES, len(audio))
            audio[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
            self._after_gap = False
        return audio


def _joined(parts: list[Audio]) -> Audio:
    return np.concatenate([np.zeros(0, np.float32), *parts])
