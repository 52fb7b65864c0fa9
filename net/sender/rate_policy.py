"""How many streams a sender uses and how many chunks may be in flight: decided from what the link has shown.

Pure: it reads no clock and holds no lock, and gives the same decisions for the same measurements.
"""

import math
from dataclasses import dataclass
from typing import Final

from net.sender.send_buffer import Delivery

BEHIND_S: Final = 0.5
"""This far beyond the usual delay, the link carries less than it is given."""
CALM_S: Final = 0.3
"""Less than this beyond the usual delay is the noise of a healthy link; between the two nothing changes."""
STEP_DOWN_INTERVAL_S: Final = 0.25
FIRST_WAIT_S: Final = 1.5
"""How long calm has to last before a step up that never failed."""
LONGEST_WAIT_S: Final = 60.0
PROBATION_S: Final = 8.0
"""A step down so soon after a step up means that the step up failed."""
FORGIVEN_S: Final = 20.0
"""After so long, a number of streams counts as one that never failed."""

FIRST_USUAL_S: Final = 0.4
"""In the first half minute the usual delay is at most the round trip and this: the link may be slow from the start."""
ADAPTIVE_SLACK_S: Final = 0.3
"""Sound that may be in flight beyond what the usual delay keeps there: what is sent cannot be made smaller."""
LIVE_SLACK_S: Final = 1.5
SLOW_ANSWER_S: Final = 0.4
"""A receiver that takes this much longer than a round trip to accept may be behind a slow link."""
FIRST_FLIGHT_S: Final = 0.4
"""Sound that may be in flight, beside a round trip, before the first acknowledgement: a good link takes about that."""
FEWEST_BEYOND: Final = 2
"""In flight beyond those that are needed for an acknowledgement, once a first one has shown the usual delay."""
LOSS_ROUND_TRIPS: Final = 2
"""A packet that was lost is sent again, and has come, about so many round trips later."""
FLIGHT_GROWTH: Final = 1.25
"""So much more than the link has lately delivered may be in flight, so that what is behind catches up."""


@dataclass(frozen=True, slots=True)
class StreamShape:
    """What holds for a whole stream. `history_chunks` more are needed before a receiver acknowledges a chunk."""

    hop_s: float
    history_chunks: int
    stream_bps: float
    """Of one of its quantizer streams."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A decision, and how far the link is beyond its usual delay. `in_flight_chunks` None sets no bound."""

    num_streams: int
    in_flight_chunks: int | None
    behind_s: float


class RatePolicy:
    """Uses what a person chose or, if `adaptive`, what the link carries of it; bounds what is in flight."""

    def __init__(self, shape: StreamShape, chosen: int, now_s: float, *, adaptive: bool, timely: bool) -> None:
        self._shape, self._chosen, self._timely = shape, chosen, timely or adaptive
        self._slack_s = ADAPTIVE_SLACK_S if adaptive else LIVE_SLACK_S
        self._adapted = AdaptiveStreams(chosen, now_s) if adaptive else None
        self._min_streams, self._connect_s = 1, 0.0
        self._latest_round_trip_ms: float | None = None
        self._shortest_round_trip_ms = float("inf")

    @property
    def num_streams(self) -> int:
        """The streams of the next chunk."""
        return self._adapted.num_streams if self._adapted else self._chosen

    def choose(self, num_streams: int) -> None:
        """Use so many streams, or at most so many where the link decides."""
        self._chosen = num_streams
        if self._adapted:
            self._adapted.limit(self._min_streams, num_streams)

    def begin_connection(self, answer_s: float, connect_s: float) -> None:
        """Begin with half if the receiver took long to accept: `answer_s`, where connecting took `connect_s`."""
        self._connect_s = connect_s
        if self._adapted and answer_s - connect_s >= SLOW_ANSWER_S:
            self._adapted.begin_low()

    def update(
        self, now_s: float, delivery: Delivery, round_trip_ms: float | None = None, min_streams: int = 1
    ) -> Rate:
        """Decide anew at the monotonic time `now_s`, from the round trip measured last and the receiver's minimum."""
        self._min_streams = max(1, min_streams)
        behind_s = max(self._round_trip_growth_s(round_trip_ms), self._behind_s(delivery))
        known = delivery.shortest_delay_s is not None or behind_s >= BEHIND_S  # silence is no calm
        if self._adapted and known:
            self._adapted.limit(self._min_streams, self._chosen)
            carried = int(delivery.bps / self._shape.stream_bps)
            self._adapted.update(now_s, behind_s, carried, LOSS_ROUND_TRIPS * self._round_trip_s)
        return Rate(self.num_streams, self.in_flight_chunks(delivery), behind_s)

    def in_flight_chunks(self, delivery: Delivery) -> int | None:
        """How many chunks may be in flight: what is there can be neither dropped nor made smaller."""
        if not self._timely:
            return None
        usual_s, hop_s = self._usual_s(delivery), self._shape.hop_s
        if usual_s is None:
            beyond = math.ceil((FIRST_FLIGHT_S + self._round_trip_s) / hop_s)
        else:
            chunks_per_s = max(1 / hop_s, FLIGHT_GROWTH * delivery.chunks_per_s)
            beyond = max(FEWEST_BEYOND, math.ceil((usual_s + self._slack_s) * chunks_per_s))
        return self._shape.history_chunks + beyond

    @property
    def _round_trip_s(self) -> float:
        """Of the link itself, with nothing in its queues: no delay is shorter."""
        return min(self._connect_s, self._shortest_round_trip_ms / 1000)

    def _usual_s(self, delivery: Delivery) -> float | None:
        if delivery.shortest_delay_s is None or delivery.settled:
            return delivery.shortest_delay_s
        return min(delivery.shortest_delay_s, FIRST_USUAL_S + self._round_trip_s)

    def _behind_s(self, delivery: Delivery) -> float:
        if delivery.due_age_s is None:
            return 0.0
        usual_s = self._usual_s(delivery)
        return max(0.0, delivery.due_age_s - (FIRST_USUAL_S + self._round_trip_s if usual_s is None else usual_s))

    def _round_trip_growth_s(self, round_trip_ms: float | None) -> float:
        """How far a newly measured round trip is beyond the shortest; receivers repeat the latest until the next."""
        if round_trip_ms is None or round_trip_ms == self._latest_round_trip_ms:
            return 0.0
        self._latest_round_trip_ms = round_trip_ms
        self._shortest_round_trip_ms = min(self._shortest_round_trip_ms, round_trip_ms)
        return (round_trip_ms - self._shortest_round_trip_ms) / 1000


