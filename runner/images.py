"""Images that come inside an answer: files of their own, written before it is recorded."""

import base64
import binascii
from pathlib import Path
from typing import Any

import msgspec

from .record.files import make_directory, replace_file, storage

MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"),
)


def has_images(body: dict[str, Any]) -> bool:
    """Whether an images answer holds any picture as base64."""
    return any(isinstance(each, dict) and each.get("b64_json") for each in body.get("data", ()))


def store_images(directory: Path, *, index: int, body: dict[str, Any]) -> str:
    """Write the pictures of an answer to `<index>-<n>.<ext>`; the answer as JSON text, with the
    path of each, relative to the run directory, in its place.

    What is not base64 stays as it is. Raises StorageError.
    """
    with storage(directory):
        make_directory(directory)
        data = []
        for n, each in enumerate(body["data"]):
            picture = _decoded(each)
            if picture is None:
                data.append(each)
                continue
            name = f"{index}-{n}.{_extension(picture)}"
            replace_file(directory / name, picture)
            data.append({**each, "b64_json": f"{directory.name}/{name}"})
    return msgspec.json.encode({**body, "data": data}).decode()


def _decoded(item: Any) -> bytes | None:
    text = item.get("b64_json") if isinstance(item, dict) else None
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _extension(picture: bytes) -> str:
    for magic, extension in MAGIC:
        if picture.startswith(magic):
            return extension
    return "webp" if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP" else "bin"
