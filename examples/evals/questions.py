"""Makes the example's files, offline: questions whose answers are known, of the docstrings of
Python's standard library, and what the gateway answers to them on a good night and on a worse one.

    python questions.py FOLDER        questions.jsonl, good-night.jsonl, worse-night.jsonl
"""

import importlib
import inspect
import json
import sys
from pathlib import Path

MODULES = (
    "os",
    "os.path",
    "shutil",
    "string",
    "re",
    "math",
    "statistics",
    "random",
    "json",
    "csv",
    "zlib",
    "gzip",
    "textwrap",
    "itertools",
    "functools",
    "operator",
    "collections",
    "heapq",
    "bisect",
    "copy",
    "pprint",
    "datetime",
    "calendar",
    "time",
    "tempfile",
    "glob",
    "fnmatch",
    "hashlib",
    "base64",
    "urllib.parse",
    "html",
)
QUESTIONS = 300
WRONG = {"good-night.jsonl": 0.30, "worse-night.jsonl": 0.45}


def questions() -> list[dict[str, str]]:
    """The first line of each function's docstring, where it doesn't hold the name itself."""
    found, seen = [], set()
    for module in MODULES:
        for name, value in sorted(vars(importlib.import_module(module)).items()):
            if name.startswith("_") or not callable(value):
                continue
            told = (inspect.getdoc(value) or "").partition("\n\n")[0].replace("\n", " ").strip()
            if len(told) < 30 or name.lower() in told.lower() or told in seen:
                continue
            seen.add(told)
            answer = f"{module}.{name}"
            found.append({"id": answer, "question": told, "answer": answer})
    return found[:QUESTIONS]


def main(folder: Path) -> None:
    """Write the three files."""
    asked = questions()
    write(folder / "questions.jsonl", asked)
    for name, wrong in WRONG.items():
        rules = [
            {
                "equals": each["question"],
                "answer": each["answer"],
                "wrong": "I don't know.",
                "wrong_share": wrong,
            }
            for each in asked
        ]
        write(folder / name, rules)


def write(path: Path, rows: list[dict[str, object]] | list[dict[str, str]]) -> None:
    """A JSON object a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
