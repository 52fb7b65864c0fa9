"""Terminals with 16 colours, and people who want none."""

from dataclasses import fields

import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import Monochrome
from textual.theme import Theme

from esc_tui.console.drawing.palette import theme_palette
from esc_tui.console.drawing.spectrogram_image import SHADES
from esc_tui.console.drawing.state import SEVERITY_WORDS, STATE_SIGNS
from esc_tui.console.theme import THEMES
from esc_tui.console.widgets.spectrogram import Spectrogram
from net.telemetry.stats import LinkState, Role, Severity
from tests.esc_tui.console.fake_engine import FakeEngine
from tests.esc_tui.console.waiting import SIDE_BY_SIDE, running


def on_few_colors(style: Style, ground: Color) -> tuple[object, object]:
    """The colours of text and background on a terminal with 16."""
    text, back = style.color, style.bgcolor or ground.rich_color
    assert text is not None
    return text.downgrade(ColorSystem.STANDARD), back.downgrade(ColorSystem.STANDARD)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_everything_to_read_stands_out_from_its_ground(theme: Theme) -> None:
    """With 16 colours, and without hues, no text has the colour of what it is written on."""
    palette, ground = theme_palette(theme.to_color_system().generate()), Color.parse(theme.background or "")
    for field in fields(palette):
        style: Style = getattr(palette, field.name)
        (grey,) = Monochrome().apply([Segment("x", style + Style(bgcolor=style.bgcolor or ground.rich_color))], ground)
        assert grey.style is not None
        for shown in (style, grey.style):
            text, back = on_few_colors(shown, ground)
            assert text != back or field.name in {"faint", "payload_fill", "wire_fill", "latency_fill"}, field.name


def test_states_and_severities_are_words_and_signs() -> None:
    """Each has its own, so that no colour is needed to tell them apart."""
    assert len(set(STATE_SIGNS.values())) == len(LinkState)
    assert len(set(SEVERITY_WORDS.values())) == len(Severity)


async def test_without_colors_the_sound_is_drawn_in_shades(monkeypatch: pytest.MonkeyPatch) -> None:
    """`NO_COLOR`: the spectrogram tells loudness by the characters."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with running([FakeEngine(Role.SENDER)], size=SIDE_BY_SIDE) as (app, _):
        assert app.no_color
        drawn = "".join(line.text for line in app.screen.query_one(Spectrogram)._lines)
        assert set(SHADES) <= set(drawn)
