"""The services of a settings file, as who sends nothing reads them."""

from pathlib import Path

from headrace.jobs import Job, PriceTable, load_prices
from headrace.jobs.files.dialects import parse_line
from headrace.jobs.services import services_as_read

SERVICES = """\
[[services]]
name = "own"
base-url = "http://one.test"
key-variable = "OWN_KEY"
models = ["m"]
prices = "own.toml"
tpm = 90_000

[[services]]
name = "common"
base-url = "http://two.test"
models = ["*"]
"""


def priced(path: Path, model: str) -> PriceTable:
    path.write_text(f'currency = "CNY"\n[models.{model}]\ninput = 1\noutput = 1\n')
    return load_prices(path)


def test_each_service_has_its_own_prices_and_limits_or_those_of_all(tmp_path: Path) -> None:
    own, of_all = priced(tmp_path / "own.toml", "m"), priced(tmp_path / "prices.toml", "x")
    path = tmp_path / "headrace.toml"
    path.write_text(SERVICES)
    fields = b'"max_tokens": 5000, "messages": [{"role": "user", "content": "x"}]'
    jobs = [parse_line(b'{"model": "%s", %s}' % (each, fields), 1) for each in (b"m", b"x", b"y")]
    found = services_as_read(path, names=(), tpm=6000, prices=of_all, bounded=True)
    assert found.prices == {"own": own, "common": of_all}
    why = [found.services.why_not(each) for each in jobs if isinstance(each, Job)]
    assert why[:2] == [None, None]
    assert why[2] is not None
    assert why[2].startswith("the price file of the service common has no model 'y'")
    found = services_as_read(path, names=(), tpm=4000, prices=None, bounded=False)
    assert found.prices == {"own": own, "common": None}
    why = [found.services.why_not(each) for each in jobs if isinstance(each, Job)]
    assert why[0] is None
    assert [each and each.rpartition("; ")[2] for each in why[1:]] == [
        "shorten it, lower max_tokens or raise the tpm of the service common"
    ] * 2
