"""The state of an incoming stream: as FEEDBACK for its sender, as `StreamStats` for the screen."""

from dataclasses import replace
from typing import TYPE_CHECKING

from net.protocol.messages import Feedback
from net.telemetry.stats import ProcessStats, ReceiverChunks, Role, StreamStats

if TYPE_CHECKING:
    from net.receiver.incoming_stream import IncomingStream

_COUNTERS = ("received", "decoded", "stitched", "lost", "refused", "silent")


def feedback(stream: "IncomingStream") -> Feedback:
    """How the stream stands, with the latest latencies."""
    meters, player = stream.context.meters, stream.player
    counts, decoding = meters.counts("received", "decoded", "lost"), stream.queues[0]
    finished = stream.complete
    return Feedback(
        received=counts["received"],
        decoded=counts["decoded"],
        played=player.played_chunks if player else 0,
        acknowledged=stream.files.saved_chunks if finished else stream.resume_index,
        lost=counts["lost"],
        queue_depth=decoding.depth,
        queue_capacity=decoding.capacity,
        decode_ms=meters.coding.latest_ms,
        decoded_latency_ms=meters.latencies["decoded"].latest_ms,
        heard_latency_ms=player.heard.latest_ms if player else None,
        round_trip_ms=meters.round_trip.latest_ms,
        clock_offset_ms=meters.clock_offset_ms,
        finished=finished,
        min_streams=stream.min_streams,
    )


def stream_stats(stream: "IncomingStream", process: ProcessStats) -> StreamStats:
    """Everything that is shown of the stream, as of now."""
    hello, codec, player, meters = stream.hello, stream.codec, stream.player, stream.context.meters
    files, num_streams, paused = stream.files, meters["num_streams"], player is not None and player.paused
    measured = stream.context.stats(
        Role.RECEIVER, stream.stream_id, files.saved_samples, stream.total_samples, paused=paused
    )
    playback = player.stats() if player else None
    return replace(
        measured,
        source=hello.name,
        peer=stream.peer,
        secure=files.sender is not None,
        model=codec.name,
        fingerprint=codec.fingerprint,
        num_streams=num_streams,
        max_streams=hello.num_streams,
        nominal_kbps=codec.kbps(num_streams),
        stitching=hello.stitching,
        chunk_ms=hello.chunk_samples * 1000 / hello.sample_rate,
        overlap_ms=hello.overlap_samples * 1000 / hello.sample_rate,
        muted=playback is not None and playback.muted,
        socket_buffer_bytes=meters["socket_buffer_bytes"] or None,
        queues=stream.queues,
        latencies=(*measured.latencies, *([player.heard.stats()] if player else [])),
        chunks=ReceiverChunks(
            **meters.counts(*_COUNTERS),
            saved=files.saved_chunks,
            played=player.played_chunks if player else 0,
        ),
        process=process,
        playback=playback,
        files=tuple(map(str, stream.paths)),
    )