class AdaptiveStreams:
    """The number of streams that a link carries: fewer as soon as it falls behind, one more at a time while calm."""

    def __init__(self, most: int, now_s: float) -> None:
        self._least, self._most = 1, most
        self.num_streams = most
        self._calm_since_s: float | None = now_s
        self._up_s = self._changed_s = float("-inf")
        self._tried = most
        self._wait_s: dict[int, float] = {}

    def limit(self, least: int, most: int) -> None:
        """Keep within these limits, `most` before `least`; where all streams were used, all of the new ones are."""
        everything = self.num_streams == self._most
        self._least, self._most = min(least, most), most
        self.num_streams = most if everything else max(self._least, min(self.num_streams, most))

    def begin_low(self) -> None:
        """Begin with half, since the link looks slow from the start."""
        self.num_streams = max(self._least, min(self.num_streams, -(-self._most // 2)))
        self._calm_since_s = None

    def update(self, now_s: float, behind_s: float, carried: int, patience_s: float = 0.0) -> int:
        """Return how many streams to use on a link `behind_s` beyond its usual delay that lately has `carried` so many.

        A lost packet may cost `patience_s`: a link that is behind by no more than this beyond `BEHIND_S` may carry all.
        """
        if behind_s >= BEHIND_S + patience_s:
            self._calm_since_s = None
            if now_s - self._changed_s >= STEP_DOWN_INTERVAL_S and self._step_down(
                now_s, min(self.num_streams // 2, carried)
            ):
                self._note_failure(now_s)
        elif behind_s >= BEHIND_S:
            self._calm_since_s = None
            if now_s - self._changed_s >= patience_s + STEP_DOWN_INTERVAL_S:
                self._step_down(now_s, self.num_streams - 1)
        elif behind_s > CALM_S:
            self._calm_since_s = None
        else:
            self._stay_or_step_up(now_s)
        return self.num_streams

    def _step_down(self, now_s: float, wanted: int) -> bool:
        """Use fewer streams; return whether fewer were possible."""
        fewer = max(self._least, wanted)
        if fewer >= self.num_streams:
            return False
        self.num_streams, self._changed_s = fewer, now_s
        return True

    def _note_failure(self, now_s: float) -> None:
        """Wait twice as long before the next step up to what was tried last, if that was lately."""
        if now_s - self._up_s < PROBATION_S:
            self._wait_s[self._tried] = min(LONGEST_WAIT_S, 2 * self._wait_s.get(self._tried, FIRST_WAIT_S))
        self._up_s = float("-inf")

    def _stay_or_step_up(self, now_s: float) -> None:
        if self._calm_since_s is None:
            self._calm_since_s = now_s
        calm_s = now_s - self._calm_since_s
        if calm_s >= FORGIVEN_S:
            self._wait_s.pop(self.num_streams, None)
        above = self.num_streams + 1
        if above <= self._most and calm_s >= self._wait_s.get(above, FIRST_WAIT_S):
            self.num_streams = self._tried = above
            self._calm_since_s = self._changed_s = self._up_s = now_s
