"""Text from models, services and users, made safe to show on a terminal."""

import json


def printable(text: object) -> str:
    """`text` with U+FFFD in place of control characters and those that change its direction."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def printable_json(data: bytes | str) -> str:
    """JSON with escapes in place of those characters, so that it is the same data.

    Args:
        data: JSON whose strings hold no line end, as every encoder writes it.
    """
    text = data if isinstance(data, str) else data.decode()
    # A check of a whole line is fast, and nearly always enough.
    return "\n".join(
        line if line.isprintable() else "".join(map(_escaped, line)) for line in text.split("\n")
    )


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]
