"""What sections and events look like as text, without a console."""

import math
import re
from dataclasses import replace

import pytest

from esc_tui.console.drawing.chart import repeat_last_known
from esc_tui.console.drawing.event_lines import event_lines
from esc_tui.console.drawing.layout import LEAST_SPECTROGRAM_LINES, SectionSize, lay_out
from esc_tui.console.drawing.page import Page
from esc_tui.console.drawing.palette import PLAIN
from esc_tui.console.drawing.sections.chunks import COUNTER_CELLS, chunk_lines
from esc_tui.console.drawing.sections.link import progress_line
from esc_tui.console.drawing.sections.player import player_lines
from esc_tui.console.drawing.sections.sound import sound_lines
from esc_tui.console.drawing.spectrogram_image import axis_labels
from esc_tui.console.drawing.state import silence_causes
from esc_tui.console.drawing.stream_rows import stream_rows
from esc_tui.console.view import LoggedEvent
from net.telemetry.stats import Event, PlaybackStats, Severity
from tests.esc_tui.console.fake_engine import EPOCH_S, receiver_stats, sender_stats

PLAYBACK = PlaybackStats(
    device="HDA Intel PCH: ALC257 Analog (hw:0,0)",
    playing=True,
    volume=0.8,
    buffer_ms=1212.0,
    target_ms=200.0,
    underruns=1234,
    drift_ppm=-104.2,
    dry_device=56,
    skipped_ms=123456.0,
    silence_ms=7890.0,
)


def played(playback: PlaybackStats, width: int) -> list[str]:
    stats = replace(receiver_stats(41.0), playback=playback)
    return [line.text for line in player_lines(stats, Page(width, PLAIN))]


@pytest.mark.parametrize("width", [56, 78, 98, 196])
def test_the_player_tells_all_that_listeners_missed(width: int) -> None:
    """Underruns, silence, dry devices, cuts and drift are whole at every width, and no line is too long."""
    lines = played(PLAYBACK, width)
    text = "\n".join(lines)
    for whole in ("volume 80 %", "1234", "7.9 s", "56", "123 s", "−104.2", "1212", "200"):
        assert whole in text
    assert max(len(line.rstrip()) for line in lines) <= width


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"connected": False, "playing": False}, "lost, trying again"),
        ({"muted": True}, "muted at 80 %"),
    ],
)
def test_the_player_says_why_nothing_is_heard(changes: dict[str, object], words: str) -> None:
    """A device that is gone and one that is muted are told apart in words."""
    assert words in "\n".join(played(replace(PLAYBACK, **changes), 78))  # type: ignore[arg-type]


def test_the_title_tells_that_silence_stands_for_sound() -> None:
    """A microphone or output that is gone is named beside the state."""
    stats = receiver_stats(41.0)
    assert silence_causes(stats) == []
    lost = replace(stats, input_lost=True, muted=True, playback=replace(PLAYBACK, connected=False))
    assert silence_causes(lost) == ["muted", "no microphone", "no output"]


@pytest.mark.parametrize("text", ["short", "much to tell " * 20, "漢字 " * 40, "x" * 200, ""])
def test_no_event_is_cut(text: str) -> None:
    """Every word of an event is on some line, below the first one's; no line is wider than the log."""
    lines = event_lines(LoggedEvent(0, Event(0, EPOCH_S, Severity.WARNING, text)), 60)
    assert "".join(line.words for line in lines).replace(" ", "") == text.replace(" ", "")
    assert all(len(line.text) <= 60 for line in lines)
    assert [line.is_first for line in lines] == [True] + [False] * (len(lines) - 1)


def test_a_picture_of_sound_has_an_axis() -> None:
    """Frequencies stand at their heights on the mel scale, none twice, and the sweep's duration at the foot."""
    assert axis_labels(8, 16000, 6.2) == ["8 kHz", "", "4", "2", "", "1", "", "→6 s"]
    assert axis_labels(2, 16000, 6.2) == ["8 kHz", "→6 s"]


@pytest.mark.parametrize("width", [56, 78, 98, 196])
def test_a_counter_stands_by_its_own_name(width: int) -> None:
    """However wide the pane, name and number stand close together, and apart from the next."""
    for line in chunk_lines(receiver_stats(41.0), Page(width, PLAIN))[1:]:
        counters = re.findall(r"[a-z ]+?\d+", line.text)
        assert all(len(counter.strip()) <= COUNTER_CELLS for counter in counters)
        assert all(counter.startswith("  ") for counter in counters[1:])


@pytest.mark.parametrize("height", [20, 31, 40, 60])
def test_a_column_is_no_higher_than_its_pane_where_it_can_be(height: int) -> None:
    """Gaps, charts and picture grow only into room that there is."""
    needs = [SectionSize(4, 0), SectionSize(0, 0), SectionSize(5, 2), SectionSize(4, 3), SectionSize(3, 0)]
    layout = lay_out(80, height, needs, [])
    used = sum(need.height(layout.chart_rows) + layout.gap_rows for need in needs if need.lines)
    assert used + layout.spectrogram_rows <= max(height, 16 + LEAST_SPECTROGRAM_LINES)


def test_the_progress_is_whole_or_left_out() -> None:
    """Where there is no room for what is left, it is not shown; a long wait is not cut."""
    stats = replace(receiver_stats(41.0), eta_s=4000.0)
    texts = {width: progress_line(stats, Page(width, PLAIN)).text for width in (38, 56, 78)}
    assert [("left 1:06:40" in text, len(text)) for text in texts.values()] == [(False, 38), (True, 56), (True, 78)]


@pytest.mark.parametrize("width", [28, 56, 78, 118])
def test_a_stream_s_row_is_as_wide_as_its_list(width: int) -> None:
    """The heading's and the rows' columns stand under each other, whatever the width."""
    streams = [receiver_stats(41.0, stream_id=name, source=f"{name * 20}.flac") for name in ("a", "b")]
    heading, *rows = (line.text for line in stream_rows(streams, 0, width, PLAIN))
    ends = {row.index("0:41") + 4 for row in rows}
    assert ends == {len(heading)} == {heading.index("saved") + 5}


def test_a_duration_holds_until_the_next_chunk() -> None:
    """A second without a chunk repeats the last one's value, but no longer than a chunk lasts."""
    nan = math.nan
    shown = repeat_last_known((nan, 5.0, nan, 7.0, nan, nan, 8.0), 1)
    assert [None if math.isnan(value) else value for value in shown] == [None, 5.0, 5.0, 7.0, 7.0, None, 8.0]


@pytest.mark.parametrize(
    ("enhanced", "shown"),
    [(True, r" −32 →  −16  peak  −9"), (False, r"  as is  −16  peak  −9"), (None, r"[^→]  −16  peak  −9")],
)
@pytest.mark.parametrize("width", [56, 78, 98])
def test_the_level_before_enhancement_stands_before_the_level(enhanced: bool | None, shown: str, width: int) -> None:
    """Both levels while sound is enhanced, one while it is bypassed, and nothing more where it cannot be."""
    stats = replace(sender_stats(41.0), enhanced=enhanced)
    sound = replace(stats.sound, level_dbfs=-16.2, peak_dbfs=-9.1, speech=True, input_dbfs=-31.6)
    (line,) = sound_lines(replace(stats, sound=sound), Page(width, PLAIN))
    assert re.search(shown, line.text)
    assert line.text.rstrip().endswith("speech")
    assert len(line.text) <= width
