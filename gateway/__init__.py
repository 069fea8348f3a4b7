"""A stand-in: a local server that implements the whole API reference."""
