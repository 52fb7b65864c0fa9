"""The console's styles by meaning: each says what a piece of text is, and the theme says how that looks."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache

from rich.style import Style
from textual.color import Color

THEME_COLORS = ("foreground", "background", "primary", "secondary", "accent", "success", "warning", "error")


@dataclass(frozen=True, slots=True)
class Palette:
    """Rich styles by meaning. Colour is never the only sign: a word, a symbol or a place says the same."""

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


PLAIN = Palette(**dict.fromkeys((field.name for field in fields(Palette)), Style.null()))
"""No styles at all: to measure, and for tests of what is drawn."""


def theme_palette(variables: Mapping[str, str]) -> Palette:
    """Return the palette of the theme with these variables."""
    return _palette(tuple(Color.parse(variables[name]) for name in THEME_COLORS))


@lru_cache(maxsize=8)
def _palette(colors: tuple[Color, ...]) -> Palette:
    text, ground, primary, secondary, accent, good, warn, bad = colors

    def style(color: Color, share: float = 1.0, *, bold: bool = False) -> Style:
        """`color`, mixed into the background so that `share` of it is left."""
        return Style(color=ground.blend(color, share, 1.0).rich_color, bold=bold)

    return Palette(
        heading=style(primary, bold=True),
        label=style(text, 0.8),
        muted=style(text, 0.6),
        faint=style(text, 0.25),
        value=style(text),
        strong=style(text, bold=True),
        good=style(good),
        warn=style(warn, bold=True),
        bad=style(bad, bold=True),
        payload=style(primary),
        wire=style(secondary),
        latency=style(accent),
        payload_fill=style(primary, 0.7),
        wire_fill=style(secondary, 0.7),
        latency_fill=style(accent, 0.7),
        chosen=style(text, bold=True) + Style(bgcolor=ground.blend(primary, 0.35, 1.0).rich_color),
    )
