"""Which chunk may come next: both sides of a connection check the same rules, so that neither trusts the other."""

from collections import deque

from codec.chunks.packed import PackedChunk
from codec.chunks.plan import ChunkPlan
from net.errors import ProtocolError
from net.protocol.limits import Limits
from net.protocol.messages import Accept, End, Hello


class ChunkSequence:
    """Follows the chunks of one connection, holding at most `accept.window_chunks` indexes.

    Raises `sender_error` for a chunk or END that is out of place, `receiver_error` for such an acknowledgement: one
    is this side's own error, the other the peer's.
    """

    def __init__(
        self,
        hello: Hello,
        accept: Accept,
        limits: Limits,
        *,
        sender_error: type[ProtocolError],
        receiver_error: type[ProtocolError],
    ) -> None:
        self._plan = ChunkPlan(hello.chunk_samples, hello.overlap_samples)
        self._seamless = hello.stitching == "seamless"
        self._max_samples = limits.max_stream_s * hello.sample_rate
        self._max_gap_samples = limits.max_gap_s * hello.sample_rate
        self._window_chunks = accept.window_chunks
        self._sender_error = sender_error
        self._receiver_error = receiver_error
        self._acknowledged = accept.next_chunk
        self._unacknowledged: deque[int] = deque()
        self._next_index = accept.next_chunk
        self._may_start_anywhere = hello.resume and accept.next_chunk == 0
        self._last: PackedChunk | None = None

    @property
    def window_left(self) -> int:
        """How many more chunks may be sent before some are acknowledged."""
        return self._window_chunks - len(self._unacknowledged)

    def add_chunk(self, chunk: PackedChunk) -> None:
        """Check a chunk, which fits its HELLO, and count it as sent."""
        self._check_order(chunk)
        self._check_extent(chunk)
        self._next_index = chunk.index + 1
        self._unacknowledged.append(chunk.index)
        self._may_start_anywhere = False
        self._last = chunk

    def _check_order(self, chunk: PackedChunk) -> None:
        if chunk.index < self._next_index:
            raise self._sender_error(f"chunk {chunk.index} came where {self._next_index} or later is due")
        if self.window_left < 1:
            raise self._sender_error(
                f"chunk {chunk.index} came while {self._window_chunks} chunks, the most, wait to be acknowledged"
            )
        if self._last and self._is_final(self._last):
            raise self._sender_error(f"chunk {chunk.index} came after chunk {self._last.index}, which must be the last")

    def _check_extent(self, chunk: PackedChunk) -> None:
        if chunk.index and chunk.samples <= self._plan.overlap_samples:
            raise self._sender_error(f"chunk {chunk.index} has {chunk.samples} samples, no more than the overlap")
        if self._plan.start(chunk.index) + chunk.samples > self._max_samples:
            raise self._sender_error(
                f"chunk {chunk.index} ends beyond {self._max_samples} samples, the longest stream: start a new one"
            )
        self._check_gap(f"chunk {chunk.index}", chunk.index)

    def _check_gap(self, what: str, index: int) -> None:
        gap_samples = self._plan.start(index - self._next_index)
        if gap_samples > self._max_gap_samples and not self._may_start_anywhere:
            raise self._sender_error(f"{what} leaves out {gap_samples} samples; the most are {self._max_gap_samples}")

    def _is_final(self, chunk: PackedChunk) -> bool:
        return chunk.samples < self._plan.chunk_samples or (self._seamless and chunk.tail)

    def acknowledge(self, acknowledged: int) -> None:
        """Open the window for the chunks below `acknowledged`."""
        if not self._acknowledged <= acknowledged <= self._next_index:
            raise self._receiver_error(
                f"{acknowledged} chunks are acknowledged where it must be {self._acknowledged} to {self._next_index}"
            )
        self._acknowledged = acknowledged
        while self._unacknowledged and self._unacknowledged[0] < acknowledged:
            self._unacknowledged.popleft()

    def check_end(self, end: End) -> None:
        """Check that the counts of END fit the plan and the chunks before it."""
        if end.samples > self._max_samples:
            raise self._sender_error(f"END counts {end.samples} samples; the most are {self._max_samples}")
        planned = self._plan.chunk_count(end.samples)
        if planned != end.chunks:
            raise self._sender_error(f"END counts {end.chunks} chunks, but {end.samples} samples make {planned}")
        if end.chunks < self._next_index:
            raise self._sender_error(f"END counts {end.chunks} chunks, but {self._next_index} have gone before")
        self._check_gap("END", end.chunks)
        if self._last and end.chunks == self._next_index:
            last_sample = self._plan.start(self._last.index) + self._last.samples
            if end.samples != last_sample:
                raise self._sender_error(f"END counts {end.samples} samples, but the last chunk ends at {last_sample}")
