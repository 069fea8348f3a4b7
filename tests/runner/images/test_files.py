"""Images that come inside an answer: decoded into files, named by what they are."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from headrace.jobs import Job
from headrace.reports import summarise
from headrace.runner.images import ImageStore
from headrace.runner.images.files import has_images, with_image_stored
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
    item = {"b64_json": encoded(image)}
    stored = with_image_stored(tmp_path / "images", index=7, n=0, item=item)
    assert stored == {"b64_json": f"images/7-0.{extension}"}
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
    directory = tmp_path / "images"
    stored = [with_image_stored(directory, index=0, n=n, item=item) for n, item in enumerate(data)]
    assert stored == [
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


async def test_no_more_images_are_kept_than_were_asked_for(
    bench: Bench, service: Service, autojump_clock: Any
) -> None:
    """20,000 tiny ones of one answer were written, and nothing could stop it."""
    data = [{"b64_json": encoded(PNG)}] * 20_000
    service.answer = lambda seen: Reply(200, json.dumps({"created": 1, "data": data}).encode())
    bench.write(image_line("one", n=2), image_line("other"))
    ran = await bench.run(service)
    two, one = (json.loads(response) for response in ran.results["response"])
    assert [each["b64_json"] for each in two["data"]] == ["images/0-0.png", "images/0-1.png"]
    assert [each["b64_json"] for each in one["data"]] == ["images/1-0.png"]
    assert (two["images_left_out"], one["images_left_out"]) == (19_998, 19_999)
    assert len(list((ran.directory / "images").iterdir())) == 3
    assert ran.results["images"].to_list() == [20_000, 20_000]  # as they came, and are billed
    counts = summarise(ran.directory).images
    assert counts is not None
    assert (counts.files, counts.left_out) == (3, 39_997)


async def test_images_are_written_no_longer_than_the_run_lasts(
    bench: Bench, service: Service, nursery: trio.Nursery, autojump_clock: Any
) -> None:
    """The answer is recorded with those that are files by then; the others stay as they came."""
    data = [{"b64_json": encoded(PNG)}] * 9
    body = {"data": list(data)}
    store = ImageStore(bench.path, offload=at_half_a_second_each, downloads=None)
    with trio.move_on_after(1.25):
        await store.decode(image_job(9), body)
    assert trio.current_time() == 1.5  # the one under way is written
    paths = [f"images/0-{n}.png" for n in range(3)]
    assert [each["b64_json"] for each in body["data"]] == [*paths, *[encoded(PNG)] * 6]


async def at_half_a_second_each(work: Callable[[], Any]) -> Any:
    await trio.sleep(0.5)
    return work()


def image_job(images: int) -> Job:
    return Job(
        index=0,
        custom_id="a",
        url="/v1/images/generations",
        model="m",
        stream=False,
        body=b"{}",
        body_digest="d",
        input_estimate_tokens=0,
        images=images,
    )
