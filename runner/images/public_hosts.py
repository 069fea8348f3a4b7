"""Connections to public hosts alone: for addresses that somebody else wrote.

A URL in an answer may name a host inside our own network, or resolve to one. The address is looked
up once, looked at, and then connected to itself, so that a second look-up can't change it.
"""

import ipaddress
import socket

import trio

from ..transport import Origin, open_tcp

# Addresses that hold another one: a translator may lead into a private network.
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


class NotPublicError(OSError):
    """The host is an address of a private network, of this machine, or of no single host."""


def is_public(address: str) -> bool:
    """Whether this IP address is that of a host on the public internet."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found.sixtofour or found.teredo or any(found in each for each in _TRANSLATED):
            return False
    return found.is_global and not found.is_multicast


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
