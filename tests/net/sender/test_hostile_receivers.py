"""Receivers that break the rules: the sender ends or goes on, says why, and takes no harm."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codec.chunks.packed import PackedChunk
from codec.codec import Codec
from esc_tui.errors import ExitCode, exit_code
from net.errors import PeerNotTrusted, RemoteProtocolError, StageFailed, StreamRefused
from net.protocol.frames import encode_control
from net.protocol.limits import DEFAULT_LIMITS
from net.protocol.messages import Accept, Feedback, Hello, Refuse
from net.protocol.state_machine import ReceiverProtocol
from net.sender.connecting import AcceptedConnection, Connector
from net.sender.rate_controller import RateController
from net.telemetry.stats import LinkState
from tests.clock import FakeClock
from tests.conftest import WaitUntil
from tests.net.links import DEADLINE_S, make_receiver, make_sender, running, write_speech
from tests.net.protocol.exchange import feedback

Answer = Callable[[ReceiverProtocol, socket.socket], None]


class ScriptedReceiver:
    """Reads each connection up to HELLO and answers as `answer` says, which may go on with the socket."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, name="scripted-receiver")

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                self._open.append(near)
                near.settimeout(DEADLINE_S)
                protocol = ReceiverProtocol()
                with contextlib.suppress(OSError), near:
                    while protocol.hello is None:
                        protocol.receive_data(near.recv(4096))
                    self._answer(protocol, near)

    def __enter__(self) -> "ScriptedReceiver":
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join(DEADLINE_S)


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    return write_speech(tmp_path / "in.wav", 16000)


@pytest.fixture
def serving() -> Iterator[Callable[[Answer], ScriptedReceiver]]:
    with contextlib.ExitStack() as stack:
        yield lambda answer: stack.enter_context(ScriptedReceiver(answer))


def accept(protocol: ReceiverProtocol, near: socket.socket, window: int = 20) -> None:
    protocol.send(Accept(0, "a receiver", window))
    near.sendall(protocol.data_to_send())


def say(**changes: object) -> Answer:
    """Accept, and send a FEEDBACK that our own receiver would not."""

    def answer(protocol: ReceiverProtocol, near: socket.socket) -> None:
        accept(protocol, near)
        near.sendall(raw_feedback(**changes))
        while near.recv(4096):
            pass

    return answer


def raw_feedback(**changes: object) -> bytes:
    return encode_control(feedback(**changes), DEFAULT_LIMITS)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (say(acknowledged=7000), "acknowledged"),
        (say(finished=True), "FEEDBACK with finished while streaming"),
        (lambda _protocol, near: near.sendall(bytes(range(256))), "does not speak"),
        (lambda _protocol, near: near.sendall(b"ESCL\x01\0\0\0\x02\xff\xff\xff"), "longest"),
        (lambda _protocol, near: near.sendall(b"ESCL\x01\0\0\0\x06\0\0\x01\x90"), "FEEDBACK while opening"),
    ],
    ids=["the future", "finished", "garbage", "length", "too early"],
)
def test_a_receiver_that_breaks_the_protocol_ends_the_stream(
    speech: Path, tiny_codec: Codec, serving: Callable[[Answer], ScriptedReceiver], answer: Answer, words: str
) -> None:
    """At once, with exit code 4 and a reason, and without trying again."""
    receiver = serving(answer)
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    with running(sender):
        assert sender.wait(DEADLINE_S)
    assert isinstance(sender.error, RemoteProtocolError)
    assert words in str(sender.error)
    assert exit_code(sender.error) is ExitCode.STREAM_BROKEN
    assert receiver.connections == 1


def test_a_receiver_that_accepts_and_closes_is_not_hammered(
    speech: Path, tiny_codec: Codec, serving: Callable[[Answer], ScriptedReceiver], wait_until: WaitUntil
) -> None:
    """From connection to connection the sender rests longer, up to 3 s."""
    receiver, hurried = serving(accept), FakeClock()
    sender = make_sender(speech, receiver.port, tiny_codec, hurried, reconnect_timeout_s=1e9)
    with running(sender):
        wait_until(lambda: receiver.connections >= 10)
        assert hurried.now_s - 1000.0 >= 0.1 + 0.2 + 0.4 + 0.8 + 1.6 + 3 * 3.0


def test_a_receiver_that_only_accepts_is_left_in_time(
    speech: Path, tiny_codec: Codec, serving: Callable[[Answer], ScriptedReceiver]
) -> None:
    """It looks alive each time, but where nothing gets through for `--reconnect-timeout` the stream ends (4)."""
    receiver = serving(accept)
    sender = make_sender(speech, receiver.port, tiny_codec, FakeClock(), reconnect_timeout_s=20.0)
    with running(sender):
        assert sender.wait(DEADLINE_S)
    assert "again and again" in str(sender.error)
    assert exit_code(sender.error) is ExitCode.STREAM_BROKEN


