"""The console's own two themes: few colours, each with a meaning."""

from textual.theme import Theme

DARK = Theme(
    name="esc-dark",
    primary="#5cb3ff",
    secondary="#b18cff",
    accent="#3fcfc0",
    success="#5fd068",
    warning="#f0b440",
    error="#ff6b64",
    foreground="#dde4ec",
    background="#0e1318",
    surface="#171e26",
    panel="#1d2732",
    dark=True,
)

LIGHT = Theme(
    name="esc-light",
    primary="#0b62b8",
    secondary="#6b35c9",
    accent="#00776b",
    success="#1c7a2c",
    warning="#965a00",
    error="#bf1d1d",
    foreground="#1a2129",
    background="#fbfcfd",
    surface="#edf1f5",
    panel="#dfe6ed",
    dark=False,
)

THEMES = (DARK, LIGHT)
