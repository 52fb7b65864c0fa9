import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from codec.errors import AudioFileError
from codec.sound.reading import AudioReader, read_sound
from tests.codec.sound.sounds import pcm16, tone, wav


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A web server of the test's folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, name="web-server")
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def test_a_url_is_read_where_it_is_written_as_one(tmp_path: Path, address: str) -> None:
    """Although a path makes one slash of two; what is not there is named as it was written."""
    (tmp_path / "a.wav").write_bytes(wav(pcm16(tone(1.5))))
    np.testing.assert_allclose(read_sound(Path(f"{address}/a.wav")), tone(1.5), atol=1e-4)
    with pytest.raises(AudioFileError, match=f"cannot read '{address}/b.wav'.*404"):
        AudioReader(Path(f"{address}/b.wav"))


def test_a_file_reaches_no_other_file_and_no_host(tmp_path: Path, address: str) -> None:
    """A playlist is text: what it names is not opened, nor are names that only ffmpeg would understand."""
    (tmp_path / "a.wav").write_bytes(wav(pcm16(tone(1.5))))
    (tmp_path / "a.m3u8").write_text(f"#EXTM3U\n#EXTINF:1.5,\n{address}/a.wav\n#EXT-X-ENDLIST\n")
    for name in (
        tmp_path / "a.m3u8",
        Path(f"concat:{tmp_path}/a.wav"),
        Path(f"subfile,,start,0,end,0,,:{tmp_path}/a.wav"),
    ):
        with pytest.raises(AudioFileError):
            AudioReader(name)
