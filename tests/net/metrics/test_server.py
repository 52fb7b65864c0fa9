"""The HTTP server that Prometheus scrapes."""

import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from net.errors import ConnectError
from net.metrics.server import MetricsServer
from net.settings import MetricsSettings
from tests.esc_tui.console.fake_engine import receiver_stats
from tests.net.metrics.scrapes import ShownEngine, names, parsed


@contextmanager
def serving(engine: ShownEngine, host: str = "localhost") -> Iterator[MetricsServer]:
    server = MetricsServer([engine], MetricsSettings(host=host, port=0))  # type: ignore[list-item]
    server.start()
    try:
        yield server
    finally:
        assert server.close() == ()


def fetched(server: MetricsServer) -> str:
    with urllib.request.urlopen(server.url, timeout=10) as response:  # noqa: S310 - http, as the server says
        assert response.headers["Content-Type"].startswith("text/plain")
        return str(response.read().decode())


def test_a_scrape_gives_the_engines_and_the_process() -> None:
    """Both come in one text, which changes with the engine."""
    engine = ShownEngine(receiver_stats(41.0))
    with serving(engine) as server:
        assert {"esc_stream_state", "process_cpu_seconds_total"} <= names(parsed(fetched(server)))
        engine.streams = ()
        assert "esc_stream_info" in fetched(server)


def test_it_listens_on_this_machine_alone() -> None:
    """Without a host, only a loopback address is bound."""
    with serving(ShownEngine()) as server:
        connections = psutil.Process().net_connections("tcp")
        bound = {each.laddr.ip for each in connections if each.status == "LISTEN" and each.laddr.port == server.port}
        assert bound in ({"127.0.0.1"}, {"::1"})
        assert server.url == f"http://localhost:{server.port}/metrics"


def test_a_port_that_is_taken_is_told() -> None:
    """The error names address, reason and options."""
    with serving(ShownEngine()) as server:
        settings = MetricsSettings(port=server.port)
        with pytest.raises(ConnectError, match=f":{server.port} .*in use.*--metrics-host or --metrics-port"):
            MetricsServer([], settings)


def test_a_host_that_is_unknown_is_told() -> None:
    """The error names the option."""
    with pytest.raises(ConnectError, match="check --metrics-host"):
        MetricsServer([], MetricsSettings(host="no.such.host.invalid", port=0))


def test_it_ends_while_a_client_says_nothing() -> None:
    """A connection without a request holds up neither the close nor the program."""
    with serving(ShownEngine()) as server, socket.create_connection(("127.0.0.1", server.port)) as idle:
        idle.sendall(b"GET /metrics HTTP/1.1\r\n")
    assert not [thread for thread in threading.enumerate() if thread.name == "metrics"]


def test_a_failed_request_is_not_the_last() -> None:
    """An engine that raises costs one scrape, not the server, and prints nothing."""
    engine = ShownEngine(receiver_stats(41.0))
    with serving(engine) as server:
        streams, engine.streams = engine.streams, None  # type: ignore[assignment]
        with pytest.raises(OSError):  # noqa: PT011 - however urllib calls an answer that never comes
            fetched(server)
        engine.streams = streams
        assert "esc_stream_state" in fetched(server)
