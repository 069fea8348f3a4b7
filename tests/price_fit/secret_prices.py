"""Secret prices by seed, the probes that the guide says to send, and who can know which price.

Who can know is worked out here from the gateway's own log, and by none of the code under test.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from headrace.gateway import LogRow, ModelPrice

from .account import Line

CHAT, SEARCH, IMAGES = "/v1/chat/completions", "/v1/search/completions", "/v1/images/generations"
EMBEDDINGS, RERANK = "/v1/embeddings", "/v1/rerank"
MOST_REQUESTS = 60
TRIED = 30
Name = tuple[str, str]  # a model, and what of it has a price
WRITES: dict[str, object] = {"headers": (("x-headrace-fault", "provider:usage-cache-write"),)}


class Probe(NamedTuple):
    """A run: what it sends, and its settings."""

    lines: list[Line]
    settings: dict[str, object]


def secret_price(rng: random.Random, *, whole: int) -> Decimal:
    """A price of 0 to 6 decimals, with up to so many digits before them."""
    decimals = rng.randrange(7)
    return Decimal(rng.randrange(1, max(2, 10 ** (decimals + whole)))).scaleb(-decimals)


def secret_prices(rng: random.Random) -> dict[str, ModelPrice]:
    """A model for chat and searches, and some of one each for images, embeddings and reranking."""
    models = {
        "talk": ModelPrice(
            input=secret_price(rng, whole=2),
            cached_input=secret_price(rng, whole=1),
            cache_write=secret_price(rng, whole=2),
            output=secret_price(rng, whole=2),
            search_request=secret_price(rng, whole=0),
        ),
        "paint": ModelPrice(images={"default": secret_price(rng, whole=1)}),
        "embed": ModelPrice(input=secret_price(rng, whole=1)),
        "rank-units": ModelPrice(search_request=secret_price(rng, whole=0)),
        "rank-tokens": ModelPrice(input=secret_price(rng, whole=1)),
    }
    left_out = rng.sample([name for name in models if name != "talk"], rng.randrange(4))
    return {name: price for name, price in models.items() if name not in left_out}


def true_prices(models: dict[str, ModelPrice]) -> dict[Name, int]:
    """What there is to tell, in millionths."""
    found: dict[Name, Decimal | None] = {}
    for model, price in models.items():
        if price.images:
            found[model, "image"] = price.images["default"]
        elif model == "rank-units":
            found[model, "search_request"] = price.search_request
        elif model == "talk":
            for name in ("input", "cached_input", "cache_write", "output", "search_request"):
                found[model, name] = getattr(price, name)
        else:
            found[model, "input"] = price.input
    return {name: int(value * 10**6) for name, value in found.items() if value is not None}


def probes(rng: random.Random, models: dict[str, ModelPrice], *, tokens: int) -> list[Probe]:
    """For each price a run that is mostly of it, and one or two for each model that mix; long
    prompts and answers have about so many tokens."""
    found = []
    text = Text(rng)

    def chat(long: int, output: int, path: str = CHAT) -> Line:
        messages = [{"role": "user", "content": text.of(long)}]
        return path, {"model": "talk", "messages": messages, "max_tokens": output}

    def size(share: float = 1.0) -> int:
        return max(1, int(share * tokens * rng.uniform(0.5, 1.5)))

    again = chat(size(), 1)
    found += [
        Probe([chat(size(), 1), chat(size(), 1)], {}),
        Probe([chat(20, size(0.05)) for _ in range(4)], {}),
        Probe([again, again, again], {}),
        Probe([chat(size(), 1), chat(size(), 1)], WRITES),
        Probe([chat(20, 1, SEARCH) for _ in range(5)], {}),
        Probe([chat(size(0.5), size(0.02)), chat(size(0.2), 9, SEARCH), again], {}),
        Probe([again, again, chat(size(0.3), size(0.04))], {}),
        Probe([chat(size(0.7), size(0.01)), chat(20, 3, SEARCH)], WRITES),
    ]
    for model in models:
        for _ in range(2):
            if model == "paint":
                body = {"model": model, "prompt": text.of(8), "n": rng.randrange(1, 4)}
                found.append(Probe([(IMAGES, body)] * 2, {}))
            elif model == "embed":
                lines = [(EMBEDDINGS, {"model": model, "input": text.of(size())}) for _ in range(2)]
                found.append(Probe(lines, {}))
            elif model.startswith("rank"):
                documents = [text.of(size(0.02)) for _ in range(rng.randrange(2, 30))]
                body = {"model": model, "query": text.of(9), "documents": documents}
                found.append(Probe([(RERANK, body)] * 2, {}))
    rng.shuffle(found)
    assert sum(len(each.lines) for each in found) <= MOST_REQUESTS
    return found


class Text:
    """Texts of so many tokens, none of which begins as another."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def of(self, tokens: int) -> str:
        begin = f"{self._rng.getrandbits(64):x} "
        return begin + "word " * max(1, tokens * 2 // 3 - 4)


def used_by_log(rows: Sequence[LogRow], models: dict[str, ModelPrice]) -> dict[Name, int]:
    """What the gateway says was used: of tokens so many, of pieces a million each, so that it
    costs a millionth of the price."""
    found: Counter[Name] = Counter()
    for row in rows:
        model = row.model or ""
        if row.method != "POST" or row.status != 200:
            continue
        if row.images:
            found[model, "image"] += row.images * 10**6
            continue
        if model == "rank-units":
            units = row.charge / models[model].search_request
            found[model, "search_request"] += int(units) * 10**6
            continue
        written = row.input_tokens // 2 if row.fault else 0
        found[model, "input"] += row.input_tokens - row.cached_input_tokens - written
        found[model, "cached_input"] += row.cached_input_tokens
        found[model, "cache_write"] += written
        found[model, "output"] += row.output_tokens
        found[model, "search_request"] += (row.path == SEARCH) * 10**6
    return {name: amount for name, amount in found.items() if amount}


class Stretch(NamedTuple):
    """What was used in a run, and between what the account shows it to have taken, in 10^-12."""

    used: dict[Name, int]
    low: int
    high: int


def cost(used: dict[Name, int], prices: dict[Name, int]) -> int:
    return sum(amount * prices[name] for name, amount in used.items())


def another_price(name: Name, truth: dict[Name, int], stretches: Sequence[Stretch]) -> bool:
    """Whether a list with another price of `name` explains the stretches as well: that price off by
    a millionth, and those beside it by up to `TRIED`, each of them tried with all of the others."""
    mine = [each for each in stretches if name in each.used]
    beside = sorted({other for each in mine for other in each.used} - {name})
    touched = [each for each in stretches if each.used.keys() & {name, *beside}]
    room = [
        (each.low - cost(each.used, truth), each.high - cost(each.used, truth)) for each in touched
    ]
    off = [each.used.get(name, 0) for each in touched]
    for sign in (1, -1):
        if truth[name] + sign >= 0 and all(
            low <= sign * more <= high for more, (low, high) in zip(off, room, strict=True)
        ):
            return True
    low, high = np.array(room).T
    used = np.array([[each.used.get(other, 0) for other in beside] for each in touched])
    alone = np.array(off)
    reach = [
        min(TRIED, 2 + 2 * int((high - low).max()) // max(1, int(column.max())))
        for column in used.T
    ]
    steps = [
        np.arange(max(-most, -truth[other]), most + 1)
        for other, most in zip(beside, reach, strict=True)
    ]
    changed = np.zeros((1, len(touched)), int)
    if beside:
        grid = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, len(beside))
        changed = grid @ used.T
    return any(
        bool(((low <= changed + sign * alone) & (changed + sign * alone <= high)).all(1).any())
        for sign in (1, -1)
        if truth[name] + sign >= 0
    )


def solvable(rows: Sequence[dict[Name, int]], names: Sequence[Name]) -> Iterator[Name]:
    """The prices that equations with these factors determine, by elimination modulo a prime."""
    prime = 2**61 - 1
    left = [[row.get(name, 0) % prime for name in names] for row in rows]
    pivots: list[tuple[int, list[int]]] = []
    for column in range(len(names)):
        row = next((each for each in left if each[column]), None)
        if row is None:
            continue
        left.remove(row)
        inverse = pow(row[column], -1, prime)
        row = [value * inverse % prime for value in row]
        left = [_less(each, row, each[column], prime) for each in left]
        pivots = [(at, _less(each, row, each[column], prime)) for at, each in pivots]
        pivots.append((column, row))
    for column, row in pivots:
        if sum(map(bool, row)) == 1:
            yield names[column]


def _less(row: list[int], other: list[int], share: int, prime: int) -> list[int]:
    return [(value - share * less) % prime for value, less in zip(row, other, strict=True)]
