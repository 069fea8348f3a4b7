"""What went to each service of a run, on a terminal."""

from rich.console import Console
from rich.text import Text

from headrace.jobs import printable

from ..figures import Summary
from ..service_words import in_one_currency, service_table, stopped_words
from ..wording import aligned
from .layout import columns, heading, print_body


def print_services(summary: Summary, console: Console) -> None:
    """Print the table of services, and why some stopped; nothing for a run that has none."""
    found = service_table(summary, narrow=True)
    if found is None:
        return
    heading(console, "Services")
    table = columns(*map(printable, found.header), left=1)
    for number, row in enumerate(found.rows, 1):
        total = found.has_total and number == len(found.rows)
        table.add_row(*(Text(printable(each)) for each in row), style="bold" if total else "")
    print_body(console, table)
    for words in stopped_words(summary.by_service):
        print_body(console, printable(words), "red")


def print_accounts(summary: Summary, console: Console) -> None:
    """Print each of several services' cost beside what its account took, with all digits."""
    services = summary.by_service
    if len(services) < 2:  # what is said of all is that of the only one
        return
    services = [each for each in services if each.requests or each.balance.computed is not None]
    table = columns("service", "", "computed", "account", left=2)
    costs = aligned([each.balance.computed for each in services])
    taken = aligned([each.account_cost for each in services])
    if not in_one_currency(services):
        taken = [
            f"{amount} {each.balance.currency or ''}".rstrip()
            for amount, each in zip(taken, services, strict=True)
        ]
    for each, cost, account in zip(services, costs, taken, strict=True):
        table.add_row(Text(printable(each.name)), each.balance.verdict, cost, account)
    print_body(console, table)
