"""When a job may be sent: requests and tokens per minute, cool-downs, outages, slots."""

from .concurrency import Concurrency, all_open_files, most_connections
from .lane import Lane
from .lanes import Lanes, lanes_for
from .limiter import WINDOW_S, Grant
from .service_limits import NOTHING_SAID, ServiceLimits, service_limits

__all__ = [
    "NOTHING_SAID",
    "WINDOW_S",
    "Concurrency",
    "Grant",
    "Lane",
    "Lanes",
    "ServiceLimits",
    "all_open_files",
    "lanes_for",
    "most_connections",
    "service_limits",
]
