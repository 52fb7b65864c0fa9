"""The chunk counters."""

from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.page import Page
from net.telemetry.stats import ReceiverChunks, SenderChunks, StreamStats

LEAST_COUNTER_CELLS = 12
"""Room from the start for three digits: counters do not jump as they grow."""
COUNTER_CELLS = 16
"""A counter's name and number: wider, and the number would stand nearer to the next name than to its own."""
COLUMNS = (8, 4, 2)


def chunk_counters(chunks: SenderChunks | ReceiverChunks) -> list[tuple[str, int, bool]]:
    """A stream's chunk counters: name, count, and whether any at all is a fault."""
    if isinstance(chunks, SenderChunks):
        return [
            ("read", chunks.read, False), ("encoded", chunks.encoded, False), ("sent", chunks.sent, False),
            ("acked", chunks.acknowledged, False), ("in flight", chunks.in_flight, False),
            ("silent", chunks.silent, False), ("resent", chunks.resent, True), ("dropped", chunks.dropped, True),
        ]  # fmt: skip
    return [
        ("received", chunks.received, False), ("decoded", chunks.decoded, False),
        ("stitched", chunks.stitched, False), ("played", chunks.played, False), ("saved", chunks.saved, False),
        ("silent", chunks.silent, False), ("lost", chunks.lost, True), ("refused", chunks.refused, True),
    ]  # fmt: skip


def chunk_lines(stats: StreamStats, page: Page) -> list[Line]:
    """The chunk counters, in as many columns as fit."""
    palette, counters = page.palette, chunk_counters(stats.chunks)
    needed = max(LEAST_COUNTER_CELLS, *(len(name) + 1 + len(str(count)) for name, count, _ in counters))
    columns = next((count for count in COLUMNS if page.width // count > needed), 1)
    cell = page.width // columns
    counter = min(COUNTER_CELLS, max(needed, cell - 2))
    lines = [Line().add("CHUNKS", palette.heading)]
    for first in range(0, len(counters), columns):
        line = Line()
        for name, count, is_fault in counters[first : first + columns]:
            style = palette.warn if is_fault and count else palette.value
            line.add(name, palette.label).right(str(count), counter - len(name), style).space(cell - counter)
        lines.append(line)
    return lines
