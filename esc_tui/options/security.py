"""Options that say who may listen and send, and how much."""

import re
from typing import Any

import click
from click import option

from codec.errors import UsageError
from esc_tui.options.command import Values, compose, flag
from net.settings import TlsSettings

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class ByteCount(click.ParamType[int]):
    """A positive number of bytes, written as digits with or without K, M, G or T (powers of 1024)."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes; fail for zero and for any other text."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,15})\s*([KMGT]?)(?:i?B)?", str(value).strip(), re.IGNORECASE | re.ASCII)
        count = int(found[1]) * UNITS[found[2].upper()] if found else 0
        if not count:
            self.fail(f"{value!r} is no size: write bytes, or a number with K, M, G or T, such as 500M", param, ctx)
        return count


tls_options = compose(
    flag("--tls", help="Encrypt, and prove who both sides are; both need it."),
    option(
        "--trust",
        multiple=True,
        metavar="FINGERPRINT",
        help="Trust this peer, which was not met before or has a new key. May be repeated.",
    ),
)

allow_options = compose(
    option(
        "--allow",
        multiple=True,
        metavar="FINGERPRINT|FILE",
        help="Let in only these senders: a fingerprint, or a file of them. May be repeated.",
    ),
    flag("--insecure", help="Listen to other machines without encryption."),
    option(
        "--max-disk",
        type=ByteCount(),
        metavar="SIZE",
        help="Save at most so much in this run, such as 500M or 2G, and count what streams that go on had before; one "
        "that would pass it is ended.  [default: no limit]",
    ),
)


def tls_settings(values: Values) -> TlsSettings | None:
    """Make the settings of TLS, None for none; raises `UsageError` for bad fingerprints, or any without `--tls`."""
    allow = values.get("allow")
    if not values["tls"]:
        for option, given in (("--trust", values["trust"]), ("--allow", allow)):
            if given:
                raise UsageError(f"{option} needs --tls: without it nobody proves a fingerprint")
        return None
    from net.transport.security.identity import config_folder, parse_fingerprint  # noqa: PLC0415 - cryptography takes time to load
    from net.transport.security.trust import parse_allowed  # noqa: PLC0415 - likewise

    return TlsSettings(
        folder=config_folder(),
        trusted=frozenset(map(parse_fingerprint, values["trust"])),
        allowed=parse_allowed(allow) if allow else None,
    )
