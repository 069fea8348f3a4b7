"""What a bulk run refuses before, or as soon as, it would leave files on other machines."""

from types import SimpleNamespace
from typing import Any

import pytest

from headrace.jobs import InputError
from headrace.runner import RunSettings, Secret
from headrace.runner.bulk.coordinator import HandingEngine
from headrace.runner.bulk.start import _refuse_files_elsewhere

CLUSTER = "tls://10.0.0.5:8786"


def settings(**asked: Any) -> RunSettings:
    return RunSettings(base_url="http://g.test", key=Secret("sk-x"), **asked)


def test_images_are_not_fetched_by_machines_of_a_cluster() -> None:
    with pytest.raises(InputError, match="--download keeps images here"):
        _refuse_files_elsewhere(settings(cluster=CLUSTER, download=True))
    for allowed in ({"cluster": CLUSTER}, {"download": True}, {}):
        _refuse_files_elsewhere(settings(**allowed))


def test_a_job_for_images_is_not_sent_from_a_cluster() -> None:
    engine = HandingEngine.__new__(HandingEngine)
    engine._settings = settings(cluster=CLUSTER)
    job: Any = SimpleNamespace(index=6, url="/v1/images/generations")
    state: Any = SimpleNamespace()
    with pytest.raises(InputError, match=r"line 7 asks for images.*without --cluster"):
        engine._pending(job, state)
