"""The full-screen console: one app, its screens, panes and widgets, fed by a thread that publishes snapshots.

Holds no sockets and no tensors: it knows engines by `net.engine.Engine`, and what they show by `net.telemetry.stats`.
"""
