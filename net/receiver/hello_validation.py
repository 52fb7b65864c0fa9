"""Which streams a receiver takes: what HELLO offers must fit its model, and what the stream was before."""

from typing import TYPE_CHECKING

from codec.chunks.streaming import history_chunks
from codec.errors import UsageError
from net.protocol.messages import Hello, Refusal
from net.receiver.incoming_stream import IncomingStream
from net.receiver.stream_files import NOT_YOURS

if TYPE_CHECKING:
    from codec import Codec


def check_hello(hello: Hello, codec: "Codec", queue_chunks: int) -> None:
    """Raise `Refusal` for a stream that this model cannot decode, or not with queues of so many chunks."""
    if hello.fingerprint != codec.fingerprint:
        raise Refusal(
            "model",
            f"the sender codes with model {hello.model} ({hello.fingerprint}), "
            f"this receiver has {codec.name} ({codec.fingerprint}): both need the same --model-path",
        )
    promised = (hello.sample_rate, hello.groups, hello.bits_per_code)
    if promised != (codec.sample_rate, codec.groups, codec.bits_per_code) or hello.num_streams > codec.max_streams:
        raise Refusal("format", f"the stream's format does not fit the model {codec.name}")
    try:
        plan = hello.plan
    except UsageError as error:
        raise Refusal("format", str(error)) from error
    history = history_chunks(codec, plan, exact=not hello.live)
    if history > max(1, queue_chunks // 2):
        raise Refusal(
            "format",
            f"seamless chunks of {plan.chunk_samples} samples are too short for this receiver, whose --queue-chunks is "
            f"{queue_chunks}: {history} must be kept",
        )


def check_resume(hello: Hello, stream: IncomingStream, fingerprint: str | None) -> None:
    """Raise `Refusal` where `stream` is another sender's, or was another sound.

    `fingerprint` is what the sender of `hello` has proved over TLS.
    """
    if stream.files.sender != fingerprint:
        raise Refusal("policy", NOT_YOURS)
    if stream.next_index and not hello.resume:
        raise Refusal("protocol", "this stream has begun before: resume it, or start a new one")
    if _format(hello) != _format(stream.hello):
        raise Refusal("format", "the stream had another format before: start a new one")


def _format(hello: Hello) -> tuple[object, ...]:
    """What may not change while a stream lasts."""
    chunks = (hello.chunk_samples, hello.overlap_samples, hello.stitching)
    return (hello.fingerprint, hello.sample_rate, hello.num_streams, hello.groups, hello.bits_per_code, *chunks)
