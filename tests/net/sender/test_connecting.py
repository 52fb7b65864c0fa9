"""How long a connection is tried for."""

import socket
from collections.abc import Callable

import pytest

from net.errors import ConnectError, ConnectionLost
from net.sender.connecting import LAST_ATTEMPT_S, Connector
from net.settings import MicrophoneSettings, SenderSettings
from tests.clock import FakeClock
from tests.net.contexts import sender_context
from tests.net.protocol.exchange import HELLO


def attempts_s(
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    takes_s: Callable[[float], float],
    *,
    timeout_s: float,
    again: bool,
) -> list[float]:
    """Connect to nobody; return when attempts began. Each one fails after `takes_s` of the time that it was given."""
    began_s: list[float] = []
    start_s = clock.monotonic_s()

    def refuse(_address: tuple[str, int], timeout: float) -> None:
        began_s.append(clock.monotonic_s() - start_s)
        clock.advance(takes_s(timeout))
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refuse)
    option = {"reconnect_timeout_s" if again else "connect_timeout_s": timeout_s}
    settings = SenderSettings(microphone=MicrophoneSettings(), host="bob", port=1, **option)
    connector = Connector(settings, sender_context(clock))
    with pytest.raises(ConnectionLost if again else ConnectError, match=f"in {timeout_s:.1f} s"):
        connector.connect(HELLO, None, again=again)
    return began_s


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("timeout_s", [0.0, 0.5, 3.0, 6.0, 8.0, 30.0])
def test_the_last_attempt_begins_when_time_is_up(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, timeout_s: float, again: bool
) -> None:
    """Neither the first connection nor a new one is given up before its time."""
    assert attempts_s(clock, monkeypatch, lambda _given_s: 0.0, timeout_s=timeout_s, again=again)[-1] == pytest.approx(
        timeout_s
    )


def test_a_host_that_does_not_answer_is_not_waited_for_much_longer(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt is given what is left of the time, but enough for an answer."""
    began_s = attempts_s(clock, monkeypatch, lambda given_s: given_s, timeout_s=8.0, again=False)
    assert began_s == pytest.approx([0.0, 3.1, 6.3])
    assert clock.monotonic_s() - 1000.0 <= 8.0 + LAST_ATTEMPT_S
