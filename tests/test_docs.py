"""The documentation: its links, its headings, and the commands that it shows."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import pairwise, takewhile
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from headrace.jobs import model_limits_from, other_endpoints_from, services_in_settings
from headrace.runner.main import settings_for

from .commands_page import leaves, page
from .docs_page import DOCS, docs_page
from .endpoints_page import page as endpoints_page

ROOT = Path(__file__).resolve().parent.parent
INDEX = DOCS / "README.md"
AT_THE_TOP = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
PAGES = [*(ROOT / name for name in AT_THE_TOP), *sorted(DOCS.rglob("*.md"))]
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^(?: {4}.*\n?)+", re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s]+)\)")
# What may stand before a command: a prompt, and programs and variables that it runs under.
UNDER = r"[A-Z_]+=\S+|taskset -c 3|chrt --rr 1|zcat \S+ \|"
BEFORE = re.compile(rf"^(?:\$ )?(?:(?:{UNDER}) )*(?=headrace )")
AFTER = ("|", "&", "&&", ">", ">>", "...")

COMMANDS = dict(leaves())


def prose(path: Path) -> str:
    """A page without its blocks of code."""
    return INDENTED.sub("", FENCE.sub("", path.read_text(encoding="utf-8")))


def code(path: Path) -> str:
    """The blocks of code of a page, without their indentation."""
    text = path.read_text(encoding="utf-8")
    blocks = [*FENCE.findall(text), *INDENTED.findall(FENCE.sub("", text))]
    return "\n".join(re.sub("^    ", "", block, flags=re.MULTILINE) for block in blocks)


def headings(path: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", prose(path), flags=re.MULTILINE)


def anchor(heading: str) -> str:
    """As GitHub makes it: lower case, blanks as hyphens, without other punctuation."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def links(path: Path) -> Iterator[tuple[Path, str]]:
    """Where the relative links of a page lead: a file, and an anchor or nothing."""
    for link in LINK.findall(prose(path)):
        if "://" not in link and not link.startswith("mailto:"):
            target, _, fragment = unquote(link).partition("#")
            yield ((path.parent / target).resolve() if target else path), fragment


def commands_of(path: Path) -> Iterator[list[str]]:
    """The words after `headrace` of each command that a page shows."""
    for line in code(path).replace("\\\n", " ").splitlines():
        if (found := BEFORE.match(line)) is not None:
            words = shlex.split(line[found.end() :], comments=True)[1:]
            if shown := list(takewhile(lambda word: word not in AFTER, words)):
                yield shown


def test_there_are_tutorials_guides_and_reference() -> None:
    count = {folder: len(list((DOCS / folder).glob("*.md"))) for folder in ("tutorials", "guides")}
    assert count["tutorials"] >= 2
    assert count["guides"] >= 15
    assert len(PAGES) >= 40


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_a_page_has_one_title(path: Path) -> None:
    titles = re.findall(r"^# (.*)$", prose(path), flags=re.MULTILINE)
    assert len(titles) == 1
    assert path.read_text(encoding="utf-8").startswith(f"# {titles[0]}\n")


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    astray = [
        f"{target.relative_to(ROOT)}#{fragment}"
        for target, fragment in links(path)
        if not target.exists()
        or (fragment and fragment not in {anchor(each) for each in headings(target)})
    ]
    assert astray == []


def test_every_page_is_reached_from_the_index() -> None:
    reached = {INDEX}
    ahead = [INDEX]
    while ahead:
        page_links = {target for target, _ in links(ahead.pop()) if target.suffix == ".md"}
        ahead.extend(page_links - reached)
        reached |= page_links
    assert [path for path in PAGES if path not in reached and path != ROOT / "README.md"] == []
    assert INDEX in {target for target, _ in links(ROOT / "README.md")}


def test_every_test_that_a_page_names_is_there() -> None:
    named = {
        (file, name)
        for path in PAGES
        for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", path.read_text())
    }
    missing = [
        f"{file}::{name}"
        for file, name in sorted(named)
        if not (ROOT / file).exists() or (name and f"def {name}(" not in (ROOT / file).read_text())
    ]
    assert missing == []
    assert len(named) > 10


