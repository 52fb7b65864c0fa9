"""A console over two engines whose time runs: `python -m tests.esc_tui.console.live_console`."""

from esc_tui.console.app import ConsoleApp
from net.telemetry.stats import Role
from tests.esc_tui.console.fake_engine import FakeEngine


def main() -> None:
    engines = [FakeEngine(Role.SENDER), FakeEngine(Role.RECEIVER)]
    for engine in engines:
        engine.run_live()
    ConsoleApp(engines, title="demo · loopback").run()


if __name__ == "__main__":
    main()
