import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from net.text import is_printable, printable


@given(st.text(st.characters(codec=None), max_size=50), st.integers(1, 40))
def test_printable_text_fits_and_may_be_shown(text: str, max_chars: int) -> None:
    """Whatever comes in, what comes out is short enough and printable, and stays itself."""
    shown = printable(text, max_chars)
    assert len(shown) <= max_chars
    assert is_printable(shown)
    assert printable(shown, max_chars) == shown


def test_printable_text_is_left_alone() -> None:
    """Names of all languages pass."""
    for name in ("speech.wav", "Straße – Gespräch.flac", "音声 1.ogg", "кошка", "🐈.wav", "[bold]markup[/]"):
        assert printable(name, 200) == name


def test_no_character_that_steers_a_terminal_passes() -> None:
    """Of all of Unicode, nothing of the categories C and Z passes but U+0020."""
    for code in range(0x110000):
        character = chr(code)
        if unicodedata.category(character)[0] in "CZ":
            assert is_printable(character) == (character == " ")


def test_long_text_ends_in_an_ellipsis() -> None:
    """What was cut shows that it was."""
    assert printable("abcdef", 4) == "abc…"
    assert printable("abcd", 4) == "abcd"
