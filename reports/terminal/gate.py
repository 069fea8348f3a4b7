"""A gate's outcome on a terminal: each objective, whether it was met, and what came out."""

from decimal import Decimal

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headrace.jobs import Aggregate, Name, Node, parse_expression, plain, safe

from ..objectives import GateReport, Judgement, Measured, Value


def print_gate(report: GateReport, console: Console) -> None:
    """Print what was not met in red, and a line that counts. Fits 60 columns and wider."""
    beside = "" if report.base is None else f"  beside {safe(report.base)}"
    console.print(Text.assemble((safe(report.run), "bold"), beside))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for each in report.objectives:
        mark = Text("met", "green") if each.met else Text("not met", "bold red")
        table.add_row(mark, Text(safe(each.objective)), Text(safe(outcome(each, report.currency))))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    failed = sum(not each.met for each in report.objectives)
    number = len(report.objectives)
    if failed:
        was = "was" if failed == 1 else "were"
        console.print(Text(f"{failed} of {number} objectives {was} not met", "red"))
    else:
        console.print(Text(f"all {number} objectives met" if number > 1 else "met", "green"))


def outcome(judged: Judgement, currency: str | None) -> str:
    """What came out of an objective, in a line: its figures, or why it can't be told."""
    if judged.why is not None:
        return judged.why
    alone = len(judged.measured) == 1
    return "; ".join(_shown(each, currency, alone) for each in judged.measured)


def _shown(measured: Measured, currency: str | None, alone: bool) -> str:
    unit = unit_of(parse_expression(measured.figure).root, currency)
    text = "not known" if measured.value is None else amount(measured.value, unit)
    if measured.base is not None:
        text += f", base {amount(measured.base, unit)}"
    return text if alone else f"{measured.figure}: {text}"


def unit_of(node: Node, currency: str | None) -> str:
    """The unit that a figure has: s, % (of a share), the currency, or none."""
    match node:
        case Aggregate(function="count" | "rate"):
            return ""
        case Aggregate(argument=Name() as argument):
            return unit_of(argument, currency)
        case Name(name=name) if name.endswith("_error_rate") or name == "error_rate":
            return "%"
        case Name(name=name) if name.endswith("_s") and not name.endswith("per_s"):
            return "s"
        case Name(name=name) if name.removeprefix("attempts.") in ("cost", "cost_bound"):
            return currency or ""
    return ""


def amount(value: Value, unit: str) -> str:
    """A value with enough digits to tell it from its limit."""
    if isinstance(value, bool | str):
        return str(value)
    if unit == "%":
        return f"{float(value) * 100:.4g} %"
    if isinstance(value, Decimal):
        text = f"{plain(value):,f}" if len(value.as_tuple().digits) <= 18 else f"{value:,.6g}"
    elif isinstance(value, int):
        text = f"{value:,}"
    else:
        text = f"{value:,.6g}"
    return f"{text} {unit}".rstrip()
