"""Which addresses are those of public hosts, held against the registries of those that are not."""

import csv
import ipaddress
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.runner.images.public_hosts import is_public

REGISTRIES = Path(__file__).parents[2] / "data" / "addresses" / "special-purpose.csv"


class Block(NamedTuple):
    """A block as the bits that its addresses begin with, and how many more they have."""

    version: int
    prefix: str
    rest_bits: int

    @classmethod
    def of(cls, text: str) -> "Block":
        address, _, length = text.partition("/")
        version, bits = (6, 128) if ":" in address else (4, 32)
        whole = f"{int(ipaddress.ip_address(address)):0{bits}b}"
        return cls(version, whole[: int(length)], bits - int(length))

    def address(self, rest: int) -> str:
        number = (int(self.prefix or "0", 2) << self.rest_bits) | (rest % (1 << self.rest_bits))
        kind = ipaddress.IPv4Address if self.version == 4 else ipaddress.IPv6Address
        return str(kind(number))


with REGISTRIES.open(encoding="utf-8", newline="") as rows:
    SPECIAL = [Block.of(row["block"]) for row in csv.DictReader(rows)]


def in_registries(version: int, number: int) -> bool:
    bits = f"{number:0{32 if version == 4 else 128}b}"
    return any(each.version == version and bits.startswith(each.prefix) for each in SPECIAL)


def test_the_table_is_there_for_both_versions() -> None:
    assert [sum(each.version == n for each in SPECIAL) for n in (4, 6)] == [27, 26]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("192.0.1.1", True),
        ("198.20.0.1", True),
        ("2606:4700::1111", True),
        ("2001:200::1", True),
        ("2a00:1450:4001::200e", True),
        ("169.254.169.254", False),  # where clouds keep credentials
        ("192.0.0.8", False),
        ("192.88.99.1", False),
        ("fe80::1%eth0", False),
        ("::127.0.0.1", False),
        ("::8.8.8.8", False),
        ("100:0:0:1::1", False),
        ("3fff::1", False),
        ("5f00::1", False),
        ("fec0::1", False),
        ("4000::1", False),  # assigned to nobody
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("::ffff:0:8.8.8.8", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::8.8.8.8", True),  # as a network without IPv4 names it
        ("64:ff9b:1::8.8.8.8", False),
        ("2002:7f00:1::", False),
        ("2002:808:808::1", False),
        ("2001::53aa:64c:0:7f00:fe", False),
        ("no address", False),
        ("", False),
        ("127.1", False),
        ("2130706433", False),
    ],
)
def test_which_addresses_are_public(address: str, *, public: bool) -> None:
    assert is_public(address) is public


@given(block=st.sampled_from(SPECIAL), rest=st.integers(0, 2**128 - 1))
@example(block=Block.of("0.0.0.0/8"), rest=0)
def test_no_address_of_a_special_purpose_block_is_public(block: Block, rest: int) -> None:
    ends = (block.address(0), block.address(-1), block.address(rest))
    assert {is_public(each) for each in ends} == {False}


@given(number=st.integers(0, 2**32 - 1))
def test_every_other_ipv4_address_is_public_however_it_is_held(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    held = (str(address), f"::ffff:{address}", f"64:ff9b::{address}")
    assert {is_public(each) for each in held} == {not in_registries(4, number)}


@given(number=st.integers(0, 2**128 - 1) | st.integers(2**125, 2**126 - 1))
def test_an_ipv6_address_is_public_where_it_is_assigned_and_of_no_special_purpose(
    number: int,
) -> None:
    assigned = number >> 125 == 0b001
    wanted = assigned and not in_registries(6, number)
    held = number >> 32 in (0xFFFF, 0x0064FF9B << 64)  # an IPv4 address: see above
    assert held or is_public(str(ipaddress.IPv6Address(number))) is wanted
