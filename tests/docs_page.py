"""A page of docs/, or one section of it, for the tests that hold it to the code."""

from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def docs_page(name: str, section: str | None = None) -> str:
    """The text of docs/`name`, or of what stands in it below the heading `## section`."""
    text = (DOCS / name).read_text(encoding="utf-8")
    if section is None:
        return text
    _, heading, rest = text.partition(f"\n## {section}\n")
    assert heading, f"{name} has no section {section}"
    return rest.partition("\n## ")[0]
