"""Expressions: trees, their text, and messages about mistakes."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.jobs import (
    AGGREGATES,
    Aggregate,
    Binary,
    ExpressionError,
    InputError,
    Name,
    Node,
    Number,
    Text,
    Unary,
    format_expression,
    parse_condition,
    parse_expression,
    walk_nodes,
)
from headrace.jobs.expressions.parser import TOKENS_MAX, WORDS
from headrace.jobs.expressions.tree import COMPARISONS, UNITS


def n(value: str, unit: str | None = None) -> Number:
    return Number(value=Decimal(value), unit=unit)


def pair(left: Node, operator: str, right: Node) -> Binary:
    return Binary(operator=operator, left=left, right=right)


COST, P95 = Name(name="cost"), Aggregate(function="p95", argument=Name(name="ttft_s"))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("cost < 5.00", pair(COST, "<", n("5"))),
        (
            "p95(ttft_s) <= 1.1 * base",
            pair(P95, "<=", pair(n("1.1"), "*", Name(name="base"))),
        ),
        ("cost-1-2 > 3", pair(pair(pair(COST, "-", n("1")), "-", n("2")), ">", n("3"))),
        ("cost-(1-2) > 3", pair(pair(COST, "-", pair(n("1"), "-", n("2"))), ">", n("3"))),
        ("1 + 2 * cost == 0", pair(pair(n("1"), "+", pair(n("2"), "*", COST)), "==", n("0"))),
        ("-cost != 800ms", pair(Unary(operator="-", operand=COST), "!=", n("800", "ms"))),
        (
            "not cost < 5% or cost > 1 and cost < 2",
            pair(
                Unary(operator="not", operand=pair(COST, "<", n("5", "%"))),
                "or",
                pair(pair(COST, ">", n("1")), "and", pair(COST, "<", n("2"))),
            ),
        ),
        ("count() >= 1_000", pair(Aggregate(function="count"), ">=", n("1000"))),
        (
            "p99.9(latency_s, url == '/v1/messages') < 2s",
            pair(
                Aggregate(
                    function="p99.9",
                    argument=Name(name="latency_s"),
                    where=pair(Name(name="url"), "==", Text(value="/v1/messages")),
                ),
                "<",
                n("2", "s"),
            ),
        ),
        (
            "max(attempts.wait_s)<.5",
            pair(Aggregate(function="max", argument=Name(name="attempts.wait_s")), "<", n("0.5")),
        ),
    ],
)
def test_an_expression_is_the_tree_that_its_text_means(text: str, tree: Node) -> None:
    assert parse_condition(text).root == tree


def test_units_are_seconds_and_shares() -> None:
    amounts = {
        "800us": "0.0008",
        "800µs": "0.0008",
        "300ms": "0.3",
        "2s": "2",
        "2m": "120",
        "2min": "120",
        "1.5h": "5400",
        "1d": "86400",
        "5%": "0.05",
        "1e-3": "0.001",
    }
    roots = {text: parse_expression(text).root for text in amounts}
    found = {text: root.amount for text, root in roots.items() if isinstance(root, Number)}
    assert found == {text: Decimal(amount) for text, amount in amounts.items()}


def test_a_percentile_has_its_share() -> None:
    shares = {"p0": "0", "p50": "0.5", "p99.9": "0.999", "p100": "1", "mean": None, "p101": None}
    found = {name: Aggregate(function=name).quantile for name in shares}
    assert found == {name: share and Decimal(share) for name, share in shares.items()}


@pytest.mark.parametrize(
    ("text", "said", "at"),
    [
        ("", "something is missing here", 0),
        ("cost <", "something is missing here", 6),
        ("cost", "this is a figure, not a condition", 0),
        ("cost = 5", "'=' has no meaning here; write ==", 5),
        ("cost < 5 && jobs > 1", "'&' has no meaning here; write and", 9),
        ("1 < cost < 2", "two comparisons in a row; join them with `and`", 9),
        ("cost < 5 euros", "'euros' doesn't fit here", 9),
        ("cost < 5eur", "'eur' is not a unit; the units are us, ms, s, m, min, h, d, %", 8),
        ("cost < (5", "a closing bracket `)` is missing here", 9),
        ("cost < 5)", "')' doesn't fit here", 8),
        ("cost < * 5", "a figure is missing before '*'", 7),
        ("cost < and", "a figure is missing before 'and'", 7),
        ("meen(ttft_s) < 1", "'meen' is not a function; did you mean mean?", 0),
        ("open('x') < 1", "'open' is not a function; the functions are count, sum, mean", 0),
        ("p101(ttft_s) < 1", "'p101' is not a function", 0),
        ("p95() < 1", "p95 of what? Name a column, as in p95(cost)", 0),
        ("p95(a, b < 1, c) < 1", "a closing bracket `)` is missing here", 12),
        ("p95(mean(ttft_s)) < 1", "functions of rows can't be nested", 4),
        ("mean(a, 5) < 1", "`mean` joins conditions, and this is not one", 8),
        ("sum('x') < 1", "sum takes a column, and this is text", 4),
        ("cost and jobs + 1", "`and` joins conditions, and this is not one", 14),
        ("not 5", "`not` joins conditions, and this is not one", 4),
        ("(cost < 1) + 1 > 0", "`+` takes figures, and this is a condition", 6),
        ("(cost < 1) < 2", "`<` takes figures, and this is a condition", 6),
        ("cost * 'x' < 2", "`*` takes numbers, and this is text", 7),
        ("model == 'small", "the text has no closing quote", 9),
        ("cost < 1e31", "this number is out of range", 7),
        ("cost < ١", "'١' has no meaning here", 7),
        ("__import__('os')", "'__import__' is not a function", 0),
        ("cost < 5\t\tmore", "'more' doesn't fit here", 10),
    ],
)
def test_a_mistake_is_shown_at_its_place(text: str, said: str, at: int) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse_condition(text)
    message, line, caret = raised.value.format_message().split("\n")
    assert message.startswith(said)
    assert line == "    " + text.replace("\t", " ")
    assert caret == " " * (4 + at) + "^"
    assert isinstance(raised.value, InputError)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1000,
        "-" * 1000 + "1",
        "not " * 400 + "a",
        "cost" + "+cost" * 390 + " < 1",
        "1" * 2000,
        "a" * 3000,
    ],
)
def test_what_goes_too_deep_or_too_far_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text)


def test_the_longest_chain_can_be_shown_again() -> None:
    chain = "1" + "+1" * (TOKENS_MAX // 2 - 1)
    assert format_expression(parse_expression(chain).root) == chain.replace("+", " + ")


alphabet = st.sampled_from(list("abps01.9_%µ \"'()<>=!+-*/,&é\n\x00"))
words = st.sampled_from(
    [
        "p95",
        "count",
        "(",
        ")",
        " and ",
        "not ",
        "<",
        "<=",
        "1.5",
        "ms",
        "base",
        "'a'",
        ",",
        "-",
        "*",
    ]
)


def tree_or_error(text: str) -> Node | ExpressionError:
    try:
        return parse_expression(text).root
    except ExpressionError as error:
        return error


@given(st.text() | st.text(alphabet) | st.lists(words).map("".join))
@example("p95(ttft_s) <= 1.1 * base")
@example("cost <")
def test_any_text_gives_a_tree_or_one_clear_error(text: str) -> None:
    found = tree_or_error(text)
    if isinstance(found, ExpressionError):
        assert 0 <= found.at <= len(text)
        assert len(found.format_message().split("\n")) == 3
    else:
        assert parse_expression(format_expression(found)).root == found


numbers = st.builds(
    Number,
    value=st.decimals(0, 10**12, places=4),
    unit=st.none() | st.sampled_from(list(UNITS)),
)
names = st.from_regex(r"[a-z_][a-z0-9_]{0,5}(\.[a-z]{1,3})?", fullmatch=True).filter(
    lambda name: name not in WORDS
)
texts = st.text(st.characters(exclude_characters='"\n'), max_size=8) | st.just('a "b"')
values: st.SearchStrategy[Node] = numbers | st.builds(Name, name=names)


def larger(within: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.builds(
        Binary, operator=st.sampled_from("+-*/"), left=within, right=within
    ) | st.builds(Unary, operator=st.just("-"), operand=within)


arithmetic = st.recursive(values, larger, max_leaves=6)
comparisons: st.SearchStrategy[Node] = st.builds(
    Binary,
    operator=st.sampled_from(COMPARISONS),
    left=arithmetic,
    right=arithmetic | st.builds(Text, value=texts),
)
conditions: st.SearchStrategy[Node] = st.recursive(
    comparisons,
    lambda within: (
        st.builds(Binary, operator=st.sampled_from(["and", "or"]), left=within, right=within)
        | st.builds(Unary, operator=st.just("not"), operand=within)
    ),
    max_leaves=4,
)
functions = st.sampled_from([*AGGREGATES, "p50", "p99.9", "p100"])
aggregates = st.builds(
    Aggregate, function=functions, argument=arithmetic | conditions, where=st.none() | conditions
)
trees = conditions | st.builds(
    Binary, operator=st.sampled_from(COMPARISONS), left=aggregates, right=arithmetic
)


@pytest.mark.slow
@given(trees)
def test_a_tree_that_is_shown_and_parsed_is_the_same(tree: Node) -> None:
    assert parse_expression(format_expression(tree)).root == tree


def test_positions_are_characters_of_the_text() -> None:
    root = parse_expression("cost  <  1.1*base").root
    assert isinstance(root, Binary)
    assert isinstance(root.right, Binary)
    places = (root.left.at, root.at, root.right.left.at, root.right.at, root.right.right.at)
    assert places == (0, 6, 9, 12, 13)


@pytest.mark.parametrize(
    ("spaced", "tight"),
    [
        ("error_rate < 1 %", "error_rate < 1%"),
        ("ttft_s < 500 ms and cost < 2", "ttft_s < 500ms and cost < 2"),
        ("latency_s < 2 min", "latency_s < 2min"),
        ("latency_s < 2 s", "latency_s < 2s"),
    ],
)
def test_a_unit_may_stand_apart_from_its_number(spaced: str, tight: str) -> None:
    assert parse_condition(spaced).root == parse_condition(tight).root


def test_pass_at_k_has_its_number_first() -> None:
    found = parse_condition("pass_at(3, exact, model == 'm') >= 50%")
    (aggregate,) = [each for each in walk_nodes(found.root) if isinstance(each, Aggregate)]
    assert (aggregate.samples, aggregate.argument) == (3, Name(name="exact"))
    assert format_expression(found.root) == 'pass_at(3, exact, model == "m") >= 50%'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pass_at(exact) > 0", "pass_at begins with a number of samples"),
        ("pass_all(1.5, exact) > 0", "pass_all begins with a number of samples"),
        ("pass_at(0, exact) > 0", "write 1 or more"),
        ("pass_at(2) > 0", "pass_at of what? Name a score, as in pass_at(2, exact)"),
        ("pass_ad(2, exact) > 0", "did you mean pass_at?"),
    ],
)
def test_a_wrong_number_of_samples_is_said(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse_condition(text)
    assert said in raised.value.message
