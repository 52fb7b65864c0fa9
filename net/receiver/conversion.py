"""The files of a stream that has ended, in the format that was asked for: first WAV, which a crash does not harm."""

import contextlib
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from codec.errors import AudioFileError
from codec.sound.formats import SoundFormat
from codec.sound.transcoding import transcode_wav
from codec.sound.wav import held_samples
from net.protocol.messages import Refusal
from net.receiver.context import ReceiverContext
from net.receiver.quota import BYTES_PER_SAMPLE, StreamQuota, size_in_blocks
from net.runtime.pipeline import Pipeline
from net.runtime.queues import PipelineStopped
from net.telemetry.stats import Severity

NICE: Final = 10
"""Streams that are decoded at the same time come first."""


class Conversion:
    """Writes WAV files anew in the receiver's format, in a thread of its own.

    Each WAV is removed when the other file is whole. Where that fails or is stopped, it and those after it stay, and an
    event tells. Any thread may call any method.
    """

    def __init__(self, context: ReceiverContext, stream_id: str, quota: StreamQuota) -> None:
        self.format: SoundFormat = context.settings.audio_format
        self._error: AudioFileError | None = None
        self._events, self._quota = context.events.for_stream(stream_id), quota
        self._wavs: Sequence[Path] = ()
        self._written: dict[Path, Path] = {}
        self._pipeline = Pipeline(f"receiver-{stream_id[:4]}", context.clock)
        self._pipeline.add_stage("convert", self._run)
        self._pipeline.on_end(self._report_end)

    @property
    def error(self) -> BaseException | None:
        """What kept a file from being written."""
        return self._error or self._pipeline.error

    def start(self, wavs: Sequence[Path]) -> None:
        """Begin with files that are closed; does nothing where WAV is wanted, or after `abort`."""
        if self.format is not SoundFormat.WAV:
            self._wavs = wavs
            self._pipeline.start()

    def skip(self, wav: Path, reason: str) -> None:
        """Tell why a file stays WAV, where that is not what is wanted."""
        if self.format is not SoundFormat.WAV:
            self._events.warning(f"{wav} stays WAV: {reason}")

    def abort(self) -> None:
        """Stop at the next second of sound; what is not written stays WAV."""
        self._pipeline.close()

    def join(self, timeout_s: float) -> tuple[str, ...]:
        """Wait for the thread; return its name if it is still alive."""
        return self._pipeline.join(timeout_s)

    def wait(self, timeout_s: float) -> bool:
        """Wait until nothing is being written; return whether that is so."""
        return not self._wavs or self._pipeline.ended.wait(timeout_s)

    def path_of(self, wav: Path) -> Path:
        """Where the sound of a WAV file is now."""
        return self._written.get(wav, wav)

    def _run(self) -> None:
        if sys.platform == "linux":  # where a thread has a priority of its own
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        try:
            for wav in self._wavs:
                self._convert(wav)
        except Refusal as refusal:  # of the quota
            self._error = AudioFileError(refusal.reason)
        except AudioFileError as error:
            self._error = error

    def _report_end(self) -> None:
        left = [wav for wav in self._wavs if wav not in self._written]
        if left:
            more = f", and {len(left) - 1} more" if len(left) > 1 else ""
            reason = self.error or "the receiver was stopped"
            severity = Severity.ERROR if self.error else Severity.WARNING
            self._events.add(severity, f"{left[0]} stays WAV{more}: {reason}")

    def _convert(self, wav: Path) -> None:
        try:
            samples, wav_bytes = held_samples(wav), wav.stat().st_size
        except OSError as error:
            raise AudioFileError(f"cannot read {str(wav)!r}: {error.strerror}") from error
        if not samples:
            self._written[wav] = wav  # no format but WAV holds no sound
            return
        target = wav.with_suffix(f".{self.format}")
        free_bytes = self._quota.reserve_copy(wav_bytes)
        try:
            transcode_wav(wav, target, self.format, samples, self._check)
            free_bytes -= size_in_blocks(target)
            wav.unlink()
            free_bytes += samples * BYTES_PER_SAMPLE
        except OSError as error:
            raise AudioFileError(f"cannot remove {str(wav)!r}: {error.strerror}") from error
        finally:
            self._quota.release(free_bytes)
        self._written[wav] = target

    def _check(self) -> None:
        if self._pipeline.stopping.is_set():
            raise PipelineStopped
