"""The formats of sound files that are written."""

import enum


class SoundFormat(enum.StrEnum):
    """The formats that are written, named as their files end."""

    WAV = "wav"
    FLAC = "flac"
    OGG = "ogg"
    MP3 = "mp3"
    OPUS = "opus"
