"""--download: linked images become files, whatever the links say; in virtual time."""

import json
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace.reports import summarise
from headrace.runner.client import Client
from headrace.runner.clock import RunClock
from headrace.runner.errors import InterruptError
from headrace.runner.images.downloads import IMAGE_BYTES_MAX, DownloadError, Downloads, allowed
from headrace.runner.images.public_hosts import NotPublicError, connect_public
from headrace.runner.secret import Secret
from headrace.runner.stop import Stop
from headrace.runner.transport import Origin
from tests.runner.conftest import KEY, Bench, Reply, Service

pytestmark = pytest.mark.usefixtures("no_sync")

PNG = b"\x89PNG\r\n\x1a\n and so on"
IMAGE = (("content-type", "image/png"),)
OWN = Origin("http", "gateway.test", 80)


class Foreign(httpx.AsyncBaseTransport):
    """All hosts but the gateway's: answers by path, and notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.answers: dict[str, Any] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.get(request.url.path, PNG)
        if isinstance(answer, list):  # one after another
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = await answer()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, bytes):
            stream = httpx.ByteStream(answer)
            return httpx.Response(200, headers={"content-type": "image/png"}, stream=stream)
        assert isinstance(answer, httpx.Response)
        return answer


def responding(status: int, data: bytes = PNG, **headers: str) -> httpx.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=fields, stream=httpx.ByteStream(data))


def image_line(custom_id: str, **fields: Any) -> bytes:
    body = {"model": "m", "prompt": custom_id, **fields}
    line = {"custom_id": custom_id, "url": "/v1/images/generations", "body": body}
    return json.dumps(line).encode()


def links(service: Service, *urls: str) -> None:
    """Every images job is answered with these links; the gateway itself serves an image."""
    body = json.dumps({"created": 1, "data": [{"url": url} for url in urls]}).encode()
    service.answer = lambda seen: Reply(200, body)
    service.balance = lambda: Reply(200, PNG, IMAGE)


@pytest.fixture
def foreign() -> Foreign:
    return Foreign()


def data_of(row: dict[str, Any]) -> Any:
    return json.loads(row["response"])["data"]


async def test_linked_pictures_are_files_and_their_paths_stand_beside_the_links(
    bench: Bench, service: Service, foreign: Foreign, autojump_clock: MockClock
) -> None:
    links(service, "https://cdn.test/a", "https://cdn.test/b")
    foreign.answers["/b"] = b"\xff\xd8\xff jpeg"
    bench.write(image_line("one", n=2))
    ran = await bench.run(service, foreign=foreign, download=True)
    [row] = ran.results.to_dicts()
    assert data_of(row) == [
        {"url": "https://cdn.test/a", "path": "images/0-0.png"},
        {"url": "https://cdn.test/b", "path": "images/0-1.jpg"},
    ]
    assert (ran.directory / "images/0-0.png").read_bytes() == PNG
    assert (ran.directory / "images/0-1.jpg").read_bytes() == b"\xff\xd8\xff jpeg"
    images = summarise(ran.directory).images
    assert images is not None
    assert (images.files, images.links, images.failed) == (2, 0, 0)
    # Nothing of ours goes to where others point.
    assert [request.method for request in foreign.asked] == ["GET", "GET"]
    for request in foreign.asked:
        assert set(request.headers) == {"host", "accept", "accept-encoding", "user-agent"}
        assert KEY not in str(request.headers)


async def test_the_key_goes_to_the_gateways_own_origin_alone(
    bench: Bench, service: Service, foreign: Foreign, autojump_clock: MockClock
) -> None:
    links(service, "http://gateway.test/images/x.png")
    bench.write(image_line("one"))
    ran = await bench.run(service, foreign=foreign, download=True)
    assert data_of(ran.results.row(0, named=True))[0]["path"] == "images/0-0.png"
    assert foreign.asked == []
    [asked] = [seen for seen in service.gets if seen.path == "/images/x.png"]
    assert asked.headers["authorization"] == f"Bearer {KEY}"


async def test_without_it_links_stay_links_and_the_report_says_so(
    bench: Bench, service: Service, foreign: Foreign, autojump_clock: MockClock
) -> None:
    links(service, "https://cdn.test/a")
    bench.write(image_line("one"))
    ran = await bench.run(service, foreign=foreign)
    assert data_of(ran.results.row(0, named=True)) == [{"url": "https://cdn.test/a"}]
    assert foreign.asked == []
    assert not (ran.directory / "images").exists()
    images = summarise(ran.directory).images
    assert images is not None
    assert (images.files, images.links) == (0, 1)


@pytest.mark.slow
async def test_a_failed_download_fails_no_job_and_a_later_run_tries_again(
    bench: Bench, service: Service, foreign: Foreign, autojump_clock: MockClock
) -> None:
    links(service, "https://cdn.test/a", "https://cdn.test/b")
    foreign.answers["/b"] = responding(404)
    bench.write(image_line("one", n=2), image_line("two", n=2))
    first = await bench.run(service, foreign=foreign, download=True, concurrency=1)
    assert (first.outcome.exit_code, first.outcome.succeeded) == (0, 2)
    for index, row in enumerate(first.results.to_dicts()):
        assert data_of(row) == [
            {"url": "https://cdn.test/a", "path": f"images/{index}-0.png"},
            {"url": "https://cdn.test/b"},
        ]
    images = summarise(first.directory).images
    assert images is not None
    assert (images.files, images.links, images.failed) == (2, 2, 2)
    assert images.reasons == {"cdn.test answered 404": 2}
    foreign.answers["/b"] = PNG
    foreign.asked.clear()
    second = await bench.run(service, foreign=foreign, download=True)
    assert len(service.posts) == 2  # no job was sent again
    # What is there already is not fetched again.
    assert [request.url.path for request in foreign.asked] == ["/b", "/b"]
    assert len(second.results) == 2
    assert (second.outcome.exit_code, second.outcome.succeeded) == (0, 2)
    for index, row in enumerate(second.results.to_dicts()):
        assert [each["path"] for each in data_of(row)] == [
            f"images/{index}-0.png",
            f"images/{index}-1.png",
        ]
        assert (second.directory / f"images/{index}-1.png").read_bytes() == PNG
    before = first.results.drop("response")
    assert second.results.drop("response").equals(before)
    images = summarise(second.directory).images
    assert images is not None
    assert (images.files, images.links, images.failed) == (4, 0, 0)
    foreign.asked.clear()
    await bench.run(service, foreign=foreign, download=True)
    assert foreign.asked == []


async def test_pictures_of_a_run_without_it_are_fetched_by_one_with_it(
    bench: Bench, service: Service, foreign: Foreign, autojump_clock: MockClock
) -> None:
    """Beside the jobs that are new; and a file that was removed is fetched again."""
    links(service, "https://cdn.test/a")
    bench.write(image_line("one"), image_line("two"))
    await bench.run(service, foreign=foreign)
    bench.write(image_line("one"), image_line("two"), image_line("three"))
    ran = await bench.run(service, foreign=foreign, download=True)
    assert (len(service.posts), len(ran.results)) == (3, 3)
    assert sorted(path.name for path in (ran.directory / "images").iterdir()) == [
        "0-0.png",
        "1-0.png",
        "2-0.png",
    ]
    (ran.directory / "images/1-0.png").unlink()
    foreign.asked.clear()
    ran = await bench.run(service, foreign=foreign, download=True)
    assert len(foreign.asked) == 1
    assert (ran.directory / "images/1-0.png").read_bytes() == PNG


async def test_a_path_that_the_answer_brings_along_is_not_believed(
    bench: Bench, service: Service, foreign: Foreign, autojump_clock: MockClock
) -> None:
    data = [{"url": "https://cdn.test/a", "path": "/etc/passwd"}]
    body = json.dumps({"created": 1, "data": data}).encode()
    service.answer = lambda seen: Reply(200, body)
    bench.write(image_line("one"))
    ran = await bench.run(service, foreign=foreign, download=True)
    assert data_of(ran.results.row(0, named=True))[0]["path"] == "images/0-0.png"


async def test_a_file_is_on_the_disk_before_its_result_is_journalled(
    bench: Bench,
    service: Service,
    foreign: Foreign,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from headrace.runner.record import Recorder

    there: list[bool] = []
    ended = Recorder.ended

    def watched(recorder: Recorder, *arguments: Any, **named: Any) -> None:
        there.append((bench.directory / "images" / "0-0.png").exists())
        ended(recorder, *arguments, **named)

    monkeypatch.setattr(Recorder, "ended", watched)
    links(service, "https://cdn.test/a")
    bench.write(image_line("one"))
    await bench.run(service, foreign=foreign, download=True)
    assert there == [True]


async def test_a_stop_cuts_a_download_short_and_the_paid_answer_is_kept(
    bench: Bench, service: Service, foreign: Foreign, autojump_clock: MockClock
) -> None:
    async def never() -> None:
        await trio.sleep_forever()

    links(service, "https://cdn.test/a", "https://cdn.test/b")
    foreign.answers["/b"] = never
    bench.write(image_line("one", n=2))
    stop = Stop(grace_s=2.0)

    async def interrupt() -> None:
        await trio.sleep(5.0)
        stop.request(InterruptError("interrupted"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt)
        ran = await bench.run(service, foreign=foreign, download=True, stop=stop)
    assert trio.current_time() < 20
    assert ran.outcome.exit_code == 130
    assert ran.attempts["error_kind"].to_list() == [None]
    assert data_of(ran.results.row(0, named=True)) == [
        {"url": "https://cdn.test/a", "path": "images/0-0.png"},
        {"url": "https://cdn.test/b"},
    ]
    # So it is while an earlier session's links are fetched.
    foreign.answers["/b"] = never
    stop = Stop(grace_s=2.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt)
        ran = await bench.run(service, foreign=foreign, download=True, stop=stop)
    assert ran.outcome.exit_code == 130
    assert len(service.posts) == 1


async def get(foreign: Foreign, url: str = "https://cdn.test/a") -> bytes:
    client = Client(foreign, base_url="http://gateway.test", key=Secret(KEY), clock=RunClock())
    return await Downloads(client, foreign).get(url)


async def test_a_gateway_on_a_unix_socket_has_an_origin_of_its_own(
    autojump_clock: MockClock,
) -> None:
    answers = Foreign()
    client = Client(answers, base_url="unix:/run/g.sock", key=Secret(KEY), clock=RunClock())
    assert await Downloads(client, Foreign()).get("http://localhost/images/a.png") == PNG
    assert [str(request.url) for request in answers.asked] == ["http://localhost/images/a.png"]


async def in_drops() -> httpx.Response:
    """An image that never ends."""

    class Endless(httpx.AsyncByteStream):
        pieces = iter([PNG])

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> bytes:
            return next(self.pieces, bytes(1024 * 1024))

    return httpx.Response(200, headers={"content-type": "image/png"}, stream=Endless())


async def slowly() -> httpx.Response:
    await trio.sleep(3600)
    raise AssertionError


PRIVATE = httpx.ConnectError("no")
PRIVATE.__cause__ = NotPublicError("private")


@pytest.mark.parametrize(
    ("answer", "reason", "asked"),
    [
        (responding(302, location="http://169.254.169.254/"), "redirects elsewhere", 1),
        (responding(200, b"<html>", content_type="text/html"), "text/html, which is not an im", 1),
        (
            responding(200, b"<svg>", content_type="image/svg+xml"),
            "does not begin like an image",
            1,
        ),
        (responding(200, b"", content_type="image/png"), "does not begin like", 1),
        (responding(200, content_type="image/png", content_encoding="gzip"), "packed", 1),
        (responding(403), "cdn.test answered 403", 1),
        (responding(503), "cdn.test answered 503", 3),
        (httpx.ReadError("broke"), "cdn.test: broke", 3),
        (PRIVATE, "cdn.test is not a public host", 1),
        (in_drops, f"more than {IMAGE_BYTES_MAX} bytes", 1),
        (slowly, "took more than 60 s", 1),
    ],
)
async def test_what_is_no_picture_has_a_reason(
    foreign: Foreign, autojump_clock: MockClock, answer: Any, reason: str, asked: int
) -> None:
    foreign.answers["/a"] = answer
    with pytest.raises(DownloadError, match=reason.replace("(", "\\(")):
        await get(foreign)
    assert len(foreign.asked) == asked
    assert trio.current_time() <= 60


async def test_a_passing_failure_is_tried_again(
    foreign: Foreign, autojump_clock: MockClock
) -> None:
    foreign.answers["/a"] = [responding(503), httpx.ConnectError("refused"), PNG]
    assert await get(foreign) == PNG
    assert len(foreign.asked) == 3
    foreign.answers["/a"] = responding(200, PNG, content_type="application/octet-stream")
    assert await get(foreign) == PNG


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://cdn.test/a.png", "not the gateway, and the link is not https"),
        ("http://gateway.test:8080/a.png", "not the gateway, and the link is not https"),
        ("file:///etc/passwd", "not an http or https URL"),
        ("ftp://cdn.test/a", "not an http or https URL"),
        ("gopher://x", "not an http or https URL"),
        ("//cdn.test/a.png", "not an http or https URL"),
        ("images/a.png", "not an http or https URL"),
        ("", "not an http or https URL"),
        ("https://", "names no host"),
        ("https://user:word@cdn.test/a", "holds a user name"),
        ("http://gateway.test@evil.test/a", "holds a user name"),
        ("https://cdn.test:99999/", "names no host, or no port"),
        ("data:image/png;base64,AAAA", "not an http or https URL"),
    ],
)
def test_a_link_that_must_not_be_followed(url: str, reason: str) -> None:
    with pytest.raises(DownloadError, match=reason):
        allowed(url, own=OWN)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://gateway.test/images/a.png", True),
        ("http://gateway.test:80/images/a.png", True),
        ("HTTP://GATEWAY.TEST/a", True),
        ("https://gateway.test/a", False),
        ("https://cdn.test/a?X-Signature=abc%2F", False),
    ],
)
def test_a_link_that_may_be_followed(url: str, own: bool) -> None:
    assert allowed(url, own=OWN).own is own


@pytest.mark.slow
@given(text=st.text(max_size=40) | st.text("htps:/@.[]%0123456789ag", max_size=30))
def test_any_text_is_a_target_or_a_reason(text: str) -> None:
    try:
        target = allowed(text, own=OWN)
    except DownloadError:
        return
    assert target.url.scheme == "https" or target.own


class Resolver(trio.abc.HostnameResolver):
    """Says that each host has these addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> Any:
        return [(2, 1, 6, "", (address, port)) for address in self.addresses]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("8.8.8.8", "10.0.0.1")])
async def test_a_name_that_leads_into_a_private_network_is_not_connected_to(
    addresses: tuple[str, ...],
) -> None:
    trio.socket.set_custom_hostname_resolver(Resolver(*addresses))
    try:
        with pytest.raises(NotPublicError):
            await connect_public(Origin("https", "cdn.test", 443))
    finally:
        trio.socket.set_custom_hostname_resolver(None)


async def test_a_public_host_is_not_asked_without_tls() -> None:
    with pytest.raises(NotPublicError):
        await connect_public(Origin("http", "cdn.test", 80))
