"""`make users`: hundreds of searches over users, on services of known capacity; prints a table."""

import sys
from statistics import median

import click

from .simulation import QueueingService, search

SEARCHES = 200
PROMISED = 0.90
SERVICES = (
    QueueingService(places=1, service_s=0.2, think_s=3.0, within_s=1.0),
    QueueingService(places=4, service_s=0.5, think_s=2.0, within_s=2.0),
    QueueingService(places=4, service_s=0.5, think_s=0.5, within_s=2.5),
    QueueingService(places=16, service_s=1.0, think_s=4.0, within_s=3.5),
)


def main(searches: int = SEARCHES) -> int:
    """Print the table; 1 where fewer than promised have the capacity within their bounds."""
    click.echo(f"{searches} searches each, p95(latency_s), from 4 users on\n")
    click.echo("places  capacity  within bounds  bounds at the median  requests")
    bad = False
    for service in SERVICES:
        capacity = service.capacity
        made = [search(service, seed) for seed in range(searches)]
        share = sum(each.holds(capacity) for each in made) / searches
        low = median(each.found.highest_met or 0 for each in made)
        high = median((each.found.lowest_missed or 1e6) - 1 for each in made)
        requests = median(each.requests for each in made)
        bad |= share < PROMISED
        said = f"{low:.0f} to {high:.0f}"
        click.echo(f"{service.places:6} {capacity:9} {share:14.1%} {said:>21} {requests:9,.0f}")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in sys.argv[1:2])))
