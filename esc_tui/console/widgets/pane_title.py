"""The first line of a pane: what it is, the link's state, the time on air."""

from collections.abc import Sequence

from textual.reactive import reactive, var

from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.numbers import clock
from esc_tui.console.drawing.state import silence_causes, state_style, state_text
from esc_tui.console.view import EngineView
from esc_tui.console.widgets.canvas import Canvas
from net.telemetry.stats import Role, StreamStats


class PaneTitle(Canvas):
    """Names the pane and shows the state of its stream."""

    engine: var[EngineView | None] = var(None, always_update=True)
    """The pane's engine."""
    stats: reactive[StreamStats | None] = reactive(None, always_update=True)
    """The stream that is shown; set after `engine`."""

    def __init__(self, role: Role) -> None:
        super().__init__()
        self._role = role

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - always one line
        """Role and state at the left, time on air at the right; without a stream, what the engine does."""
        line = Line().add(self._role.value.upper(), self.palette.strong).space(2)
        if self.stats is not None:
            self._add_state(line, self.stats, width)
        elif self.engine is not None:
            line.left(self.engine.title, max(0, width - line.cells), self.palette.muted)
        return [line]

    def _add_state(self, line: Line, stats: StreamStats, width: int) -> None:
        """What fits, whole: the state, why it is silent, whether the link is encrypted, time on air."""
        palette = self.palette
        line.add(state_text(stats.state), state_style(stats.state, palette))
        on_air = Line().add("on air ", palette.muted).add(clock(stats.on_air_s), palette.strong)
        notes = [(cause, palette.warn) for cause in silence_causes(stats)]
        notes.append(("encrypted" if stats.secure else "not encrypted", palette.muted))
        for words, style in notes:
            if line.cells + len(words) + on_air.cells + 4 <= width:
                line.space(2).add(words, style)
        if line.cells + on_air.cells + 2 <= width:
            line.to(width - on_air.cells).extend(on_air)
