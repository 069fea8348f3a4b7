"""What was likely meant, where a word is not one of those that are known."""

from collections.abc import Iterable

# Of a word's characters, so many may be wrong.
WRONG_SHARE_MAX = 1 / 3
LISTED_MAX = 12


def suggested(word: str, known: Iterable[str]) -> str:
    """The known word that is nearest, as the end of a message.

    Args:
        word: what was written.
        known: what could have been.

    Returns:
        Such as `; did you mean 'output'?`, and nothing where no known word is near.
    """
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near is not None else ""


def or_listed(word: str, known: Iterable[str]) -> str:
    """The known word that is nearest, or else all that are known, as far as one takes them in.

    Args:
        word: what was written.
        known: what could have been.

    Returns:
        Such as `; did you mean 'output'?` or `; there are input, output`.
    """
    words = list(known)
    if near := suggested(word, words):
        return near
    shown = words if len(words) <= LISTED_MAX else [*words[:LISTED_MAX], "…"]
    return f"; there {'are' if len(words) > 1 else 'is'} {', '.join(shown)}" if shown else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is nearest, whatever the case and its dashes.

    Args:
        word: what was written.
        known: what could have been; of several as near, the first is taken.

    Returns:
        None where none is near.
    """
    plain = _plain(word)[:100]
    found = [(_edits(plain, _plain(each)), each) for each in known]
    edits, near = min(found, key=lambda each: each[0], default=(len(plain), ""))
    return near if edits <= max(1, len(plain) * WRONG_SHARE_MAX) and near else None


def _plain(word: str) -> str:
    return word.replace("-", "_").lower()


def _edits(a: str, b: str) -> int:
    """How many characters were added, left out, changed, or swapped with their neighbour: the
    optimal string alignment (L. Boytsov, ACM Journal of Experimental Algorithmics 16, 2011)."""
    earlier: list[int] = []
    before: list[int] = []
    row: list[int] = list(range(len(b) + 1))
    for i, character in enumerate(a):
        earlier, before, row = before, row, [i + 1]
        for j, other in enumerate(b):
            edits = min(before[j] + (character != other), before[j + 1] + 1, row[j] + 1)
            if i and j and character == b[j - 1] and a[i - 1] == other:
                edits = min(edits, earlier[j - 1] + 1)
            row.append(edits)
    return row[-1]
