"""Images that come inside an answer: decoded into files, named by what they are."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from headrace.runner.images.files import has_images, store_images
from tests.runner.conftest import Bench, Reply, Seen, Service

PNG = b"\x89PNG\r\n\x1a\n and so on"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("image", "extension"),
    [
        (PNG, "png"),
        (b"\xff\xd8\xff\xe0", "jpg"),
        (b"GIF89a", "gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", "bin"),
        (b"", "bin"),
    ],
)
def test_a_picture_is_named_by_what_it_is(tmp_path: Path, image: bytes, extension: str) -> None:
    stored = store_images(tmp_path / "images", index=7, data=[{"b64_json": encoded(image)}])
    assert stored == [{"b64_json": f"images/7-0.{extension}"}]
    assert (tmp_path / "images" / f"7-0.{extension}").read_bytes() == image


def test_what_is_no_picture_stays_as_it_is(tmp_path: Path) -> None:
    data = [
        {"url": "http://127.0.0.1/x.png"},
        {"b64_json": encoded(PNG), "revised_prompt": "a cat"},
        {"b64_json": "not base64!"},
        {"b64_json": "\N{LATIN SMALL LETTER E WITH ACUTE}"},
        {"b64_json": 5},
        "odd",
        None,
    ]
    assert store_images(tmp_path / "images", index=0, data=data) == [
        data[0],
        {"b64_json": "images/0-1.png", "revised_prompt": "a cat"},
        *data[2:],
    ]
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["0-1.png"]


@pytest.mark.parametrize(
    ("data", "holds"),
    [
        ([], False),
        ([{"url": "u"}, None, "x", 5], False),
        ([{"b64_json": ""}], False),
        ([{"url": "u"}, {"b64_json": "eA=="}], True),
    ],
)
def test_whether_there_is_any(data: list[Any], holds: bool) -> None:
    assert has_images({"data": data}) is holds


def image_line(custom_id: str, **fields: Any) -> bytes:
    body = {"model": "m", "prompt": "a cat", "response_format": "b64_json", **fields}
    line = {"custom_id": custom_id, "url": "/v1/images/generations", "body": body}
    return json.dumps(line).encode()


async def test_images_of_a_run_are_files_and_their_paths_are_in_the_response(
    bench: Bench, service: Service, autojump_clock: Any
) -> None:
    def answer(_seen: Seen) -> Reply:
        data = [{"b64_json": encoded(PNG + bytes([n]))} for n in range(2)]
        return Reply(200, json.dumps({"created": 1, "data": data}).encode())

    service.answer = answer
    bench.write(image_line("one", n=2), image_line("two", n=2))
    ran = await bench.run(service)
    assert ran.results["custom_id"].to_list() == ["one", "two"]
    for index, row in enumerate(ran.results.to_dicts()):
        assert (row["status"], row["images"]) == ("succeeded", 2)
        paths = [each["b64_json"] for each in json.loads(row["response"])["data"]]
        assert paths == [f"images/{index}-0.png", f"images/{index}-1.png"]
        found = [(ran.directory / path).read_bytes() for path in paths]
        assert found == [PNG + b"\x00", PNG + b"\x01"]


async def test_a_picture_is_on_the_disk_before_its_result_is_journalled(
    bench: Bench, service: Service, autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headrace.runner.record import Recorder

    there: list[bool] = []
    ended = Recorder.ended

    def watched(recorder: Recorder, *arguments: Any, **named: Any) -> None:
        there.append((bench.directory / "images" / "0-0.png").exists())
        ended(recorder, *arguments, **named)

    monkeypatch.setattr(Recorder, "ended", watched)
    body = json.dumps({"created": 1, "data": [{"b64_json": encoded(PNG)}]}).encode()
    service.answer = lambda seen: Reply(200, body)
    bench.write(image_line("one"))
    await bench.run(service)
    assert there == [True]


@pytest.mark.parametrize(
    ("body", "posts"), [({"created": 1, "data": None}, 6), ({"created": 1}, 6), ({"data": 5}, 1)]
)
async def test_an_answer_without_data_fails_its_job_and_not_the_run(
    bench: Bench, service: Service, body: dict[str, Any], posts: int, autojump_clock: Any
) -> None:
    service.answer = lambda seen: Reply(200, json.dumps(body).encode())
    bench.write(image_line("one"))
    ran = await bench.run(service)
    assert ran.results["status"].to_list() == ["failed"]
    assert ran.results["error_message"][0].startswith("the answer has no content")
    assert len(service.posts) == posts  # what holds data may have been paid for
