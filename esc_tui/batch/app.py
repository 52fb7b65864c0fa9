"""The console of `compress`: the queue of files, their figures, and the chosen one's sound before and after."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive, var
from textual.widgets import Static

from esc_tui.batch.job_lines import job_lines, total_line
from esc_tui.batch.runner import Batch
from esc_tui.batch.stats import JobState, JobStats
from esc_tui.console.drawing.line import Line
from esc_tui.console.theme import DARK, THEMES
from esc_tui.console.widgets.canvas import Canvas
from esc_tui.console.widgets.key_bar import KeyBar
from esc_tui.console.widgets.spectrogram import Spectrogram
from esc_tui.terminal import on_termination
from net.telemetry.stats import LinkState, Role, SoundStats, StreamStats

REFRESH_HZ = 8.0

Jobs = tuple[JobStats, ...]


class JobList(Canvas):
    """A line for each of `jobs`, the chosen one marked."""

    jobs: reactive[Jobs] = reactive((), always_update=True)
    """All files as of now."""
    chosen: reactive[int] = reactive(0)
    """The file whose sound is shown."""

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """A heading and the files."""
        return job_lines(self.jobs, self.chosen, width, max(2, height), self.palette)


class BatchTotals(Canvas):
    """One line for all files together."""

    jobs: reactive[Jobs] = reactive((), always_update=True)
    """All files as of now."""
    elapsed_s: reactive[float] = reactive(0.0)
    """How long the batch has run."""

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - always one line
        """The line."""
        return [total_line(self.jobs, self.elapsed_s, width, self.palette)]


class CompressApp(App[None]):
    """Runs a batch and shows it. When `run` returns, the batch is asked to stop; the caller waits for its threads."""

    TITLE = "esc-tui"
    CSS = """
    #title, BatchTotals { height: 1; padding: 0 1; background: $panel; }
    JobList { height: 1fr; padding: 0 1; }
    #sound { height: 10; }
    #sound Vertical { padding: 0 1; }
    #sound Static { color: $text-muted; }
    Spectrogram { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c,ctrl+q", "stop", "Quit", key_display="q"),
        Binding("up,k", "choose(-1)", "File", key_display="↑", tooltip="Show the file before"),
        Binding("down,j", "choose(1)", "File", key_display="↓", tooltip="Show the next file"),
        Binding("f", "follow", "Follow", tooltip="Show the file that runs"),
    ]

    jobs: var[Jobs] = var((), always_update=True)
    """All files as of now."""
    elapsed_s: var[float] = var(0.0)
    """How long the batch has run."""
    chosen: var[int] = var(0)
    """The file whose sound is shown."""

    def __init__(self, batch: Batch, title: str) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name
        self._batch, self._title_text = batch, title
        self._follows, self._leaving = True, False

    def compose(self) -> ComposeResult:
        """Title, files, spectrograms, totals, keys."""
        yield Static(f"esc-tui  {self._title_text}", id="title", markup=False)
        yield JobList().data_bind(CompressApp.jobs, CompressApp.chosen)
        with Horizontal(id="sound"):
            for name in ("before", "after"):
                with Vertical():
                    yield Static(name)
                    yield Spectrogram().add_class(name)
        yield BatchTotals().data_bind(CompressApp.elapsed_s, CompressApp.jobs)
        yield KeyBar()

    def on_mount(self) -> None:
        """Start the batch, and read it a few times a second."""
        on_termination(self.action_stop)
        self._batch.start()
        self.set_interval(1 / REFRESH_HZ, self._update)
        self._update()

    def on_unmount(self) -> None:
        """Stop what runs, whatever ended the app."""
        self._batch.request_stop()

    def action_show(self, number: int) -> None:
        """Show file `number`."""
        self._follows, self.chosen = False, max(0, min(len(self.jobs) - 1, number))

    def action_choose(self, step: int) -> None:
        """Show another file."""
        self.action_show(self.chosen + step)

    def action_follow(self) -> None:
        """Show the file that runs, and then the next that does."""
        self._follows = True

    def action_stop(self) -> None:
        """Stop what runs and leave; finished files stay."""
        self._batch.request_stop()
        self._leaving = True

    def watch_chosen(self) -> None:
        """Show another file's sound."""
        self._show_sound()

    def _update(self) -> None:
        jobs = self._batch.snapshots()
        with self.batch_update():
            if self._follows:
                running = [index for index, stats in enumerate(jobs) if stats.state is JobState.RUNNING]
                self.chosen = running[0] if running and self.chosen not in running else self.chosen
            self.elapsed_s = self._batch.elapsed_s
            self.jobs = jobs
            self._show_sound()
        if self._leaving and self._batch.wait(0):
            self.exit()

    def _show_sound(self) -> None:
        if not self.jobs:
            return
        stats = self.jobs[self.chosen]
        for name, sound in (("before", stats.original), ("after", stats.decoded)):
            for spectrogram in self.query(f".{name}").results(Spectrogram):
                spectrogram.stats = _picture(stats, sound)


def _picture(stats: JobStats, sound: SoundStats) -> StreamStats:
    """Return a file's sound in the form that `Spectrogram` shows."""
    return StreamStats(
        role=Role.SENDER, stream_id=stats.name, state=LinkState.STREAMING, epoch_s=0.0, source=stats.name, sound=sound
    )
