"""Where lines come from: files, standard input, and what changes while it is read."""

import gzip
import io
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import InputError, Source, open_source
from headrace.jobs.files import source as source_module
from headrace.jobs.files.source import MAX_LINE_BYTES, TOO_LONG

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstd.compress,
}
MIB = 1024 * 1024
NOISE = [b"%064x\n" % pow(3, n, 2**255 - 19) for n in range(4000)]  # compresses evenly, and badly


def digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def trickled(data: bytes, sizes: list[int]) -> Callable[[int], bytes]:
    """Reads like a pipe that delivers `sizes` bytes at a time, over and over."""
    file = io.BytesIO(data)
    turns = iter(sizes * (len(data) // sum(sizes) + 1))
    return lambda most: file.read(min(most, next(turns, most)))


def expected_lines(data: bytes) -> list[tuple[int, bytes]]:
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return list(enumerate(lines, 1))


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Standard input is a pipe; gives its writing end."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "r") as file:
        monkeypatch.setattr(sys, "stdin", file)
        yield writing


@pytest.mark.slow
@given(
    data=st.lists(
        st.sampled_from([b"\n", b"\r\n", b"{}", b'{"a": 1}', b" ", b"\xef\xbb\xbf", b"\xff", b"x"]),
        max_size=30,
    ).map(b"".join),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    packing=st.sampled_from(sorted(PACKERS)),
)
def test_lines_do_not_depend_on_how_the_bytes_arrive(
    data: bytes, sizes: list[int], packing: str
) -> None:
    source = Source("-", read=trickled(PACKERS[packing](data), sizes))
    assert list(source.lines()) == expected_lines(data)


@pytest.mark.slow
@given(
    data=st.binary(max_size=50)
    .map(lambda data: data.translate(None, b"\r[{,\0"))  # line ends, openings and UTF-16: below
    # Nor what other kinds of files begin with, which are refused.
    .filter(lambda data: data[:1] not in b"\x1f%(7ABOPQRSTUVWXYZ\\]^_\x89\xd0\xfd\xfe\xff"),
    known=st.booleans(),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4),
)
def test_looking_ahead_loses_nothing(data: bytes, known: bool, sizes: list[int]) -> None:
    source = Source("-", read=trickled(data, sizes))
    bare = data.removeprefix(b"\xef\xbb\xbf")
    assert source.begins(lambda head: None) is False
    assert source.identity.digest == digest(bare.split(b"\n")[0])
    rest = b"\n".join(line for _, line in source.lines()) if known else source.read_all()
    assert rest == (bare.removesuffix(b"\n") if known else bare)


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_content_decides_the_packing_not_the_name(
    packing: str, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"jobs.jsonl{suffix}"
    path.write_bytes(PACKERS[packing](b'{"a":1}\n{"b":2}'))
    with open_source(str(path)) as source:
        assert list(source.lines()) == [(1, b'{"a":1}'), (2, b'{"b":2}')]


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_parts_packed_one_after_another_are_one_file(packing: str) -> None:
    pack = PACKERS[packing]
    stored = pack(b"one\ntw") + pack(b"") + pack(b"o\nthree\n")
    source = Source("-", read=io.BytesIO(stored).read)
    assert [line for _, line in source.lines()] == [b"one", b"two", b"three"]


def test_zeros_after_gzip_and_skippable_frames_of_zstd_are_passed_over() -> None:
    padded = Source("-", read=io.BytesIO(gzip.compress(b"a\n") + bytes(1000)).read)
    assert list(padded.lines()) == [(1, b"a")]
    skippable = b"\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"
    framed = Source("-", read=io.BytesIO(skippable + zstd.compress(b"a\n") + skippable).read)
    assert list(framed.lines()) == [(1, b"a")]


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_cut_off_file_is_an_error_after_the_lines_before_the_cut(packing: str) -> None:
    noise = b"".join(NOISE)
    stored = PACKERS[packing](noise)
    source = Source("jobs", read=io.BytesIO(stored[: len(stored) * 3 // 4]).read)
    seen: list[bytes] = []

    def read_on() -> None:
        for _, line in source.lines():
            seen.append(line)

    with pytest.raises(
        InputError, match=f"^jobs: the {packing} data are truncated after"
    ) as caught:
        read_on()
    assert "\n" not in caught.value.message
    assert seen == noise.split(b"\n")[: len(seen)]
    assert len(seen) > 1000


@given(cut=st.integers(1, 60), packing=st.sampled_from(["gzip", "zstd"]))
def test_wherever_it_is_cut_the_file_is_never_taken_for_whole(cut: int, packing: str) -> None:
    stored = PACKERS[packing](b"a line\n" * 20 + bytes(range(32, 120)))
    kept = max(4, len(stored) - cut)
    with pytest.raises(InputError, match="are truncated"):
        list(Source("jobs", read=io.BytesIO(stored[:kept]).read).lines())


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_damage_is_an_error(packing: str) -> None:
    stored = bytearray(PACKERS[packing](b"some text that is packed\n" * 9))
    stored[len(stored) // 2] ^= 0xFF
    stored[-2] ^= 0xFF
    with pytest.raises(InputError, match=f"the {packing} data are damaged|are truncated"):
        list(Source("jobs", read=io.BytesIO(bytes(stored)).read).lines())


def test_a_file_whose_lines_end_in_cr_is_read_by_lines() -> None:
    read = trickled(b'{"n":1}\r{"n":2}\r\r{"n":3}', [5])
    assert list(Source("-", read=read).lines()) == [
        (1, b'{"n":1}'),
        (2, b'{"n":2}'),
        (3, b""),
        (4, b'{"n":3}'),
    ]


def test_a_cr_within_lines_that_end_in_lf_ends_none() -> None:
    source = Source("-", read=io.BytesIO(b'{"n":\r1}\n{"n":2}\r\n').read)
    assert list(source.lines()) == [(1, b'{"n":\r1}'), (2, b'{"n":2}\r')]


def test_a_stream_whose_first_line_only_opens_is_told_apart_by_what_follows() -> None:
    one, other, same = (
        Source("-", read=io.BytesIO(data).read).identity.digest
        for data in (b'[\n{"n":1}\n]', b'[\n{"n":2}\n]', b'[\n{"n":1}\n]')
    )
    assert one == same
    assert one != other


def test_the_identity_of_a_file_is_its_size_and_first_mib_as_stored(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8192  # two MiB
    path = tmp_path / "jobs"
    path.write_bytes(content)
    with open_source(str(path)) as source:
        assert source.identity.path == str(path)
        assert source.identity.size_bytes == 2 * MIB
        assert source.identity.digest == digest(content[:MIB])
    path.write_bytes(packed := gzip.compress(b"{}\n"))
    with open_source(str(path)) as source:
        assert source.identity.digest == digest(packed)
        assert list(source.lines()) == [(1, b"{}")]


def test_the_first_line_of_a_slow_pipe_is_there_before_the_second(standard_input: int) -> None:
    with open_source("-") as source:
        os.write(standard_input, b'{"n":1}\n{"n"')
        assert source.identity.size_bytes is None
        assert source.identity.digest == digest(b'{"n":1}')
        lines = source.lines()
        assert next(lines) == (1, b'{"n":1}')
        os.write(standard_input, b":2}")
        os.close(standard_input)
        assert list(lines) == [(2, b'{"n":2}')]
        assert source.fraction(1.0) is None


def test_a_pipe_that_does_not_block_has_not_ended(standard_input: int) -> None:
    os.set_blocking(sys.stdin.fileno(), False)
    with open_source("-") as source, os.fdopen(standard_input, "wb", buffering=0) as pipe:
        lines = source.lines()
        pipe.write(b'{"n":1}\n')
        assert next(lines) == (1, b'{"n":1}')

        def go_on() -> None:
            pipe.write(b'{"n":2}\n')
            pipe.close()

        later = threading.Timer(0.05, go_on)
        later.start()
        assert list(lines) == [(2, b'{"n":2}')]
        later.join()


def test_standard_input_that_is_closed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="cannot read standard input: it is closed"):
        open_source("-")


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_packed_standard_input_flows_too(packing: str, standard_input: int) -> None:
    whole = b"".join(b"%d\n" % n for n in range(50_000))

    def write() -> None:
        with os.fdopen(standard_input, "wb") as pipe:
            pipe.write(PACKERS[packing](whole))

    writer = threading.Thread(target=write)
    writer.start()
    with open_source("-") as source:
        assert [line for _, line in source.lines()] == whole.split(b"\n")[:-1]
    writer.join()


def test_a_named_pipe_is_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=[b"one\ntwo\n"])
    writer.start()
    with open_source(str(path)) as source:
        assert source.identity.size_bytes is None
        assert list(source.lines()) == [(1, b"one"), (2, b"two")]
    writer.join()


def test_a_named_pipe_that_nobody_writes_to_is_told_while_it_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It waited for ever, and said nothing."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    say = source_module._say_waiting

    def said(name: str) -> None:  # only then somebody comes to write
        say(name)
        path.write_bytes(b"one\n")

    monkeypatch.setattr(source_module, "SAID_WAITING_AFTER_S", 0)
    monkeypatch.setattr(source_module, "_say_waiting", said)
    with open_source(str(path)) as source:
        assert list(source.lines()) == [(1, b"one")]
    told = f"{path} is a pipe that nobody writes to yet; waiting for that\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("packing", PACKERS)
def test_the_fraction_grows_from_0_to_1_with_the_lines(packing: str, tmp_path: Path) -> None:
    path = tmp_path / "jobs"
    path.write_bytes(PACKERS[packing](b"".join(NOISE)))
    with open_source(str(path)) as source:
        numbers = [
            source.fraction(taken / len(lines))
            for lines in source.batches()
            for taken in range(1, len(lines) + 1)
        ]
        assert source.fraction(0.0) == 1.0
    known = [each for each in numbers if each is not None]
    assert len(known) == 4000
    assert known == sorted(known)
    assert known[0] < 0.02
    assert 0.4 < known[2000] < 0.6
    assert known[-1] > 0.98


def test_an_empty_file_has_no_lines_and_is_wholly_read(tmp_path: Path) -> None:
    path = tmp_path / "jobs"
    path.touch()
    with open_source(str(path)) as source:
        assert list(source.lines()) == []
        assert source.fraction(0.0) == 1.0
        assert source.identity.digest == digest(b"")


@pytest.mark.slow
def test_a_line_over_64_mib_is_cut_and_the_rest_is_read() -> None:
    longest = b"x" * MAX_LINE_BYTES
    data = longest + b"\n" + longest + b"y\nafter\n"
    source = Source("jobs", read=io.BytesIO(data).read)
    (one, whole), (two, cut), last = source.lines()
    assert (one, two) == (1, 2)
    assert whole == longest
    assert cut == b"x" * 1000 + TOO_LONG
    assert last == (3, b"after")


def test_what_is_not_a_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file") as missing:
        open_source(str(tmp_path / "none.jsonl"))
    assert missing.value.exit_code == 2
    assert str(tmp_path / "none.jsonl") in missing.value.message
    with pytest.raises(InputError, match="Is a directory"):
        open_source(str(tmp_path))
    with pytest.raises(InputError, match="cannot read the job file a\0b"):
        open_source("a\0b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "jobs"
    path.touch(stat.S_IWUSR)
    with pytest.raises(InputError, match="Permission denied"):
        open_source(str(path))


def test_a_disk_that_fails_on_the_way_is_one_line() -> None:
    answers: list[bytes | OSError] = [b"one\ntwo", OSError(5, "Input/output error")]

    def read(most: int) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    lines = Source("jobs", read=read).lines()
    assert next(lines) == (1, b"one")
    with pytest.raises(InputError, match="cannot read jobs: Input/output error"):
        next(lines)


def test_closing_closes_the_file_but_not_standard_input(
    tmp_path: Path, standard_input: int
) -> None:
    os.close(standard_input)
    path = tmp_path / "jobs"
    path.write_bytes(b"one\n")
    with open_source(str(path)) as source:
        pass
    with pytest.raises(ValueError, match="closed file"):
        list(source.lines())
    with open_source("-"):
        pass
    assert not sys.stdin.closed
