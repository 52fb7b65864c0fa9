"""Options that several commands share, each defined once."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from codec.chunks.plan import MAX_CHUNK_SAMPLES, MIN_CHUNK_SAMPLES, PAD_SAMPLES, ChunkPlan, Stitching
from codec.errors import UsageError
from net.settings import PlaybackSettings

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

    def __post_init__(self) -> None:
        if not 1 <= self.refresh_hz <= 30:
            raise UsageError(f"--refresh-hz must be 1 to 30, not {self.refresh_hz:g}")


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
    click.option(
        "--device",
        default="cpu",
        show_default=True,
        metavar="NAME",
        help="Where the model runs: cpu, cuda, cuda:1, mps.",
    ),
)


class HostName(click.ParamType[str]):
    """A name or an address of a machine, alone; IPv6 in brackets, as addresses with a port have it, is taken too."""

    name = "host"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the host; fails for what has a port, a scheme or a user with it, and for nothing."""
        host = str(value).strip()
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not bare or re.search(r"[][/@\s]", bare) or bare.count(":") == 1:
            self.fail(f"{host!r} is no host: write a name or an address, and its port after --port", param, ctx)
        return bare


address_options = compose(
    click.option(
        "--host", default="localhost", show_default=True, type=HostName(), metavar="HOST", help="Host name or address."
    ),
    click.option("--port", default=8888, show_default=True, type=int, metavar="PORT", help="TCP port."),
)

chunk_options = compose(
    click.option(
        "--chunk-size", default=16000, show_default=True, metavar="SAMPLES", help="Samples a chunk, at 16 kHz."
    ),
    click.option(
        "--overlap-size",
        type=int,
        metavar="SAMPLES",
        help="Samples that crossfaded neighbours share.  [default: 1600, or 0 if seamless]",
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
    lookahead_ms: float | None = None,
    is_live: bool = False,
) -> ChunkPlan:
    """The plan that these options name; raises `UsageError` where they cannot work or contradict each other.

    Seamless chunks take fewer bits at the same quality, but have to wait for the sound that follows them. So chunks
    are crossfaded where that delay is heard (`is_live`), where an overlap is asked for, and where they are no whole
    number of code frames, unless `stitching` says otherwise.
    """
    chunk = chunk_size if chunk_ms is None else _samples("--chunk-ms", chunk_ms, MIN_CHUNK_SAMPLES, MAX_CHUNK_SAMPLES)
    overlap = overlap_size if overlap_ms is None else _samples("--overlap-ms", overlap_ms, 0, chunk // 2)
    if stitching is None:
        can_be_seamless = not overlap and chunk % PAD_SAMPLES == 0
        way = Stitching.SEAMLESS if can_be_seamless and not is_live else Stitching.CROSSFADE
    else:
        way = Stitching(stitching)
    if overlap is None:
        overlap = DEFAULT_OVERLAP_SAMPLES if way is Stitching.CROSSFADE else 0
    if way is Stitching.CROSSFADE and lookahead_ms is not None:
        raise UsageError("--lookahead-ms is for seamless chunks, and these are crossfaded: add --stitching seamless")
    plan = ChunkPlan(chunk, overlap, way)
    if way is Stitching.SEAMLESS and chunk % PAD_SAMPLES:
        raise UsageError(f"seamless chunks must be a multiple of {PAD_SAMPLES} samples long, not {chunk}")
    return plan


def _samples(option: str, value_ms: int, least: int, most: int) -> int:
    """Milliseconds as samples; raises `UsageError`, in ms as they were typed, for less or more than these samples."""
    least_ms, most_ms = -(-least // SAMPLES_PER_MS), most // SAMPLES_PER_MS
    if not least_ms <= value_ms <= most_ms:
        raise UsageError(f"{option} must be {least_ms} to {most_ms} ms, not {value_ms}")
    return value_ms * SAMPLES_PER_MS


def given_of(*parameters: str) -> list[str]:
    """Those of these options of the running command that somebody gave, as they are typed."""
    source = click.get_current_context().get_parameter_source
    given = (name for name in parameters if source(name) is not ParameterSource.DEFAULT)
    return [f"--{name.replace('_', '-')}" for name in given]


def playback_settings(*, play: bool, output_device: str | None, jitter_ms: float | None) -> PlaybackSettings | None:
    """How to play, None for not at all; raises `UsageError` for how to play where nothing is played."""
    if play or output_device:
        return PlaybackSettings(device=output_device, jitter_ms=jitter_ms)
    if jitter_ms is not None:
        raise UsageError("--jitter-ms is for what is played: add --play")
    return None


num_streams_option = click.option(
    "--num-streams",
    default=6,
    show_default=True,
    metavar="K",
    help="Streams of codes, 1 to 6: each takes 1.5 kbps.",
)

save_path_option = click.option(
    "--save-path", default="output", show_default=True, type=PathType, metavar="FOLDER", help="Folder for the results."
)

display_options = compose(
    click.option("--headless", is_flag=True, help="No console: progress on standard error, then a summary."),
    click.option("--json", "as_json", is_flag=True, help="No console: one JSON object a line on standard output."),
    click.option("--theme", metavar="NAME", help="The console's theme, such as textual-light or nord."),
    click.option(
        "--refresh-hz", default=8.0, show_default=True, metavar="HZ", help="Refreshes of the numbers a second, 1 to 30."
    ),
)
