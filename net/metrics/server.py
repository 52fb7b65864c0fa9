"""Answers Prometheus' scrapes of engines over HTTP."""

import logging
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from http.server import HTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, MetricsHandler, ProcessCollector

from net.engine import Engine
from net.metrics.collector import EngineCollector
from net.settings import MetricsSettings
from net.transport.listening import address_text, listen, resolve

REQUEST_TIMEOUT_S = 2.0
POLL_S = 0.2
JOIN_S = 5.0

logger = logging.getLogger(__name__)


class MetricsServer:
    """Serves the metrics of engines, and those of this process, one request after another.

    The port is bound at once; raises `ConnectError` where it cannot be. Serves from `start` to `close`.
    """

    def __init__(self, engines: Sequence[Engine], settings: MetricsSettings) -> None:
        registry = CollectorRegistry()
        registry.register(EngineCollector(engines))
        ProcessCollector(registry=registry)
        self._server = _Server(_bound_socket(settings), MetricsHandler.factory(registry))
        self._host, self.port = settings.host, self._server.server_port
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="metrics", daemon=True)

    @property
    def url(self) -> str:
        """Where to scrape."""
        return f"http://{address_text(self._host, self.port)}/metrics"

    def start(self) -> None:
        """Answer requests in a thread of its own."""
        self._thread.start()

    def close(self) -> tuple[str, ...]:
        """End the request that is answered, and give the port back; return the thread's name if it outlives that."""
        self._closing.set()
        self._server.hang_up()
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)
        self._server.server_close()
        return (self._thread.name,) if self._thread.is_alive() else ()

    def _serve(self) -> None:
        while not self._closing.is_set():
            self._server.handle_request()


class _Server(HTTPServer):
    """An HTTP server on a socket that listens already."""

    timeout = POLL_S

    def __init__(self, listener: socket.socket, handler: type[Any]) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__((host, port), handler, bind_and_activate=False)
        self.socket.close()
        self.socket, self.server_name, self.server_port = listener, host, port
        self._connection: socket.socket | None = None

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a request, within the time that `hang_up` or its own slowness leaves it."""
        request.settimeout(REQUEST_TIMEOUT_S)
        self._connection = request
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the server calls it so
        """Log why a request was not answered; the next one may be."""
        logger.warning("a request of metrics from %s was not answered", client_address, exc_info=True)

    def hang_up(self) -> None:
        """Break the connection that is open, if one is."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)


def _bound_socket(settings: MetricsSettings) -> socket.socket:
    """Listen on one address that the host stands for, of IPv4 where it has any. Raises `ConnectError`."""
    prefix = "metrics-"
    _, address = min(resolve(settings.host, settings.port, prefix))
    (listener,) = listen(address, settings.port, private=False, prefix=prefix)
    return listener
