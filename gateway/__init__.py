"""A stand-in: a local server that implements the whole API reference."""

from .config import Config, Key, default_key
from .errors import GatewayError
from .faults import Fault, FaultKind, parse_faults
from .http import Bounds
from .ledger import Ledger
from .log import LogFile, LogRow
from .prices import DEFAULT_PRICES, ModelPrice, PriceTable, load_prices
from .server import Gateway
from .settings import load_config
from .state import StateFile

__all__ = [
    "DEFAULT_PRICES",
    "Bounds",
    "Config",
    "Fault",
    "FaultKind",
    "Gateway",
    "GatewayError",
    "Key",
    "Ledger",
    "LogFile",
    "LogRow",
    "ModelPrice",
    "PriceTable",
    "StateFile",
    "default_key",
    "load_config",
    "load_prices",
    "parse_faults",
]
