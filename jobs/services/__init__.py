"""The services that a run's jobs go to: read from headrace.toml, and which job goes to which."""

from .as_read import ServicesAsRead, services_as_read
from .checked import JobServices, ServiceRules, check_one_currency, rules_of
from .forecast import ServicesForecaster
from .routing import EVERY_OTHER_MODEL, RoutedService, Routing
from .table import (
    SERVICES,
    GivenService,
    choose_services,
    no_services,
    routing_of,
    services_in_settings,
    services_of,
)

__all__ = [
    "EVERY_OTHER_MODEL",
    "SERVICES",
    "GivenService",
    "JobServices",
    "RoutedService",
    "Routing",
    "ServiceRules",
    "ServicesAsRead",
    "ServicesForecaster",
    "check_one_currency",
    "choose_services",
    "no_services",
    "routing_of",
    "rules_of",
    "services_as_read",
    "services_in_settings",
    "services_of",
]
