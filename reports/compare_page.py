"""A comparison as one page of HTML: nothing fetched, nothing run, text of others escaped."""

from jinja2 import DictLoader, Environment, StrictUndefined

from .compare import Comparison
from .compare_terminal import cells, pairing_words, sentences

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ a }} and {{ b }}</title>
<style>
:root { color-scheme: light dark; --line: #d5d9de; --dim: #5c6570; --clear: #0b5a9c; --back: #fff;
  --text: #1b1f24; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a414a; --dim: #a2abb6; --clear: #7cc0f5; --back: #15181c; --text: #e8ebee; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; font-weight: 600; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; font-weight: 600; margin-top: 2rem; }
.dim { color: var(--dim); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: right; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
thead th { color: var(--dim); font-weight: 500; }
th:first-child, td:last-child, thead th:last-child { text-align: left; }
tbody th { font-weight: 400; }
.clear td:last-child, .clear th { color: var(--clear); font-weight: 600; }
:focus-visible { outline: 2px solid var(--clear); outline-offset: 2px; }
</style>
</head>
<body>
<main>
<h1>{{ a }} <span class="dim">and</span> {{ b }}</h1>
<p class="dim">A is {{ a }}, B is {{ b }}. {{ pairing }}</p>
<h2>What it means</h2>
<ul>{% for sentence in sentences %}
<li>{{ sentence }}</li>{% endfor %}
</ul>
<h2>Figure by figure</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Differences">
<table>
<thead><tr><th scope="col">Figure</th><th scope="col">A</th><th scope="col">B</th>
<th scope="col">B &minus; A</th><th scope="col">95&nbsp;% interval</th>
<th scope="col">B is</th></tr></thead>
<tbody>{% for row in rows %}
<tr{% if row.finding in ("higher", "lower") %} class="clear"{% endif %}>
<th scope="row">{{ row.cells[0] }}</th>
{% for cell in row.cells[1:] %}<td>{{ cell }}</td>{% endfor %}
<td>{{ row.finding }}</td></tr>{% endfor %}
</tbody>
</table>
</div>
<p class="dim">Means and percentiles: bootstrap, seed {{ seed }}; shares: Newcombe's score
intervals. A difference is clear where it still is with all {{ judged }} comparisons counted
(Holm).</p>
</main>
</body>
</html>
"""


def comparison_page(comparison: Comparison) -> bytes:
    """The page, UTF-8. Bytes of the same comparison are the same."""
    pages = Environment(
        loader=DictLoader({"page": PAGE}), autoescape=True, undefined=StrictUndefined
    )
    text = pages.get_template("page").render(
        a=comparison.a,
        b=comparison.b,
        pairing=pairing_words(comparison),
        sentences=list(sentences(comparison)),
        rows=[{"cells": cells(each), "finding": each.finding} for each in comparison.differences],
        seed=comparison.seed,
        judged=sum(each.p is not None for each in comparison.differences),
    )
    return text.encode("utf-8", "replace")
