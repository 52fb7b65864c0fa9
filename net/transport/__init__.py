"""How bytes travel: sockets, rate limit, TLS, listening, and the connections that run a protocol.

May import `net.protocol`, `net.telemetry` and `net.runtime`; knows neither senders nor receivers.
"""
