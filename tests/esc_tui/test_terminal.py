import logging
import os
import sys

import pytest

from esc_tui.terminal import quiet_libraries


def test_what_libraries_print_goes_to_the_log(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What C code writes to descriptor 2 is logged, line by line; what this program prints comes out."""
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    with caplog.at_level(logging.INFO, "esc_tui.terminal"), quiet_libraries():
        os.write(2, b"[src/libmpg123] error: odd\nand more\xff\n")
        print("esc-tui: a message", file=sys.stderr)
    os.write(2, b"after\n")
    assert [record.message for record in caplog.records] == [
        "[src/libmpg123] error: odd",
        "and more\N{REPLACEMENT CHARACTER}",
    ]
    assert capfd.readouterr().err == "esc-tui: a message\nafter\n"


def test_descriptors_are_given_back() -> None:
    """Nothing is left open, whatever was raised within."""
    before = set(os.listdir("/dev/fd"))
    with pytest.raises(OSError, match="gone"), quiet_libraries():
        raise OSError("gone")
    assert set(os.listdir("/dev/fd")) == before
