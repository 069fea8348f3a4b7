"""When a job may be sent: requests and tokens per minute, cool-downs, outages, slots."""

from .concurrency import (
    Concurrency,
    Slots,
    SlotsOfAll,
    all_open_files,
    most_connections,
    share_history,
)
from .history import ConcurrencyHistory
from .lane import Lane
from .lanes import JobLanes, Lanes, lanes_for
from .limiter import WINDOW_S, Grant
from .service_limits import NOTHING_SAID, ServiceLimits, service_limits
from .share import NO_SHARE, LaneShare, LaneUse, Share
from .shared_lane import SharedLane

__all__ = [
    "NOTHING_SAID",
    "NO_SHARE",
    "WINDOW_S",
    "Concurrency",
    "ConcurrencyHistory",
    "Grant",
    "JobLanes",
    "Lane",
    "LaneShare",
    "LaneUse",
    "Lanes",
    "ServiceLimits",
    "Share",
    "SharedLane",
    "Slots",
    "SlotsOfAll",
    "all_open_files",
    "lanes_for",
    "most_connections",
    "service_limits",
    "share_history",
]
