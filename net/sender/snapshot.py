"""What is shown of an outgoing stream, assembled from its parts."""

from dataclasses import replace

from net.sender.outgoing_stream import OutgoingStream
from net.telemetry.meters import ProcessMeter
from net.telemetry.stats import Role, SenderChunks, StreamStats


def snapshot(stream: OutgoingStream, process: ProcessMeter) -> StreamStats:
    """The stream as of now, and what this process costs."""
    source, control, header, plan = stream.source, stream.control, stream.header, stream.plan
    num_streams, meters = stream.rate.num_streams, stream.context.meters
    captured, (waiting, unacknowledged) = stream.captured.stats(), stream.buffer.stats()
    sent_samples, total_samples = meters["sent_samples"], source.total_samples if source else None
    return replace(
        stream.context.stats(Role.SENDER, stream.stream_id.hex(), sent_samples, total_samples, paused=control.paused),
        source=source.name if source else "",
        peer=stream.connection.peer,
        secure=stream.secure,
        model=header.model if header else "",
        fingerprint=header.fingerprint if header else "",
        num_streams=num_streams,
        max_streams=stream.most_streams,
        streams_history=stream.rate.history,
        nominal_kbps=header.kbps * num_streams / header.num_streams if header else 0.0,
        stitching=str(header.stitching) if header else "",
        chunk_ms=plan.chunk_samples * 1000 / meters.sample_rate,
        overlap_ms=plan.overlap_samples * 1000 / meters.sample_rate,
        socket_buffer_bytes=meters["socket_buffer_bytes"] or None,
        input_lost=stream.input_lost,
        muted=control.muted,
        enhanced=stream.enhanced,
        queues=(captured, waiting, unacknowledged),
        chunks=SenderChunks(
            **meters.counts("read", "encoded", "sent", "resent", "silent"),
            acknowledged=stream.buffer.acknowledged,
            in_flight=unacknowledged.depth,
            dropped=waiting.dropped + captured.dropped,
        ),
        process=process.stats(),
    )
