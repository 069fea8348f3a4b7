"""Small text files that a user gives: settings, prices, objectives, prompts."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

from .given_file import read_given


class TextEncodingError(ValueError):
    """A file's text is in an encoding that is not read; the message says what to do."""


def read_text(path: Path) -> str:
    """The text of a file in UTF-8 or, by its byte order mark, in UTF-16; without the mark.

    Line ends of any kind become LF.

    Raises:
        OSError: it can't be read.
        TextEncodingError: it is in another encoding.
    """
    data = read_given(path)
    encoding = "utf-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise TextEncodingError(f"{error}; save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
