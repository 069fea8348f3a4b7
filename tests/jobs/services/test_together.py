"""What services have to be together; their refusals stand beside those of each, in test_table."""

from typing import ClassVar

import pytest

from headrace.jobs import InputError, ModelLimits
from headrace.jobs.services import RoutedService
from headrace.jobs.services.together import SHARE_MIN, check_together, services_by_model


class Limited(RoutedService):
    """A service without limits of models."""

    model_limits: ClassVar[dict[str, ModelLimits]] = {}
    urls = ()
    key_variable = "KEY"


def test_the_smallest_share_is_one_job_in_a_million() -> None:
    rest = 1 / float(SHARE_MIN) - 1
    check_together([Limited("a", ["m"], 1), Limited("b", ["m"], rest)], "")
    check_together([Limited("a", ["m"], 1e-300), Limited("b", ["n"], 1)], "")  # none is shared
    with pytest.raises(InputError, match="the weight of a gives it less than one job in a million"):
        check_together([Limited("a", ["m"], 1), Limited("b", ["m"], rest + 1)], "")


def test_services_are_found_by_what_they_name() -> None:
    a, b, rest = Limited("a", ["m", "n"]), Limited("b", ["n"]), Limited("rest", ["*"])
    assert services_by_model([a, b, rest]) == {"m": [a], "n": [a, b], "*": [rest]}
