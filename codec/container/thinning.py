"""Removing the finer streams of an `.esc` file without decoding it."""

from collections.abc import Iterator
from dataclasses import replace

from codec.chunks.bits import keep_streams
from codec.chunks.packed import PackedChunk
from codec.container.layout import EscHeader
from codec.container.reader import EscReader
from codec.errors import UsageError


def thin_header(header: EscHeader, num_streams: int) -> EscHeader:
    """The header of the same file with at most `num_streams`; raises `UsageError` where it has fewer."""
    if not 1 <= num_streams <= header.num_streams:
        raise UsageError(
            f"streams can only be taken away: choose 1 to {header.num_streams}, which the file has, not {num_streams}"
        )
    return replace(header, num_streams=num_streams)


def thin_chunk(chunk: PackedChunk, header: EscHeader, num_streams: int) -> PackedChunk:
    """The same chunk of a file with `header`, with at most `num_streams`."""
    if chunk.num_streams <= num_streams:
        return chunk
    frames = header.frames(chunk.samples, tail=chunk.tail)
    payload = keep_streams(chunk.payload, num_streams, header.groups, frames, header.bits_per_code)
    return replace(chunk, num_streams=num_streams, payload=payload)


def thinned_chunks(reader: EscReader, num_streams: int) -> Iterator[PackedChunk]:
    """All stored chunks of all channels, in file order and thinned; raises `DamagedChunk` on the way."""
    for index in range(reader.chunk_count):
        for channel in range(reader.header.channels):
            chunk = reader.read(index, channel)
            if chunk is not None:
                yield thin_chunk(chunk, reader.header, num_streams)
