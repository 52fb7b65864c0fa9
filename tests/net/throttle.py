"""A network on loopback that carries so many bits a second and buffers next to nothing, until it opens."""

import contextlib
import socket
import threading
import time

DEADLINE_S = 30.0
RECEIVE_BUFFER_BYTES = 2304
SLICE_BYTES = 64


class Throttle:
    """A proxy; `rate_bps` holds from the client to the target, None: as it comes. It can stall, and cut connections.

    While `target_port` is None nobody is there.
    """

    def __init__(self, target_port: int | None, rate_bps: int | None) -> None:
        self.rate_bps = rate_bps
        self.target_port = target_port
        self.flowing = threading.Event()
        """Cleared: no byte passes."""
        self.flowing.set()
        self.passed_bytes = 0
        """What the clients have sent."""
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
        self.flowing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(DEADLINE_S)
        self.cut()
        for thread in self._threads:
            thread.join(DEADLINE_S)

    def cut(self) -> None:
        """End all connections."""
        while self._sockets:
            end = self._sockets.pop()
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = self._reach_target()
                if far is None:
                    near.close()
                    continue
                self._sockets += [near, far]
                self._threads = [thread for thread in self._threads if thread.is_alive()]
                for source, sink, slow in ((near, far, True), (far, near, False)):
                    thread = threading.Thread(target=self._pump, args=(source, sink, slow), name="throttle-pump")
                    self._threads.append(thread)
                    thread.start()

    def _reach_target(self) -> socket.socket | None:
        if self.target_port is None:
            return None
        try:
            return socket.create_connection(("127.0.0.1", self.target_port))
        except OSError:
            return None

    def _pump(self, source: socket.socket, sink: socket.socket, slow: bool) -> None:
        free_s = time.monotonic()
        with contextlib.suppress(OSError):
            while data := source.recv(SLICE_BYTES if slow and self.rate_bps else 4096):
                rate_bps = self.rate_bps
                if slow and rate_bps is not None:
                    free_s = max(free_s, time.monotonic()) + len(data) * 8 / rate_bps
                    self._closed.wait(free_s - time.monotonic())
                self.flowing.wait()
                self.passed_bytes += len(data) * slow
                sink.sendall(data)
        for end in (sink, source):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
