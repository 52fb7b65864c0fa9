"""Runs engines in the console, or without it where there is no terminal."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from esc_tui.errors import ExitCode, exit_code, print_error, print_message
from esc_tui.options.command import Display
from esc_tui.terminal import in_terminal, quiet_libraries
from net.engine import Engine
from net.settings import MetricsSettings
from net.transport.security.trust_questions import TrustQuestions


def run_engines(
    engines: Sequence[Engine], display: Display, title: str, questions: TrustQuestions | None = None
) -> ExitCode:
    """Run engines to their end, in the console if there is a terminal and no option against it; return the exit code.

    `questions` are those that the engines have about their peers; without the console they stay unanswered.
    """
    if display.headless or display.json or not in_terminal():
        from esc_tui.plain.headless import run_headless  # noqa: PLC0415 - the console needs none of it

        return run_headless(engines, display)
    return _run_console(engines, display, title, questions)


@contextmanager
def serving_metrics(engines: Sequence[Engine], settings: MetricsSettings | None) -> Iterator[None]:
    """Let Prometheus scrape the engines while the body runs, where settings say so. Raises `ConnectError`."""
    if settings is None:
        yield
        return
    from net.metrics.server import MetricsServer  # noqa: PLC0415 - loads prometheus-client, which few need

    server = MetricsServer(engines, settings)
    try:
        server.start()
        print_message(f"metrics are served at {server.url}")
        yield
    finally:
        for name in server.close():
            print_message(f"thread {name} did not end in time")


def _run_console(engines: Sequence[Engine], display: Display, title: str, questions: TrustQuestions | None) -> ExitCode:
    from esc_tui.console.app import ConsoleApp  # noqa: PLC0415 - importing Textual takes time
    from esc_tui.plain.headless import print_summary  # noqa: PLC0415 - likewise

    app = ConsoleApp(engines, title=title, refresh_hz=display.refresh_hz, theme=display.theme, questions=questions)
    with quiet_libraries():
        app.run()
    print_summary(engines)
    if app.terminated:
        return ExitCode.INTERRUPTED
    errors = [engine.error for engine in engines if engine.error is not None]
    for error in errors:
        print_error(error)
    if app.return_code and not errors:
        return ExitCode.STREAM_BROKEN  # the console itself failed, and has printed its error
    return exit_code(errors[0] if errors else None)