def test_the_index_names_every_page_itself() -> None:
    named = {target for target, _ in links(INDEX)}
    assert sorted(DOCS.rglob("*.md")) == sorted((named & set(DOCS.rglob("*.md"))) | {INDEX})


def test_the_pages_show_commands() -> None:
    shown = {words[0] for path in PAGES for words in commands_of(path)}
    assert shown == {name.split()[0] for name in COMMANDS}


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_every_command_shown_has_the_flags_that_it_is_given(path: Path) -> None:
    wrong = []
    for words in commands_of(path):
        name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else " ".join(words[:1])
        if name not in COMMANDS:
            wrong.append(f"there is no `headrace {name}`")
            continue
        known = {"--help", "-h"}
        for param in COMMANDS[name].params:
            if isinstance(param, click.Option):
                known |= {*param.opts, *param.secondary_opts}
        given = {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)}
        wrong += [f"`headrace {name}` has no {flag}" for flag in sorted(given - known)]
    assert wrong == []


def test_the_page_of_commands_is_what_they_say() -> None:
    written = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    again = "python -m tests.commands_page > docs/reference/commands.md"
    assert written == page(), f"run: {again}"


def test_the_page_of_endpoints_is_what_the_table_says() -> None:
    written = (DOCS / "reference" / "endpoints.md").read_text(encoding="utf-8")
    again = "python -m tests.endpoints_page > docs/reference/endpoints.md"
    assert written == endpoints_page(), f"run: {again}"


def report_headings(path: Path) -> Iterator[str]:
    """Headings of quoted reports, and of their tables: a line over what is set in below it, and a
    line of words far apart."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for line, below in pairwise(lines):
        heading = re.fullmatch(r" {4}([A-Z][\w ,%-]*)", line)
        if heading is not None and below.startswith("      "):
            yield heading[1]
        cells = re.split(r" {2,}", line.strip())
        if line.startswith("      ") and len(cells) > 2 and not re.search(r"\d\d|[{}=`|]", line):
            yield from cells


def test_quoted_reports_have_the_headings_that_reports_print() -> None:
    written = "\n".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "reports").rglob("*.py"))
    )
    quoted = {(path.name, each) for path in PAGES for each in report_headings(path)}
    assert len(quoted) > 12
    gone = [
        f"{page}: {each}"
        for page, each in sorted(quoted)
        if f'"{each.partition(",")[0]}' not in written
    ]
    assert gone == []


def test_the_settings_file_that_is_shown_is_taken(tmp_path: Path) -> None:
    section = docs_page("reference/settings.md", "headrace.toml")
    shown = "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))
    assert set(tomllib.loads(shown)) == {
        *("base-url", "base-urls", "run", "load", "gate", "limits", "endpoints", "services")
    }
    path = tmp_path / "headrace.toml"
    path.write_text(shown)
    taken = {name: settings_for(COMMANDS[name], path) for name in ("run", "load", "gate")}
    assert taken["run"]["rpm"] == 600
    assert taken["load"]["base_url"] == "https://your.gateway.example"
    assert taken["gate"] == {"require": ["cost < 5", "p95(latency_s) < 3"]}
    assert model_limits_from(path, rpm=600, tpm=None)["gpt-image-2"].rpm == 10
    assert other_endpoints_from(path).take("/v1/score")
    (service,) = services_in_settings(path, rpm=60, tpm=None)
    assert (service.name, service.rpm, service.model_limits["deepseek-chat"].rpm) == (
        "deepseek",
        600,
        100,
    )


def test_help_and_messages_name_pages_that_there_are() -> None:
    named = {
        name
        for room in ("jobs", "runner", "reports", "gateway", "examples")
        for path in sorted((ROOT / room).rglob("*"))
        if path.suffix in (".py", ".txt", ".sh")
        for name in re.findall(r"docs/[\w/-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert "docs/reference/expressions.md" in named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
