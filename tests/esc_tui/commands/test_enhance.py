"""`--enhance` of `sender` and `compress`, as it is typed."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec import compress
from codec.codec import Codec
from codec.container import EscReader
from codec.sound import enhancement
from codec.sound.enhancement import Enhancer
from esc_tui.cli import run
from esc_tui.errors import ExitCode
from tests.conftest import DATA
from tests.net.links import write_speech

MODEL = ["--model-path", str(DATA / "golden" / "tiny")]
needs_the_extra = pytest.mark.skipif(find_spec("webrtc_noise_gain") is None, reason="the extra voice is not installed")


@needs_the_extra
def test_compress_codes_the_enhanced_sound(tmp_path: Path, tiny_codec: Codec) -> None:
    """The codes are those of the enhanced sound, whose length is that of the file."""
    source = write_speech(tmp_path / "speech.wav", 40001)
    out = tmp_path / "out"
    assert run(["compress", str(source), "--enhance", "--jobs", "1", "--save-path", str(out), *MODEL]) == 0
    (path,) = out.glob("*.esc")
    audio, _ = soundfile.read(source, dtype="float32")
    enhancer = Enhancer()
    enhanced = np.concatenate([enhancer.push(audio), enhancer.finish()])
    assert path.read_bytes() == compress(enhanced, tiny_codec)
    with EscReader(path) as reader:
        assert reader.total_samples == 40001


@needs_the_extra
def test_many_files_at_once_do_not_mix(tmp_path: Path) -> None:
    """Each file has an enhancer of its own: two jobs give what one gives."""
    sources = [str(write_speech(tmp_path / f"{samples}.wav", samples)) for samples in (30000, 30001, 30002, 30003)]
    found = []
    for jobs in ("1", "2"):
        out = tmp_path / jobs
        assert (
            run(["compress", *sources, "--enhance", "--no-audio", "--jobs", jobs, "--save-path", str(out), *MODEL]) == 0
        )
        found.append([path.read_bytes() for path in sorted(out.glob("*.esc"))])
    assert len(found[0]) == 4
    assert found[0] == found[1]


@needs_the_extra
@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["sender", "--input", "codes.ESC", "--enhance"], "codes.ESC holds codes"),
        (["compress", "codes.esc", "--to-streams", "2", "--enhance"], "leave one of them out"),
    ],
)
def test_codes_cannot_be_enhanced(arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is coded already is refused, and told why."""
    assert run(arguments) == ExitCode.WRONG_USE
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["sender", "--microphone", "--enhance"], ["compress", "a.wav", "--enhance"]])
def test_the_missing_package_is_named(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the extra the option says how to install it, before anything is opened."""
    monkeypatch.setattr(enhancement, "find_spec", lambda _name: None)
    assert run(arguments) == ExitCode.WRONG_USE
    assert "pip install 'esc-tui[voice]'" in capsys.readouterr().err


def test_nothing_is_loaded_without_the_option(tmp_path: Path) -> None:
    """Without `--enhance` the package is not imported, installed or not."""
    source = write_speech(tmp_path / "speech.wav", 8000)
    arguments = ["compress", str(source), "--jobs", "1", "--save-path", str(tmp_path / "out"), *MODEL]
    code = f"import sys; from esc_tui.cli import run; run({arguments}); print('webrtc_noise_gain' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert list(tmp_path.glob("out/*.esc"))
