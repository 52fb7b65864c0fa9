"""The settings that an engine is built from. Values that cannot work raise `UsageError`, naming the option as typed."""

from dataclasses import dataclass, field
from pathlib import Path

from codec.chunks.plan import ChunkPlan
from codec.errors import UsageError
from codec.sound.formats import SoundFormat
from codec.sound.pcm import PcmFormat

DEFAULT_PORT = 8888
MAX_STREAMS = 6
MAX_JITTER_MS = 5000
STANDARD_STREAM = Path("-")
"""Standard input as an input, standard output as an output."""
MIN_RATE_LIMIT_BPS = 100
MAX_QUEUE_CHUNKS = 1000
"""What decoding holds back included, no more than a receiver may offer (`Limits.max_window_chunks`)."""
DEFAULT_SOCKET_BUFFER_BYTES = 4096
MIN_SOCKET_BUFFER_BYTES = 1024
MAX_SOCKET_BUFFER_BYTES = 64 << 20
LEAST_SPEECH_BPS = 1500
"""What one stream of codes takes: below this rate speech comes later and later."""


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise UsageError(message)


def _check(option: str, value: float | None, least: float, most: float | None = None, unit: str = "") -> None:
    """Raise `UsageError` for a value that is out of range (or not a number); None is the default of any option."""
    if value is None or least <= value <= (float("inf") if most is None else most):
        return
    if most is not None:
        wanted = f"be {least} to {most}{unit}"
    else:
        wanted = f"be at least {least}{unit}" if least else "not be negative"
    raise UsageError(f"{option} must {wanted}, not {value}")


def _check_socket_buffer(size_bytes: int) -> None:
    _require(
        MIN_SOCKET_BUFFER_BYTES <= size_bytes <= MAX_SOCKET_BUFFER_BYTES,
        f"--buffer-size is the socket's buffer, {MIN_SOCKET_BUFFER_BYTES} to {MAX_SOCKET_BUFFER_BYTES} bytes, "
        f"not {size_bytes}: how many chunks may wait between two stages is for --queue-chunks",
    )


def _bytes_for_bits(rate: int) -> str:
    """Say what to type where a rate was meant in bytes, as the original scripts count."""
    return f"the original scripts count bytes: {rate} bytes/s are --rate-limit-bps {rate * 8}"


