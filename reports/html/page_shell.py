"""What every page is made by: one style, escaped text, and a policy that lets nothing in or out.

Whatever models, services and users wrote is escaped by the templates; data is JSON whose every `<`
is written `\\u003c`; the only scripts and style that a page may use are those that its
Content-Security-Policy names by digest, and it may fetch nothing at all.
"""

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from headrace.jobs import show_seconds

from ..wording import counted, endpoint, money, money_to_read, taken_words

TEMPLATES = Path(__file__).with_name("templates")
# So that no run makes a page too large: characters of a name and of a text.
NAME_CHARACTERS_MAX = 160
# Control characters but tabs and line ends, and what turns the text around that comes after it.
_UNSHOWN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
TEXT_CHARACTERS_MAX = 1_300


def render(template: str, *, script: Markup, **context: Any) -> str:
    """A page from its template, in the reports' style, that may run `script` and what marks wide
    tables, and nothing else."""
    css, scroll_script = Markup(template_text("page.css")), Markup(template_text("scroll.js"))
    policy = {
        "default-src": "'none'",
        "script-src": " ".join(_digest(each) for each in (scroll_script, script) if each),
        "style-src": _digest(css),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return (
        _environment()
        .get_template(template)
        .render(
            css=css,
            policy="; ".join(f"{name} {value}" for name, value in policy.items()),
            script=script,
            scroll_script=scroll_script,
            **context,
        )
    )


def embedded(value: object) -> Markup:
    """Data as JSON that no HTML parser takes for anything but text."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def template_text(name: str) -> str:
    """What stands in a file beside the templates."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _short(value: object) -> object:
    """What a template puts out, cut where it is a text: names have no bound of their own."""
    plain_text = isinstance(value, str) and not isinstance(value, Markup)
    return _cut(value, NAME_CHARACTERS_MAX) if plain_text else value  # type: ignore[arg-type]


def _cut(text: str, characters: int) -> str:
    shown = text if len(text) <= characters else text[: characters - 1] + "…"
    return _UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", shown)


def _coded(text: str) -> Markup:
    """A sentence whose parts in backticks are code."""
    escaped = str(Markup.escape(_cut(text, TEXT_CHARACTERS_MAX)))
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped))


def _sentence(text: str) -> str:
    """Words as a sentence of their own."""
    return f"{text[:1].upper()}{text[1:]}." if text else ""


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_short,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "long": lambda text: Markup.escape(_cut(text, TEXT_CHARACTERS_MAX)),
        "duration": lambda seconds: "–" if seconds is None else show_seconds(seconds),
        "coded": _coded,
        "endpoint": endpoint,
        "sentence": _sentence,
        "money": money,
        "money_to_read": money_to_read,
        "taken": taken_words,
        "count": lambda number: "–" if number is None else f"{number:,.0f}",
        "counted": counted,
        "percent": lambda share: "–" if share is None else f"{share:.1%}",
        "moment": lambda moment: "–" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC",
    }
    return environment
