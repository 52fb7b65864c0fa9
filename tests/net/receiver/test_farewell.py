"""The last words of a stream: each is read and counted at both ends."""

import socket
from functools import partial
from pathlib import Path

from codec.codec import Codec
from net.errors import StreamRefused
from net.protocol.messages import End, Feedback, Ping, Pong
from net.protocol.state_machine import SenderProtocol, State
from net.receiver.engine import Receiver
from tests.conftest import WaitUntil
from tests.net.links import DEADLINE_S, PLAN, make_receiver, make_sender, running, write_speech
from tests.net.receiver.test_hostile_peers import hello_for


def has_counted(receiver: Receiver, total_bytes: int) -> bool:
    return receiver.snapshots()[0].wire.total_bytes == total_bytes


def answer(protocol: SenderProtocol, ping: Ping) -> bytes:
    protocol.send(Pong(ping.id, ping.sent_s, ping.sent_s, ping.sent_s))
    return protocol.data_to_send()


def test_answers_that_are_on_their_way_at_the_end_are_counted(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil
) -> None:
    """All that a sender has sent counts, also where an earlier ping is answered after all is saved."""
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    with running(receiver), socket.create_connection(("127.0.0.1", receiver.port)) as connection:
        connection.settimeout(DEADLINE_S)
        protocol = SenderProtocol(hello_for(tiny_codec, PLAN, live=True))
        sent = protocol.data_to_send()
        connection.sendall(sent)
        pings: list[Ping] = []
        finished = False
        while not finished or len(pings) < 2:
            protocol.receive_data(connection.recv(65536))
            for message in protocol.events():
                if isinstance(message, Ping):
                    pings.append(message)
                finished = finished or (isinstance(message, Feedback) and message.finished)
            if pings and protocol.state is State.STREAMING:
                protocol.send(End(chunks=0, samples=0, complete=True))
                end = protocol.data_to_send()
                connection.sendall(end)
                sent += end
        for ping in pings:
            pong = answer(protocol, ping)
            connection.sendall(pong)
            sent += pong
            wait_until(partial(has_counted, receiver, len(sent)))
        assert connection.recv(1) == b""


def test_a_receiver_says_nothing_twice(tmp_path: Path, tiny_codec: Codec) -> None:
    """While nothing comes there is nothing to tell: on a slow link each word, and its answer, is in speech's way."""
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    with running(receiver), socket.create_connection(("127.0.0.1", receiver.port)) as connection:
        connection.settimeout(DEADLINE_S)
        protocol = SenderProtocol(hello_for(tiny_codec, PLAN, live=True))
        connection.sendall(protocol.data_to_send())
        told: list[Ping | Feedback] = []
        while sum(isinstance(message, Ping) for message in told) < 2:  # the second one comes half a second later
            protocol.receive_data(connection.recv(65536))
            told += [message for message in protocol.events() if isinstance(message, Ping | Feedback)]
    assert sum(isinstance(message, Feedback) for message in told) == 1


def test_no_stream_begins_while_a_receiver_stops(tmp_path: Path, tiny_codec: Codec) -> None:
    """A HELLO that comes when the streams are being ended is refused: nobody would end that one."""
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    speech = write_speech(tmp_path / "in.wav", 3200)
    sender = make_sender(speech, receiver.port, tiny_codec, connect_timeout_s=0.0)
    with running(receiver):
        assert receiver._registry.close("the receiver was stopped") == []
        with running(sender):
            assert sender.wait(DEADLINE_S)
    assert isinstance(sender.error, StreamRefused)
    assert "the receiver was stopped" in str(sender.error)
    assert not receiver.snapshots()
