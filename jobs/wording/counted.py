"""A number with its noun: 1 job, 2 jobs."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, in the plural but for one.

    Args:
        number: how many.
        noun: of one.
        plural: of several, where it is not the noun with an s.

    Returns:
        Such as `1 job` and `1,200 jobs`.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
