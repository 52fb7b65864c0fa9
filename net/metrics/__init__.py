"""What engines measure, for Prometheus: `server.MetricsServer` answers scrapes with their snapshots.

Loads `prometheus-client`, so it is imported only where metrics are asked for. Never imports `net.sender` or
`net.receiver`: it knows engines by `net.engine.Engine`.
"""
