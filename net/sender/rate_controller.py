"""How many streams a sender uses: what a person chose or, where it may adapt, what the link carries of that."""

import math
import threading
from typing import Final

from codec.chunks.packed import PackedChunk
from codec.container import EscHeader, thin_chunk
from net.protocol.messages import Feedback
from net.runtime.clock import Clock
from net.sender.delay_estimate import DelayEstimate, RoundTrips
from net.sender.rate_policy import BEHIND_S, RatePolicy
from net.sender.send_buffer import SendBuffer
from net.telemetry.events import EventLog
from net.telemetry.meters import LevelHistory

ADAPTIVE_SLACK_S: Final = 0.3
"""Sound that may be on its way beyond what the usual delay keeps there: what is sent cannot be made smaller."""
LIVE_SLACK_S: Final = 1.5
SLOW_ANSWER_S: Final = 0.4
"""A receiver that takes this much longer than a round trip to accept may be behind a slow link."""
FIRST_FLIGHT_S: Final = 0.4
"""Sound that may be on its way, beside a round trip, before anything was acknowledged: a good link takes about that."""
FEWEST_BEYOND: Final = 2
"""In flight beyond those that are needed for an acknowledgement, once a first one has told the usual delay."""
LOSS_ROUND_TRIPS: Final = 2
"""A packet that was lost is sent again, and has come, about so many round trips later."""
FLIGHT_GROWTH: Final = 1.25
"""So much more than the link has lately delivered may be in flight, so that what is behind catches up."""


class RateController:
    """The number of streams, and how much may be in flight. Any thread may call any method."""

    def __init__(
        self,
        chosen: int,
        window: SendBuffer,
        *,
        clock: Clock,
        events: EventLog,
        adaptive: bool,
        timely: bool,
    ) -> None:
        self._chosen = chosen
        self._window, self._clock, self._events = window, clock, events
        self._lock = threading.Lock()
        self._controller = RatePolicy(chosen, clock) if adaptive else None
        self._timely = timely or adaptive
        self._slack_s = ADAPTIVE_SLACK_S if adaptive else LIVE_SLACK_S
        self._hop_s, self._history_chunks = 0.0, 1
        self._backlog: DelayEstimate | None = None
        self._round_trips, self._connect_s = RoundTrips(), 0.0
        self._levels = LevelHistory(clock)
        self._stream: EscHeader | None = None

    def begin(self, stream: EscHeader, history_chunks: int) -> None:
        """Take what holds for the whole stream, and how many chunks more the receiver needs to acknowledge one."""
        self._stream, self._history_chunks = stream, history_chunks
        self._hop_s = stream.plan.hop_samples / stream.sample_rate
        self._backlog = DelayEstimate(self._hop_s, self._clock, history_chunks)
        self._bound_flight(self._backlog)

    @property
    def now(self) -> int:
        """The streams of the next chunk."""
        return self._controller.num_streams if self._controller else self._chosen

    @property
    def chosen(self) -> int:
        """What a person chose."""
        return self._chosen

    @property
    def history(self) -> tuple[int, ...]:
        """The streams in each of the last seconds, oldest first."""
        return self._levels.values()

    def choose(self, num_streams: int) -> None:
        """Use so many streams, or at most so many where the link decides."""
        with self._lock:
            controller = self._controller
            if controller is not None:
                unlimited = controller.num_streams == controller.most
                controller.most = num_streams
                controller.num_streams = num_streams if unlimited else min(num_streams, controller.num_streams)
            self._chosen = num_streams
            self._levels.set(self.now)

    def fit(self, chunk: PackedChunk) -> PackedChunk:
        """The chunk as it should be sent now: streams beyond those that the link carries are left out."""
        stream, most = self._stream, self.now
        if self._controller is None or stream is None or chunk.num_streams <= most:
            return chunk
        return thin_chunk(chunk, stream, most)

    def queue(self, chunk: PackedChunk) -> None:
        """Queue a chunk for sending, as the window does."""
        backlog = self._backlog
        assert backlog is not None
        backlog.put(chunk.index)
        self._update(backlog, 0.0)
        self._window.put(chunk)
        backlog.rested()

    def begin_connection(self, answer_s: float, connect_s: float) -> None:
        """Take that a receiver accepted `answer_s` after it was asked; to connect took `connect_s`, a round trip."""
        self._connect_s = connect_s
        controller, backlog = self._controller, self._backlog
        if backlog is not None:
            with self._lock:
                self._bound_flight(backlog)
        if controller is None or answer_s - connect_s < SLOW_ANSWER_S:
            return
        with self._lock:
            before = controller.num_streams
            after = controller.begin_low()
            if after < before:
                self._events.info(f"streams {before} → {after}: the receiver took {answer_s:.1f} s to answer")

    def count_sent(self, index: int, payload_bytes: int) -> None:
        """Take that a chunk was given to the socket."""
        if self._backlog is not None:
            self._backlog.sent(index, payload_bytes)

    def take_feedback(self, feedback: Feedback) -> None:
        """Take what the receiver has, and the fewest streams that it wants."""
        if self._backlog is None:
            return
        self._backlog.acknowledge(feedback.acknowledged)
        if self._controller is not None:
            self._controller.least = max(1, feedback.min_streams)
        self._update(self._backlog, self._round_trips.grown_s(feedback.round_trip_ms))

    def _update(self, backlog: DelayEstimate, round_trip_grown_s: float) -> None:
        with self._lock:
            self._bound_flight(backlog)
            if self._controller is not None:
                self._adapt(self._controller, backlog, max(backlog.behind_s, round_trip_grown_s))
            self._levels.set(self.now)

    def _adapt(self, controller: RatePolicy, backlog: DelayEstimate, behind_s: float) -> None:
        if backlog.usual_s is None and behind_s < BEHIND_S:
            return  # nothing was acknowledged: silence is no calm
        before = controller.num_streams
        after = controller.update(behind_s, self._carried(backlog))
        if after < before:
            self._events.warning(f"streams {before} → {after}: the link is {behind_s:.1f} s behind")
        elif after > before:
            self._events.info(f"streams {before} → {after}: the link is calm")

    def _carried(self, backlog: DelayEstimate) -> int:
        stream = self._stream
        if stream is None:
            return self._chosen
        return int(backlog.delivered_bps * stream.num_streams / stream.kbps / 1000)

    def _bound_flight(self, backlog: DelayEstimate) -> None:
        """What is on its way cannot be dropped, nor made smaller: so it should not be much, in the time it takes."""
        backlog.round_trip_s = round_trip_s = min(self._connect_s, self._round_trips.shortest_s)
        if self._controller is not None:
            self._controller.patience_s = LOSS_ROUND_TRIPS * round_trip_s
        if not self._timely:
            return
        usual_s = backlog.usual_s
        beyond = math.ceil((FIRST_FLIGHT_S + round_trip_s) / self._hop_s)
        if usual_s is not None:
            chunks_per_s = max(1 / self._hop_s, FLIGHT_GROWTH * backlog.delivered_chunks_per_s)
            beyond = max(FEWEST_BEYOND, math.ceil((usual_s + self._slack_s) * chunks_per_s))
        self._window.in_flight_bound = self._history_chunks + beyond
