"""Live audio: devices and their streams, the jitter buffer with its target, clock drift, voice activity.

May import `net.runtime` and `net.telemetry`; knows neither protocol nor sender nor receiver.
"""
