"""The chunk counters."""

from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.page import Page
from net.telemetry.stats import Role, StreamStats

COUNTERS = {
    Role.SENDER: ("read", "encoded", "sent", "acknowledged", "in_flight", "silent", "resent", "dropped"),
    Role.RECEIVER: ("received", "decoded", "stitched", "played", "saved", "silent", "lost", "refused"),
}
FAULTS = ("resent", "dropped", "lost", "refused")
"""Counters of which any at all is a fault."""
SHORT_NAMES = {"acknowledged": "acked", "in_flight": "in flight"}
LEAST_COUNTER_CELLS = 12
"""Room from the start for three digits: counters do not jump as they grow."""
COUNTER_CELLS = 16
"""A counter's name and number: wider, and the number would stand nearer to the next name than to its own."""
COLUMNS = (8, 4, 2)


def chunk_lines(stats: StreamStats, page: Page) -> list[Line]:
    """The chunk counters, in as many columns as fit."""
    palette = page.palette
    counts = [getattr(stats.chunks, name) for name in COUNTERS[stats.role]]
    names = [SHORT_NAMES.get(name, name) for name in COUNTERS[stats.role]]
    needed = max(LEAST_COUNTER_CELLS, *(len(f"{name} {count}") for name, count in zip(names, counts, strict=True)))
    columns = next((count for count in COLUMNS if page.width // count > needed), 1)
    cell = page.width // columns
    counter = min(COUNTER_CELLS, max(needed, cell - 2))
    lines = [Line().add("CHUNKS", palette.heading)]
    for number, (name, count) in enumerate(zip(names, counts, strict=True)):
        if number % columns == 0:
            lines.append(Line())
        style = palette.warn if count and name in FAULTS else palette.value
        lines[-1].add(name, palette.label).right(str(count), counter - len(name), style).space(cell - counter)
    return lines
