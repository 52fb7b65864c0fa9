"""The real commands as processes of their own: what a shell sees of them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.conftest import DATA
from tests.net.links import write_speech
from tests.ports import free_port

TINY = str(DATA / "golden" / "tiny")

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start `esc-tui` with arguments; what still runs at the end is killed."""
    processes: list[subprocess.Popen[bytes]] = []

    def run(*arguments: object) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "esc_tui", *map(str, arguments), "--model-path", TINY, "--json"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # a small model gains nothing from more
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def await_record(process: "subprocess.Popen[bytes]", wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Read JSON lines up to the first one that is wanted."""
    assert process.stdout is not None
    for line in process.stdout:
        record: dict[str, Any] = json.loads(line)
        if wanted(record):
            return record
    raise AssertionError("the process ended before that")


def is_report(record: dict[str, Any]) -> bool:
    return record["type"] == "report"


def test_two_terminals_and_ctrl_c_in_mid_stream(tmp_path: Path, start: Start) -> None:
    """Ctrl-C ends the sender in order; the receiver saves what came, waits on, and ends in order itself."""
    speech = write_speech(tmp_path / "in.wav", 16000 * 60)
    port = free_port()
    receiver = start("receiver", "--port", port, "--save-path", tmp_path / "out")
    sender = start(
        "sender", "--input", speech, "--port", port, "--realtime", "--chunk-size", 3200, "--overlap_size", 320
    )
    await_record(sender, lambda record: record["type"] == "snapshot" and record["chunks"]["sent"] > 0)
    sender.send_signal(signal.SIGINT)
    report = await_record(sender, is_report)
    assert report["exit_code"] == 130
    assert sender.wait(20) == 130
    assert report["streams"][0]["chunks"]["acknowledged"] == report["streams"][0]["chunks"]["read"]
    receiver.send_signal(signal.SIGTERM)
    received = await_record(receiver, is_report)["streams"][0]
    assert receiver.wait(20) == 130
    assert received["state"] == "done"
    assert soundfile.info(received["files"][0]).frames == round(received["audio_s"] * 16000) > 0


def test_a_killed_sender_leaves_a_whole_file(tmp_path: Path, start: Start) -> None:
    """After SIGKILL the receiver closes the file with all that came, and says that the stream is broken."""
    speech = write_speech(tmp_path / "in.wav", 16000 * 60)
    port = free_port()
    receiver = start("receiver", "--port", port, "--save-path", tmp_path / "out", "--once", "--grace", 0.2)
    sender = start(
        "sender", "--input", speech, "--port", port, "--realtime", "--chunk-size", 3200, "--overlap-size", 320
    )
    await_record(receiver, lambda record: record["type"] == "snapshot" and record["chunks"]["saved"] > 0)
    sender.kill()
    report = await_record(receiver, is_report)
    assert receiver.wait(20) == 4
    assert report["exit_code"] == 4
    (stream,) = report["streams"]
    assert stream["state"] == "failed"
    assert soundfile.info(stream["files"][0]).frames == round(stream["audio_s"] * 16000) > 0
