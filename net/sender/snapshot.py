"""What is shown of an outgoing stream, assembled from its parts."""

from dataclasses import replace

from net.sender.outgoing_stream import OutgoingStream
from net.sender.sources import SAMPLE_RATE
from net.telemetry.meters import ProcessMeter
from net.telemetry.stats import Role, SenderChunks, StreamStats
from net.telemetry.status import eta_s


def snapshot(stream: OutgoingStream, process: ProcessMeter) -> StreamStats:
    """The stream as of now, and what this process costs."""
    status, meters, source = stream.context.status, stream.context.meters, stream.source
    total_samples = source.total_samples if source else None
    total_s = None if total_samples is None else total_samples / SAMPLE_RATE
    audio_s, on_air_s = meters["sent_samples"] / SAMPLE_RATE, status.on_air_s
    captured, (waiting, unacknowledged) = stream.captured.stats(), stream.buffer.stats()
    return replace(
        _measured(stream),
        state=status.state,
        reason=status.reason,
        source=source.name if source else "",
        on_air_s=on_air_s,
        audio_s=audio_s,
        total_s=total_s,
        eta_s=eta_s(audio_s, total_s, on_air_s),
        queues=(captured, waiting, unacknowledged),
        chunks=SenderChunks(
            **meters.counts("read", "encoded", "sent", "resent", "silent"),
            acknowledged=stream.buffer.acknowledged,
            in_flight=unacknowledged.depth,
            dropped=waiting.dropped + captured.dropped,
        ),
        process=process.stats(),
    )


def _measured(stream: OutgoingStream) -> StreamStats:
    """The form of the stream, and what its meters have measured."""
    context, header, plan = stream.context, stream.header, stream.plan
    meters, num_streams = context.meters, stream.rate.num_streams
    return StreamStats(
        role=Role.SENDER,
        stream_id=stream.stream_id.hex(),
        state=context.status.state,
        epoch_s=context.clock.epoch_s(),
        peer=stream.connection.peer,
        secure=stream.secure,
        model=header.model if header else "",
        fingerprint=header.fingerprint if header else "",
        sample_rate=SAMPLE_RATE,
        num_streams=num_streams,
        max_streams=stream.most_streams,
        streams_history=stream.rate.history,
        nominal_kbps=header.kbps * num_streams / header.num_streams if header else 0.0,
        stitching=str(header.stitching) if header else "",
        chunk_ms=plan.chunk_samples * 1000 / SAMPLE_RATE,
        overlap_ms=plan.overlap_samples * 1000 / SAMPLE_RATE,
        input_lost=stream.input_lost,
        muted=stream.control.muted,
        payload=meters.payload.stats(),
        wire=meters.wire.stats(),
        socket_buffer_bytes=meters["socket_buffer_bytes"] or None,
        latencies=tuple(meter.stats() for meter in meters.latencies.values()),
        round_trip=meters.round_trip.stats(),
        clock_offset_ms=meters.clock_offset_ms,
        codec=meters.coding.stats(),
        send=meters.sending.stats(),
        sound=meters.sound.stats(),
    )
