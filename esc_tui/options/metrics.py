"""The options that let Prometheus scrape an engine, and the settings that they make."""

from click import option

from codec.errors import UsageError
from esc_tui.options.command import Values, compose, require_extra
from esc_tui.options.shared import HostName
from net.settings import MetricsSettings

metrics_options = compose(
    option("--metrics-port", type=int, metavar="PORT", help="Serve figures to Prometheus on this TCP port."),
    option(
        "--metrics-host",
        type=HostName(),
        metavar="HOST",
        help="Address to serve them on, to whoever reaches it.  [default: localhost]",
    ),
)


def metrics_settings(values: Values) -> MetricsSettings | None:
    """Return where metrics are served, None for nowhere; raises `UsageError` for what cannot work."""
    if values["metrics_port"] is None:
        if values["metrics_host"] is not None:
            raise UsageError("--metrics-host says where metrics are served: add --metrics-port")
        return None
    require_extra("--metrics-port", "prometheus", "prometheus_client")
    return MetricsSettings(host=values["metrics_host"] or "localhost", port=values["metrics_port"])
