"""How late this machine lets a loop be that does nothing but wait: the control of an open loop.

    python benchmarks/timer.py [--rate 1000] [--seconds 2]

The same timer and the same event loop as a load run's, without requests. Prints how late it was at
p99, in milliseconds.
"""

import click
import trio

from headrace.runner.alarm import open_alarm


async def lateness_s(rate: int, count: int) -> list[float]:
    """How late each of `count` moments was met, `rate` of them a second."""
    late_s = []
    with open_alarm() as alarm:
        start_s = trio.current_time() + 0.05
        for number in range(count):
            due_s = start_s + number / rate
            while trio.current_time() < due_s:
                await alarm.wait_until(due_s)
            late_s.append(trio.current_time() - due_s)
    return late_s


@click.command()
@click.option("--rate", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--seconds", type=click.IntRange(1), default=2, show_default=True)
def main(rate: int, seconds: int) -> None:
    """Measure how late a bare loop is."""
    late_s = sorted(trio.run(lateness_s, rate, rate * seconds))
    click.echo(1000 * late_s[int(0.99 * len(late_s))])


if __name__ == "__main__":
    main()
