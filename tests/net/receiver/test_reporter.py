"""What a sender is told of its stream."""

import logging
from pathlib import Path

import pytest

from codec.codec import Codec
from net.errors import StreamRefused
from net.receiver.clock_sync import ClockSync
from net.telemetry.stats import LinkState
from tests.net.links import DEADLINE_S, make_receiver, make_sender, running, write_speech


def test_a_fault_in_reporting_fails_the_stream(
    tmp_path: Path, tiny_codec: Codec, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was never meant to happen is told with its traceback, and the sender is told that the receiver failed."""

    def broken(*_arguments: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(ClockSync, "ping", broken)
    caplog.set_level(logging.ERROR)
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    sender = make_sender(write_speech(tmp_path / "in.wav", 64000), receiver.port, tiny_codec, realtime=True)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert receiver.snapshots()[0].state is LinkState.FAILED
    assert isinstance(sender.error, StreamRefused)
    assert sender.error.code == "internal"
    assert "a bug" in receiver.snapshots()[0].reason
    assert any(record.exc_info and "a bug" in str(record.exc_info[1]) for record in caplog.records)
