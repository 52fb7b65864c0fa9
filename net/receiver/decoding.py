"""The receiver's decoding stage: chunks of codes become sound for the sinks, and silence stands for those missing."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from codec.chunks.bits import unpack_codes
from codec.chunks.packed import CodedChunk, PackedChunk, code_frames
from codec.chunks.plan import ChunkPlan, Stitching
from codec.chunks.streaming import Contribution, decoder_for
from net.errors import RemoteProtocolError
from net.protocol.messages import End, Hello
from net.receiver.meters import ReceiverMeters
from net.receiver.sinks.player import Player
from net.receiver.stream_files import StreamFiles
from net.runtime.queues import StageQueue
from net.telemetry.events import EventLog

if TYPE_CHECKING:
    from codec import Codec


GAP_S = 10
"""Of the silence that stands for missing chunks, so much is written at once."""
WARM_UP_SAMPLES = 8000
"""More than any model looks back to decode."""


class ChunkDecoder:
    """Decodes one stream in one thread; what it makes goes to the player, and through `to_save` to the files."""

    def __init__(
        self,
        hello: Hello,
        codec: "Codec",
        files: StreamFiles,
        to_save: StageQueue[Contribution],
        *,
        meters: ReceiverMeters,
        events: EventLog,
        player: Player | None,
        lookahead_samples: int | None,
    ) -> None:
        self._hello, self._codec, self._files, self._to_save = hello, codec, files, to_save
        self._meters, self._events, self._player = meters, events, player
        self._plan = ChunkPlan(hello.chunk_samples, hello.overlap_samples, Stitching(hello.stitching))
        self._lookahead_samples = lookahead_samples
        self._decoder = decoder_for(codec, self._plan, lookahead_samples)
        self._last_chunk: PackedChunk | None = None
        self._stitched_samples = files.start.samples

    def run(self, chunks: Iterable[PackedChunk], expected: int, end: Callable[[], End | None]) -> None:
        """Decode until there are no more, from chunk `expected` on; then `end` tells what the sender's END said.

        Raises `RemoteProtocolError` for codes that are broken, and `PipelineStopped`.
        """
        try:
            self._decode_all(chunks, expected, end)
        finally:
            if self._files.codes:
                self._files.codes.close(end())

    def _decode_all(self, chunks: Iterable[PackedChunk], expected: int, end: Callable[[], End | None]) -> None:
        if self._hello.live:
            self._warm_up()
        for chunk in chunks:
            if self._follows_another and self._meters.nothing_decoded:
                expected = chunk.index  # another receiver has what comes before
                self._stitched_samples = self._plan.start(chunk.index)
            self._fill_gap(expected, chunk.index)
            contribution = self._decode(chunk)
            self._last_chunk = chunk
            if self._files.codes:
                self._files.codes.add(chunk)
            self._meters.count_decoded(chunk)
            if contribution.index >= self._files.start.chunks:
                self._hand_on(contribution)
            expected = chunk.index + 1
        said = end()
        if said is not None and not (self._follows_another and self._meters.nothing_decoded):
            self._fill_gap(expected, said.chunks, said)
        self._hand_on(self._decoder.finish())
        self._to_save.finish()
        if self._player is not None:
            self._player.finish()

    def _warm_up(self) -> None:
        """The first chunk of a length takes longest: decode some before live sound waits for them."""
        codec, samples = self._codec, self._hello.chunk_samples
        tail = self._plan.stitching is Stitching.CROSSFADE
        codes = np.zeros((self._hello.num_streams, codec.groups, code_frames(samples, tail)), np.uint16)
        decoder = decoder_for(codec, self._plan, self._lookahead_samples)
        for index in range(1 if tail else 1 + WARM_UP_SAMPLES // samples):
            decoder.push(CodedChunk(index, samples, codes, tail))

    def _decode(self, chunk: PackedChunk) -> Contribution:
        if chunk.silence_dbfs is not None:
            return self._decoder.push_silence(chunk.index, chunk.samples, chunk.silence_dbfs)
        codec = self._codec
        frames = code_frames(chunk.samples, chunk.tail)
        try:
            codes = unpack_codes(chunk.payload, chunk.num_streams, codec.groups, frames, codec.bits_per_code)
        except ValueError as error:
            raise RemoteProtocolError(f"the codes of chunk {chunk.index} are broken: {error}") from error
        with self._meters.decoding.time(chunk.samples):
            return self._decoder.push(CodedChunk(chunk.index, chunk.samples, codes, chunk.tail))

    def _fill_gap(self, expected: int, index: int, end: End | None = None) -> None:
        """Put silence in the place of chunks from `expected` up to `index`, which is behind the last one with `end`."""
        if expected < index:
            lost = "1 chunk was" if index - expected == 1 else f"{index - expected} chunks were"
            self._events.warning(f"{lost} lost, with silence in place", self._hello.stream_id.hex())
        stretch: list[Contribution] = []
        for missing in range(expected, index):
            contribution = self._decoder.push_silence(missing, self._missing_samples(missing, end))
            self._meters.count_lost()
            if missing >= self._files.start.chunks:
                stretch.append(contribution)
            if len(stretch) >= self._gap_chunks:
                self._hand_on(_joined(stretch))
                stretch.clear()
        if stretch:
            self._hand_on(_joined(stretch))

    @property
    def _follows_another(self) -> bool:
        """Whether another receiver has what came before: there is no gap before the first chunk."""
        return self._hello.resume and not self._files.start.chunks

    @property
    def _gap_chunks(self) -> int:
        """How many missing chunks are handed on at once: a frame of a few bytes can leave out an hour."""
        if self._player is not None or self._files.apart:
            return 1
        return max(1, GAP_S * self._hello.sample_rate // self._plan.hop_samples)

    def _missing_samples(self, index: int, end: End | None) -> int:
        if end is not None and index == end.chunks - 1:
            return end.samples - self._plan.start(index)
        return self._plan.chunk_samples

    def _hand_on(self, contribution: Contribution) -> None:
        self._meters.count_stitched(contribution)
        self._stitched_samples += len(contribution.audio)
        if self._player is not None:
            self._player.write(contribution.audio, contribution.index, self._captured_s())
        self._to_save.put(contribution)

    def _captured_s(self) -> float | None:
        """When the last stitched sample was captured, by this machine's clock; None until the clocks are compared."""
        chunk, offset_s = self._last_chunk, self._meters.clock_offset_s
        if chunk is None or offset_s is None:
            return None
        beyond = self._plan.start(chunk.index) + chunk.samples - self._stitched_samples
        return self._hello.epoch_s + chunk.capture_s - offset_s - beyond / self._hello.sample_rate


def _joined(contributions: list[Contribution]) -> Contribution:
    audio = np.concatenate([each.audio for each in contributions])
    return Contribution(contributions[-1].index, audio)
