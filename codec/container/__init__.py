"""The `.esc` file: codes at rest, with an index, checked by CRC. `codec/container/FORMAT.md` describes every byte."""

from codec.chunks.plan import Stitching
from codec.container.layout import EscHeader
from codec.container.reader import EscReader
from codec.container.thinning import thin_chunk, thin_header, thinned_chunks
from codec.container.writer import EscPacker, EscWriter

__all__ = [
    "EscHeader",
    "EscPacker",
    "EscReader",
    "EscWriter",
    "Stitching",
    "thin_chunk",
    "thin_header",
    "thinned_chunks",
]
