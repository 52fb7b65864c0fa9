"""Numbers as the console writes them: fixed decimals, a true minus sign, an en dash where nothing was measured."""

import math

NOTHING = "–"
MINUS = "−"


def fixed(value: float | None, decimals: int, *, plus: bool = False) -> str:
    """`value` with so many decimals; with `plus`, a positive value carries its sign."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    text = f"{abs(value):.{decimals}f}"
    if value < 0 and float(text):
        return MINUS + text
    return f"+{text}" if plus else text


def milliseconds(value_ms: float | None) -> str:
    """A duration in ms: whole ms from 10 ms up, one decimal below, so that three digits carry it."""
    if value_ms is None or math.isnan(value_ms):
        return NOTHING
    return fixed(value_ms, 0 if abs(value_ms) >= 10 else 1)


def clock(seconds: float | None) -> str:
    """A stretch of time as H:MM:SS, or M:SS below an hour."""
    if seconds is None or math.isnan(seconds):
        return NOTHING
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def byte_count(count: int) -> tuple[str, str]:
    """A number of bytes and its unit, in powers of 1000."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return (fixed(value, 0 if unit == "B" or value >= 100 else 1), unit)
        value /= 1000
    return fixed(value, 2), "GB"
