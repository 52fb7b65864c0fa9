"""Sound that is live: devices, and what holds a steady pace between clocks that differ.

May import `net.runtime` and `net.telemetry`; knows neither protocol nor sender nor receiver.
"""
