"""Connections to public hosts alone: for addresses that somebody else wrote.

A URL in an answer may name a host inside our own network, or resolve to one. The address is looked
up once, looked at, and then connected to itself, so that a second look-up can't change it.
"""

import ipaddress
import socket

import trio

from ..transport import Origin, open_tcp

_network = ipaddress.ip_network
# The blocks of IANA's registries of special-purpose addresses, and multicast. Those that the
# registries call globally reachable (anycast of protocols, AS112) are in it: no image lies there.
# https://www.iana.org/assignments/iana-ipv4-special-registry (as of 2025-10)
_SPECIAL_4 = (
    *map(_network, ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16")),
    *map(_network, ("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24")),
    *map(_network, ("192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24")),
    *map(_network, ("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4")),
    _network("240.0.0.0/4"),
)
# https://www.iana.org/assignments/iana-ipv6-special-registry (as of 2025-10): those within the one
# block that unicast addresses are assigned from. Whatever is outside that one is not public at all.
_UNICAST_6 = _network("2000::/3")
_SPECIAL_6 = (
    *map(_network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")),
)
# IPv4 addresses as a network without IPv4 reaches them (RFC 6052): public where what they hold is.
_TRANSLATED = _network("64:ff9b::/96")


class NotPublicError(OSError):
    """The host is an address of a private network, of this machine, or of no single host."""


def is_public(address: str) -> bool:
    """Whether this IP address is that of a host on the public internet."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found in _TRANSLATED:
            return _is_public_4(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
        if found.ipv4_mapped is None:
            return found in _UNICAST_6 and not any(found in each for each in _SPECIAL_6)
        found = found.ipv4_mapped
    return _is_public_4(found)


def _is_public_4(address: ipaddress.IPv4Address) -> bool:
    return not any(address in each for each in _SPECIAL_4)


async def connect_public(origin: Origin) -> trio.abc.Stream:
    """A `Connect` that reaches public hosts only, and those that are asked for over https only.

    Raises NotPublicError for any other, and OSError where there is no connection to be had.
    """
    if origin.scheme != "https":
        raise NotPublicError(f"{origin.host} is not asked for over https")
    return await open_tcp(origin._replace(host=await public_address(origin)))


async def public_address(origin: Origin) -> str:
    """The first address of a host, all of which are public. Raises NotPublicError, OSError."""
    found = await trio.socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]) for each in found]
    private = [address for address in addresses if not is_public(address)]
    if private or not addresses:
        raise NotPublicError(f"{origin.host} is not a public host")
    return addresses[0]
