"""Text from others, made safe for a terminal."""

import json

import click
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.jobs import InputError, printable, printable_json


def test_what_can_be_printed_is_kept() -> None:
    assert printable("né 你好 🎈") == "né 你好 🎈"


def test_control_characters_are_replaced() -> None:
    assert printable("a\tb\x00\x1b[2J\u202ec\r\n") == "a\ufffdb\ufffd\ufffd[2J\ufffdc\ufffd\ufffd"


def test_an_error_in_a_services_words_is_one_line_and_safe() -> None:
    @click.command()
    def command() -> None:
        raise InputError("it said: \x1b[2Jgone\r\nAll jobs succeeded.")

    done = CliRunner().invoke(command)
    assert done.stderr == "Error: it said: \ufffd[2Jgone\ufffd\ufffdAll jobs succeeded.\n"
    assert done.exit_code == 2


def test_an_error_may_have_a_list_below_it_each_in_a_line() -> None:
    @click.command()
    def command() -> None:
        raise InputError("2 bad lines:", details=["  line 1: \nforged", "  line 2"])

    assert CliRunner().invoke(command).stderr == (
        "Error: 2 bad lines:\n  line 1: \ufffdforged\n  line 2\n"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(value=JSON, indent=st.none() | st.just(2))
@example(value=["\x1b[2J\x7f\x85\u202e\u2028\U000e0001\ud800 né 你好 🎈"], indent=None)
def test_json_is_the_same_data_without_a_character_that_a_terminal_acts_on(
    value: object, indent: int | None
) -> None:
    shown = printable_json(json.dumps(value, ensure_ascii=False, indent=indent))
    assert shown.replace("\n", "").isprintable()
    assert json.loads(shown) == value


def test_json_that_can_be_printed_is_kept() -> None:
    assert printable_json('["né 你好 🎈"]\n'.encode()) == '["né 你好 🎈"]\n'
