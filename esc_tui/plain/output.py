"""What is printed without the console: JSON lines and tables on standard output, progress lines on standard error."""

import sys
from collections.abc import Hashable, Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from esc_tui.markup import shown
from esc_tui.plain.report import encode_json


def print_json(record: object) -> None:
    """Print a record as one line of JSON on standard output."""
    sys.stdout.buffer.write(encode_json(record) + b"\n")
    sys.stdout.buffer.flush()


def results_console() -> Console:
    """Return a rich console on standard output that neither wraps paths nor colours numbers."""
    return Console(highlight=False, soft_wrap=True)


def figures_table(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    """Return a table of names and values below a title."""
    table = Table(title=shown(title), title_justify="left", show_header=False, box=None)
    table.add_column(style="dim")
    table.add_column()
    for name, value in rows:
        table.add_row(name, shown(value))
    return table


class ProgressLines:
    """Progress lines at the bottom of standard error until `close`, in a terminal only, with notes above them.

    `columns` are rich templates of `task.fields[…]`, which follow a line's name and bar.
    """

    def __init__(self, *columns: str) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            *map(TextColumn, columns),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._lines: dict[Hashable, TaskID] = {}
        self._progress.start()

    def update(self, key: Hashable, name: str, total_s: float | None, audio_s: float, **fields: Any) -> None:
        """Show line `key`, or show it anew."""
        if key not in self._lines:
            self._lines[key] = self._progress.add_task(shown(name), **fields)
        self._progress.update(self._lines[key], description=shown(name), total=total_s, completed=audio_s, **fields)

    def remove(self, key: Hashable) -> None:
        """Remove line `key` if it is shown."""
        if key in self._lines:
            self._progress.remove_task(self._lines.pop(key))

    def note(self, text: str, style: str = "") -> None:
        """Print a text above the lines."""
        self._console.print(shown(text), style=style, soft_wrap=True)

    def close(self) -> None:
        """Leave the lines as they are; nothing more is drawn."""
        self._progress.stop()
