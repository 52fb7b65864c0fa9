"""The errors that esc-tui shows to its user, in one tree.

Each message reads as advice: what is wrong, with which value, and what to do.

    EscError
    ├── UsageError          an option or argument is out of range
    ├── ModelError          a model folder is missing, broken or of another kind
    ├── AudioFileError      a sound file cannot be read or written
    │   └── IncompleteSound a part of it is missing: the rest was read
    ├── ContainerError      an .esc file is broken
    │   └── DamagedChunk    one chunk of it is: the others can be decoded
    └── net.errors.LinkError and what stands below it
"""


class EscError(Exception):
    """Root of all errors that are shown to the user."""


class UsageError(EscError):
    """An option or argument has a value that cannot work."""


class ModelError(EscError):
    """A model folder cannot be loaded: missing, broken, or not an ESC model."""


class AudioFileError(EscError):
    """A sound file cannot be read or written."""


class IncompleteSound(AudioFileError):
    """A part of a sound is missing or damaged; what could be read was used."""


class ContainerError(EscError):
    """An `.esc` file is broken, cut off, or of an unknown version."""


class DamagedChunk(ContainerError):
    """Chunk `index` of an `.esc` file does not have the content that was written."""

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index