def test_a_receiver_that_is_stuck_is_left_in_time(
    speech: Path, tiny_codec: Codec, serving: Callable[[Answer], ScriptedReceiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that only says that it is alive holds a stream for five minutes, and as long as a lost one may stay away."""
    monkeypatch.setattr("net.sender.exchange.STALLED_S", 0.2)

    def stay_alive(protocol: ReceiverProtocol, near: socket.socket) -> None:
        accept(protocol, near, window=1)
        near.settimeout(0.01)
        while True:
            near.sendall(raw_feedback(acknowledged=0))
            with contextlib.suppress(TimeoutError):
                if not near.recv(4096):
                    return

    sender = make_sender(speech, serving(stay_alive).port, tiny_codec, reconnect_timeout_s=0.5)
    with running(sender):
        assert sender.wait(DEADLINE_S)
    assert "acknowledged nothing" in str(sender.error)
    assert exit_code(sender.error) is ExitCode.STREAM_BROKEN


def test_a_connection_that_ends_just_before_a_chunk_is_sent(
    speech: Path,
    tiny_codec: Codec,
    serving: Callable[[Answer], ScriptedReceiver],
    wait_until: WaitUntil,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is lost like any other, and made again: no error of the sender's own."""
    taken = threading.Event()

    def close_when_a_chunk_is_taken(protocol: ReceiverProtocol, near: socket.socket) -> None:
        accept(protocol, near)
        taken.wait(DEADLINE_S)
        taken.clear()

    receiver = serving(close_when_a_chunk_is_taken)
    fit, connect = RateController.fit, Connector.connect
    connections: list[AcceptedConnection] = []

    def noted(connector: Connector, hello: Hello, verifier: None, *, again: bool) -> AcceptedConnection:
        connections.append(connect(connector, hello, verifier, again=again))
        return connections[-1]

    def late(choice: RateController, chunk: PackedChunk) -> PackedChunk:
        taken.set()
        wait_until(lambda: connections[-1].protocol.state.is_final)
        return fit(choice, chunk)

    monkeypatch.setattr(RateController, "fit", late)
    monkeypatch.setattr(Connector, "connect", noted)
    sender = make_sender(speech, receiver.port, tiny_codec)
    with running(sender):
        wait_until(lambda: receiver.connections >= 3)
        assert sender.error is None
        taken.set()


def test_a_refusal_for_who_one_is_and_one_in_mid_stream(
    speech: Path, tiny_codec: Codec, serving: Callable[[Answer], ScriptedReceiver]
) -> None:
    """Before the stream "policy" means that this sender is not trusted (6); later, that it was ended (4) by policy."""

    def refuse(protocol: ReceiverProtocol, near: socket.socket) -> None:
        protocol.send(Refuse("policy", "not you"))
        near.sendall(protocol.data_to_send())

    def accept_and_refuse(protocol: ReceiverProtocol, near: socket.socket) -> None:
        accept(protocol, near)
        refuse(protocol, near)

    errors = []
    for answer in (refuse, accept_and_refuse):
        sender = make_sender(speech, serving(answer).port, tiny_codec, realtime=True)
        with running(sender):
            assert sender.wait(DEADLINE_S)
        errors.append(sender.error)
    assert [exit_code(error) for error in errors] == [ExitCode.NOT_TRUSTED, ExitCode.STREAM_BROKEN]
    assert isinstance(errors[0], PeerNotTrusted)
    assert isinstance(errors[1], StreamRefused)
    assert "(policy): not you" in str(errors[1])


def test_a_receiver_that_was_stopped_says_so(
    speech: Path, tiny_codec: Codec, wait_until: WaitUntil, tmp_path: Path
) -> None:
    """A real one, by its user: the sender's exit code is that of a broken stream, and its words name the reason."""
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    with running(receiver, sender):
        wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].state is LinkState.STREAMING)
        receiver.request_stop()
        assert sender.wait(DEADLINE_S)
    assert "ended the stream (policy): the receiver was stopped" in str(sender.error)
    assert exit_code(sender.error) is ExitCode.STREAM_BROKEN


def test_an_unexpected_error_of_the_listening_thread_fails_the_stream(
    speech: Path,
    tiny_codec: Codec,
    serving: Callable[[Answer], ScriptedReceiver],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is no lost connection, which would be made again for ever: the error names it, and the log where it was."""
    update = RateController.update

    def fail_on_feedback(rate: RateController, feedback: Feedback | None = None) -> None:
        if feedback is not None:
            raise ZeroDivisionError("injected")
        update(rate)

    monkeypatch.setattr(RateController, "update", fail_on_feedback)
    receiver = serving(say(acknowledged=0))
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    with running(sender):
        assert sender.wait(DEADLINE_S)
    assert isinstance(sender.error, StageFailed)
    assert "ZeroDivisionError: injected" in str(sender.error)
    assert receiver.connections == 1
    assert "in fail_on_feedback" in caplog.text


def test_a_receiver_that_never_reads_holds_nobody(
    speech: Path, tiny_codec: Codec, serving: Callable[[Answer], ScriptedReceiver], wait_until: WaitUntil
) -> None:
    """The sender waits, and can be stopped at once."""
    quiet = threading.Event()

    def silent(protocol: ReceiverProtocol, near: socket.socket) -> None:
        accept(protocol, near, window=1)
        quiet.wait(DEADLINE_S)

    sender = make_sender(speech, serving(silent).port, tiny_codec)
    with running(sender):
        wait_until(lambda: sender.snapshots()[0].chunks.sent == 1)
        assert sender.stop(2.0) == ()
        quiet.set()
