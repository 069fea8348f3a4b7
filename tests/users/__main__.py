"""`make users`: hundreds of searches over users and rates, on services of known capacity."""

import sys
from collections.abc import Sequence
from statistics import median

import click

from .simulation import OpenService, QueueingService, Searched, search, search_rates

SEARCHES = 200
PROMISED = 0.90
SERVICES = (
    QueueingService(places=1, service_s=0.2, think_s=3.0, within_s=1.0),
    QueueingService(places=4, service_s=0.5, think_s=2.0, within_s=2.0),
    QueueingService(places=4, service_s=0.5, think_s=0.5, within_s=2.5),
    QueueingService(places=16, service_s=1.0, think_s=4.0, within_s=3.5),
)


OPEN_SERVICES = (
    OpenService(places=1, service_s=0.2, within_s=1.0),
    OpenService(places=4, service_s=0.5, within_s=2.0),
    OpenService(places=16, service_s=1.0, within_s=3.5),
    OpenService(places=4, service_s=0.5, within_s=5.0),  # the limit is near to all it can serve
)


def main(searches: int = SEARCHES) -> int:
    """Print two tables; 1 where fewer than promised have the capacity within their bounds."""
    click.echo(f"{searches} searches each, p95(latency_s), from 4 users on\n")
    click.echo("places  capacity  within bounds  bounds at the median  requests")
    bad = False
    for service in SERVICES:
        made = [search(service, seed) for seed in range(searches)]
        bad |= told(service.places, service.capacity, made)
    click.echo("\nrates, from half of what it can serve on\n")
    click.echo("places  capacity  within bounds  bounds at the median  requests")
    for open_service in OPEN_SERVICES:
        made = [search_rates(open_service, seed) for seed in range(searches)]
        bad |= told(open_service.places, open_service.capacity, made)
    return int(bad)


def told(places: int, capacity: float, made: Sequence[Searched]) -> bool:
    """Print a line, and say whether too few have the capacity within their bounds."""
    share = sum(each.holds(capacity) for each in made) / len(made)
    low = median(each.found.highest_met or 0 for each in made)
    users = isinstance(capacity, int)
    high = median((each.found.lowest_missed or 1e6) - users for each in made)
    requests = median(each.requests for each in made)
    said = f"{low:.0f} to {high:.0f}" if users else f"{low:.2f} to {high:.2f}/s"
    shown = capacity if users else round(capacity, 2)
    click.echo(f"{places:6} {shown:9} {share:14.1%} {said:>21} {requests:9,.0f}")
    return share < PROMISED


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in sys.argv[1:2])))
