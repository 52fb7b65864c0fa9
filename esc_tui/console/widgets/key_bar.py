"""The last line: keys and what they do, as many as fit whole.

Not Textual's `Footer`: that cuts the last key's name at 80 columns, and offers keys that would be typed into an input.
"""

from collections.abc import Sequence

from textual.binding import Binding
from textual.events import Click
from textual.widgets import Input

from esc_tui.console.drawing.line import Line
from esc_tui.console.widgets.canvas import Canvas


class KeyBar(Canvas):
    """Shows the screen's keys; a click presses one.

    Keys that share a description stand together: "+ − streams". Where the line is too short, keys are left out from
    the end, never cut; the palette's key, which finds them all, always stays.
    """

    DEFAULT_CSS = """
    KeyBar { dock: bottom; height: 1; padding: 0 1; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._spans: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        """Follow the screen's keys."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.refresh())

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - always one line
        """The keys from left to right, the palette's at the right."""
        palette = (
            Line()
            .add(self._key(self.app.COMMAND_PALETTE_BINDING), self.palette.payload)
            .add(" palette", self.palette.muted)
        )
        line, spans = Line(), []
        for description, bindings in self._groups().items():
            group, group_spans = self._group(description, bindings, line.cells)
            if line.cells + group.cells + palette.cells > width:
                break
            line.extend(group)
            spans += group_spans
        spans.append((width - palette.cells, width, self.app.COMMAND_PALETTE_BINDING))
        self._spans = spans
        return [line.to(width - palette.cells).extend(palette)]

    def on_click(self, event: Click) -> None:
        """Press the key under the mouse."""
        for start, end, key in self._spans:
            if start <= event.x - self.gutter.left < end:
                self.app.simulate_key(key)

    def _groups(self) -> dict[str, list[tuple[Binding, bool]]]:
        groups: dict[str, list[tuple[Binding, bool]]] = {}
        for active in self.screen.active_bindings.values():
            group = groups.setdefault(active.binding.description, [])
            is_new = all(active.binding.action != binding.action for binding, _ in group)
            if active.binding.show and is_new and not self._is_typed(active.binding):
                group.append((active.binding, active.enabled))
        return {description: group for description, group in groups.items() if group}

    def _is_typed(self, binding: Binding) -> bool:
        """Whether the key is a character for the input that has the focus. Textual knows it of letters, not of "+"."""
        display = self.app.get_key_display(binding)
        return len(display) == 1 and isinstance(self.screen.focused, Input)

    def _group(
        self, description: str, bindings: Sequence[tuple[Binding, bool]], start: int
    ) -> tuple[Line, list[tuple[int, int, str]]]:
        line, spans = Line(), []
        for binding, enabled in bindings:
            key_start = start + line.cells
            line.add(self.app.get_key_display(binding), self.palette.payload if enabled else self.palette.faint).space(
                1
            )
            spans.append((key_start, start + line.cells, binding.key))
        is_enabled = any(enabled for _, enabled in bindings)
        line.add(description.lower(), self.palette.value if is_enabled else self.palette.faint)
        last_start, _, key = spans[-1]
        spans[-1] = (last_start, start + line.cells, key)
        return line.space(2), spans

    def _key(self, key: str) -> str:
        return self.app.get_key_display(Binding(key, ""))
