"""`.esc` files for tests, made without a model."""

import io
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from codec.chunks.bits import pack_codes
from codec.chunks.packed import PackedChunk
from codec.container import EscHeader, EscPacker, EscReader, Stitching
from codec.container.layout import shortened_name

HEADER = EscHeader(
    fingerprint="0123456789abcdef",
    model="esc-mini",
    sample_rate=16000,
    num_streams=2,
    groups=3,
    bits_per_code=10,
    frame_samples=320,
    chunk_samples=1600,
    overlap_samples=320,
    stitching=Stitching.CROSSFADE,
)


def stored_chunk(
    header: EscHeader, index: int, samples: int, *, num_streams: int | None = None, channel: int = 0, tail: bool = True
) -> PackedChunk:
    """A chunk of random codes, always the same ones for the same place."""
    streams = num_streams or header.num_streams
    random = np.random.default_rng((index, channel, streams))
    shape = (streams, header.groups, header.frames(samples, tail=tail))
    codes = random.integers(0, 1 << header.bits_per_code, shape)
    payload = pack_codes(codes, header.bits_per_code)
    return PackedChunk(index=index, samples=samples, num_streams=streams, payload=payload, channel=channel, tail=tail)


def chunks_of(header: EscHeader, total: int) -> list[PackedChunk]:
    """All chunks of a sound of `total` samples, channel after channel within each."""
    return [
        stored_chunk(header, index, header.samples_of(index, total), channel=channel)
        for index in range(header.plan.chunk_count(total))
        for channel in range(header.channels)
    ]


def file_bytes(
    header: EscHeader, chunks: list[PackedChunk], total: int | None = None, *, trailer: bool = True
) -> bytes:
    """A whole file, or one that was cut off before its trailer."""
    packer = EscPacker(header)
    data = packer.start() + b"".join(packer.add(chunk) for chunk in chunks)
    return data + packer.finish(total) if trailer else data


def opened(data: bytes) -> EscReader:
    return EscReader(io.BytesIO(data))


@st.composite
def headers(draw: st.DrawFn) -> EscHeader:
    """Any header that the format allows, with chunks short enough to test with."""
    frame = draw(st.sampled_from([160, 320, 321]))
    header = EscHeader(
        fingerprint=draw(st.binary(min_size=8, max_size=8)).hex(),
        model=shortened_name(draw(st.text(max_size=10))),
        sample_rate=draw(st.integers(1, (1 << 20) - 1)),
        num_streams=draw(st.integers(1, 7)),
        groups=draw(st.integers(1, 4)),
        bits_per_code=draw(st.integers(1, 16)),
        frame_samples=frame,
        chunk_samples=frame * draw(st.integers(3, 8)),
        overlap_samples=0,
        stitching=draw(st.sampled_from(list(Stitching))),
        channels=draw(st.integers(1, 3)),
        source_rate=draw(st.integers(0, (1 << 32) - 1)),
    )
    if header.stitching is Stitching.CROSSFADE:
        header = replace(header, overlap_samples=draw(st.integers(0, header.chunk_samples // 2)))
    return header


@st.composite
def recordings(draw: st.DrawFn) -> tuple[EscHeader, list[PackedChunk], int]:
    """A header, the chunks that were stored (some missing, some silent, with streams to and fro), and the length."""
    header = draw(headers())
    total = draw(st.integers(0, 6 * header.chunk_samples))
    chunks = []
    for chunk in chunks_of(header, total):
        kind = draw(st.sampled_from(["codes", "codes", "thin", "silent", "missing"]))
        if kind == "silent":
            level = draw(st.integers(-127, 0))
            chunks.append(replace(chunk, num_streams=0, payload=b"", tail=False, silence_dbfs=level))
        elif kind != "missing":
            streams = draw(st.integers(1, header.num_streams)) if kind == "thin" else header.num_streams
            tail = draw(st.booleans())
            chunks.append(
                stored_chunk(header, chunk.index, chunk.samples, num_streams=streams, channel=chunk.channel, tail=tail)
            )
    return header, chunks, total
