"""The messages that threads send to the console.

| message | from | to | says |
|---|---|---|---|
| `Published` | publisher | console screen | the engines as they are now, and their new events |
| `StartFailed` | supervisor | console screen | an engine could not start, and why |
| `PeerAsked` | an engine | app | a peer waits to be trusted, or needs no answer any more |
| `EnginesEnded` | supervisor | app | all engines have ended after a stop; threads that outlived it |
"""

from dataclasses import dataclass

from textual.message import Message

from esc_tui.console.view import LoggedEvent, View
from net.transport.security.trust_questions import TrustQuestion


@dataclass
class Published(Message):
    """The engines at one moment. A newer one replaces an older one that still waits; the newer holds its events too."""

    view: View
    events: tuple[LoggedEvent, ...]
    next_sequences: tuple[int, ...]
    """For each engine, the number after its last event in `events`: what the reader acknowledges."""

    def can_replace(self, message: Message) -> bool:
        """A newer view supersedes one that nobody has seen."""
        return isinstance(message, Published)


@dataclass
class StartFailed(Message):
    """Engine `engine` could not start."""

    engine: int
    reason: str


@dataclass
class PeerAsked(Message):
    """A peer waits for an answer while `question` is open; then the question is settled."""

    question: TrustQuestion


@dataclass
class EnginesEnded(Message):
    """The stop that was asked for is complete."""

    survivors: tuple[str, ...]
