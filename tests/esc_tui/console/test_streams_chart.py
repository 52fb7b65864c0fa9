"""The streams of a sender that adapts, as steps."""

from dataclasses import replace

from esc_tui.console.drawing.page import Page
from esc_tui.console.drawing.palette import PLAIN
from esc_tui.console.drawing.sections.bitrate import bitrate_lines
from tests.esc_tui.console.fake_engine import sender_stats


def nominal_line(history: tuple[int, ...]) -> str:
    stats = replace(sender_stats(41.0), streams_history=history)
    return bitrate_lines(stats, Page(100, PLAIN))[-1].text


def test_streams_that_changed_are_drawn_as_steps() -> None:
    """Beside the nominal bitrate stand as many levels as there were numbers of streams."""
    line = nominal_line((6,) * 20 + (1,) * 10 + (3,) * 10)
    assert len(set(line.partition("9.00")[2]) - {" "}) >= 3


def test_streams_that_never_changed_need_no_chart() -> None:
    """The number says it all."""
    assert nominal_line((6,) * 40).rstrip().endswith("9.00")
