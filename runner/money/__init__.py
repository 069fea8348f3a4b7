"""What a run may spend: the account, the budget, and refusals for money."""

from .account import Account, read_once, show_reading
from .account_limits import AccountLimits
from .account_watch import AccountWatch
from .budget import Budget, Ceiling, max_cost_ceiling, show_amount
from .lease import Lease, LeaseUse
from .leased_budget import LeasedBudget
from .refusals import RefusalJudge
from .reset import wait_for_reset
from .service_budget import ServiceBudget, look_again_at_each
from .shared_accounts import ReadAccount, shared_accounts

__all__ = [
    "Account",
    "AccountLimits",
    "AccountWatch",
    "Budget",
    "Ceiling",
    "Lease",
    "LeaseUse",
    "LeasedBudget",
    "ReadAccount",
    "RefusalJudge",
    "ServiceBudget",
    "look_again_at_each",
    "max_cost_ceiling",
    "read_once",
    "shared_accounts",
    "show_amount",
    "show_reading",
    "wait_for_reset",
]
