"""Text that models, services and users wrote, made safe to show on a terminal."""


def safe(text: object) -> str:
    """Text for a terminal: control characters, and what turns its direction, become marks."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))
