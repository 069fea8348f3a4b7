"""Text from models, services and users, made safe to show on a terminal."""


def printable(text: object) -> str:
    """`text` with U+FFFD in place of control characters and those that change its direction."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))
