"""Asking a person whether a peer is who it should be, from a thread that waits for the answer."""

import threading
from collections.abc import Callable
from typing import Final

ANSWER_S: Final = 50.0
"""How long a person may think; then the answer is no."""


class TrustQuestion:
    """One peer and the fingerprint that it has proved, waiting for a yes or a no; the first answer counts."""

    def __init__(self, peer: str, fingerprint: str) -> None:
        self.peer, self.fingerprint = peer, fingerprint
        self._settled = threading.Event()
        self._trusted = False
        self._lock = threading.Lock()

    @property
    def open(self) -> bool:
        """Whether an answer still counts."""
        return not self._settled.is_set()

    def answer(self, trusted: bool) -> None:
        """Answer; may be called from any thread."""
        with self._lock:
            if self.open:
                self._trusted = trusted
                self._settled.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the answer; none within `timeout_s` is a no."""
        self._settled.wait(timeout_s)
        self.answer(False)
        return self._trusted


class TrustQuestions:
    """Puts questions to the person at the console, one at a time: whoever comes meanwhile gets a no."""

    def __init__(self, listener: Callable[[TrustQuestion], object] | None = None, answer_s: float = ANSWER_S) -> None:
        self.listener = listener
        """Is told each question, and again when it is settled; must not block. None: nobody is there to ask."""
        self._answer_s = answer_s
        self._lock = threading.Lock()
        self._question: TrustQuestion | None = None
        self._stopped = False

    def ask(self, peer: str, fingerprint: str) -> bool:
        """Ask, and wait for the answer (an `Ask` of `trust`); no where nobody is there or somebody else waits."""
        question = TrustQuestion(peer, fingerprint)
        with self._lock:
            listener = self.listener
            if listener is None or self._stopped or self._question is not None:
                return False
            self._question = question
        try:
            listener(question)
            return question.wait(self._answer_s)
        finally:
            with self._lock:
                self._question = None
            listener(question)

    def stop(self) -> None:
        """Wake whoever waits: the answer is no, now and from now on."""
        with self._lock:
            self._stopped = True
            question = self._question
        if question is not None:
            question.answer(False)
