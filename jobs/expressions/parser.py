"""Parsing expressions, by recursive descent. Any text gives a tree or one clear error."""

import difflib
import re
from decimal import Decimal
from typing import NamedTuple

from .seconds import ask_about_seconds
from .tree import (
    AGGREGATES,
    COMPARISONS,
    OF_SAMPLES,
    OF_SO_MANY,
    UNITS,
    Aggregate,
    Binary,
    Expression,
    ExpressionError,
    Name,
    Node,
    Number,
    Text,
    Unary,
    is_function,
    value_type,
    walk_nodes,
)

CHARACTERS_MAX = 2_000
# Trees are walked recursively, and a chain of operators is as deep as it is long.
TOKENS_MAX = 300
DEPTH_MAX = 40
WORDS = ("and", "or", "not")
TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:[0-9][0-9_]*)?\.?[0-9][0-9_]*(?:e[+-]?[0-9]{1,2}(?![0-9]))?)
      (?P<unit>\s*(?:%|(?:us|µs|ms|s|min|m|h|d)(?!\w))|[^\W\d_]*)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)
    | (?P<text>"[^"\n]*"|'[^'\n]*')
    | (?P<sign><=|>=|==|!=|[-+*/<>(),])
    )""",
    re.VERBOSE,
)
# Operators of other languages, and what to write here instead.
ELSEWHERE = {"=": "==", "&": "and", "|": "or", "!": "not", "^": "*", "%": "a number before %"}


class Token(NamedTuple):
    """`kind` is number, name, text, sign or end; `unit` is that of a number."""

    kind: str
    text: str
    at: int
    unit: str = ""


def parse_expression(text: str) -> Expression:
    """Parse an expression.

    Args:
        text: such as `p95(ttft_s) <= 1.1 * base`; the grammar is in `jobs.expressions.tree`.

    Raises:
        ExpressionError: whose message shows the place.
    """
    parser = _Parser(text)
    root = parser.condition()
    left = parser.token
    if left.kind != "end":
        raise parser.error(f"{left.text!r} doesn't fit here", left.at)
    return Expression(text=text, root=root)


def parse_condition(text: str, *, recorded: bool = False) -> Expression:
    """Parse an expression that is true or false, such as a comparison.

    Args:
        text: as for `parse_expression`.
        recorded: it was taken before, and is what it says: no number in it is asked about.

    Raises:
        ExpressionError: whose message shows the place.
    """
    expression = parse_expression(text)
    if value_type(expression.root) != "truth":
        said = "this is a figure, not a condition; compare it with something, such as `< 3`"
        raise expression.mistake(expression.root, said)
    if not recorded:
        ask_about_seconds(expression)
    return expression


def _tokens(text: str) -> list[Token]:
    if len(text) > CHARACTERS_MAX:
        said = f"the expression is longer than {CHARACTERS_MAX:,} characters"
        raise ExpressionError(said, text[:60] + " ...", 0)
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        token = TOKEN.match(text, at)
        if token is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise ExpressionError(_strange(text[at]), text, at)
        kind = str(token.lastgroup)
        if kind == "unit":
            kind = "number"
        found.append(Token(kind, token[kind], token.start(kind), (token["unit"] or "").strip()))
        if len(found) > TOKENS_MAX:
            raise ExpressionError("the expression is too long; it has to end before here", text, at)
        at = token.end()
    return [*found, Token("end", "", end)]


def _strange(character: str) -> str:
    if character in ELSEWHERE:
        return f"{character!r} has no meaning here; write {ELSEWHERE[character]}"
    if character in "\"'":
        return "the text has no closing quote"
    return f"{character!r} has no meaning here"


class _Parser:
    """`token` is the next token. Each method consumes what it is named after."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._left = iter(_tokens(text))
        self._depth = 0
        self.token = next(self._left)

    def error(self, said: str, at: int) -> ExpressionError:
        return ExpressionError(said, self._text, at)

    def _take(self) -> Token:
        token = self.token
        self.token = next(self._left, token)
        return token

    def _is(self, *texts: str) -> bool:
        return self.token.kind in ("sign", "name") and self.token.text in texts

    def condition(self) -> Node:
        self._deeper()
        left = self._all()
        while self._is("or"):
            left = self._joined(left, self._take(), self._all())
        self._depth -= 1
        return left

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self.error(f"this is nested more than {DEPTH_MAX} deep", self.token.at)

    def _all(self) -> Node:
        left = self._one()
        while self._is("and"):
            left = self._joined(left, self._take(), self._one())
        return left

    def _joined(self, left: Node, operator: Token, right: Node) -> Node:
        for each in (left, right):
            self._need_truth(each, operator.text)
        return Binary(operator=operator.text, left=left, right=right, at=operator.at)

    def _need_truth(self, node: Node, operator: str) -> None:
        if value_type(node) in ("number", "text"):
            raise self.error(f"`{operator}` joins conditions, and this is not one", node.at)

    def _need_value(self, node: Node, operator: str) -> None:
        if value_type(node) == "truth":
            raise self.error(f"`{operator}` takes figures, and this is a condition", node.at)

    def _need_number(self, node: Node, operator: str) -> None:
        self._need_value(node, operator)
        if isinstance(node, Text):
            raise self.error(f"`{operator}` takes numbers, and this is text", node.at)

    def _one(self) -> Node:
        if self._is("not"):
            self._deeper()
            operator = self._take()
            operand = self._one()
            self._need_truth(operand, "not")
            self._depth -= 1
            return Unary(operator="not", operand=operand, at=operator.at)
        left = self._sum()
        if not self._is(*COMPARISONS):
            return left
        operator = self._take()
        right = self._sum()
        for each in (left, right):
            self._need_value(each, operator.text)
        if self._is(*COMPARISONS):
            raise self.error("two comparisons in a row; join them with `and`", self.token.at)
        return Binary(operator=operator.text, left=left, right=right, at=operator.at)

    def _sum(self) -> Node:
        left = self._product()
        while self._is("+", "-"):
            left = self._computed(left, self._take(), self._product())
        return left

    def _product(self) -> Node:
        left = self._factor()
        while self._is("*", "/"):
            left = self._computed(left, self._take(), self._factor())
        return left

    def _computed(self, left: Node, operator: Token, right: Node) -> Node:
        for each in (left, right):
            self._need_number(each, operator.text)
        return Binary(operator=operator.text, left=left, right=right, at=operator.at)

    def _factor(self) -> Node:
        token = self._take()
        match token.kind:
            case "number":
                return self._number(token)
            case "text":
                return Text(value=token.text[1:-1], at=token.at)
            case "name" if token.text not in WORDS:
                return (
                    self._aggregate(token) if self._is("(") else Name(name=token.text, at=token.at)
                )
            case "sign" if token.text == "-":
                self._deeper()
                operand = self._factor()
                self._need_number(operand, "-")
                self._depth -= 1
                return Unary(operator="-", operand=operand, at=token.at)
            case "sign" if token.text == "(":
                inner = self.condition()
                self._close()
                return inner
            case "end":
                raise self.error("something is missing here", token.at)
        raise self.error(f"a figure is missing before {token.text!r}", token.at)

    def _number(self, token: Token) -> Number:
        value = Decimal(token.text.replace("_", ""))
        if len(token.text) > 40 or abs(value.adjusted()) > 30:
            raise self.error("this number is out of range", token.at)
        if token.unit and token.unit not in UNITS:
            known = ", ".join(unit for unit in UNITS if unit.isascii())
            said = f"{token.unit!r} is not a unit; the units are {known}"
            raise self.error(said, token.at + len(token.text))
        return Number(value=value, unit=token.unit or None, at=token.at)

    def _aggregate(self, name: Token) -> Aggregate:
        if not is_function(name.text):
            near = difflib.get_close_matches(name.text, (*AGGREGATES, *OF_SAMPLES), 1)
            hint = (
                f"did you mean {near[0]}?"
                if near
                else f"the functions are {', '.join(AGGREGATES)}, p95"
            )
            raise self.error(f"{name.text!r} is not a function; {hint}", name.at)
        self._take()
        samples = self._samples(name) if name.text in OF_SO_MANY else None
        found: list[Node] = [] if self._is(")") else [self.condition()]
        if found and self._is(","):
            self._take()
            found.append(self.condition())
        self._close()
        if not found and name.text != "count":
            raise self.error(
                f"{name.text} of what? Name a column, as in {name.text}(cost)", name.at
            )
        for each in (part for one in found for part in walk_nodes(one)):
            if isinstance(each, Aggregate):
                raise self.error("functions of rows can't be nested", each.at)
        if len(found) == 2:
            self._need_truth(found[1], name.text)
        if found and isinstance(found[0], Text):
            raise self.error(f"{name.text} takes a column, and this is text", found[0].at)
        return Aggregate(
            function=name.text,
            argument=found[0] if found else None,
            where=found[1] if len(found) == 2 else None,
            samples=samples,
            at=name.at,
        )

    def _samples(self, name: Token) -> int:
        """The k of pass_at(k, exact), and the comma after it."""
        token = self._take()
        if token.kind != "number" or not token.text.isdigit() or token.unit or len(token.text) > 6:
            said = f"{name.text} begins with a number of samples, as in {name.text}(2, exact)"
            raise self.error(said, token.at)
        if int(token.text) < 1:
            raise self.error("of no samples nothing is right; write 1 or more", token.at)
        if not self._is(","):
            said = f"{name.text} of what? Name a score, as in {name.text}({token.text}, exact)"
            raise self.error(said, self.token.at)
        self._take()
        return int(token.text)

    def _close(self) -> None:
        if not self._is(")"):
            raise self.error("a closing bracket `)` is missing here", self.token.at)
        self._take()
