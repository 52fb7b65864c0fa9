"""The files of a stream in the format that was asked for, and the WAV files where that does not work."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.codec import Codec
from codec.sound.formats import SoundFormat
from codec.sound.wav import WavWriter
from net.receiver.conversion import Conversion
from net.receiver.quota import BLOCK_BYTES, Quota, StreamQuota, size_in_blocks
from net.settings import QuotaLimits
from tests.clock import FakeClock
from tests.conftest import DEADLINE_S
from tests.net.links import read_pcm16
from tests.net.protocol.exchange import HELLO, chunk
from tests.net.receiver.contexts import make_context, texts
from tests.net.receiver.disks import full_disk

RATE = 16000


class Converting:
    """A stream's files as they are when it has ended, charged as the stream was."""

    def __init__(self, folder: Path, codec: Codec, file_format: SoundFormat, **limits: int) -> None:
        clock = FakeClock()
        settings = {"audio_format": file_format, "intake": QuotaLimits(**limits)}  # type: ignore[arg-type]
        self.context = make_context(folder, codec, clock, **settings)
        self.quota = Quota(self.context.settings, clock)
        stream: StreamQuota = self.quota.open(HELLO, "peer")
        stream.take(chunk(0))
        self.conversion = Conversion(self.context, "00ff", stream)
        self.wavs = [folder / "all.wav", folder / "chunks" / "chunk_000000.wav"]
        self.sound = np.random.default_rng(1).normal(0, 0.4, RATE).astype(np.float32)  # some of it clips
        for wav in self.wavs:
            with WavWriter(wav, RATE) as writer:
                writer.write(self.sound)

    def run(self) -> None:
        self.conversion.start(self.wavs)
        assert self.conversion.wait(DEADLINE_S)
        assert self.conversion.join(DEADLINE_S) == ()

    @property
    def suffixes(self) -> list[str]:
        return sorted(path.suffix for wav in self.wavs for path in wav.parent.iterdir() if path.is_file())


@pytest.mark.parametrize("file_format", [SoundFormat.FLAC, SoundFormat.OGG, SoundFormat.MP3, SoundFormat.OPUS])
def test_all_files_get_the_format(tmp_path: Path, tiny_codec: Codec, file_format: SoundFormat) -> None:
    """Each file of sound is written anew with every sample, FLAC bit for bit, and its WAV is gone."""
    converting = Converting(tmp_path, tiny_codec, file_format)
    pcm = read_pcm16(converting.wavs[0])
    converting.run()
    assert converting.suffixes == [f".{file_format}"] * 2
    for wav in converting.wavs:
        made = converting.conversion.path_of(wav)
        assert made == wav.with_suffix(f".{file_format}")
        assert soundfile.info(made).frames == RATE
        if file_format is SoundFormat.FLAC:
            assert np.array_equal(read_pcm16(made), pcm)
    assert texts(converting.context) == []
    assert converting.conversion.error is None


def test_what_the_files_take_in_the_end_is_what_counts(tmp_path: Path, tiny_codec: Codec) -> None:
    """The disk's quota counts the new files, never less than they hold, and no longer the WAV files."""
    converting = Converting(tmp_path, tiny_codec, SoundFormat.MP3)
    converting.wavs = converting.wavs[:1]
    before = converting.quota.disk_bytes
    converting.run()
    made_bytes = size_in_blocks(tmp_path / "all.mp3")
    assert converting.quota.disk_bytes == before - 2 * RATE + made_bytes
    assert converting.quota.disk_bytes >= made_bytes + BLOCK_BYTES  # of the checkpoint


def test_without_room_for_two_files_the_wav_stays(tmp_path: Path, tiny_codec: Codec) -> None:
    """Where both files together would be more than may be saved, that is told, and nothing is counted for it."""
    converting = Converting(tmp_path, tiny_codec, SoundFormat.FLAC, max_disk_bytes=60_000)
    before = converting.quota.disk_bytes
    converting.run()
    assert converting.suffixes == [".wav", ".wav"]
    assert converting.quota.disk_bytes == before
    (text,) = texts(converting.context)
    assert "all.wav stays WAV, and 1 more: the receiver has saved the 60000 bytes" in text


def test_a_full_disk_leaves_the_wav(tmp_path: Path, tiny_codec: Codec) -> None:
    """A file that cannot be written costs nothing: the WAV stays whole, and the error is told and kept."""
    converting = Converting(tmp_path, tiny_codec, SoundFormat.FLAC)
    pcm = read_pcm16(converting.wavs[0])
    with full_disk():
        converting.run()
    assert converting.suffixes == [".wav", ".wav"]
    assert np.array_equal(read_pcm16(converting.wavs[0]), pcm)
    assert converting.conversion.path_of(converting.wavs[0]) == converting.wavs[0]
    assert "stays WAV, and 1 more: cannot write" in texts(converting.context)[0]
    assert converting.conversion.error is not None


def test_a_file_that_came_out_short_does_not_replace_the_wav(
    tmp_path: Path, tiny_codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The WAV is removed only when the other file was read back with every sample."""
    converting = Converting(tmp_path, tiny_codec, SoundFormat.FLAC)
    monkeypatch.setattr("net.receiver.conversion.held_samples", lambda _wav: RATE + 1)
    converting.run()
    assert converting.suffixes == [".wav", ".wav"]
    assert "16000 samples of 16001" in texts(converting.context)[0]


def test_an_empty_wav_stays(tmp_path: Path, tiny_codec: Codec) -> None:
    """A stream without sound leaves the empty WAV that it began with, and no error."""
    converting = Converting(tmp_path, tiny_codec, SoundFormat.FLAC)
    WavWriter(converting.wavs[0], RATE).close()
    converting.run()
    assert converting.suffixes == [".flac", ".wav"]
    assert texts(converting.context) == []


def test_stopping_leaves_the_wav(tmp_path: Path, tiny_codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    """`abort` ends the work within a second of sound; no half file stays, and what was not written is told."""
    converting = Converting(tmp_path, tiny_codec, SoundFormat.FLAC)
    began, go_on = threading.Event(), threading.Event()

    def held(*_arguments: object) -> None:
        check: Callable[[], None] = _arguments[-1]  # type: ignore[assignment]
        began.set()
        assert go_on.wait(DEADLINE_S)
        check()

    monkeypatch.setattr("net.receiver.conversion.transcode_wav", held)
    converting.conversion.start(converting.wavs)
    assert began.wait(DEADLINE_S)
    assert not converting.conversion.wait(0)
    converting.conversion.abort()
    go_on.set()
    assert converting.conversion.join(DEADLINE_S) == ()
    assert converting.conversion.wait(0)
    assert converting.suffixes == [".wav", ".wav"]
    assert "and 1 more: the receiver was stopped" in texts(converting.context)[0]
