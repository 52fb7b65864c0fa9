"""The console's palette of meaning: each style says what a piece of text is, and the theme says how that looks."""

from dataclasses import dataclass, fields

from rich.style import Style


@dataclass(frozen=True, slots=True)
class Ink:
    """Rich styles by meaning. Nothing is told by colour alone: a sign, a word or a place tells it as well."""

    heading: Style
    """A section's name."""
    label: Style
    """What a number is."""
    muted: Style
    """Units, scales, averages: what the eye may skip."""
    faint: Style
    """Tracks and rules."""
    value: Style
    """A number."""
    strong: Style
    """The number to read first: now."""
    good: Style
    warn: Style
    bad: Style
    payload: Style
    """The first series of a chart."""
    wire: Style
    """The second series of a chart."""
    latency: Style
    """The third series of a chart."""
    payload_fill: Style
    """Below the top of a chart that is several lines high."""
    wire_fill: Style
    latency_fill: Style
    chosen: Style
    """The chosen row of a list, the shown page."""


INK_NAMES = tuple(field.name for field in fields(Ink))
"""The meanings, as the component classes `ink--NAME` name them."""

PLAIN = Ink(**dict.fromkeys(INK_NAMES, Style.null()))
"""No styles at all: for tests of what is drawn."""
