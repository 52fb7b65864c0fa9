"""Options that say how sound is cut into chunks and how chunks are joined again, and the plan that they make."""

import click
from click import option

from codec.chunks.plan import MAX_CHUNK_SAMPLES, MIN_CHUNK_SAMPLES, PAD_SAMPLES, ChunkPlan, Stitching
from codec.errors import UsageError
from esc_tui.options.command import Values, compose

SAMPLES_PER_MS = 16
DEFAULT_OVERLAP_SAMPLES = 1600

chunk_options = compose(
    option("--chunk-size", default=16000, metavar="SAMPLES", help="Samples a chunk, at 16 kHz."),
    option(
        "--overlap-size",
        type=int,
        metavar="SAMPLES",
        help="Samples that crossfaded neighbours share.  [default: 1600, or 0 if seamless]",
    ),
)

chunk_ms_options = compose(
    option("--chunk-ms", type=int, metavar="MS", help="Length of a chunk in ms, instead of --chunk-size."),
    option("--overlap-ms", type=int, metavar="MS", help="Overlap in ms, instead of --overlap-size."),
)

stitching_option = option(
    "--stitching",
    type=click.Choice([str(way) for way in Stitching]),
    help="How chunks are joined: overlapping, or coded inside the sound around them.  "
    "[default: seamless; crossfade for a microphone, or where an overlap is given]",
)

lookahead_option = option(
    "--lookahead-ms",
    type=float,
    metavar="MS",
    help="Wait for so much of what follows a seamless chunk.  [default: all that the model looks at]",
)


def chunk_plan(values: Values, *, is_live: bool = False) -> ChunkPlan:
    """Return the plan of the chunk options in `values`; raises `UsageError` where they cannot work together.

    Seamless chunks take fewer bits at the same quality, but have to wait for the sound that follows them. So chunks
    are crossfaded where that delay is heard (`is_live`), where an overlap is asked for, and where they are no whole
    number of code frames, unless `--stitching` says otherwise.
    """
    chunk, overlap = _lengths(values)
    if values["stitching"] is None:
        can_be_seamless = not overlap and chunk % PAD_SAMPLES == 0
        stitching = Stitching.SEAMLESS if can_be_seamless and not is_live else Stitching.CROSSFADE
    else:
        stitching = Stitching(values["stitching"])
    if overlap is None:
        overlap = DEFAULT_OVERLAP_SAMPLES if stitching is Stitching.CROSSFADE else 0
    if stitching is Stitching.CROSSFADE and values.get("lookahead_ms") is not None:
        raise UsageError("--lookahead-ms is for seamless chunks, and these are crossfaded: add --stitching seamless")
    plan = ChunkPlan(chunk, overlap, stitching)
    if stitching is Stitching.SEAMLESS and chunk % PAD_SAMPLES:
        raise UsageError(f"seamless chunks must be a multiple of {PAD_SAMPLES} samples long, not {chunk}")
    return plan


def _lengths(values: Values) -> tuple[int, int | None]:
    """Return chunk and overlap in samples; an overlap of None is left to choose."""
    chunk, chunk_ms = values["chunk_size"], values.get("chunk_ms")
    overlap, overlap_ms = values["overlap_size"], values.get("overlap_ms")
    if chunk_ms is not None:
        chunk = _samples("--chunk-ms", chunk_ms, MIN_CHUNK_SAMPLES, MAX_CHUNK_SAMPLES)
    if overlap_ms is not None:
        overlap = _samples("--overlap-ms", overlap_ms, 0, chunk // 2)
    return chunk, overlap


def _samples(option: str, value_ms: int, least: int, most: int) -> int:
    """Return milliseconds as samples; raises `UsageError`, in ms as typed, outside `least` to `most` samples."""
    least_ms, most_ms = -(-least // SAMPLES_PER_MS), most // SAMPLES_PER_MS
    if not least_ms <= value_ms <= most_ms:
        raise UsageError(f"{option} must be {least_ms} to {most_ms} ms, not {value_ms}")
    return value_ms * SAMPLES_PER_MS
