"""The first line of a pane: what it is, the link's state, the time on air."""

from collections.abc import Sequence

from textual.reactive import var

from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.numbers import clock
from esc_tui.console.drawing.state import state_style, state_text
from esc_tui.console.view import EngineView
from esc_tui.console.widgets.canvas import Canvas
from net.telemetry.stats import Role, StreamStats


def troubles(stats: StreamStats) -> list[str]:
    """Why silence goes out where sound should, in a word or two each."""
    if stats.state.is_final:
        return []
    told = [
        (stats.muted, "muted"),
        (stats.input_lost, "no microphone"),
        (stats.playback is not None and not stats.playback.connected, "no output"),
    ]
    return [words for holds, words in told if holds]


class PaneTitle(Canvas):
    """Names the pane and shows the state of its stream."""

    engine: var[EngineView | None] = var(None, always_update=True)
    """The pane's engine."""
    stats: var[StreamStats | None] = var(None, always_update=True)
    """The stream that is shown."""

    def __init__(self, role: Role) -> None:
        super().__init__()
        self._role = role

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - always one line
        """Role and state at the left, time on air at the right."""
        line = Line().add(self._role.value.upper(), self.ink.strong).space(2)
        if self.stats is not None:
            return [self._stream_title(self.stats, line, width)]
        if self.engine is not None:
            line.left(self.engine.title, max(0, width - line.cells), self.ink.muted)
        return [line]

    def _stream_title(self, stats: StreamStats, line: Line, width: int) -> Line:
        """What fits, whole: the state, time on air, what is wrong, whether the link is encrypted."""
        line.add(state_text(stats.state), state_style(stats.state, self.ink))
        on_air = Line().add("on air ", self.ink.muted).add(clock(stats.on_air_s), self.ink.strong)
        secure = ("encrypted" if stats.secure else "not encrypted", self.ink.muted)
        for words, style in (*((trouble, self.ink.warn) for trouble in troubles(stats)), secure):
            if line.cells + len(words) + on_air.cells + 4 <= width:
                line.space(2).add(words, style)
        if line.cells + on_air.cells + 2 <= width:
            line.to(width - on_air.cells).extend(on_air)
        return line

    def watch_engine(self) -> None:
        """Show the engine's newest state."""
        self.redraw()

    def watch_stats(self) -> None:
        """Show the stream's newest state."""
        self.redraw()
