"""Bodies in another encoding than UTF-8 are read by their bytes, else by their label."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import ENDPOINTS
from headrace.runner.answers import as_utf8, read_body
from headrace.runner.answers.body import UnusableAnswerError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


@given(TEXTS, st.sampled_from(WIDE), st.sampled_from(['{"a": ', "[1, ", "data: {", "<html>"]))
def test_wide_text_is_known_by_its_bytes(text: str, encoding: str, begins: str) -> None:
    """With a byte order mark and without, whatever the label says."""
    whole = begins + text
    labels = (b"application/json", b"application/json; charset=utf-8", b"")
    found = {as_utf8(whole.encode(encoding), label) for label in labels}
    assert found == {whole.encode()}


@given(TEXTS, st.sampled_from(["gb18030", "utf-7"]), st.booleans())
def test_other_text_is_known_by_its_label(text: str, encoding: str, quoted: bool) -> None:
    label = f'Text/HTML; Charset="{encoding}"' if quoted else f"a/b;charset = {encoding}"
    data = f"é {text}".encode(encoding)
    in_utf8 = data.decode("utf-8", "replace").encode() == data
    meant = None if in_utf8 else f"é {text}".encode()
    assert as_utf8(data, label.encode()) == meant


@given(TEXTS)
def test_utf_8_is_left_alone_whatever_its_label_says(text: str) -> None:
    data = json.dumps({"text": text}, ensure_ascii=False).encode()
    labels = (b"", b"application/json", b"a; charset=latin-1", b"a; charset=utf-16")
    assert [as_utf8(data, label) for label in labels] == [None] * 4


@given(st.binary(max_size=40), st.sampled_from([b"", b"x; charset=latin-1", b"x; charset=no-such"]))
def test_no_bytes_and_no_label_raise(data: bytes, label: bytes) -> None:
    found = as_utf8(data, label)
    assert found is None or isinstance(found.decode(), str)
    assert found is None or as_utf8(found, label) is None


@pytest.mark.parametrize("encoding", WIDE)
def test_a_wide_answer_is_none_before_it_is_read_so(encoding: str) -> None:
    """(That it is kept and not thrown away is shown in test_client_oddities.)"""
    with pytest.raises(UnusableAnswerError):
        read_body(ENDPOINTS["/v1/chat/completions"], json.dumps({"choices": []}).encode(encoding))
