"""The sender's connection without a socket: exchanges over a link that the tests hold at its other end."""

import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from net.errors import ConnectionLost, RemoteProtocolError, StreamRefused
from net.protocol.messages import Accept, End, Hello, Ping, Pong, Refuse
from net.protocol.state_machine import Message, ReceiverProtocol, SenderProtocol
from net.runtime.queues import PipelineStopped
from net.sender.connecting import AcceptedConnection, Connector
from net.sender.connection import SenderConnection
from net.sender.exchange import STALLED_S, Exchange
from net.sender.rate_controller import RateController
from net.sender.send_buffer import SendBuffer
from net.sender.source_control import SourceControl
from net.settings import MicrophoneSettings, SenderSettings
from net.telemetry.stats import LinkState
from tests.clock import FakeClock
from tests.conftest import WaitUntil
from tests.net.contexts import sender_context
from tests.net.protocol.exchange import HELLO, chunk, feedback
from tests.net.sender.test_rate_controller import STREAM

COUNT = 3
END = End(chunks=COUNT, samples=14400 * (COUNT - 1) + 16000, complete=True)


class Link:
    """A `Connection` whose peer is this test: what the sender said is in `peer`."""

    def __init__(self, hello: Hello, next_chunk: int = 0, window_chunks: int = 20) -> None:
        self.hello, self.protocol, self.peer = hello, SenderProtocol(hello), ReceiverProtocol()
        self.peer.receive_data(self.protocol.data_to_send())
        self.accept = Accept(next_chunk, "bob", window_chunks)
        self.peer.send(self.accept)
        self.protocol.receive_data(self.peer.data_to_send())
        self.protocol.events()
        self.heard: list[Any] = [*self.peer.events()][1:]
        self._inbox: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._lock = threading.Lock()

    def send(self, *messages: Message) -> None:
        with self._lock:
            for message in messages:
                self.protocol.send(message)
            self.peer.receive_data(self.protocol.data_to_send())
            self.heard += self.peer.events()

    def receive(self, *_limits: float) -> list[Any]:
        error = self._inbox.get(timeout=20)
        if error is not None:
            raise error
        with self._lock:
            return self.protocol.events()

    def say(self, act: Callable[[ReceiverProtocol], None]) -> None:
        """Have the receiver's side say something."""
        with self._lock:
            act(self.peer)
            self.protocol.receive_data(self.peer.data_to_send())
        self._inbox.put(None)

    def acknowledge(self, acknowledged: int, **changes: Any) -> None:
        self.say(lambda peer: peer.send(feedback(acknowledged=acknowledged, **changes)))

    def fail(self, error: Exception) -> None:
        self._inbox.put(error)

    def close(self) -> None:
        self.fail(ConnectionLost("it was closed here"))

    def accepted(self) -> AcceptedConnection:
        return AcceptedConnection(
            link=self,  # type: ignore[arg-type]
            protocol=self.protocol,
            hello=self.hello,
            accept=self.accept,
            early=[],
            peer="bob at a test",
            connect_s=0.0,
            answer_s=0.0,
        )


class Sending:
    """A send buffer with three chunks and END, and what sends it."""

    def __init__(self, clock: FakeClock) -> None:
        self.context = sender_context(clock)
        self.context.status.set(LinkState.STREAMING)
        self.buffer = SendBuffer(100, 100, clock)
        self.rate = RateController(6, self.buffer, self.context, adaptive=False, timely=False)
        self.rate.begin_stream(STREAM, 1)
        self.control = SourceControl(clock)
        for index in range(COUNT):
            self.buffer.put(chunk(index, hello=HELLO))
        self.buffer.finish(END)
        self.error: BaseException | None = None

    def start(self, run: Callable[[], None]) -> threading.Thread:
        def noted() -> None:
            try:
                run()
            except (Exception, PipelineStopped) as error:  # noqa: BLE001 - the test looks at it
                self.error = error

        thread = threading.Thread(target=noted)
        thread.start()
        return thread

    def exchange(self, link: Link) -> threading.Thread:
        return self.start(Exchange(link.accepted(), self.buffer, self.rate, self.context).run)


def test_an_exchange_ends_when_all_is_saved_and_the_farewell_is_answered(
    clock: FakeClock, wait_until: WaitUntil
) -> None:
    """Chunks and END go out in order, feedback is recorded, and the last ping is answered before the link closes."""
    sending, link = Sending(clock), Link(HELLO)
    sending.context.meters.start()
    thread = sending.exchange(link)
    wait_until(lambda: END in link.heard)
    assert sending.context.status.state is LinkState.DRAINING
    link.acknowledge(COUNT, finished=True, round_trip_ms=30.0, clock_offset_ms=-4.0, decoded_latency_ms=200.0)
    link.say(lambda peer: peer.send(Ping(7, 0.0)))
    thread.join(10)
    assert sending.error is None
    assert [type(message).__name__ for message in link.heard] == ["PackedChunk"] * COUNT + ["End", "Pong"]
    meters = sending.context.meters
    assert meters.counts("sent", "resent", "sent_samples") == {
        "sent": COUNT,
        "resent": 0,
        "sent_samples": END.samples,
    }
    assert meters.payload.stats().total_bytes == sum(len(each.payload) for each in link.heard[:COUNT])
    assert (meters.round_trip.latest_ms, meters.clock_offset_ms) == (pytest.approx(30.0), -4.0)
    assert meters.latencies["decoded"].latest_ms == pytest.approx(200.0)
    assert isinstance(link.heard[-1], Pong)


