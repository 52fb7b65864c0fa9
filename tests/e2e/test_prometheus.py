"""A real Prometheus server scrapes both ends of a link, and answers what the dashboard asks."""

import json
import shutil
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DATA
from tests.net.links import write_speech
from tests.net.metrics.test_dashboard import queries
from tests.net.waiting import wait_until
from tests.ports import free_port

pytestmark = [
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="there is no Prometheus server here"),
    pytest.mark.timeout(180),
]
MODEL = ["--model-path", str(DATA / "golden" / "tiny")]
SAMPLES = 16000 * 5
VARIABLES = {"$job": ".*", "$role": ".*", "$stream": ".*", "$__rate_interval": "1m"}


@contextmanager
def started(*command: str, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (cwd / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=cwd)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


class Prometheus:
    """The server's HTTP interface."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}/api/v1"

    def ask(self, path: str, **parameters: str) -> Any:
        with urllib.request.urlopen(f"{self._address}/{path}?{urllib.parse.urlencode(parameters)}") as response:  # noqa: S310 - http
            return json.load(response)["data"]

    def values(self, query: str) -> list[float]:
        return [float(series["value"][1]) for series in self.ask("query", query=query)["result"]]

    def finds(self, query: str, value: float) -> bool:
        """Whether the query gives this one value; False also while the server does not answer yet."""
        try:
            return self.values(query) == [value]
        except OSError:
            return False


def filled_in(query: str) -> str:
    """Put values in the place of Grafana's variables."""
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    return query


def config(folder: Path, *ports: int) -> Path:
    targets = json.dumps([f"localhost:{port}" for port in ports])
    path = folder / "prometheus.yml"
    path.write_text(
        "global: {scrape_interval: 250ms, scrape_timeout: 250ms}\n"
        f"scrape_configs: [{{job_name: esc-tui, static_configs: [{{targets: {targets}}}]}}]\n"
    )
    return path


def test_prometheus_counts_what_was_streamed(tmp_path: Path) -> None:
    """Its totals are those of the stream, and every query of the dashboard is one that it understands."""
    port, server_port, receiver_port, sender_port = (free_port() for _ in range(4))
    speech = write_speech(tmp_path / "speech.wav", SAMPLES)
    esc_tui = [sys.executable, "-m", "esc_tui"]
    receiver = [*esc_tui, "receiver", "--save-path", str(tmp_path), "--metrics-port", str(receiver_port)]
    sender = [*esc_tui, "sender", "--input", str(speech), "--realtime", "--metrics-port", str(sender_port)]
    server = ["prometheus", f"--config.file={config(tmp_path, receiver_port, sender_port)}"]
    server += [f"--web.listen-address=127.0.0.1:{server_port}", f"--storage.tsdb.path={tmp_path / 'tsdb'}"]
    link = ["--port", str(port), "--headless", *MODEL]
    prometheus = Prometheus(server_port)
    with started(*server, cwd=tmp_path), started(*receiver, *link, cwd=tmp_path):
        wait_until(lambda: prometheus.finds(f'up{{instance="localhost:{receiver_port}"}}', 1.0), 60.0)
        with started(*sender, *link, cwd=tmp_path) as sending:
            wait_until(lambda: prometheus.values('esc_wire_bytes_total{role="sender"}'), 60.0)
            assert sending.wait(60) == 0
        done = 'esc_stream_state{role="receiver", state="done"}'
        wait_until(lambda: prometheus.finds(done, 1.0), 30.0)
        assert prometheus.values('esc_audio_seconds_total{role="receiver"}') == [SAMPLES / 16000]
        decoded = 'esc_latency_seconds_count{role="receiver", stage="decoded"}'
        assert prometheus.values(decoded) == prometheus.values('esc_chunks_decoded_total{role="receiver"}') == [5.0]
        for query in queries():
            if not query.startswith("label_values"):
                prometheus.values(filled_in(query))
