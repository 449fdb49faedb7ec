"""A registry's images, by digest: what OCI's distribution specification asks of a client that only reads.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import requests

from builder import DISTRIBUTION, __version__
from builder.errors import FetchFailed
from builder.oci.blobs import INDEX, MANIFEST, MOST_JSON, OCI_NAMES, Descriptor, damaged
from builder.oci.reading import is_digest

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two pieces of an answer."""
_PIECE = 1 << 20
_MANIFESTS = ", ".join(name for name, oci in OCI_NAMES.items() if oci in (INDEX, MANIFEST))
_LOCAL = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")
"""Registries on this machine are asked by plain HTTP, as engines do."""
_WORD = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Reference:
    """``HOST/NAME@sha256:…``."""

    host: str
    repository: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None if it is none: without a registry's name or without a digest."""
        name, _, digest = text.partition("@")
        host, _, repository = name.partition("/")
        if not repository or not is_digest(digest) or not re.search(r"[.:]|^localhost$", host):
            return None
        first, colon, last = repository.rpartition(":")  # a tag says nothing that the digest does not
        return cls(host, first if colon else last, digest)

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}@{self.digest}"


class Registry:
    """One image of a registry, or an index of several, as `Blobs`."""

    def __init__(self, reference: Reference) -> None:
        self.name = str(reference)
        self._reference = reference
        scheme = "http" if _LOCAL.fullmatch(reference.host) else "https"
        self._url = f"{scheme}://{reference.host}/v2/{reference.repository}"
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"{DISTRIBUTION}/{__version__}"
        self._session.headers["Accept-Encoding"] = "identity"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def roots(self) -> Iterable[Mapping[str, Any]]:
        with self._get(f"manifests/{self._reference.digest}") as answer:
            media_type = answer.headers.get("Content-Type", "").partition(";")[0]
            content = self._body(answer, None)
        return [Descriptor(media_type, self._reference.digest, len(content)).json()]

    def read(self, descriptor: Descriptor) -> bytes:
        kind = "manifests" if descriptor.media_type in (INDEX, MANIFEST) else "blobs"
        with self._get(f"{kind}/{descriptor.digest}") as answer:
            return self._body(answer, descriptor.size)

    def _body(self, answer: requests.Response, size: int | None) -> bytes:
        try:
            return _bounded(answer, size)
        except requests.RequestException as error:  # the answer breaks off
            raise self._failed(f"{answer.url}: {error}") from error

    def _get(self, path: str) -> requests.Response:
        url = f"{self._url}/{path}"
        try:
            answer = self._ask(url)
            if answer.status_code == 401 and self._log_in(answer.headers.get("WWW-Authenticate", "")):
                answer.close()
                answer = self._ask(url)
        except requests.RequestException as error:
            raise self._failed(f"{url}: {error}") from error
        if answer.status_code != 200:
            answer.close()
        if answer.status_code == 404:
            raise damaged(self.name, f"{url}: the registry does not have it.")
        if answer.status_code != 200:
            raise self._failed(f"{url}: the registry answers {answer.status_code} {answer.reason}")
        return answer

    def _ask(self, url: str) -> requests.Response:
        return self._session.get(url, headers={"Accept": _MANIFESTS}, stream=True, timeout=TIMEOUT)

    def _log_in(self, challenge: str) -> bool:
        """Gets the token that public registries give to everybody; whether there is one."""
        kind, _, rest = challenge.partition(" ")
        words = dict(_WORD.findall(rest))
        realm = words.pop("realm", "")
        if kind.lower() != "bearer" or not realm.startswith("https://" if self._url.startswith("https") else "http"):
            return False
        with self._session.get(realm, params=words, timeout=TIMEOUT) as answer, suppress(ValueError, AttributeError):
            given = answer.json()
            if answer.ok and (token := given.get("token") or given.get("access_token")):
                self._session.headers["Authorization"] = f"Bearer {token}"
                return True
        return False

    def _failed(self, why: str) -> FetchFailed:
        return FetchFailed(
            f"{self.name} cannot be had.",
            f"{why}.",
            "Correct the name. From a registry that wants to know you, pull it with an engine, and pass what\n"
            "       `docker save` gives.",
        )


def _bounded(answer: requests.Response, size: int | None) -> bytes:
    """An answer's body, and of a longer one than there should be only so much that this shows."""
    content = bytearray()
    most = MOST_JSON if size is None else size
    for piece in answer.iter_content(_PIECE):
        content += piece
        if len(content) > most:
            break
    return bytes(content)
