"""Which hosts are this machine, and reached by nobody else."""

import ipaddress

LOOPBACK = "localhost"  # by name; names below it are it, too (RFC 6761, 6.3)


def is_loopback(host: str) -> bool:
    """Whether a host, without brackets, is this machine's loopback: by its address, or as a name
    that always is."""
    if host == LOOPBACK or host.endswith("." + LOOPBACK):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
