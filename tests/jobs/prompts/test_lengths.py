"""Distributions of lengths, as people write them."""

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import InputError, parse_lengths


def test_a_constant_draws_nothing() -> None:
    rng = random.Random(1)
    before = rng.getstate()
    assert parse_lengths("--prompt-tokens", "512").draw(rng) == 512
    assert rng.getstate() == before


def test_a_uniform_one_reaches_both_its_ends() -> None:
    lengths, rng = parse_lengths("--prompt-tokens", "uniform:3:6"), random.Random(2)
    assert {lengths.draw(rng) for _ in range(200)} == {3, 4, 5, 6}
    assert lengths.longest == 6


def test_a_normal_one_has_its_mean_and_spread() -> None:
    lengths, rng = parse_lengths("--prompt-tokens", "normal:512:64"), random.Random(3)
    drawn = [lengths.draw(rng) for _ in range(10_000)]
    mean = sum(drawn) / len(drawn)
    spread = (sum((each - mean) ** 2 for each in drawn) / len(drawn)) ** 0.5
    # Four standard errors: 64 / 100 of the mean, 64 / sqrt(20,000) of the deviation.
    assert abs(mean - 512) < 2.56
    assert abs(spread - 64) < 1.81


@given(st.integers(1, 50), st.integers(0, 500), st.integers())
def test_no_length_is_below_one(mean: int, spread: int, seed: int) -> None:
    lengths, rng = parse_lengths("x", f"normal:{mean}:{spread}"), random.Random(seed)
    assert min(lengths.draw(rng) for _ in range(50)) >= 1


def test_a_histogram_draws_in_proportion(tmp_path: Path) -> None:
    path = tmp_path / "lengths.csv"
    path.write_text("# of last week\n10,3\n\n100-109, 1\n7,0\n")
    lengths, rng = parse_lengths("x", f"histogram:{path}"), random.Random(4)
    drawn = Counter(lengths.draw(rng) for _ in range(20_000))
    # Three quarters, within four standard errors of sqrt(0.75 * 0.25 / 20,000).
    assert abs(drawn[10] / 20_000 - 0.75) < 0.0123
    assert set(drawn) == {10, *range(100, 110)}
    assert lengths.longest == 109


def test_a_histogram_may_be_a_plain_list(tmp_path: Path) -> None:
    path = tmp_path / "lengths.txt"
    path.write_text("5\n5\n9\n")
    lengths, rng = parse_lengths("x", f"histogram:{path}"), random.Random(5)
    drawn = Counter(lengths.draw(rng) for _ in range(3_000))
    assert set(drawn) == {5, 9}
    assert abs(drawn[9] / 3_000 - 1 / 3) < 0.035


@given(st.sampled_from(("uniform:1:900", "normal:50:20")), st.integers())
def test_the_same_seed_gives_the_same_lengths(text: str, seed: int) -> None:
    lengths = parse_lengths("x", text)
    one, other = random.Random(seed), random.Random(seed)
    assert [lengths.draw(one) for _ in range(9)] == [lengths.draw(other) for _ in range(9)]


@pytest.mark.parametrize(
    "text",
    ["", "0", "-5", "1.5", "many", "uniform:5", "uniform:9:5", "uniform:0:5", "normal:0:5",
     "normal:5", "normal:5:6:7", "512:3", "histogram:", "99999999999", "5 12"],
)  # fmt: skip
def test_what_is_not_a_length_is_one_line_that_says_what_to_write(text: str) -> None:
    with pytest.raises(InputError, match=r"^--prompt-tokens is '.*'; write a number of tokens"):
        parse_lengths("--prompt-tokens", text)


@pytest.mark.parametrize("line", ["x", "0,1", "9-5,1", "5,-1", "5 1 1"])
def test_a_bad_line_of_a_histogram_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "lengths.csv"
    path.write_text(f"8,1\n{line}\n")
    with pytest.raises(InputError, match=r"^x: line 2 of .*lengths.csv is '"):
        parse_lengths("x", f"histogram:{path}")


def test_a_histogram_without_lengths_or_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text("# nothing\n5,0\n")
    with pytest.raises(InputError, match="has no lengths"):
        parse_lengths("x", f"histogram:{path}")
    with pytest.raises(InputError, match="cannot read the histogram /nowhere: No such file"):
        parse_lengths("x", "histogram:/nowhere")
