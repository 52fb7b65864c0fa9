"""The link's state, told by a sign, a word and a colour."""

from rich.style import Style

from esc_tui.console.drawing.styles import Ink
from net.telemetry.stats import LinkState, Severity

STATE_SIGNS = {
    LinkState.CONNECTING: "○",
    LinkState.STREAMING: "●",
    LinkState.PAUSED: "‖",
    LinkState.RECONNECTING: "↻",
    LinkState.DRAINING: "◐",
    LinkState.DONE: "✓",
    LinkState.FAILED: "✗",
}

SEVERITY_WORDS = {Severity.INFO: "info", Severity.WARNING: "warn", Severity.ERROR: "error"}


def state_style(state: LinkState, ink: Ink) -> Style:
    """The style that tells how well a stream in this state fares."""
    if state is LinkState.FAILED:
        return ink.bad
    if state in (LinkState.PAUSED, LinkState.RECONNECTING, LinkState.CONNECTING):
        return ink.warn
    return ink.good


def severity_style(severity: Severity, ink: Ink) -> Style:
    """The style of an event's severity."""
    return {Severity.INFO: ink.muted, Severity.WARNING: ink.warn, Severity.ERROR: ink.bad}[severity]


def state_text(state: LinkState) -> str:
    """Sign and word."""
    return f"{STATE_SIGNS[state]} {state.value}"
