"""Listening sockets, and the addresses that a host's name stands for."""

import errno
import ipaddress
import os
import socket

from net.errors import ConnectError

LISTEN_BACKLOG = 256

Address = tuple[int, str]
"""A family of addresses, and one of it."""


def listen(
    host: str, port: int, *, private: bool, prefix: str = "", buffer_bytes: int | None = None
) -> list[socket.socket]:
    """Listen on the addresses that `host` stands for (if `private`, on this machine's own), all on one port.

    The system is asked to buffer `buffer_bytes` of what each connection receives. Raises `ConnectError` where it
    cannot be listened there, which names the options: `--host` and `--port` with the prefix.
    """
    listeners: list[socket.socket] = []
    failure: int | None = None
    for family, address in resolve(host, port, prefix):
        if private and not is_loopback(address):
            continue  # the name resolves to something else than it did a moment ago
        bound_port = listeners[0].getsockname()[1] if listeners else port
        try:
            listener = socket.create_server((address, bound_port), family=family, backlog=LISTEN_BACKLOG)
            listeners.append(listener)
            if buffer_bytes is not None:  # accepted sockets inherit it
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        except OSError as error:
            failure = error.errno
    if failure in (errno.EADDRINUSE, errno.EACCES) or not listeners:
        for listener in listeners:
            listener.close()
        reason = os.strerror(failure) if failure is not None else "it stands for no address"
        raise ConnectError(
            f"cannot listen on {address_text(host, port)} ({reason}): choose another --{prefix}host or --{prefix}port"
        )
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


def resolve(host: str, port: int, prefix: str = "") -> list[Address]:
    """The families and addresses that `host` stands for. Raises `ConnectError` where there are none."""
    try:
        found = socket.getaddrinfo(resolvable_host(host), port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConnectError(f"there is no host {host!r} ({error.strerror}): check --{prefix}host") from error
    except UnicodeError as error:
        raise ConnectError(f"{host!r} cannot be the name of a host: check --{prefix}host") from error
    return list(dict.fromkeys((int(family), str(address[0])) for family, _, _, _, address in found))


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches `address`, which is a number, not a name; the empty one is everywhere."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback
