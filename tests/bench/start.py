"""What starting costs: from the command to the first byte on the wire, beside importing torch alone."""

import socket
import subprocess
import sys
import time
from dataclasses import dataclass

from esc_tui.options.demo import SPEECH_SAMPLE

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds, the best of several rounds."""

    torch_import_s: float
    first_byte_s: float

    @property
    def beyond_torch_s(self) -> float:
        """What the sender adds to torch's own import; less than nothing where both overlap."""
        return self.first_byte_s - self.torch_import_s


def start() -> Start:
    """Start `esc-tui sender` for a receiver that is there, and a bare interpreter that imports torch, in turns."""
    rounds = [(_torch_import_s(), _first_byte_s()) for _ in range(ROUNDS + 1)][1:]
    return Start(*(min(times) for times in zip(*rounds, strict=True)))


def _torch_import_s() -> float:
    start_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - start_s


def _first_byte_s() -> float:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "esc_tui",
            "sender",
            "--json",
            "--input",
            str(SPEECH_SAMPLE),
            "--port",
            str(port),
        ]
        start_s = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as sender:
            connection, _ = server.accept()
            with connection:
                connection.recv(1)
                first_byte_s = time.perf_counter() - start_s
                sender.kill()
    return first_byte_s
