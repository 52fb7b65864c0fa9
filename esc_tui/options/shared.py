"""Options that several commands share, each defined once."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import click
from click import option

from codec.sound.formats import SoundFormat
from esc_tui.options.command import compose
from net.settings import DEFAULT_PORT, DEFAULT_SOCKET_BUFFER_BYTES


class PathParameter(click.Path):
    """A path that is not empty: Python takes an empty one for the working folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; fail for an empty text, such as a shell makes of an unset variable."""
        if value == "":
            self.fail("an empty name is no path: is a variable of the shell unset?", param, ctx)
        return super().convert(value, param, ctx)


PathType = PathParameter(path_type=Path)

model_options = compose(
    option(
        "--model-path",
        type=PathType,
        metavar="FOLDER",
        help="Folder with config.yaml and model.pth or model.safetensors.  [default: the bundled esc-mini]",
    ),
    option("--device", default="cpu", metavar="NAME", help="Where the model runs: cpu, cuda, cuda:1, mps."),
)


class HostName(click.ParamType[str]):
    """A host name or address without a port; an IPv6 address may stand in brackets."""

    name = "host"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the host without brackets and spaces; fail for an empty text, a port, a scheme or a user."""
        host = str(value).strip()
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not bare or re.search(r"[][/@\s]", bare) or bare.count(":") == 1:
            self.fail(f"{host!r} is no host: write a name or an address, and its port after --port", param, ctx)
        return bare


address_options = compose(
    option("--host", default="localhost", type=HostName(), metavar="HOST", help="Host name or address."),
    option("--port", default=DEFAULT_PORT, type=int, metavar="PORT", help="TCP port."),
)

buffer_size_option = option(
    "--buffer-size",
    "socket_buffer_bytes",
    default=DEFAULT_SOCKET_BUFFER_BYTES,
    metavar="BYTES",
    help="Size to ask of the system for the socket's buffer.",
)

num_streams_option = option(
    "--num-streams", default=6, metavar="K", help="Streams of codes, 1 to 6: each takes 1.5 kbps."
)

save_path_option = option(
    "--save-path", default="output", type=PathType, metavar="FOLDER", help="Folder for the results."
)


def _writable(_context: click.Context, _parameter: click.Parameter, value: str) -> SoundFormat:
    """Return the format; raise `UsageError` for one that the libsndfile at hand does not write."""
    chosen = SoundFormat(value)
    if chosen is not SoundFormat.WAV:
        from codec.sound.writing import check_writable  # noqa: PLC0415 - the help would wait for libsndfile

        check_writable(chosen)
    return chosen


sound_format_option = partial(
    option,
    "--format",
    "audio_format",
    type=click.Choice([str(kind) for kind in SoundFormat]),
    default="wav",
    callback=_writable,
)
"""The format of sound files; what it is for stands in its help."""
