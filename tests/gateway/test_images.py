"""POST /v1/images/generations."""

import base64
import struct
import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

PATH = "/v1/images/generations"
BODY = {"model": "gpt-image-2", "prompt": "A white cat sitting on a windowsill"}


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG, once every checksum and the pixel data are checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, pixels, header = 8, b"", b""
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert checksum == zlib.crc32(kind + content)
        header = content if kind == b"IHDR" else header
        pixels += content if kind == b"IDAT" else b""
        at += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", header[:10])
    assert (depth, colour) == (1, 3)
    assert len(zlib.decompress(pixels)) == height * (1 + (width + 7) // 8)
    return width, height


async def test_images_come_as_urls_that_the_gateway_serves(
    gateway_of: Any, connect: "Connect"
) -> None:
    gateway = gateway_of()
    client = await connect(gateway)
    answer = (await client.post(PATH, BODY | {"n": 2, "size": "640x360"})).json
    assert list(answer) == ["created", "data"]
    assert [list(image) for image in answer["data"]] == [["url"], ["url"]]
    urls = [image["url"] for image in answer["data"]]
    assert len(set(urls)) == 2
    for url in urls:
        base, path = url[:19], url[19:]
        assert base == "http://gateway.test"
        image = await client.request("GET", path, headers={"host": "gateway.test"})
        assert image.headers["content-type"] == "image/png"
        assert png_size(image.body) == (640, 360)
    assert gateway.log_rows[0].charge == Decimal("0.50")
    assert gateway.log_rows[0].images == 2


async def test_one_image_of_1024_is_the_default(gateway_of: Any, connect: "Connect") -> None:
    client = await connect(gateway_of())
    answer = (await client.post(PATH, BODY | {"response_format": "b64_json"})).json
    [image] = answer["data"]
    assert list(image) == ["b64_json"]
    assert png_size(base64.b64decode(image["b64_json"], validate=True)) == (1024, 1024)


async def test_an_image_of_another_name_is_not_found(gateway_of: Any, connect: "Connect") -> None:
    client = await connect(gateway_of())
    response = await client.request("GET", "/images/cat.png")
    assert response.error == (404, "NOT_FOUND", "Image 'cat.png' not found.")
