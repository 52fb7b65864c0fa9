"""The console: a Textual app over one or two running engines."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.events import DeliveryComplete
from textual.screen import Screen

from codec.errors import UsageError
from esc_tui.console.engine_handle import EngineHandle
from esc_tui.console.messages import EnginesEnded, PeerAsked
from esc_tui.console.screens.console import ConsoleScreen
from esc_tui.console.screens.help import HelpScreen
from esc_tui.console.screens.questions import QuitAnswer, QuitScreen, TrustScreen
from esc_tui.console.supervisor import Supervisor
from esc_tui.console.theme import DARK, THEMES
from esc_tui.terminal import on_termination
from net.engine import Engine
from net.runtime.clock import SYSTEM_CLOCK, Clock
from net.transport.security.trust_questions import TrustQuestions

DEFAULT_REFRESH_HZ = 8.0


class ConsoleApp(App[None]):
    """Shows engines at work and takes the keys that steer them.

    The app owns the engines' lives: it starts them once its screen is up (on a thread, so that an error is shown in
    the engine's pane), and has stopped them, and joined every thread of its own, when `run` returns. So the caller
    neither starts nor stops them; it reads their last snapshots afterwards. `run` returns when the user quits; a
    stream that ends by itself stays on show, with its summary.
    """

    TITLE = "esc-tui"
    CSS_PATH = "console.tcss"
    SCREENS: ClassVar[dict[str, Callable[[], Screen[Any]]]] = {"help": HelpScreen}
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c,ctrl+q", "stop", "Quit", show=False)]

    def __init__(
        self,
        engines: Sequence[Engine],
        *,
        title: str = "",
        refresh_hz: float = DEFAULT_REFRESH_HZ,
        theme: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        questions: TrustQuestions | None = None,
    ) -> None:
        """Show `engines`, at most two, left to right.

        `theme` is the name of one of Textual's themes, or `esc-dark`, `esc-light`; raises `UsageError` for another.
        `questions` are those that the engines have about their peers.
        """
        super().__init__()
        self._questions = questions
        self._engines = tuple(EngineHandle(index, engine) for index, engine in enumerate(engines))
        self._console_title = title
        self._refresh_hz = refresh_hz
        self.survivors: tuple[str, ...] = ()
        """Names of threads that outlived the stop, for the caller to report."""
        self.terminated = False
        """Whether SIGTERM ended the console."""
        self._clock = clock
        self._supervisor = Supervisor(self._engines, self.post_message)
        self._is_stopping = False
        for own in THEMES:
            self.register_theme(own)
        if theme is not None and theme not in self.available_themes:
            raise UsageError(f"there is no theme '{theme}': choose one of {', '.join(sorted(self.available_themes))}")
        self.theme = theme or DARK.name

    def get_default_screen(self) -> Screen[None]:
        """The console itself."""
        self._console = ConsoleScreen(self._engines, self._console_title, self._refresh_hz, self._clock)
        return self._console

    def on_mount(self) -> None:
        """Start the engines."""
        if self._questions is not None:
            self._questions.subscribe(lambda question: self.post_message(PeerAsked(question)))
        on_termination(self._terminate)
        self._supervisor.start()

    def _terminate(self) -> None:
        """End in order, as without the console; at the second signal, at once."""
        self.terminated = True
        self._stop("now" if self._is_stopping else "finish")

    def action_stop(self) -> None:
        """Stop and exit, after a question where streams run; at once when repeated."""
        running = self._console.view.running_streams
        if running and not self._is_stopping:
            self.push_screen(QuitScreen(running), self._stop)
        else:
            self._stop("now")

    async def action_quit(self) -> None:
        """The palette's Quit: the same as `q`."""
        self.action_stop()

    def _stop(self, answer: QuitAnswer | None) -> None:
        if answer in (None, "stay"):
            return
        self._is_stopping = True
        is_now = answer == "now"
        self._console.notice = "stopping" if is_now else "finishing what was read, q stops at once"
        self._supervisor.stop(now=is_now)

    def on_delivery_complete(self, message: DeliveryComplete) -> None:
        """Notify where a file was saved, once: Textual itself does so for pictures."""
        message.prevent_default()
        if message.path is not None:
            self.notify(f"saved {message.path}", markup=False)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every key's command, for the palette."""
        offered = [active.binding for active in screen.active_bindings.values() if active.enabled]
        # Keys that do the same are one command.
        for binding in {binding.action: binding for binding in reversed(offered) if binding.show}.values():
            if binding.tooltip:
                action = partial(screen.run_action, binding.action)
                yield SystemCommand(binding.tooltip, f"key {self.get_key_display(binding)}", action)
        yield SystemCommand("Quit", "Stop the streams and leave", self.action_stop)

    def on_peer_asked(self, message: PeerAsked) -> None:
        """Show the question, or withdraw it once it is settled."""
        question = message.question
        if not self.screen_stack:  # the console is closing
            question.answer(False)
        elif question.open:
            self.push_screen(TrustScreen(question), lambda trusted: question.answer(bool(trusted)))
        elif isinstance(self.screen, TrustScreen) and self.screen.question is question:
            self.screen.dismiss(False)

    def on_engines_ended(self, message: EnginesEnded) -> None:
        """Exit: nothing runs any more."""
        self.survivors = message.survivors
        self.exit()

    def on_unmount(self) -> None:
        """Stop the engines, whatever ended the app."""
        if self._questions is not None:
            self._questions.stop()
        self.survivors = tuple(dict.fromkeys((*self.survivors, *self._supervisor.close())))
