"""Streams that begin while something is slow."""

import threading
import time
from pathlib import Path

import pytest

from codec.codec import Codec
from net.errors import StreamRefused
from net.protocol.messages import Refusal
from net.receiver import stream_registry
from net.receiver.incoming_stream import IncomingStream
from tests.net.links import DEADLINE_S, PLAN, make_receiver, make_sender, running, write_speech
from tests.net.receiver.contexts import Carrier
from tests.net.receiver.test_hostile_peers import hello_for


class SlowDisk:
    """Opening a stream's files waits until `works` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.works = threading.Event(), threading.Event()
        self._open = stream_registry.StreamFiles
        monkeypatch.setattr(stream_registry, "StreamFiles", self)

    def __call__(self, *arguments: object, **options: object) -> object:
        self.asked.set()
        assert self.works.wait(DEADLINE_S)
        return self._open(*arguments, **options)  # type: ignore[arg-type]


def test_a_slow_disk_does_not_hold_up_the_screen(
    tmp_path: Path, tiny_codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a stream's files are opened, snapshots are taken and players paused, muted and turned up at once."""
    disk = SlowDisk(monkeypatch)
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    sender = make_sender(write_speech(tmp_path / "in.wav", 3200), receiver.port, tiny_codec)

    def use_the_screen() -> None:
        receiver.snapshots()
        receiver.set_paused(True)
        receiver.set_muted(True)
        receiver.set_volume(0.5)
        receiver.set_paused(False)

    with running(receiver, sender):
        assert disk.asked.wait(DEADLINE_S)
        screen = threading.Thread(target=use_the_screen)
        began_s = time.monotonic()
        screen.start()
        screen.join(5.0)
        waited_s = time.monotonic() - began_s
        disk.works.set()
        screen.join()
        assert sender.wait(DEADLINE_S)
    assert sender.error is None
    assert waited_s < 5.0


def test_a_receiver_that_stops_while_a_stream_is_opened_begins_none(
    tmp_path: Path, tiny_codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender is refused, and the files that were opened too late are closed."""
    disk = SlowDisk(monkeypatch)
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    sender = make_sender(
        write_speech(tmp_path / "in.wav", 3200),
        receiver.port,
        tiny_codec,
        connect_timeout_s=0.0,
        reconnect_timeout_s=0.0,
    )
    with running(receiver, sender):
        assert disk.asked.wait(DEADLINE_S)
        receiver.request_stop()
        assert sender.wait(DEADLINE_S)
        disk.works.set()
        assert receiver.wait(DEADLINE_S)
    assert isinstance(sender.error, StreamRefused)
    assert receiver.snapshots() == ()


def test_a_stream_that_is_being_opened_is_not_opened_twice(
    tmp_path: Path, tiny_codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second connection for the same stream waits, and carries the one stream from then on."""
    disk = SlowDisk(monkeypatch)
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    hello = hello_for(tiny_codec, PLAN)
    connections = [Carrier(), Carrier()]
    streams: list[IncomingStream] = []

    def open_stream(connection: Carrier) -> None:
        streams.append(receiver._registry.open(hello, connection))  # type: ignore[arg-type]

    with running(receiver):
        threads = [threading.Thread(target=open_stream, args=(connection,)) for connection in connections]
        for thread in threads:
            thread.start()
        assert disk.asked.wait(DEADLINE_S)
        assert not streams
        disk.works.set()
        for thread in threads:
            thread.join(DEADLINE_S)
        assert streams[0] is streams[1]
        assert [connection.closed for connection in connections].count(True) == 1
    assert len(list((tmp_path / "out").glob("*.wav"))) == 1


def test_a_stream_that_is_closed_takes_no_connection(tmp_path: Path, tiny_codec: Codec) -> None:
    """While what came of it is saved its sender is to come again; it never carries what has no future."""
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    first = Carrier()
    with running(receiver):
        stream = receiver._registry.open(hello_for(tiny_codec, PLAN), first)  # type: ignore[arg-type]
        stream.close("another's reason", Carrier())  # type: ignore[arg-type]
        assert stream.error is None
        stream.close("gone for good", first)  # type: ignore[arg-type]
        with pytest.raises(Refusal, match="being saved") as refused:
            stream.attach(Carrier())  # type: ignore[arg-type]
        assert refused.value.code == "busy"
