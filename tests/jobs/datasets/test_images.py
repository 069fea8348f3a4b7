"""Images of a column: paths below a directory, bytes, links."""

import base64
from pathlib import Path

import pytest

from headrace.jobs.datasets.images import IMAGE_BYTES_MAX, images_in
from headrace.jobs.datasets.template import BadRowError

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
WEBP = b"RIFF\0\0\0\0WEBPVP8 "


def test_bytes_and_paths_are_carried_with_the_type_of_their_content(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_bytes(WEBP)
    found = images_in([PNG, "sub/a.txt", {"bytes": None, "path": "sub/a.txt"}], "c", tmp_path)
    assert [each.media_type for each in found] == ["image/png", "image/webp", "image/webp"]
    assert base64.b64decode(found[0].base64) == PNG


def test_each_protocol_has_its_part() -> None:
    (image,) = images_in(PNG, "c", Path())
    (link,) = images_in("https://example.com/a.png", "c", Path())
    data = base64.b64encode(PNG).decode()
    assert image.part("chat")["image_url"] == {"url": f"data:image/png;base64,{data}"}
    assert image.part("messages")["source"] == {
        "type": "base64",
        "media_type": "image/png",
        "data": data,
    }
    assert link.part("chat")["image_url"] == {"url": "https://example.com/a.png"}
    assert link.part("messages")["source"]["url"] == "https://example.com/a.png"


def refusal(value: object, folder: Path) -> str:
    with pytest.raises(BadRowError) as error:
        images_in(value, "c", folder)
    return str(error.value)


def test_what_is_not_an_image_below_the_directory_is_told(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "out.png").write_bytes(PNG)
    (inside / "link.png").symlink_to(tmp_path / "out.png")
    (inside / "text.png").write_text("hello")
    (inside / "large.png").write_bytes(PNG + bytes(IMAGE_BYTES_MAX))
    assert "is not below" in refusal("../out.png", inside)
    assert "is not below" in refusal("link.png", inside)
    assert "is not below" in refusal(str(tmp_path / "out.png"), inside)
    assert "is not a PNG, JPEG, GIF or WebP image" in refusal("text.png", inside)
    assert "is larger than 20 MB" in refusal("large.png", inside)
    assert "can't be read in" in refusal("nope.png", inside)
    assert "c is null" in refusal(None, inside)
    assert "neither a path nor bytes" in refusal(5, inside)
