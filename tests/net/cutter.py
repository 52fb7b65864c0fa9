"""A network that fails when a test says so."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterable

DEADLINE_S = 30.0


class Cutter:
    """A proxy on loopback whose connections can be cut, and whose target can go away and come back elsewhere.

    With `limits`, each new connection is cut after so many bytes from the client, with `answer_limits` after so many
    from the target; those beyond the last are not.
    """

    def __init__(self, target_port: int | None, limits: Iterable[int] = (), answer_limits: Iterable[int] = ()) -> None:
        self.target_port = target_port
        self._limits, self._answer_limits = iter(limits), iter(answer_limits)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="cutter")]

    def __enter__(self) -> "Cutter":
        self._threads[0].start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(DEADLINE_S)

    def cut(self) -> None:
        """Reset all connections."""
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._sockets.clear()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.target_port is None:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target_port))
            self._sockets += [near, far]
            limit, answer_limit = next(self._limits, None), next(self._answer_limits, None)
            for source, sink, most in ((near, far, limit), (far, near, answer_limit)):
                thread = threading.Thread(target=self._pump, args=(source, sink, most), name="cutter-pump")
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        with contextlib.suppress(OSError):
            while limit != 0 and (data := source.recv(4096 if limit is None else min(4096, limit))):
                sink.sendall(data)
                limit = None if limit is None else limit - len(data)
            sink.shutdown(socket.SHUT_RDWR)
            source.shutdown(socket.SHUT_RDWR)
        if limit is not None:
            source.close()
            sink.close()
