"""The options of `sender`, and the settings that they make."""

from typing import Any

import click
from click import option
from platformdirs import user_state_path

from codec.errors import UsageError
from codec.sound.enhancement import check_enhancement
from codec.sound.pcm import PcmFormat
from esc_tui.options.chunks import chunk_ms_options, chunk_options, chunk_plan, lookahead_option, stitching_option
from esc_tui.options.command import Values, build, compose, flag, options_given
from esc_tui.options.devices import complete_device
from esc_tui.options.metrics import metrics_options, metrics_settings
from esc_tui.options.security import tls_options, tls_settings
from esc_tui.options.shared import PathType, address_options, buffer_size_option, model_options, num_streams_option
from net.settings import MicrophoneSettings, SenderSettings

CHOSEN_BY_LIVE = {"stitching", "chunk_size", "chunk_ms", "overlap_size", "overlap_ms", "lookahead_ms", "queue_chunks"}
"""Parameters that `--live` chooses by measuring this machine."""
ENABLED_RATE_LIMIT_BPS = 3000
"""What `--enable-rate-limit` alone means, in the original scripts too."""


class RawFormat(click.ParamType[PcmFormat]):
    """The form of raw PCM, such as `s16le@8000x1`."""

    name = "form"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> PcmFormat:
        """Return the form; fail for a text that says none."""
        if isinstance(value, PcmFormat):
            return value
        try:
            return PcmFormat.parse(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


sender_options = compose(
    option("--input", type=PathType, metavar="FILE|-", help="Sound or .esc file, named pipe, or standard input (-)."),
    option(
        "--raw",
        type=RawFormat(),
        metavar="FORM",
        help="The input is PCM without a header, such as s16le@8000x1: encoding, Hz, channels.",
    ),
    flag("--microphone", help="Stream a microphone instead of a file."),
    option(
        "--mic-device",
        metavar="ID|NAME",
        shell_complete=complete_device,
        help="Input to record from.  [default: the system's]",
    ),
    option("--mic-save-path", type=PathType, metavar="FILE|FOLDER", help="Save the raw recording, too, as 16-bit WAV."),
    flag("--list-devices", help="List microphones and speakers, and end."),
    flag("--enhance", help="Suppress noise and level the voice before coding (extra voice)."),
    flag("--skip-silence", help="Announce chunks without voice in a few bytes instead of coding."),
    flag("--live", help="Lowest latency that this machine's speed allows; says what it chose. Late sound is dropped."),
    address_options,
    num_streams_option,
    chunk_options,
    chunk_ms_options,
    stitching_option,
    lookahead_option,
    flag("--realtime", help="Send at the pace of speech instead of as fast as possible."),
    flag("--adaptive", help="Use fewer streams while the network carries no more."),
    option("--queue-chunks", default=10, metavar="N", help="Chunks that may wait between two stages."),
    buffer_size_option,
    option(
        "--rate-limit-bps", type=int, metavar="BPS", help="Send at most so many bits a second.  [default: no limit]"
    ),
    flag(
        "--enable-rate-limit", help=f"Limit the rate: {ENABLED_RATE_LIMIT_BPS} bits a second where no other is given."
    ),
    option(
        "--connect-timeout", "connect_timeout_s", default=10.0, metavar="S", help="Seconds to wait for the receiver."
    ),
    option(
        "--reconnect-timeout",
        "reconnect_timeout_s",
        default=30.0,
        metavar="S",
        help="Seconds to try to restore a broken connection.",
    ),
    flag("--resume", help="Go on with a file stream that an earlier sender did not finish."),
    metrics_options,
    tls_options,
    model_options,
)


def sender_settings(values: Values) -> SenderSettings:
    """Make the sender's settings; raises `UsageError` for values that cannot work, alone or together."""
    is_live = values["live"] or values["input"] is None
    if values["live"] and (given := options_given(*CHOSEN_BY_LIVE)):
        raise UsageError(f"--live chooses chunks and how they are joined itself: leave out {', '.join(given)}")
    if values["enhance"]:
        check_enhancement()
    return build(
        SenderSettings,
        values,
        microphone=_microphone_settings(values),
        drop_when_behind=is_live,
        plan=chunk_plan(values, is_live=is_live),
        realtime=values["realtime"] or values["live"],
        rate_limit_bps=_rate_limit_bps(values),
        state_folder=user_state_path("esc-tui"),
        metrics=metrics_settings(values),
        tls=tls_settings(values),
    )


def _rate_limit_bps(values: Values) -> int | None:
    rate_bps: int | None = values["rate_limit_bps"]
    return ENABLED_RATE_LIMIT_BPS if rate_bps is None and values["enable_rate_limit"] else rate_bps


def _microphone_settings(values: Values) -> MicrophoneSettings | None:
    if values["microphone"] or values["mic_device"] or values["mic_save_path"]:
        return MicrophoneSettings(device=values["mic_device"], save_path=values["mic_save_path"])
    return None
