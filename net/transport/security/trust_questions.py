"""Asking a person whether a peer is who it should be, from a thread that waits for the answer."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, wait
from typing import Final

ANSWER_S: Final = 50.0
"""How long a person may think; then the answer is no."""


class TrustQuestion:
    """One peer and the fingerprint that it has proved, waiting for a yes or a no; the first answer counts."""

    def __init__(self, peer: str, fingerprint: str) -> None:
        self.peer, self.fingerprint = peer, fingerprint
        self._answer: Future[bool] = Future()

    @property
    def open(self) -> bool:
        """Whether an answer still counts."""
        return not self._answer.done()

    def answer(self, trusted: bool) -> None:
        """Answer; may be called from any thread."""
        with contextlib.suppress(InvalidStateError):  # it was answered before
            self._answer.set_result(trusted)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the answer; none within `timeout_s` is a no."""
        wait([self._answer], timeout_s)
        self.answer(False)
        return self._answer.result()


Listener = Callable[[TrustQuestion], object]
"""Gets each question, and again when it is answered; must not block."""


class TrustQuestions:
    """Asks the person at the console one question at a time; a second one meanwhile is answered with no."""

    def __init__(self, listener: Listener | None = None, answer_s: float = ANSWER_S) -> None:
        self._listener, self._answer_s = listener, answer_s
        self._lock = threading.Lock()
        self._question: TrustQuestion | None = None
        self._stopped = False

    def subscribe(self, listener: Listener) -> None:
        """Put the questions to `listener` from now on; before, every answer is no."""
        with self._lock:
            self._listener = listener

    def ask(self, peer: str, fingerprint: str) -> bool:
        """Ask, and wait for the answer (an `Ask` of `trust`); no where there is no listener or a question is open."""
        question = TrustQuestion(peer, fingerprint)
        with self._lock:
            listener = self._listener
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
        """Answer the open question and all later ones with no."""
        with self._lock:
            self._stopped = True
            question = self._question
        if question is not None:
            question.answer(False)
