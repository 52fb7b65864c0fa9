"""The messages that threads send to the console: the publisher, an engine that asks, the supervisor."""

from dataclasses import dataclass

from textual.message import Message

from esc_tui.console.view import LoggedEvent, View
from net.transport.security.trust_questions import TrustQuestion


@dataclass
class Published(Message):
    """The engines at one moment; a newer one replaces one that still waits to be handled."""

    view: View

    def can_replace(self, message: Message) -> bool:
        """A newer view supersedes an older one."""
        return isinstance(message, Published)


@dataclass
class EventsLogged(Message):
    """New events of all engines, in the order of their times."""

    events: tuple[LoggedEvent, ...]


@dataclass
class PeerAsked(Message):
    """A peer waits for an answer while `question` is open; then the question is settled."""

    question: TrustQuestion


@dataclass
class EnginesEnded(Message):
    """The stop that was asked for is complete."""

    survivors: tuple[str, ...]
