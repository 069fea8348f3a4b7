"""What this machine's client can do, measured against a gateway on the same machine."""
