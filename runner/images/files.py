"""ImageStore of answers: files of their own, synced before the answer is recorded.

What came as base64 is decoded, and its path stands in its place. What came as a link is fetched
where the user asked for that (--download), and `path` stands beside the `url`.
"""

import base64
from pathlib import Path
from typing import Any

from ..record import make_directory, replace_file, storage

MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"),
)


def has_images(body: dict[str, Any]) -> bool:
    """Whether an images answer holds any image as base64."""
    return any(isinstance(each, dict) and each.get("b64_json") for each in body.get("data", ()))


def links_in(data: list[Any]) -> list[tuple[int, str]]:
    """The places and links of the images that an answer's `data` gives as links."""
    return [
        (n, each["url"])
        for n, each in enumerate(data)
        if isinstance(each, dict) and isinstance(each.get("url"), str)
    ]


def store_image(directory: Path, *, index: int, n: int, image: bytes) -> str:
    """Write an image to `<index>-<n>.<ext>`; its path relative to the run directory.

    It is synced when this returns. Raises StorageError.
    """
    name = f"{index}-{n}.{extension_of(image) or 'bin'}"
    with storage(directory):
        make_directory(directory)
    replace_file(directory / name, image)
    return f"{directory.name}/{name}"


def with_image_stored(directory: Path, *, index: int, n: int, item: Any) -> Any:
    """The n-th item of an answer's `data`, its image written and the path in its place.

    What is not base64 stays as it is. Raises StorageError.
    """
    image = _decoded(item)
    if image is None:
        return item
    return {**item, "b64_json": store_image(directory, index=index, n=n, image=image)}


def _decoded(item: Any) -> bytes | None:
    text = item.get("b64_json") if isinstance(item, dict) else None
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one; text beyond ASCII is a plain one
        return None


def extension_of(image: bytes) -> str | None:
    """What kind of image these bytes are, by how they begin; None where of no known kind."""
    for magic, extension in MAGIC:
        if image.startswith(magic):
            return extension
    return "webp" if image[:4] == b"RIFF" and image[8:12] == b"WEBP" else None
