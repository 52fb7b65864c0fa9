"""A link's state and an event's severity: sign, word and style."""

from rich.style import Style

from esc_tui.console.drawing.palette import Palette
from net.telemetry.stats import LinkState, Severity, StreamStats

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


def state_text(state: LinkState) -> str:
    """Sign and word."""
    return f"{STATE_SIGNS[state]} {state.value}"


def state_style(state: LinkState, palette: Palette) -> Style:
    """The style of a state: good, a warning, or bad."""
    if state is LinkState.FAILED:
        return palette.bad
    if state in (LinkState.PAUSED, LinkState.RECONNECTING, LinkState.CONNECTING):
        return palette.warn
    return palette.good


def severity_style(severity: Severity, palette: Palette) -> Style:
    """The style of an event's severity."""
    return {Severity.INFO: palette.muted, Severity.WARNING: palette.warn, Severity.ERROR: palette.bad}[severity]


def silence_causes(stats: StreamStats) -> list[str]:
    """Why silence goes out where sound should, in a word or two each."""
    if stats.state.is_final:
        return []
    causes = [
        (stats.muted, "muted"),
        (stats.input_lost, "no microphone"),
        (stats.playback is not None and not stats.playback.connected, "no output"),
    ]
    return [words for holds, words in causes if holds]
