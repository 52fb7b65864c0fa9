"""The bitrate: payload, wire and nominal."""

from esc_tui.console.drawing.chart import scale_top
from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.numbers import fixed
from esc_tui.console.drawing.page import Chart, Page
from net.telemetry.stats import StreamStats


def bitrate_lines(stats: StreamStats, page: Page) -> list[Line]:
    """Payload and wire now, on average and in total, with their histories; the nominal bitrate below."""
    palette, newest_s = page.palette, int(stats.epoch_s)
    payload, wire = stats.payload, stats.wire
    recent = (*payload.history_kbps[-page.window_s :], *wire.history_kbps[-page.window_s :])
    top = scale_top(max((*recent, stats.nominal_kbps)))
    lines = [page.heading("BITRATE", "kbps", ("now", "average", "kB"), page.scale(top))]
    for rate, style, fill in (
        (payload, palette.payload, palette.payload_fill),
        (wire, palette.wire, palette.wire_fill),
    ):
        numbers = (fixed(rate.now_kbps, 2), fixed(rate.average_kbps, 2), fixed(rate.total_bytes / 1000, 1))
        lines += page.row(rate.name, numbers, Chart(rate.history_kbps, top, style, fill, newest_s))
    return lines + page.row("nominal", (fixed(stats.nominal_kbps, 2),), _streams_chart(stats, page, top))


def _streams_chart(stats: StreamStats, page: Page, top: float) -> Chart | None:
    """The number of streams as steps of their bitrate, once it has changed."""
    if not stats.has_steps or not stats.num_streams:
        return None
    stream_kbps = stats.nominal_kbps / stats.num_streams
    values = tuple(stream_kbps * streams for streams in stats.streams_history)
    return Chart(values, top, page.palette.latency, page.palette.latency_fill, int(stats.epoch_s))
