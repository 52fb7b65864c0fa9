"""Listening sockets, and the addresses that a host's name stands for."""

import errno
import ipaddress
import socket
from collections.abc import Sequence

from net.errors import ConnectError

LISTEN_BACKLOG = 256


Address = tuple[int, str]
"""A family of addresses, and one of it."""


def listen(host: str, port: int, *, private: bool) -> list[socket.socket]:
    """Listen on the addresses that `host` stands for (if `private`, on this machine's own), all on one port.

    Raises `ConnectError` where that fails.
    """
    listeners: list[socket.socket] = []
    refused: OSError | None = None
    for family, address in resolve(host, port):
        if private and not is_loopback(address):
            continue  # the name resolves to something else than it did a moment ago
        bound = listeners[0].getsockname()[1] if listeners else port
        try:
            listeners.append(_listen_on(family, (address, bound)))
        except OSError as error:
            refused = error
    in_use = refused is not None and refused.errno in (errno.EADDRINUSE, errno.EACCES)
    if in_use or not listeners:
        for listener in listeners:
            listener.close()
        raise _cannot_listen(host, port, refused)
    return listeners


def address_text(host: str, port: int) -> str:
    """Host and port as one text; an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def resolvable_host(host: str) -> str:
    """Return `host`, but 127.0.0.1 for a `localhost` that this machine cannot resolve (RFC 6761, 6.3)."""
    if host.lower() == "localhost":
        try:
            socket.getaddrinfo(host, None)
        except OSError:
            return "127.0.0.1"
    return host


def resolve(host: str, port: int) -> list[Address]:
    """The families and addresses that `host` stands for. Raises `ConnectError` where there are none."""
    try:
        found = socket.getaddrinfo(resolvable_host(host), port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConnectError(f"there is no host {host!r} ({error.strerror}): check --host") from error
    except UnicodeError as error:
        raise ConnectError(f"{host!r} cannot be the name of a host: check --host") from error
    return list(dict.fromkeys((int(family), str(address[0])) for family, _, _, _, address in found))


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches `address`, which is a number, not a name; the empty one is everywhere."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def only_loopback(addresses: Sequence[Address]) -> bool:
    """Whether only this machine reaches any of the addresses."""
    return all(is_loopback(address) for _, address in addresses)


def _cannot_listen(host: str, port: int, error: OSError | None) -> ConnectError:
    reason = error.strerror if error is not None else "it stands for no address"
    return ConnectError(f"cannot listen on {address_text(host, port)} ({reason}): choose another --host or --port")


def _listen_on(family: int, address: tuple[str, int]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(LISTEN_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
