"""`with` for what is closed at its end, and for output that is finished, or taken back after an error."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """Closed when its `with` block is left, however that ends."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is held; calling it twice does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Output(ABC):
    """Finished when its `with` block is left in order, taken back after an error: no half file stays."""

    @abstractmethod
    def finish(self) -> None:
        """Complete what was written."""

    @abstractmethod
    def abort(self) -> None:
        """Remove what was written; after `finish` this does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        else:
            self.abort()
