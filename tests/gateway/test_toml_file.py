"""The gateway's files: a key that is not known, and the one that was likely meant."""

from pathlib import Path

import pytest

from headrace.gateway.errors import GatewayError
from headrace.gateway.settings import load_config


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rmp = 5\n", "unknown field `rmp`; did you mean 'rpm'?"),
        ("[[keys]]\nsecret = 'sk-1'\ndaily_budgt = 5\n", "did you mean 'daily_budget'?"),
        ("zzz = 5\n", "unknown field `zzz`"),
    ],
)
def test_what_was_likely_meant_is_asked(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    with pytest.raises(GatewayError) as caught:
        load_config(path)
    assert str(caught.value).endswith(says)
