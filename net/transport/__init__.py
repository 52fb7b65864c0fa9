"""How bytes travel: sockets, listening, pacing, TLS, and connections that a protocol runs over.

May import `net.protocol`, `net.telemetry` and `net.runtime`; knows neither senders nor receivers.
"""
