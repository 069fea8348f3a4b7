"""Settings, prices and the like, as editors on any system save them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.gateway.answers import load_answers
from headrace.gateway.toml_file import read_toml
from headrace.jobs import InputError, load_prices
from headrace.reports.objectives import read_objectives
from headrace.settings_file import SettingsFileError, read_settings
from headrace.text_file import TextEncodingError, read_text

PRICES = 'currency = "CNY"\n[models.m]\ninput = 1.0\noutput = 2.0\n'
SAVED: dict[str, Callable[[str], bytes]] = {
    "utf-8": lambda text: text.encode(),
    "a mark": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-be": lambda text: ("\ufeff" + text).encode("utf-16-be"),
    "crlf": lambda text: text.replace("\n", "\r\n").encode("utf-8-sig"),
    "cr": lambda text: text.replace("\n", "\r").encode(),
}


@pytest.mark.parametrize("saved", SAVED)
def test_every_small_file_is_read_however_it_was_saved(saved: str, tmp_path: Path) -> None:
    path, save = tmp_path / "file", SAVED[saved]
    path.write_bytes(save("[run]\nrpm = 7\n"))
    assert read_settings(path) == {"run": {"rpm": 7}}
    path.write_bytes(save(PRICES))
    assert list(load_prices(path).models) == ["m"]
    path.write_bytes(save('{"equals": "q", "answer": "a"}\n'))
    assert [each.answer for each in load_answers(path)] == ["a"]
    path.write_bytes(save("seed = 7\n"))
    assert read_toml(path, dict[str, int], what="file") == {"seed": 7}
    path.write_bytes(save("cost < 5\n# no\nerror_rate < 1%\n"))
    assert [each.text for each in read_objectives(path)] == ["cost < 5", "error_rate < 1%"]


@pytest.mark.parametrize("data", [b"caf\xe9", b"\xff\xfea"])
def test_another_encoding_says_what_to_do(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(TextEncodingError, match=r"codec can't decode .*; save it as UTF-8$"):
        read_text(path)
    with pytest.raises(SettingsFileError, match=r"can.t be used: .*; save it as UTF-8"):
        read_settings(path)
    with pytest.raises(InputError, match="save it as UTF-8"):
        load_prices(path)
