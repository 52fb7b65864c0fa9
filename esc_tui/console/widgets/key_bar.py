"""The last line: keys and what they do, as many as fit whole.

Not Textual's `Footer`: that cuts the last key's name at 80 columns, and offers keys that would be typed into an input.
"""

from collections.abc import Sequence

from textual.binding import ActiveBinding, Binding
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
        self._ends: list[tuple[int, str]] = []

    def on_mount(self) -> None:
        """Follow the screen's keys."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.refresh())

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - always one line
        """The keys from left to right, the palette's at the right."""
        palette_key = self.app.COMMAND_PALETTE_BINDING
        palette = Line().add(self.app.get_key_display(Binding(palette_key, "")), self.palette.payload)
        palette.add(" palette", self.palette.muted)
        line, self._ends = Line(), []
        for description, group in self._groups().items():
            keys, ends = self._keys(description, group)
            if line.cells + keys.cells + palette.cells > width:
                break
            self._ends += [(line.cells + end, key) for end, key in ends]
            line.extend(keys)
        self._ends += [(width - palette.cells, ""), (width, palette_key)]
        return [line.to(width - palette.cells).extend(palette)]

    def on_click(self, event: Click) -> None:
        """Press the key under the mouse."""
        key = next((key for end, key in self._ends if event.x - self.gutter.left < end), "")
        if key:
            self.app.simulate_key(key)

    def _groups(self) -> dict[str, list[ActiveBinding]]:
        """The keys to show by their description, one for each action."""
        groups: dict[str, list[ActiveBinding]] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            group = groups.setdefault(binding.description, []) if binding.show and not self._is_typed(binding) else []
            if all(binding.action != other.binding.action for other in group):
                group.append(active)
        return groups

    def _is_typed(self, binding: Binding) -> bool:
        """Whether the key is a character for the input that has the focus. Textual knows it of letters, not of "+"."""
        return len(self.app.get_key_display(binding)) == 1 and isinstance(self.screen.focused, Input)

    def _keys(self, description: str, group: Sequence[ActiveBinding]) -> tuple[Line, list[tuple[int, str]]]:
        """A group of keys with its description, and where each key ends; the last one with the description."""
        line, ends = Line(), []
        for active in group:
            style = self.palette.payload if active.enabled else self.palette.faint
            line.add(self.app.get_key_display(active.binding), style).space(1)
            ends.append((line.cells, active.binding.key))
        is_enabled = any(active.enabled for active in group)
        line.add(description.lower(), self.palette.value if is_enabled else self.palette.faint)
        ends[-1] = (line.cells, ends[-1][1])
        return line.space(2), ends
