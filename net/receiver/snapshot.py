"""The state of an incoming stream: as FEEDBACK for its sender, as `StreamStats` for the screen."""

from typing import TYPE_CHECKING

from net.protocol.messages import Feedback
from net.telemetry.stats import ProcessStats, ReceiverChunks, Role, StreamStats
from net.telemetry.status import eta_s

if TYPE_CHECKING:
    from net.receiver.incoming_stream import IncomingStream

_COUNTERS = ("received", "decoded", "stitched", "saved", "lost", "refused", "silent")


def feedback(stream: "IncomingStream") -> Feedback:
    """How the stream stands, with the latest latencies."""
    meters, player = stream.context.meters, stream.player
    counts = meters.counts("received", "decoded", "lost", "saved")
    decoding = stream.queues[0]
    finished = stream.complete
    return Feedback(
        received=counts["received"],
        decoded=counts["decoded"],
        played=player.played_chunks if player else 0,
        acknowledged=counts["saved"] if finished else stream.resume_index,
        lost=counts["lost"],
        queue_depth=decoding.depth,
        queue_capacity=decoding.capacity,
        decode_ms=meters.coding.latest_ms,
        decoded_latency_ms=meters.latencies["decoded"].latest_ms,
        heard_latency_ms=player.heard.latest_ms if player else None,
        round_trip_ms=meters.round_trip.latest_ms,
        clock_offset_ms=stream.capture_clock.offset_ms,
        finished=finished,
        min_streams=stream.min_streams,
    )


def stream_stats(stream: "IncomingStream", process: ProcessStats) -> StreamStats:
    """Everything that is shown of the stream, as of now."""
    hello, codec, player = stream.hello, stream.codec, stream.player
    meters, status = stream.context.meters, stream.context.status
    rate, num_streams = hello.sample_rate, meters["num_streams"]
    total_s = None if hello.total_samples is None else hello.total_samples / rate
    audio_s, on_air_s = meters["saved_samples"] / rate, status.on_air_s
    playback = player.stats() if player else None
    heard = (player.heard,) if player else ()
    return StreamStats(
        role=Role.RECEIVER,
        stream_id=stream.stream_id,
        state=status.state,
        reason=status.reason,
        epoch_s=stream.context.clock.epoch_s(),
        source=hello.name,
        peer=stream.peer,
        secure=stream.files.sender is not None,
        model=codec.name,
        fingerprint=codec.fingerprint,
        sample_rate=rate,
        num_streams=num_streams,
        max_streams=hello.num_streams,
        nominal_kbps=codec.kbps(num_streams),
        stitching=hello.stitching,
        chunk_ms=hello.chunk_samples * 1000 / rate,
        overlap_ms=hello.overlap_samples * 1000 / rate,
        muted=playback is not None and playback.muted,
        on_air_s=on_air_s,
        audio_s=audio_s,
        total_s=total_s,
        eta_s=eta_s(audio_s, total_s, on_air_s),
        payload=meters.payload.stats(),
        wire=meters.wire.stats(),
        socket_buffer_bytes=meters["socket_buffer_bytes"] or None,
        queues=stream.queues,
        latencies=tuple(meter.stats() for meter in (*meters.latencies.values(), *heard)),
        round_trip=meters.round_trip.stats(),
        clock_offset_ms=stream.capture_clock.offset_ms,
        chunks=ReceiverChunks(played=player.played_chunks if player else 0, **meters.counts(*_COUNTERS)),
        codec=meters.coding.stats(),
        process=process,
        sound=meters.sound.stats(),
        playback=playback,
        files=tuple(map(str, stream.files.paths)),
    )
