"""One connection alone, with a registry that a test owns: what its peer and the log are told."""

import logging
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from codec.codec import Codec
from net.protocol.frames import PREAMBLE, encode_control
from net.protocol.limits import DEFAULT_LIMITS
from net.protocol.messages import Refusal
from net.receiver.connection import ReceiverConnection
from net.receiver.connection_limiter import ConnectionLimiter, ConnectionSlot
from net.receiver.context import ReceiverContext
from net.runtime.clock import SYSTEM_CLOCK
from net.settings import ConnectionLimits
from tests.net.links import DEADLINE_S
from tests.net.protocol.exchange import HELLO
from tests.net.receiver.contexts import make_context, texts
from tests.net.receiver.test_hostile_peers import read_to_end


class Registry:
    """Raises `error` for every HELLO."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def open(self, *_arguments: object) -> None:
        raise self.error


class Served:
    """A connection that is served in a thread, and its peer."""

    def __init__(self, context: ReceiverContext, error: Exception) -> None:
        near, self.peer = socket.socketpair()
        self.peer.settimeout(DEADLINE_S)
        slot = ConnectionLimiter(ConnectionLimits(), SYSTEM_CLOCK).admit("192.0.2.1")
        assert isinstance(slot, ConnectionSlot)
        registry: Any = Registry(error)
        self.slot = slot
        self.connection = ReceiverConnection(near, slot, context, registry, None, handshake_s=DEADLINE_S)
        self.thread = threading.Thread(target=self.connection.run)

    def answer(self, data: bytes) -> bytes:
        """What the peer reads after it has said this, to the end."""
        self.thread.start()
        with self.peer:
            self.peer.sendall(data)
            answer = read_to_end(self.peer)
        self.thread.join(DEADLINE_S)
        return answer


@pytest.fixture
def context(tmp_path: Path, tiny_codec: Codec) -> ReceiverContext:
    return make_context(tmp_path, tiny_codec, SYSTEM_CLOCK)


GREETING = PREAMBLE + encode_control(HELLO, DEFAULT_LIMITS)


def test_a_refusal_reaches_the_peer_with_its_code(context: ReceiverContext) -> None:
    """And the log, and the slot is free again."""
    served = Served(context, Refusal("model", "another model"))
    answer = served.answer(GREETING)
    assert b"\xa5model" in answer
    assert b"another model" in answer
    assert any("another model" in text for text in texts(context))
    assert served.slot.is_free


def test_a_fault_of_this_program_is_told_as_such(context: ReceiverContext, caplog: pytest.LogCaptureFixture) -> None:
    """The peer is told that the receiver failed and not why; the log has the traceback."""
    caplog.set_level(logging.ERROR)
    answer = Served(context, KeyError("a bug")).answer(GREETING)
    assert b"internal" in answer
    assert b"a bug" not in answer
    assert any("cannot be served" in text for text in texts(context))
    assert any(record.exc_info and record.exc_info[0] is KeyError for record in caplog.records)


def test_a_peer_that_breaks_the_protocol_is_told_and_counted(context: ReceiverContext) -> None:
    """Nothing of it reaches the registry."""
    answer = Served(context, KeyError("never asked")).answer(b"GET / HTTP/1.1\r\n")
    assert b"protocol" in answer
    assert any("broke the protocol" in text for text in texts(context))


def test_a_peer_that_goes_away_is_no_fault(context: ReceiverContext) -> None:
    """It is told in the log, and nothing is sent after it."""
    served = Served(context, KeyError("never asked"))
    served.thread.start()
    served.peer.close()
    served.thread.join(DEADLINE_S)
    assert any("went away before a stream began" in text for text in texts(context))
