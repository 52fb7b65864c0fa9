"""The codes of a stream as they arrive, in an `.esc` file."""

from pathlib import Path

from codec.chunks.packed import PackedChunk
from codec.container import EscHeader, EscWriter, Stitching
from codec.container.layout import shortened_name
from net.errors import RemoteProtocolError
from net.protocol.messages import End, Hello
from net.receiver.sinks.retrying import Sink


class CodesSink(Sink[PackedChunk]):
    """Stores the chunks of a stream in an `.esc` file that is readable at every moment."""

    def __init__(self, path: Path, hello: Hello, frame_samples: int) -> None:
        super().__init__(path)
        header = EscHeader(
            fingerprint=hello.fingerprint,
            model=shortened_name(hello.model),
            sample_rate=hello.sample_rate,
            num_streams=hello.num_streams,
            groups=hello.groups,
            bits_per_code=hello.bits_per_code,
            frame_samples=frame_samples,
            chunk_samples=hello.chunk_samples,
            overlap_samples=hello.overlap_samples,
            stitching=Stitching(hello.stitching),
        )
        self._writer = EscWriter(path, header, keep_on_error=True)

    def write(self, chunk: PackedChunk) -> None:
        """Append a chunk. Raises `RemoteProtocolError` for one that the plan cannot have."""
        try:
            self._writer.add(chunk)
        except ValueError as error:
            raise RemoteProtocolError(f"the stream cannot be stored: {error}") from error

    def close(self, end: End | None) -> None:
        """Finish the file, with the length that END counts if one came; a second call does nothing."""
        try:
            self._writer.finish(end.samples if end else None, complete=end is not None and end.complete)
        except ValueError:  # END does not fit what came: the chunks count
            self._writer.finish(complete=False)
