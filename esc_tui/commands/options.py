"""Options that several commands share, each defined once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from codec.chunks import PAD_SAMPLES, ChunkPlan, Stitching

FC = TypeVar("FC", bound=Callable[..., Any])
GivenT = TypeVar("GivenT")
ResultT = TypeVar("ResultT")

PathType = click.Path(path_type=Path)

SAMPLES_PER_MS = 16
DEFAULT_OVERLAP_SAMPLES = 1600


@dataclass(frozen=True, slots=True)
class Display:
    """How a command shows its work."""

    headless: bool = False
    json: bool = False
    theme: str | None = None
    refresh_hz: float = 8.0


@dataclass(frozen=True, kw_only=True)
class GivenOptions:
    """What was given of `model_options` and `display_options`. Fields are named as click names the parameters."""

    model_path: Path | None
    device: str
    headless: bool
    as_json: bool
    theme: str | None
    refresh_hz: float

    @property
    def display(self) -> Display:
        """How the command shows its work."""
        return Display(self.headless, self.as_json, self.theme, self.refresh_hz)


def given_as(kind: type[GivenT]) -> Callable[[Callable[[GivenT], ResultT]], Callable[..., ResultT]]:
    """Hand a command what was given as one `kind`, a dataclass with a field for each parameter."""

    def decorate(function: Callable[[GivenT], ResultT]) -> Callable[..., ResultT]:
        @wraps(function)
        def command(**values: Any) -> ResultT:
            return function(kind(**values))

        return command

    return decorate


def compose(*decorators: Callable[[FC], FC]) -> Callable[[FC], FC]:
    """Apply decorators so that options appear in the order in which they are written."""

    def decorate(function: FC) -> FC:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


model_options = compose(
    click.option(
        "--model-path",
        type=PathType,
        metavar="FOLDER",
        help="Folder with config.yaml and model.pth or model.safetensors.  [default: the bundled esc-mini]",
    ),
    click.option("--device", default="cpu", show_default=True, help="Where the model runs: cpu, cuda, cuda:1, mps."),
)

address_options = compose(
    click.option("--host", default="localhost", show_default=True, help="Host name or address."),
    click.option("--port", default=8888, show_default=True, type=int, help="TCP port."),
)

chunk_options = compose(
    click.option("--chunk-size", default=16000, show_default=True, help="Samples a chunk, at 16 kHz."),
    click.option(
        "--overlap-size", type=int, help="Samples that crossfaded neighbours share.  [default: 1600, or 0 if seamless]"
    ),
)

chunk_ms_options = compose(
    click.option("--chunk-ms", type=int, metavar="MS", help="Length of a chunk in ms, instead of --chunk-size."),
    click.option("--overlap-ms", type=int, metavar="MS", help="Overlap in ms, instead of --overlap-size."),
)

microphone_options = compose(
    click.option("--microphone", is_flag=True, help="Stream a microphone instead of a file."),
    click.option("--mic-device", metavar="ID|NAME", help="Input to record from.  [default: the system's]"),
    click.option(
        "--mic-save-path", type=PathType, metavar="FILE|FOLDER", help="Save the raw recording, too, as 16-bit WAV."
    ),
    click.option("--list-devices", is_flag=True, help="List microphones and speakers, and end."),
    click.option(
        "--skip-silence", is_flag=True, help="Announce chunks without voice in a few bytes instead of coding."
    ),
    click.option("--live", is_flag=True, help="Lowest latency that this machine's speed allows; says what it chose."),
)

stitching_option = click.option(
    "--stitching",
    type=click.Choice([str(way) for way in Stitching]),
    help="How chunks are joined: overlapping, or coded inside the sound around them.  "
    "[default: seamless; crossfade for a microphone, or where an overlap is given]",
)

lookahead_option = click.option(
    "--lookahead-ms",
    type=float,
    metavar="MS",
    help="Wait for so much of what follows a seamless chunk.  [default: all that the model looks at]",
)


def chunk_plan(
    chunk_size: int,
    overlap_size: int | None,
    stitching: str | None,
    *,
    chunk_ms: int | None = None,
    overlap_ms: int | None = None,
    is_live: bool = False,
) -> ChunkPlan:
    """The plan that these options name; raises `UsageError` where they contradict each other.

    Seamless chunks take fewer bits at the same quality, but have to wait for the sound that follows them. So chunks
    are crossfaded where that delay is heard (`is_live`), where an overlap is asked for, and where they are no whole
    number of code frames, unless `stitching` says otherwise.
    """
    chunk = chunk_size if chunk_ms is None else chunk_ms * SAMPLES_PER_MS
    overlap = overlap_size if overlap_ms is None else overlap_ms * SAMPLES_PER_MS
    if stitching is None:
        can_be_seamless = not overlap and chunk % PAD_SAMPLES == 0
        way = Stitching.SEAMLESS if can_be_seamless and not is_live else Stitching.CROSSFADE
    else:
        way = Stitching(stitching)
    if overlap is None:
        overlap = DEFAULT_OVERLAP_SAMPLES if way is Stitching.CROSSFADE else 0
    return ChunkPlan(chunk, overlap, way)


num_streams_option = click.option(
    "--num-streams", default=6, show_default=True, help="Streams to send, 1 to 6: each takes 1.5 kbps."
)

save_path_option = click.option(
    "--save-path", default="output", show_default=True, type=PathType, help="Folder for the results."
)

display_options = compose(
    click.option("--headless", is_flag=True, help="No console: progress on standard error, then a summary."),
    click.option("--json", "as_json", is_flag=True, help="No console: one JSON object a line on standard output."),
    click.option("--theme", metavar="NAME", help="The console's theme, such as textual-light or nord."),
    click.option("--refresh-hz", default=8.0, show_default=True, help="Refreshes of the numbers a second, 1 to 30."),
)
