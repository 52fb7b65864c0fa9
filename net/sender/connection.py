"""The sender's link: one exchange after another, over as many connections as the stream takes."""

from net.errors import ConnectionLost
from net.protocol.messages import Hello
from net.sender.connecting import FIRST_BACKOFF_S, LONGEST_BACKOFF_S, AcceptedConnection, Connector
from net.sender.exchange import Exchange
from net.sender.rate_controller import RateController
from net.sender.send_buffer import SendBuffer
from net.sender.source_control import SourceControl
from net.settings import SenderSettings
from net.telemetry.stats import LinkState
from net.telemetry.stream_context import StreamContext
from net.transport.listening import address_text
from net.transport.security.peer_verifier import PeerVerifier


class SenderConnection:
    """Sends what the buffer holds, over one connection after another, until the receiver says that all is saved."""

    def __init__(
        self,
        settings: SenderSettings,
        buffer: SendBuffer,
        rate: RateController,
        control: SourceControl,
        context: StreamContext,
    ) -> None:
        self._buffer, self._rate, self._control, self._context = buffer, rate, control, context
        self._reconnect_timeout_s = settings.reconnect_timeout_s
        self._connector = Connector(settings, context)
        self._address = self.peer = address_text(settings.host, settings.port)
        """The receiver, as it is shown: the address as it was typed, then who accepted."""
        self._rest_s, self._fruitless_since_s = 0.0, float("inf")

    def run(self, hello: Hello, verifier: PeerVerifier | None) -> None:
        """Stream to the end; with a verifier over TLS.

        Raises `ConnectError`, `StreamRefused`, `ConnectionLost`, `ProtocolError` or `PipelineStopped`, and whatever
        unexpected error ended a thread.
        """
        try:
            while True:
                connection = self._connector.connect(hello, verifier, again=self._control.accepted)
                self._begin(connection)
                acknowledged = self._buffer.acknowledged
                try:
                    Exchange(connection, self._buffer, self._rate, self._context).run()
                    return
                except ConnectionLost as error:
                    self._note_loss(error, progressed=self._buffer.acknowledged > acknowledged)
                # Not to connect again and again to a receiver that accepts and then fails.
                self._context.clock.wait(self._context.stopping, self._rest_s)
                self._context.raise_if_stopping()
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection, which wakes the threads that wait for it."""
        self._connector.close()

    def _begin(self, connection: AcceptedConnection) -> None:
        accept, context = connection.accept, self._context
        self.peer = connection.peer
        self._buffer.rewind(accept.next_chunk, accept.window_chunks)
        self._rate.begin_connection(connection.answer_s, connection.connect_s)
        context.events.info(
            f"{'resumed' if self._control.accepted else 'accepted'} by {accept.receiver or 'the receiver'} at "
            f"{self.peer}, from chunk {accept.next_chunk}"
        )
        context.status.set(LinkState.STREAMING)
        context.meters.start()
        self._control.accept(accept.next_chunk)

    def _note_loss(self, lost: ConnectionLost, *, progressed: bool) -> None:
        """Choose how long to rest; raise where for long no connection got anything acknowledged."""
        now_s = self._context.clock.monotonic_s()
        if progressed:
            self._rest_s, self._fruitless_since_s = 0.0, now_s
        else:
            self._rest_s = min(max(2 * self._rest_s, FIRST_BACKOFF_S), LONGEST_BACKOFF_S)
            self._fruitless_since_s = min(self._fruitless_since_s, now_s)
        fruitless_s = now_s - self._fruitless_since_s
        if fruitless_s > self._reconnect_timeout_s:
            raise ConnectionLost(
                f"{self._address} accepts the stream again and again, but has acknowledged nothing for "
                f"{fruitless_s:.0f} s; the last time {lost}: look what the receiver says"
            ) from lost
        self._context.events.warning(f"connection lost: {lost}")
        self._context.status.set(LinkState.RECONNECTING, str(lost))