def test_a_lost_connection_keeps_what_was_not_acknowledged(clock: FakeClock, wait_until: WaitUntil) -> None:
    """The exchange says that it was lost; the next one sends the rest again, and counts it."""
    sending, link = Sending(clock), Link(HELLO)
    thread = sending.exchange(link)
    wait_until(lambda: END in link.heard)
    link.acknowledge(1)
    wait_until(lambda: sending.buffer.acknowledged == 1)
    link.fail(ConnectionLost("a cable"))
    thread.join(10)
    assert isinstance(sending.error, ConnectionLost)
    again = Link(resumed(HELLO), next_chunk=1)
    sending.buffer.rewind(1, 10)
    sending.error = None
    thread = sending.exchange(again)
    wait_until(lambda: END in again.heard)
    again.acknowledge(COUNT, finished=True)
    again.say(lambda peer: peer.send(Ping(7, 0.0)))
    thread.join(10)
    assert sending.error is None
    assert sending.context.meters.counts("sent", "resent") == {"sent": COUNT, "resent": COUNT - 1}


def resumed(hello: Hello) -> Hello:
    return Hello(**{**{name: getattr(hello, name) for name in hello.__struct_fields__}, "resume": True})


@pytest.mark.parametrize("error", [RemoteProtocolError("nonsense"), ZeroDivisionError("a fault of this program")])
def test_what_ends_the_listening_thread_ends_the_exchange(
    clock: FakeClock, wait_until: WaitUntil, error: Exception
) -> None:
    """As it was raised, so that only lost connections are made again."""
    sending, link = Sending(clock), Link(HELLO)
    thread = sending.exchange(link)
    wait_until(lambda: END in link.heard)
    link.fail(error)
    thread.join(10)
    assert sending.error is error


def test_an_unexpected_error_after_the_end_is_told_too(clock: FakeClock, wait_until: WaitUntil) -> None:
    """A lost farewell is no error, a fault of this program is."""
    for error, expected in ((ConnectionLost("gone"), None), (ZeroDivisionError("a fault"), ZeroDivisionError)):
        sending, link = Sending(clock), Link(HELLO)
        thread = sending.exchange(link)
        wait_until(lambda link=link: END in link.heard)
        link.acknowledge(COUNT, finished=True)
        link.fail(error)
        thread.join(10)
        assert type(sending.error) is (expected or type(None))


def test_a_refusal_ends_the_exchange_with_its_reason(clock: FakeClock) -> None:
    """It came in mid-stream."""
    sending, link = Sending(clock), Link(HELLO, window_chunks=1)
    sending.buffer.rewind(0, 1)
    thread = sending.exchange(link)
    link.say(lambda peer: peer.send(Refuse("storage", "the disk is full")))
    thread.join(10)
    assert isinstance(sending.error, StreamRefused)
    assert "the disk is full" in str(sending.error)


def test_a_receiver_that_acknowledges_nothing_is_lost_in_time(clock: FakeClock, wait_until: WaitUntil) -> None:
    """It answers, but for five minutes nothing that is waited for has come."""
    sending, link = Sending(clock), Link(HELLO)
    thread = sending.exchange(link)
    wait_until(lambda: END in link.heard)
    for _ in range(3):
        link.acknowledge(0)
        clock.advance(STALLED_S / 2 + 1)
    link.acknowledge(0)
    thread.join(10)
    assert "acknowledged nothing for 300 s" in str(sending.error)


def test_a_stream_that_is_stopped_stops_its_exchange(clock: FakeClock, wait_until: WaitUntil) -> None:
    """That the link was closed for it is no lost connection."""
    sending, link = Sending(clock), Link(HELLO)
    thread = sending.exchange(link)
    wait_until(lambda: END in link.heard)
    sending.context.stopping.set()
    link.close()
    thread.join(10)
    assert isinstance(sending.error, PipelineStopped)


def test_connections_follow_one_another_until_the_stream_is_saved(
    clock: FakeClock, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first one begins the stream; each next one resumes it, after a rest, from where the receiver says."""
    links = [Link(HELLO), Link(resumed(HELLO), next_chunk=2)]
    asked: list[bool] = []

    def connect(_connector: Connector, _hello: Hello, _verifier: None, *, again: bool) -> AcceptedConnection:
        asked.append(again)
        return links[len(asked) - 1].accepted()

    monkeypatch.setattr(Connector, "connect", connect)
    sending = Sending(clock)
    settings = SenderSettings(microphone=MicrophoneSettings(), host="bob", port=1)
    connection = SenderConnection(settings, sending.buffer, sending.rate, sending.control, sending.context)
    assert connection.peer == "bob:1"
    thread = sending.start(lambda: connection.run(HELLO, None))
    wait_until(lambda: END in links[0].heard)
    assert (sending.control.accepted, connection.peer) == (True, "bob at a test")
    links[0].fail(ConnectionLost("a cable"))
    wait_until(lambda: END in links[1].heard)
    links[1].acknowledge(COUNT, finished=True)
    links[1].fail(ConnectionLost("its last word"))
    thread.join(10)
    assert sending.error is None
    assert asked == [False, True]
    assert next(message for message in links[1].heard if not isinstance(message, End)).index == 2
    texts = [event.text for event in sending.context.events.since(0)]
    assert texts[0].startswith("accepted by bob")
    assert "connection lost: a cable" in texts
    assert texts[-1].startswith("resumed by bob")
