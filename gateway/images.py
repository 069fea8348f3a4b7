"""Images: real but small PNG files, by URL from this server or as base64."""

import re
import struct
import zlib
from base64 import b64encode
from functools import lru_cache

import msgspec

from .draws import digest
from .errors import ApiError
from .params import ImagesParams
from .response import RequestContext, Response

PATH_PREFIX = "/images/"
DEFAULT_SIZE = "1024x1024"
_NAME = re.compile(r"([0-9a-f]{32})-([1-9][0-9]{0,3})x([1-9][0-9]{0,3})\.png")


def images_response(params: ImagesParams, context: RequestContext) -> Response:
    """`n` images of `size`, billed per image."""
    count, size = params.n or 1, params.size or DEFAULT_SIZE
    names = [f"{digest(number, context.digest)[:16].hex()}-{size}.png" for number in range(count)]
    if params.response_format == "b64_json":
        data = [{"b64_json": b64encode(read_image(name)).decode("ascii")} for name in names]
    else:
        data = [{"url": f"{context.base_url}{PATH_PREFIX}{name}"} for name in names]
    return Response(
        body=msgspec.json.encode({"created": context.created, "data": data}),
        images=count,
        charge=context.price.images_cost(size, count),
    )


@lru_cache(maxsize=64)
def read_image(name: str) -> bytes:
    """The PNG file of that name, which encodes its pattern and size. Raises ApiError 404."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ApiError(404, f"Image {name!r} not found.", code="NOT_FOUND")
    return draw_png(bytes.fromhex(found[1]), width=int(found[2]), height=int(found[3]))


def draw_png(pattern: bytes, *, width: int, height: int) -> bytes:
    """A PNG of bands in two colours, which `pattern` (16 bytes) determines."""
    row_bytes = (width + 7) // 8
    bands = [b"\x00" + bytes([bits]) * row_bytes for bits in pattern[6:]]
    rows = b"".join(bands[y // 8 % len(bands)] for y in range(height))
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            # One bit per pixel, an index into the palette; no interlacing.
            _part(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)),
            _part(b"PLTE", pattern[:6]),
            _part(b"IDAT", zlib.compress(rows, 1)),
            _part(b"IEND", b""),
        )
    )


def _part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
