import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile

from tests.ports import free_port

PROJECT = Path(__file__).parents[2]
GUIDES = PROJECT / "docs" / "guides"
SAMPLE = PROJECT / "esc_tui" / "samples" / "speech.flac"
SPEECH_SAMPLES = 24000
HAS_METRICS = bool(find_spec("pystoi") and find_spec("pesq"))
DEADLINE_S = 100
BASH = shutil.which("bash")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording and a corpus, as the guides want them, and a folder for PATH."""
    speech, rate = soundfile.read(SAMPLE, frames=SPEECH_SAMPLES)
    (tmp_path / "corpus" / "speaker").mkdir(parents=True)
    for name in ("speech.wav", "corpus/a.wav", "corpus/speaker/b.wav"):
        soundfile.write(tmp_path / name, speech, rate)
    (tmp_path / "bin").mkdir()
    for program, module in (("esc-tui", "-m esc_tui"), ("python3", ""), ("python", "")):
        path = tmp_path / "bin" / program
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        path.chmod(0o755)
    return tmp_path


def scripts(guide: Path) -> Iterator[str]:
    """Yield the shell blocks of a guide, and all its Python in one program, as bash runs them."""
    text, port = guide.read_text(), str(free_port())
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if HAS_METRICS or "--metrics" not in block:
            yield block.replace("8888", port)
    if python := "".join(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)):
        yield f"python3 - <<'EOF'\n{python}EOF\n"


@pytest.mark.timeout(400)  # a dozen programs start, each of which imports torch
@pytest.mark.skipif(BASH is None, reason="there is no bash")
@pytest.mark.parametrize("guide", sorted(GUIDES.glob("*.md")), ids=lambda guide: guide.stem)
def test_the_commands_of_a_guide_work_as_they_stand(guide: Path, folder: Path) -> None:
    """Each block ends well, leaves no program behind, and what the guide speaks of is there."""
    assert BASH is not None
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(PROJECT)}
    environment |= {"XDG_STATE_HOME": str(folder / "state"), "OMP_NUM_THREADS": "2"}
    for number, script in enumerate(scripts(guide)):
        log = folder / f"{number}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [BASH, "-euo", "pipefail", "-c", script],
                cwd=folder,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                code = process.wait(DEADLINE_S)
            finally:
                left = _end_group(process)
        assert code == 0, f"{script}\n{log.read_text()}"
        assert not left, f"{script} left a program behind"
    for name in LEAVES[guide.stem]:
        assert list(folder.glob(name)), f"there is no {name}"


LEAVES = {
    "radio-link": ["received/received_1.5kbps_*.wav", "archive/encoded_1.5kbps_speech.esc"],
    "measuring": ["received/received_1.5kbps_*.wav", "received/received_9.0kbps_*.wav"],
    "speech-tokens": [
        "tokens/speaker/*.esc",
        "tokens-coarse/*.esc",
        "heard/*.wav",
        "corpus/speaker/b.npz",
        "heard.wav",
    ],
}
"""What is there when a guide's commands have run."""


def _end_group(process: "subprocess.Popen[bytes]") -> bool:
    """End what a script has started and what still runs; return whether anything did."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
