"""What this machine's client can do, measured against a gateway on the same machine.

It has no face: only the root of the command line loads it, by the name of its module.
"""
