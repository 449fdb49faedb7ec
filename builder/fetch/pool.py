"""A Debian archive from the pool of the machine's own mirror, for versions that no suite lists any more.

Suites move on, and apt then knows nothing of an older version; the file itself stays in the pool for longer. Nobody
signs for it here: as for every way, the pinned sha256 does, so that a plain http mirror is good enough.
"""

import re
from dataclasses import replace
from pathlib import Path

from builder.fetch import url
from builder.fetch.debian import mirror, unobtainable
from builder.fetch.report import Report
from builder.pins import Archive

_COMPONENT = "main"
_COMPRESSED_TAR = re.compile(r"\.tar\.\w+$")


def download(archive: Archive, part: Path, report: Report) -> None:
    """Brings the ``.orig`` archive of ``archive.debian`` from the pool to ``part``; `FetchFailed` if it cannot."""
    address = mirror(archive.debian)
    if not address.startswith(("http://", "https://")):
        raise unobtainable(archive.debian, f"its pool is at {address}, and only http and https are asked for it")
    place = pool_path(archive)
    report.note(f"{archive.file}: asking Debian's pool for {place.rpartition('/')[2]}")
    url.download(replace(archive, url=f"{address}/{place}"), part, report)


def pool_path(archive: Archive) -> str:
    """Where an archive is below the mirror: ``pool/main/o/openssl/openssl_3.5.7.orig.tar.gz``.

    The rules are Debian's: neither epoch nor revision of a version gets into the name of an ``.orig`` archive
    (dpkg-source(1)), and libraries are too many for the folder of one letter.
    """
    package, _, version = archive.debian.partition("=")
    upstream = version.partition(":")[2] or version
    upstream = upstream.rpartition("-")[0] or upstream
    folder = package[:4] if package.startswith("lib") else package[:1]
    return f"pool/{_COMPONENT}/{folder}/{package}/{_file(archive, f'{package}_{upstream}.orig')}"


def _file(archive: Archive, stem: str) -> str:
    """The name that Debian gives an archive; the pinned one is upstream's, unless it is Debian's already."""
    if archive.file.startswith(stem):  # also of a component, orig-docs
        return archive.file
    compressed = _COMPRESSED_TAR.search(archive.file)
    if not compressed:
        raise unobtainable(archive.debian, f"the pool has tar archives, and {archive.file} is none")
    return stem + compressed[0]
