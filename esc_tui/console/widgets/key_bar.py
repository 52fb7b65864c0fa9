"""The last line: keys and what they do, as many as fit whole.

Not Textual's `Footer`: that cuts the last key's name at 80 columns, and offers keys that would be typed into an input.
"""

from collections.abc import Sequence

from textual.binding import ActiveBinding, Binding
from textual.widgets import Input

from esc_tui.console.drawing.line import Line
from esc_tui.console.widgets.canvas import Canvas


class KeyBar(Canvas):
    """Shows the screen's keys.

    Keys that share a description stand together: "+ − streams". Where the line is too short, keys are left out from
    the end, never cut; the palette's key, which finds them all, always stays.
    """

    DEFAULT_CSS = """
    KeyBar { dock: bottom; height: 1; padding: 0 1; background: $panel; }
    """

    def on_mount(self) -> None:
        """Follow the screen's keys."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.refresh())

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - always one line
        """The keys from left to right, the palette's at the right."""
        palette_key = self.app.COMMAND_PALETTE_BINDING
        palette = Line().add(self.app.get_key_display(Binding(palette_key, "")), self.palette.payload)
        palette.add(" palette", self.palette.muted).clickable(f"app.simulate_key('{palette_key}')")
        line = Line()
        for description, group in self._groups().items():
            keys = self._keys(description, group)
            if line.cells + keys.cells + palette.cells > width:
                break
            line.extend(keys)
        return [line.to(width - palette.cells).extend(palette)]

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

    def _keys(self, description: str, group: Sequence[ActiveBinding]) -> Line:
        """A group of keys with its description, which belongs to the last one. A click presses the key."""
        line = Line()
        for active in group:
            style = self.palette.payload if active.enabled else self.palette.faint
            key = Line().add(self.app.get_key_display(active.binding), style).space(1)
            if active is group[-1]:
                is_enabled = any(each.enabled for each in group)
                key.add(description.lower(), self.palette.value if is_enabled else self.palette.faint).space(2)
            line.extend(key.clickable(f"app.simulate_key('{active.binding.key}')"))
        return line
