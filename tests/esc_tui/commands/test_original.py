"""The command lines that the documents of the original streaming scripts name; `esc-tui` for `python -m scripts.`."""

import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.codec import Codec
from esc_tui.cli import run
from esc_tui.errors import ExitCode
from net.audio.devices import SYSTEM_AUDIO
from net.receiver.engine import Receiver
from tests.conftest import DATA
from tests.net.audio.fake_audio import FakeSounddevice, FakeStream
from tests.net.links import make_receiver, make_sender, running, write_speech
from tests.ports import free_port

SAMPLES = 8000
SPEECH = "./data/speech_1.wav"
MODEL = "./model/esc9kbps_base_adversarial"

RECEIVERS = [
    f"--host localhost --port 8888 --save_path ./output/received --model_path {MODEL} --device cpu --save_chunks",
    f"--host localhost --port 8888 --save_path ./output/streaming_demo --model_path {MODEL} --device cpu --save_chunks",
    f"--model_path {MODEL} --port 8888",
    f"--model_path {MODEL} --port 8999",
    f"--model_path {MODEL} --port 8888 --buffer_size 4096",
]
SENDERS = [
    (
        f"--input {SPEECH} --host localhost --port 8888 --model_path {MODEL} --num_streams 6 --device cpu --realtime",
        None,
    ),
    (f"--input {SPEECH} --model_path {MODEL} --port 8888", None),
    (
        f"--input {SPEECH} --host localhost --port 8888 --model_path {MODEL} --num_streams 6 --device cpu "
        "--chunk_size 16000 --overlap_size 1600",
        None,
    ),
    (f"--input {SPEECH} --model_path {MODEL} --port 8888 --buffer_size 4096", None),
    (f"--input {SPEECH} --model_path {MODEL} --port 8888 --enable_rate_limit", 3000),
    (f"--input {SPEECH} --model_path {MODEL} --port 8888 --enable_rate_limit --rate_limit_bps 1000", 1000),
    (f"--input {SPEECH} --model_path {MODEL} --port 8888 --enable_rate_limit --rate_limit_bps 2000", 2000),
    (f"--input {SPEECH} --model_path {MODEL} --port 8888 --enable_rate_limit --rate_limit_bps 8000", 8000),
    (f"--input {SPEECH} --model_path {MODEL} --port 8888 --rate_limit_bps 375", 375),
]
"""Each with the bits a second to which it limits the connection."""
MICROPHONES = [
    f"--microphone --model_path {MODEL}",
    f"--microphone --model_path {MODEL} --port 8999",
    f"--microphone --mic_device 1 --model_path {MODEL} --port 8999",
    f"--microphone --enable_rate_limit --rate_limit_bps 3000 --model_path {MODEL} --port 8999",
    f"--microphone --mic_device 0 --enable_rate_limit --rate_limit_bps 9000 --model_path {MODEL} --port 8999",
    f"--microphone --mic_save_path ./recordings/my_audio.wav --model_path {MODEL}",
    f"--microphone --mic_save_path ./recordings/ --model_path {MODEL} --port 8999",
    "--microphone --mic_device 0 --enable_rate_limit --rate_limit_bps 9000 --mic_save_path ./recordings/ "
    f"--model_path {MODEL} --host localhost --port 8999",
]
COMPRESSIONS = [
    f"--input {SPEECH} --save_path ./output --model_path {MODEL} --num_streams 6 --device cpu",
    f"--input {SPEECH} --save_path ./output --model_path {MODEL} --num_streams 6 --device cpu --streaming "
    "--chunk_size 16000 --overlap_size 1600",
]


@pytest.fixture(params=["underscores", "hyphens"])
def words(request: pytest.FixtureRequest) -> Callable[..., list[str]]:
    """Return what is typed for a documented line, with another port, in one of the two spellings."""

    def split(command: str, line: str, port: int | None = None) -> list[str]:
        arguments = line.split()
        if request.param == "hyphens":
            arguments = [re.sub("_", "-", word) if word.startswith("--") else word for word in arguments]
        if port is not None and "--port" in arguments:
            arguments[arguments.index("--port") + 1] = str(port)
        elif port is not None:
            arguments += ["--port", str(port)]
        return [command, *arguments]

    return split


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder as the documents take it for granted."""
    (tmp_path / "data").mkdir()
    write_speech(tmp_path / SPEECH, SAMPLES)
    shutil.copytree(DATA / "golden" / "tiny", tmp_path / MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def receiver(folder: Path, tiny_codec: Codec) -> Iterator[Receiver]:
    receiver = make_receiver(folder / "received", tiny_codec)
    with running(receiver):
        yield receiver


class RecordingBucket:
    """Takes the place of `TokenBucket`: it knows the rates and waits for nothing."""

    rates_bps: list[int]
    slice_bytes = 1 << 20

    def __init__(self, rate_bps: int, _clock: object) -> None:
        self.rates_bps.append(rate_bps)

    def wait_for(self, size_bytes: int, stopping: threading.Event) -> None:
        pass


@pytest.fixture
def rates_bps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rates to which connections are limited from now on."""
    monkeypatch.setattr(RecordingBucket, "rates_bps", rates := [], raising=False)
    monkeypatch.setattr("net.transport.socket_transport.TokenBucket", RecordingBucket)
    return rates


