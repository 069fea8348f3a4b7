"""Images of a row, as a request carries them: a file below a directory, bytes, or a link."""

import base64
import os
from pathlib import Path
from typing import Any, NamedTuple

from ..endpoints import EndpointKind
from .template import BadRowError

IMAGE_BYTES_MAX = 20 * 2**20
LINKS = ("https://", "http://")


class Image(NamedTuple):
    """An image: its bytes in base64 and their type, or a link."""

    media_type: str
    base64: str
    link: str | None = None

    def part(self, kind: EndpointKind) -> dict[str, Any]:
        """The part of a message that holds it."""
        if kind == "messages":
            source = {"type": "base64", "media_type": self.media_type, "data": self.base64}
            if self.link is not None:
                source = {"type": "url", "url": self.link}
            return {"type": "image", "source": source}
        data = f"data:{self.media_type};base64,{self.base64}"
        return {"type": "image_url", "image_url": {"url": self.link or data}}


def images_in(value: Any, column: str, folder: Path) -> list[Image]:
    """The images that a cell holds: a path below `folder`, bytes, a link, or several of them.

    Raises BadRowError.
    """
    if value is None:
        raise BadRowError(f"images: {column} is null")
    if isinstance(value, list):
        return [image for each in value for image in images_in(each, column, folder)]
    if isinstance(value, dict):  # as data sets of images have it: {"bytes": ..., "path": ...}
        inner = value.get("bytes") if value.get("bytes") is not None else value.get("path")
        return images_in(inner, column, folder)
    if isinstance(value, str) and value.startswith(LINKS):
        return [Image("", "", value)]
    if isinstance(value, str):
        data, what = _file(value, column, folder), f"images: {column}: {value}"
    elif isinstance(value, bytes):
        data, what = value, f"images: {column}"
    else:
        raise BadRowError(f"images: {column} is {value!r}, neither a path nor bytes")
    if len(data) > IMAGE_BYTES_MAX:
        raise BadRowError(f"{what} is larger than 20 MB; make it smaller")
    return [Image(_media_type(data, what), base64.b64encode(data).decode())]


def _file(name: str, column: str, folder: Path) -> bytes:
    what = f"images: {column}: {name}"
    try:
        path = Path(os.path.realpath(folder / name))
        if not path.is_relative_to(os.path.realpath(folder)):
            raise BadRowError(f"{what} is not below {folder}; say where with --images-from DIR")
        with path.open("rb") as file:
            return file.read(IMAGE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadRowError(f"{what} can't be read in {folder}: {reason}") from error


def _media_type(data: bytes, what: str) -> str:
    """The type of an image, by its content. Raises BadRowError."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    raise BadRowError(f"{what} is not a PNG, JPEG, GIF or WebP image")
