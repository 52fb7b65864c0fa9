"""The widgets of `CompressApp`: the list of files, and their totals."""

from collections.abc import Sequence

from textual.events import Click
from textual.message import Message
from textual.reactive import reactive

from esc_tui.batch.job_lines import first_shown, job_lines, total_line
from esc_tui.batch.stats import JobStats
from esc_tui.console.drawing.line import Line
from esc_tui.console.widgets.canvas import Canvas

Jobs = tuple[JobStats, ...]


class JobList(Canvas):
    """Shows a line for each of `jobs`; a click chooses one."""

    jobs: reactive[Jobs] = reactive((), always_update=True)
    """All files as of now."""
    chosen: reactive[int] = reactive(0)
    """The file whose sound is shown."""

    class Chosen(Message):
        """A person chose file `index`."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """A heading and the files."""
        return job_lines(self.jobs, self.chosen, width, max(2, height), self.palette)

    def on_click(self, event: Click) -> None:
        """Choose the file under the mouse."""
        index = event.y - 1 + first_shown(len(self.jobs), self.chosen, self.size.height - 1)
        if event.y > 0 and index < len(self.jobs):
            self.post_message(self.Chosen(index))


class BatchTotals(Canvas):
    """One line for all files together."""

    jobs: reactive[Jobs] = reactive((), always_update=True)
    """All files as of now."""
    elapsed_s: reactive[float] = reactive(0.0)
    """How long the batch has run."""

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - always one line
        """The line."""
        return [total_line(self.jobs, self.elapsed_s, width, self.palette)]