def _check_rate_limit(rate_bps: int | None) -> None:
    if rate_bps is not None and rate_bps < MIN_RATE_LIMIT_BPS:
        also = f" ({_bytes_for_bits(rate_bps)})" if rate_bps > 0 else ""
        raise UsageError(f"--rate-limit-bps must be at least {MIN_RATE_LIMIT_BPS} bit/s, not {rate_bps}{also}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Which connections a receiver accepts. An address that broke the rules waits longer each time."""

    max_connections: int = 64
    max_per_address: int = 32
    handshake_s: float = 10.0
    """From the connection to a whole HELLO, TLS included."""
    faults_forgiven: int = 8
    first_wait_s: float = 0.5
    max_wait_s: float = 60.0
    forget_s: float = 300.0
    """Faults are forgotten when an address has made none for so long."""
    max_addresses: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaLimits:
    """How much is accepted of one stream, of one peer within a day, and saved while the receiver runs."""

    max_stream_s: float = 96 * 3600.0
    max_stream_bytes: int = 1 << 30
    max_peer_s: float = 14 * 86400.0
    max_peer_bytes: int = 8 << 30
    max_disk_bytes: int | None = None
    min_free_bytes: int = 64 << 20
    """The disk's free space is not used beyond this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Encrypt, with the identity in `folder`, and talk to trusted peers only.

    `trusted` are fingerprints that are accepted when new or changed; with `allowed` no others than these are accepted.
    """

    folder: Path
    trusted: frozenset[str] = frozenset()
    allowed: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Where Prometheus may scrape what is measured. With port 0 the system picks a free one."""

    host: str = "localhost"
    port: int

    def __post_init__(self) -> None:
        _check("--metrics-port", self.port, 0, 65535)


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrophoneSettings:
    """Which input to record from (None: the default one), and the file or folder for the raw recording."""

    device: str | None = None
    save_path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderSettings:
    """What `esc-tui sender` does. The source is a file or a microphone.

    With `drop_when_behind` full queues drop their oldest chunk, which keeps the rest timely; without, they wait.
    """

    input: Path | None = None
    raw: PcmFormat | None = None
    """The form of an input without a header."""
    microphone: MicrophoneSettings | None = None
    enhance: bool = False
    """Suppress noise and level the voice before coding."""
    skip_silence: bool = False
    drop_when_behind: bool = False
    host: str = "localhost"
    port: int = DEFAULT_PORT
    num_streams: int = 6
    plan: ChunkPlan = field(default_factory=ChunkPlan)
    lookahead_ms: float | None = None
    """How much of what follows a seamless chunk is waited for; None for all that the network looks at."""
    realtime: bool = False
    adaptive: bool = False
    """Use fewer streams while the link carries no more."""
    queue_chunks: int = 10
    """How many chunks may wait between two stages."""
    socket_buffer_bytes: int = DEFAULT_SOCKET_BUFFER_BYTES
    """What the system is asked to buffer of what is sent; it may grant another size."""
    rate_limit_bps: int | None = None
    connect_timeout_s: float = 10.0
    reconnect_timeout_s: float = 30.0
    resume: bool = False
    state_folder: Path | None = None
    """Where the identities of unfinished file streams are remembered; None: nowhere."""
    model_path: Path | None = None
    device: str = "cpu"
    metrics: MetricsSettings | None = None
    tls: TlsSettings | None = None

    def __post_init__(self) -> None:
        _require(
            (self.input is None) != (self.microphone is None),
            "choose what to stream: either --input FILE or --microphone",
        )
        _require(
            not self.enhance or self.input is None or self.input.suffix.lower() != ".esc",
            f"--enhance is for sound, and {self.input} holds codes: leave it out",
        )
        _require(
            not self.resume or (self.input is not None and not self.reads_forward),
            "only a file can be resumed, not a pipe or a microphone: give --input FILE with --resume",
        )
        _require(self.raw is None or self.input is not None, "--raw is for --input: say which file or pipe has raw PCM")
        _check("--port", self.port, 1, 65535)
        _check("--num-streams", self.num_streams, 1, MAX_STREAMS)
        _check("--lookahead-ms", self.lookahead_ms, 0)
        _require(
            not self.adaptive or self.realtime or self.input is None,
            "a file that is sent as fast as possible is never late: give --realtime with --adaptive",
        )
        _check("--queue-chunks", self.queue_chunks, 1, MAX_QUEUE_CHUNKS, " chunks")
        _check_socket_buffer(self.socket_buffer_bytes)
        _check_rate_limit(self.rate_limit_bps)
        _check("--connect-timeout", self.connect_timeout_s, 0)
        _check("--reconnect-timeout", self.reconnect_timeout_s, 0)

    @property
    def reads_forward(self) -> bool:
        """Whether the input can be read once only: standard input, a named pipe, or raw PCM."""
        if self.input is None:
            return False
        return self.raw is not None or self.input == STANDARD_STREAM or self.input.is_fifo()

    @property
    def lookahead_samples(self) -> int | None:
        """`lookahead_ms` in samples at 16 kHz."""
        return None if self.lookahead_ms is None else round(self.lookahead_ms * 16)

    @property
    def rate_limit_warning(self) -> str:
        """Why the rate limit starves speech, as advice; empty where it does not."""
        rate_bps = self.rate_limit_bps
        if rate_bps is None or rate_bps >= LEAST_SPEECH_BPS:
            return ""
        return (
            f"--rate-limit-bps {rate_bps} is bits a second, too few for even one stream of codes "
            f"({LEAST_SPEECH_BPS} bit/s): speech comes later and later; {_bytes_for_bits(rate_bps)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackSettings:
    """Which output to play on (None: the default one), and how much sound the jitter buffer aims to hold."""

    device: str | None = None
    jitter_ms: float | None = None
    """None: 80 ms for live speech in short chunks, 200 ms otherwise."""

    def __post_init__(self) -> None:
        _check("--jitter-ms", self.jitter_ms, 0, MAX_JITTER_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSettings:
    """What `esc-tui receiver` does. With port 0 the system picks a free one.

    Beyond this machine it listens only with `tls`, or where `insecure` says that it may be without.
    """

    host: str = "localhost"
    port: int = DEFAULT_PORT
    save_path: Path = Path("output")
    audio_format: SoundFormat = SoundFormat.WAV
    """Of the files of a stream that has ended: before, they are WAV."""
    save_chunks: bool = False
    save_codes: bool = False
    max_connections: int = 8
    once: bool = False
    queue_chunks: int = 20
    """How many chunks may wait between two stages."""
    socket_buffer_bytes: int = DEFAULT_SOCKET_BUFFER_BYTES
    """What the system is asked to buffer of what is received; it may grant another size."""
    grace_s: float = 30.0
    output: Path | None = None
    """A named pipe, or `STANDARD_STREAM`, for the sound of one stream after another, as 16-bit PCM at 16 kHz."""
    output_wav: bool = False
    """Whether the output begins with the header of a WAV of unknown length."""
    min_streams: int = 1
    """The fewest streams that a sender which adapts should use."""
    lookahead_ms: float | None = None
    """How much of the codes after a seamless chunk is waited for; None for all that the network looks at, and 40 ms of
    live speech in short chunks."""
    playback: PlaybackSettings | None = None
    model_path: Path | None = None
    device: str = "cpu"
    metrics: MetricsSettings | None = None
    tls: TlsSettings | None = None
    insecure: bool = False
    intake: QuotaLimits = field(default_factory=QuotaLimits)
    admission: ConnectionLimits | None = None
    """None: what fits `max_connections`."""

    def __post_init__(self) -> None:
        _check("--port", self.port, 0, 65535)
        _check("--max-connections", self.max_connections, 1)
        _check("--queue-chunks", self.queue_chunks, 1, MAX_QUEUE_CHUNKS, " chunks")
        _check_socket_buffer(self.socket_buffer_bytes)
        _check("--min-streams", self.min_streams, 1, MAX_STREAMS)
        _check("--lookahead-ms", self.lookahead_ms, 0)
        _check("--grace", self.grace_s, 0)
