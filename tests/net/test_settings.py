import math
from pathlib import Path
from typing import Any

import pytest

from codec.errors import UsageError
from net.settings import MicrophoneSettings, PlaybackSettings, ReceiverSettings, SenderSettings

FILE: dict[str, Any] = {"input": Path("a.wav")}
BYTES_MEANT = (
    "--rate-limit-bps must be at least 100 bit/s, not 99 (the original scripts count bytes: 99 bytes/s are "
    "--rate-limit-bps 792)"
)
BUFFER_MEANT = (
    "--buffer-size is the socket's buffer, 1024 to 67108864 bytes, not 10: how many chunks may wait between two stages "
    "is for --queue-chunks"
)
LIVE: dict[str, Any] = {"microphone": MicrophoneSettings()}


@pytest.mark.parametrize(
    ("settings", "values", "message"),
    [
        (SenderSettings, {}, "choose what to stream: either --input FILE or --microphone"),
        (SenderSettings, {**FILE, **LIVE}, "choose what to stream: either --input FILE or --microphone"),
        (
            SenderSettings,
            {**LIVE, "resume": True},
            "only a file can be resumed, not a pipe or a microphone: give --input FILE with --resume",
        ),
        (SenderSettings, {**FILE, "port": 0}, "--port must be 1 to 65535, not 0"),
        (SenderSettings, {**FILE, "num_streams": 7}, "--num-streams must be 1 to 6, not 7"),
        (SenderSettings, {**FILE, "lookahead_ms": -1.5}, "--lookahead-ms must not be negative, not -1.5"),
        (
            SenderSettings,
            {**FILE, "adaptive": True},
            "a file that is sent as fast as possible is never late: give --realtime with --adaptive",
        ),
        (SenderSettings, {**FILE, "queue_chunks": 0}, "--queue-chunks must be 1 to 1000 chunks, not 0"),
        (SenderSettings, {**FILE, "rate_limit_bps": 99}, BYTES_MEANT),
        (SenderSettings, {**FILE, "rate_limit_bps": 0}, "--rate-limit-bps must be at least 100 bit/s, not 0"),
        (SenderSettings, {**FILE, "socket_buffer_bytes": 10}, BUFFER_MEANT),
        (ReceiverSettings, {"socket_buffer_bytes": 1 << 27}, BUFFER_MEANT.replace("not 10", f"not {1 << 27}")),
        (SenderSettings, {**FILE, "connect_timeout_s": -1}, "--connect-timeout must not be negative, not -1"),
        (
            SenderSettings,
            {**FILE, "reconnect_timeout_s": math.nan},
            "--reconnect-timeout must not be negative, not nan",
        ),
        (PlaybackSettings, {"jitter_ms": 5001}, "--jitter-ms must be 0 to 5000, not 5001"),
        (ReceiverSettings, {"port": 65536}, "--port must be 0 to 65535, not 65536"),
        (ReceiverSettings, {"max_connections": 0}, "--max-connections must be at least 1, not 0"),
        (ReceiverSettings, {"queue_chunks": 1001}, "--queue-chunks must be 1 to 1000 chunks, not 1001"),
        (ReceiverSettings, {"min_streams": 0}, "--min-streams must be 1 to 6, not 0"),
        (ReceiverSettings, {"lookahead_ms": -1}, "--lookahead-ms must not be negative, not -1"),
        (ReceiverSettings, {"grace_s": -0.1}, "--grace must not be negative, not -0.1"),
    ],
)
def test_a_value_that_cannot_work_is_named_with_its_option(
    settings: type, values: dict[str, Any], message: str
) -> None:
    """The text says the option as it is typed, what it may be, and what it was."""
    with pytest.raises(UsageError) as raised:
        settings(**values)
    assert str(raised.value) == message


def test_the_defaults_and_the_ends_of_every_range_work() -> None:
    """What is not given is checked like the rest, and passes."""
    SenderSettings(**FILE, port=65535, num_streams=1, lookahead_ms=0, rate_limit_bps=100, connect_timeout_s=0)
    SenderSettings(**LIVE, adaptive=True, reconnect_timeout_s=math.inf)
    ReceiverSettings(port=0, playback=PlaybackSettings(jitter_ms=5000), queue_chunks=1000, grace_s=0)


@pytest.mark.parametrize(("rate_bps", "starves"), [(None, False), (1500, False), (1499, True), (375, True)])
def test_a_rate_that_starves_speech_comes_with_a_warning(rate_bps: int | None, starves: bool) -> None:
    """Below what one stream of codes takes, the text names the rate and what it is if bytes were meant."""
    warning = SenderSettings(**FILE, rate_limit_bps=rate_bps).rate_limit_warning
    assert bool(warning) == starves
    if starves:
        assert f"--rate-limit-bps {rate_bps} is bits a second" in warning
        assert f"{rate_bps} bytes/s are --rate-limit-bps {rate_bps * 8}" in warning  # type: ignore[operator]
