"""A network on loopback that carries so many bits a second and buffers next to nothing, until it opens."""

import contextlib
import socket
import threading
import time

DEADLINE_S = 30.0
RECEIVE_BUFFER_BYTES = 2304
SLICE_BYTES = 64


class Throttle:
    """A proxy for connections one after another; `rate_bps` holds from the client to the target, None: as it comes."""

    def __init__(self, target_port: int, rate_bps: int | None) -> None:
        self.rate_bps = rate_bps
        self._target_port = target_port
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        self._closed = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="throttle")]

    def __enter__(self) -> "Throttle":
        self._threads[0].start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._closed.set()
        for end in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(DEADLINE_S)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target_port))
                self._sockets += [near, far]
                for source, sink, slow in ((near, far, True), (far, near, False)):
                    thread = threading.Thread(target=self._pump, args=(source, sink, slow), name="throttle-pump")
                    self._threads.append(thread)
                    thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, slow: bool) -> None:
        free_s = time.monotonic()
        with contextlib.suppress(OSError):
            while data := source.recv(SLICE_BYTES if slow and self.rate_bps else 4096):
                rate_bps = self.rate_bps
                if slow and rate_bps is not None:
                    free_s = max(free_s, time.monotonic()) + len(data) * 8 / rate_bps
                    self._closed.wait(free_s - time.monotonic())
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
