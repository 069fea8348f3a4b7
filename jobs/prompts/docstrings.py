"""Jobs made of real text, for the demo: docstrings of this Python's standard library."""

import ast
import itertools
import random
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..endpoints import IMAGE_URLS
from ..errors import InputError

# Modules with long docstrings. Their source is parsed; they are never imported.
MODULES = (
    "bdb", "calendar", "cmd", "codecs", "configparser", "contextlib", "doctest", "email", "enum",
    "ftplib", "functools", "heapq", "http", "imaplib", "importlib", "inspect", "ipaddress", "json",
    "logging", "mailbox", "optparse", "pathlib", "pdb", "platform", "random", "shutil", "smtplib",
    "socketserver", "ssl", "statistics", "tarfile", "textwrap", "threading", "timeit", "traceback",
    "typing", "unittest", "urllib", "uuid", "xmlrpc", "zipfile",
)  # fmt: skip
SHORTEST_CHARS = 20
LONGEST_CHARS = 8000
PROMPT_CHARS = 400

# Lines that are not jobs, each for a different reason.
BAD_LINES: tuple[bytes, ...] = (
    b'{"custom_id": "bad-cut-off", "method": "POST", "url": "/v1/chat/comp',
    b'{"custom_id": "bad-latin-1", "url": "/v1/chat/completions", "body": {"model": "caf\xe9"}}',
    b'{"custom_id": "bad-no-body", "method": "POST", "url": "/v1/chat/completions"}',
    b'{"custom_id": "bad-url", "url": "/v1/embedings", "body": {"model": "m", "input": "x"}}',
    b'{"custom_id": "bad-no-model", "url": "/v1/chat/completions", "body": {"messages": []}}',
    b'{"custom_id": 7, "url": "/v1/chat/completions", "body": {"model": "m", "messages": []}}',
    b'{"custom_id": "bad-stream", "params": '
    b'{"model": "m", "messages": [], "max_tokens": 8, "stream": "yes"}}',
)


class _Docstring(NamedTuple):
    """A docstring and what it describes."""

    module: str
    name: str
    text: str

    @property
    def summary(self) -> str:
        return self.text.split("\n", 1)[0]


class _Models(NamedTuple):
    text: str
    image: str


_Request = tuple[str, dict[str, Any]]


def docstring_jobs(count: int, *, text_model: str, image_model: str, seed: int) -> Iterator[bytes]:
    """Lines of a job file in its canonical form, for all endpoints of the reference.

    Any 20 successive lines cover each endpoint, streamed and not where it can be, and images as url
    and as b64_json. Texts repeat once the library is used up, after about 2,000.

    Args:
        count: how many lines.
        text_model: the model of all text.
        image_model: the model of all images.
        seed: the same seed and version of Python give the same lines.

    Returns:
        The lines, without line feeds.

    Raises:
        InputError: on a Python without the source of its library.
    """
    rng = random.Random(seed)
    texts = _texts(count, rng)
    rng.shuffle(texts)
    models = _Models(text_model, image_model)
    kinds = itertools.cycle(_REQUEST_KINDS)
    for number, text, make in zip(range(1, count + 1), itertools.cycle(texts), kinds, strict=False):
        url, body = make(text, models, rng)
        line: dict[str, Any] = {
            "custom_id": f"docstring-{number:05d}",
            "method": "POST",
            "url": url,
            "body": body,
        }
        if number % 3 == 0:
            line["metadata"] = {"module": text.module, "name": text.name}
        if number % 5 == 0:
            line["expected"] = text.summary
        yield msgspec.json.encode(line)


def _chat(text: _Docstring, models: _Models, rng: random.Random) -> _Request:
    body: dict[str, Any] = {
        "model": models.text,
        "messages": [
            {"role": "system", "content": "You explain Python's standard library."},
            {"role": "user", "content": f"Explain {text.name} in a sentence:\n\n{text.text}"},
        ],
        "temperature": rng.choice((0, 0.7, 1)),
    }
    limit = rng.choice((None, 16, 64, 128, 256))
    return "/v1/chat/completions", body if limit is None else body | {"max_tokens": limit}


def _messages(text: _Docstring, models: _Models, rng: random.Random) -> _Request:
    content: Any = f"Rewrite this for a beginner:\n\n{text.text}"
    if rng.random() < 0.5:
        content = [{"type": "text", "text": content}]
    return "/v1/messages", {
        "model": models.text,
        "max_tokens": rng.choice((32, 64, 128, 256)),
        "system": "You write for beginners.",
        "messages": [{"role": "user", "content": content}],
    }


def _search(text: _Docstring, models: _Models, rng: random.Random) -> _Request:
    question = f"What changed lately in Python's {text.name}? It is documented as: {text.text}"
    return "/v1/search/completions", {
        "model": models.text,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": rng.choice((64, 128)),
    }


def _image(text: _Docstring, models: _Models, rng: random.Random) -> _Request:
    return IMAGE_URLS[0], {
        "model": models.image,
        "prompt": f"A woodcut of {text.name}: {text.text[:PROMPT_CHARS]}",
        "n": rng.choice((1, 1, 2)),
        "size": rng.choice(("64x64", "128x64")),
    }


def _streamed(make: "_MakeRequest") -> "_MakeRequest":
    def streamed(text: _Docstring, models: _Models, rng: random.Random) -> _Request:
        url, body = make(text, models, rng)
        return url, body | {"stream": True}

    return streamed


def _as_base64(text: _Docstring, models: _Models, rng: random.Random) -> _Request:
    url, body = _image(text, models, rng)
    return url, body | {"response_format": "b64_json"}


_MakeRequest = Callable[[_Docstring, _Models, random.Random], _Request]
_REQUEST_KINDS: tuple[_MakeRequest, ...] = (
    *(_chat, _streamed(_chat), _messages, _streamed(_messages), _search),
    *(_chat, _streamed(_chat), _messages, _streamed(_messages), _image),
    *(_chat, _streamed(_chat), _messages, _streamed(_messages), _streamed(_search)),
    *(_chat, _streamed(_chat), _messages, _streamed(_messages), _as_base64),
)


def _texts(count: int, rng: random.Random) -> list[_Docstring]:
    """At least `count` docstrings if there are so many, from whole modules in random order."""
    root = Path(sysconfig.get_path("stdlib"))
    modules = list(MODULES)
    rng.shuffle(modules)
    texts: list[_Docstring] = []
    for module in modules:
        if len(texts) >= count:
            break
        for file in _sources(root, module):
            texts += _docstrings(file, module)
    if count and not texts:
        raise InputError(f"this Python has no source of its standard library in {root}")
    return texts


def _sources(root: Path, module: str) -> list[Path]:
    file = root / f"{module}.py"
    return [file] if file.is_file() else sorted((root / module).glob("*.py"))


def _docstrings(file: Path, module: str) -> Iterator[_Docstring]:
    if file.stem not in (module, "__init__"):
        module = f"{module}.{file.stem}"
    for name, node in _documented(ast.parse(file.read_bytes()), module):
        text = ast.get_docstring(node)
        if text is not None and SHORTEST_CHARS <= len(text.strip()) <= LONGEST_CHARS:
            yield _Docstring(module, name, text.strip())


_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _documented(node: _Documented, name: str) -> Iterator[tuple[str, _Documented]]:
    yield name, node
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _documented(child, f"{name}.{child.name}")
