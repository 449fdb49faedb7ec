"""builder.oci.registry: what a name means, and what a client does with a registry's answers.

A real registry is asked in tests/container/test_container_images.py.
"""

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from builder.errors import BadImage, BuildError, FetchFailed
from builder.oci.contents import members
from builder.oci.reading import Image, images_in
from builder.oci.registry import Reference, Registry

from .fakes import Answer, FileServer
from .images import Layout, digest

DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("text", "host", "repository"),
    [
        (f"public.ecr.aws/lambda/provided@{DIGEST}", "public.ecr.aws", "lambda/provided"),
        (f"localhost/name@{DIGEST}", "localhost", "name"),
        (f"127.0.0.1:5000/a/b@{DIGEST}", "127.0.0.1:5000", "a/b"),
        (f"registry.example:443/a:1.0@{DIGEST}", "registry.example:443", "a"),
    ],
)
def test_a_reference_is_a_registrys_with_a_digest(text: str, host: str, repository: str) -> None:
    assert Reference.parse(text) == Reference(host, repository, DIGEST)


@pytest.mark.parametrize(
    "text",
    [
        "debian13",
        "public.ecr.aws/lambda/provided:al2023",
        f"debian@{DIGEST}",
        f"library/debian@{DIGEST}",
        "public.ecr.aws/lambda/provided@sha256:0",
        f"./folder@{DIGEST}/a",
    ],
)
def test_what_is_none_may_be_something_else(text: str) -> None:
    assert Reference.parse(text) is None


def answer(content: bytes, kind: str = "application/octet-stream", status: int = 200, **headers: str) -> Answer:
    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    return send


class Small:
    """An image of one layer, and the answers that give it."""

    def __init__(self, folder: Path) -> None:
        layout = Layout(folder)
        self.descriptor = layout.image({"etc/name": b"small"})

        def blob(descriptor: dict[str, Any]) -> bytes:
            return (folder / "blobs" / str(descriptor["digest"]).replace(":", "/")).read_bytes()

        manifest = blob(self.descriptor)
        value = json.loads(manifest)
        self.manifest = answer(manifest, "application/vnd.oci.image.manifest.v1+json")
        self.config, self.layer = blob(value["config"]), blob(value["layers"][0])


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


def read(server: FileServer, small: Small) -> Image:
    """The image, all of it read."""
    reference = Reference(f"127.0.0.1:{server.port}", "a/small", small.descriptor["digest"])
    with Registry(reference) as registry:
        (image,) = images_in(registry)
        assert [member.read() for member in members(image.layers, image.name)] == [b"small"]
        return image


def failure(server: FileServer, small: Small) -> BuildError:
    with pytest.raises(BuildError) as caught:
        read(server, small)
    assert f"127.0.0.1:{server.port}/a/small@{small.descriptor['digest']}" in caught.value.what
    return caught.value


def test_an_image_is_fetched_by_its_digests(small: Small) -> None:
    with FileServer() as server:
        server.answers = [small.manifest, small.manifest, answer(small.config), answer(small.layer)]
        read(server, small)
        place = "/v2/a/small"
        assert server.paths == [
            f"{place}/manifests/{small.descriptor['digest']}",
            f"{place}/manifests/{small.descriptor['digest']}",
            f"{place}/blobs/{digest(small.config)}",
            f"{place}/blobs/{digest(small.layer)}",
        ]


def test_a_registry_that_asks_who_is_there_gives_anybody_a_token(small: Small) -> None:
    with FileServer() as server:
        realm = f'Bearer realm="http://127.0.0.1:{server.port}/token",service="it",scope="repository:a/small:pull"'
        challenge = {"WWW-Authenticate": realm}
        seen: list[str | None] = []

        def with_token(then: Answer) -> Answer:
            def send(request: BaseHTTPRequestHandler) -> None:
                seen.append(request.headers["Authorization"])
                then(request)

            return send

        server.answers = [
            answer(b"", status=401, **challenge),
            answer(b'{"token": "secret"}', "application/json"),
            *map(with_token, (small.manifest, small.manifest, answer(small.config), answer(small.layer))),
        ]
        read(server, small)
        assert server.paths[1] == "/token?service=it&scope=repository%3Aa%2Fsmall%3Apull"
        assert seen == ["Bearer secret"] * 4


@pytest.mark.parametrize("header", ["", 'Basic realm="it"', "Bearer", 'Bearer realm="ftp://127.0.0.1/"'])
def test_a_registry_that_wants_to_know_somebody_is_told(small: Small, header: str) -> None:
    with FileServer() as server:
        server.answers = [answer(b"", status=401, **{"WWW-Authenticate": header})]
        error = failure(server, small)
    assert isinstance(error, FetchFailed)
    assert "401" in error.why
    assert "docker save" in error.do


@pytest.mark.parametrize("given", [b"", b"[]", b"{}", b'{"token": ""}'])
def test_a_token_that_is_none_is_told(small: Small, given: bytes) -> None:
    with FileServer() as server:
        header = f'Bearer realm="http://127.0.0.1:{server.port}/token"'
        server.answers = [answer(b"", status=401, **{"WWW-Authenticate": header}), answer(given)]
        server.answers.append(answer(b"", status=401))
        assert "401" in failure(server, small).why


def test_what_a_registry_lacks_is_told(small: Small) -> None:
    with FileServer() as server:
        server.answers = [answer(b"", status=404)]
        error = failure(server, small)
    assert isinstance(error, BadImage)
    assert "does not have it" in error.why


def test_a_registry_out_of_order_is_told(small: Small) -> None:
    with FileServer() as server:
        server.answers = [answer(b"", status=503)]
        assert "the registry answers 503" in failure(server, small).why


@pytest.mark.parametrize("change", [lambda content: content[:-1] + b"?", lambda content: content + bytes(5 << 20)])
def test_other_bytes_than_those_of_the_digest_are_refused(small: Small, change: Any) -> None:
    with FileServer() as server:
        server.answers = [small.manifest, small.manifest, answer(change(small.config))]
        assert isinstance(failure(server, small), BadImage)


def test_another_manifest_than_the_one_that_was_asked_for_is_refused(small: Small, tmp_path: Path) -> None:
    other = Small(tmp_path / "other")
    with FileServer() as server:
        server.answers = [answer(b"{}", "application/vnd.oci.image.manifest.v1+json")]
        assert isinstance(failure(server, small), BadImage)
        server.answers = [answer(b"<html>", "text/html")]
        assert "'text/html' is not understood" in failure(server, other).why


def test_an_answer_that_breaks_off_is_told(small: Small) -> None:
    def cut(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b"{")
        request.close_connection = True

    with FileServer() as server:
        server.answers = [cut]
        assert isinstance(failure(server, small), FetchFailed)
