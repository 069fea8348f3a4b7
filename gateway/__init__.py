"""A local LLM gateway, which implements the whole API reference: for tests, trials and the demo.

The face is lazy, so that `headrace gateway --help` imports neither trio nor msgspec.
"""

from typing import TYPE_CHECKING

from headrace.lazy import late

if TYPE_CHECKING:
    from .answers import AnswerRule, load_answers
    from .config import Config, Key, default_key
    from .errors import GatewayError
    from .faults import Fault, FaultKind, parse_faults
    from .http import Bounds
    from .latency import Latency, TimeDistribution
    from .ledger import Ledger
    from .log import ChunkTimes, LogFile, LogRow
    from .prices import DEFAULT_PRICES, ModelPrice, PriceTable, load_prices
    from .server import Gateway
    from .settings import load_config
    from .state import StateFile
    from .variants import VARIANTS, Variant

__all__ = [
    "DEFAULT_PRICES",
    "VARIANTS",
    "AnswerRule",
    "Bounds",
    "ChunkTimes",
    "Config",
    "Fault",
    "FaultKind",
    "Gateway",
    "GatewayError",
    "Key",
    "Latency",
    "Ledger",
    "LogFile",
    "LogRow",
    "ModelPrice",
    "PriceTable",
    "StateFile",
    "TimeDistribution",
    "Variant",
    "default_key",
    "load_answers",
    "load_config",
    "load_prices",
    "parse_faults",
]

__getattr__ = late(
    __name__,
    {
        "answers": "AnswerRule load_answers",
        "config": "Config Key default_key",
        "errors": "GatewayError",
        "faults": "Fault FaultKind parse_faults",
        "http": "Bounds",
        "latency": "TimeDistribution Latency",
        "ledger": "Ledger",
        "log": "ChunkTimes LogFile LogRow",
        "prices": "DEFAULT_PRICES ModelPrice PriceTable load_prices",
        "server": "Gateway",
        "settings": "load_config",
        "state": "StateFile",
        "variants": "VARIANTS Variant",
    },
)
