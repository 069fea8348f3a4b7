"""Text from others, made safe for a terminal."""

import click
from click.testing import CliRunner

from headrace.jobs import InputError, printable


def test_what_can_be_printed_is_kept() -> None:
    assert printable("né 你好 🎈") == "né 你好 🎈"


def test_control_characters_are_replaced() -> None:
    assert printable("a\tb\x00\x1b[2J\u202ec\r\n") == "a\ufffdb\ufffd\ufffd[2J\ufffdc\ufffd\ufffd"


def test_an_error_in_a_services_words_is_safe() -> None:
    @click.command()
    def command() -> None:
        raise InputError("2 bad lines:\n  line 1: \x1b[2Jgone\r\n  line 2")

    done = CliRunner().invoke(command)
    assert done.stderr == "Error: 2 bad lines:\n  line 1: \ufffd[2Jgone\ufffd\n  line 2\n"
    assert done.exit_code == 2
