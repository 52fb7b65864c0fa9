"""Options that say who may listen and send, and how much."""

import re
from collections.abc import Sequence
from typing import Any

import click

from codec.errors import UsageError
from esc_tui.options.shared import compose
from net.settings import TlsSettings

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class ByteCount(click.ParamType[int]):
    """A number of bytes, written as such or with K, M, G or T."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; fails for what is none, and for zero."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,15})\s*([KMGT]?)(?:i?B)?", str(value).strip(), re.IGNORECASE | re.ASCII)
        count = int(found[1]) * UNITS[found[2].upper()] if found else 0
        if not count:
            self.fail(f"{value!r} is no size: write bytes, or a number with K, M, G or T, such as 500M", param, ctx)
        return count


tls_options = compose(
    click.option("--tls", is_flag=True, help="Encrypt, and prove who both sides are; both need it."),
    click.option(
        "--trust",
        multiple=True,
        metavar="FINGERPRINT",
        help="Trust this peer, which was not met before or has a new key. May be repeated.",
    ),
)

allow_options = compose(
    click.option(
        "--allow",
        multiple=True,
        metavar="FINGERPRINT|FILE",
        help="Let in only these senders: a fingerprint, or a file of them. May be repeated.",
    ),
    click.option("--insecure", is_flag=True, help="Listen to other machines without encryption."),
    click.option(
        "--max-disk",
        type=ByteCount(),
        metavar="SIZE",
        help="Save at most so much in this run, such as 500M or 2G, and count what streams that go on had before; one "
        "that would pass it is ended.  [default: no limit]",
    ),
)


def tls_settings(tls: bool, trust: Sequence[str], allow: Sequence[str] = ()) -> TlsSettings | None:
    """What the options say; raises `UsageError` for fingerprints that are none, or that nothing would look at."""
    if not tls:
        for option, values in (("--trust", trust), ("--allow", allow)):
            if values:
                raise UsageError(f"{option} needs --tls: without it nobody proves a fingerprint")
        return None
    from net.transport.security.identity import config_folder, parse_fingerprint  # noqa: PLC0415 - cryptography takes time to load
    from net.transport.security.trust import parse_allowed  # noqa: PLC0415 - likewise

    return TlsSettings(
        folder=config_folder(),
        trusted=frozenset(map(parse_fingerprint, trust)),
        allowed=parse_allowed(allow) if allow else None,
    )