@contextmanager
def in_background(act: Callable[[], object]) -> Iterator[None]:
    """Run `act` in a thread, then interrupt this process as Ctrl-C does; whatever `act` raises is raised here."""
    errors: list[BaseException] = []

    def act_and_interrupt() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised in the thread of the test
            errors.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=act_and_interrupt)
    thread.start()
    try:
        yield
    finally:
        thread.join(30)
    assert not errors, errors


@pytest.mark.parametrize("line", RECEIVERS)
def test_receiver(
    line: str, words: Callable[..., list[str]], folder: Path, tiny_codec: Codec, capsys: pytest.CaptureFixture[str]
) -> None:
    """It listens, saves a stream where the line says, and ends in order at Ctrl-C."""
    port = free_port()

    def stream() -> None:
        sender = make_sender(folder / SPEECH, port, tiny_codec)
        with running(sender):
            assert sender.wait(30)
            assert sender.error is None

    with in_background(stream):
        assert run(words("receiver", line, port)) == ExitCode.INTERRUPTED
    saves = re.search(r"save_path (\S+)", line)
    (wav,) = (folder / (saves[1] if saves else "output")).glob("*.wav")
    assert soundfile.info(wav).frames == SAMPLES
    assert len(list(wav.parent.glob("*_chunks/*.wav"))) == (3 if "save_chunks" in line else 0)
    assert re.search(r"socket buffer +\d{4,} bytes", capsys.readouterr().out)


@pytest.mark.parametrize(("line", "limit_bps"), SENDERS)
def test_sender_with_a_file(
    *,
    line: str,
    limit_bps: int | None,
    words: Callable[..., list[str]],
    receiver: Receiver,
    rates_bps: list[int],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The whole file arrives, at no more than the rate; a rate that was meant in bytes is told of."""
    assert run(words("sender", line, receiver.port)) == ExitCode.DONE
    assert rates_bps[-1:] == ([limit_bps] if limit_bps else [])
    (wav,) = (folder / "received").glob("*.wav")
    assert soundfile.info(wav).frames == SAMPLES
    printed = capsys.readouterr()
    assert re.search(r"socket buffer +\d{4,} bytes", printed.out)
    assert ("bytes/s are --rate-limit-bps" in printed.err) == (limit_bps is not None and limit_bps < 1500)


@pytest.fixture
def microphones(monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    """Two microphones, numbered 0 and 1, in place of the machine's."""
    module = FakeSounddevice()
    module.table = [module.table[0], module.table[2], module.table[1]]
    monkeypatch.setattr(SYSTEM_AUDIO, "_module", module)
    return module


def speak(stream: FakeStream) -> None:
    """Have a microphone hear 20 ms of noise."""
    frames = round(stream.samplerate * 0.02)
    stream.deliver(np.random.default_rng(1).standard_normal((frames, stream.channels)) * 0.1)


@pytest.mark.parametrize("line", MICROPHONES)
def test_sender_with_a_microphone(
    *,
    line: str,
    words: Callable[..., list[str]],
    receiver: Receiver,
    rates_bps: list[int],
    microphones: FakeSounddevice,
    folder: Path,
    wait_until: Callable[[Callable[[], object]], None],
) -> None:
    """Speech goes from the chosen microphone to the receiver until Ctrl-C; the recording is saved where it should."""

    def chunk_arrived() -> bool:
        if (stream := microphones.open_stream()) and stream.active:
            speak(stream)
        return any(stats.audio_s > 0 for stats in receiver.snapshots())

    with in_background(lambda: wait_until(chunk_arrived)):
        assert run(words("sender", line, receiver.port)) == ExitCode.INTERRUPTED
    limit = re.search(r"rate_limit_bps (\d+)", line)
    assert rates_bps[-1:] == ([int(limit[1])] if limit else [])
    device = re.search(r"mic_device (\d)", line)
    assert microphones.streams[-1].options["device"] == int(device[1] if device else 0)
    recordings = [path.name for path in (folder / "recordings").glob("*.wav")]
    if "mic_save_path" in line:
        named = "my_audio.wav" in line
        assert re.fullmatch(r"my_audio\.wav" if named else r"microphone_recording_\d{8}_\d{6}\.wav", *recordings)
    else:
        assert recordings == []


def test_devices_are_listed(
    words: Callable[..., list[str]], microphones: FakeSounddevice, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sender's own option lists them, and ends."""
    assert run(words("sender", f"--list_devices --model_path {MODEL}")) == ExitCode.DONE
    assert microphones.table[0]["name"] in capsys.readouterr().out


@pytest.mark.parametrize("line", COMPRESSIONS)
def test_compress(line: str, words: Callable[..., list[str]], folder: Path) -> None:
    """Codes and sound are written, of a whole file and of one in chunks."""
    assert run(words("compress", line)) == ExitCode.DONE
    (codes,), (sound,) = (folder / "output").glob("encoded_*.esc"), (folder / "output").glob("decoded_*.wav")
    assert codes.stem.removeprefix("encoded") == sound.stem.removeprefix("decoded")
    assert soundfile.info(sound).frames == SAMPLES


def test_the_demo_in_one_command(words: Callable[..., list[str]], folder: Path) -> None:
    """What the demo's script leaves, the whole sound and its chunks, `esc-tui demo` leaves."""
    line = f"--input {SPEECH} --save_path ./output/streaming_demo --model_path {MODEL}"
    assert run(words("demo", line)) == ExitCode.DONE
    (wav,) = (folder / "output/streaming_demo").glob("*.wav")
    assert soundfile.info(wav).frames == SAMPLES
    assert list(wav.parent.glob("*_chunks/*.wav"))
