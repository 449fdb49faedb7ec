"""Package URLs: where a pinned archive is from, in a form that other tools read. https://github.com/package-url"""

from collections.abc import Mapping
from typing import Any

from packageurl import PackageURL


def archive_purl(name: str, version: str, archive: Mapping[str, Any]) -> PackageURL:
    """Of an archive as a manifest describes it; the way to it decides the type."""
    checksum = {"checksum": f"sha256:{archive['sha256']}"}
    if pypi := archive.get("pypi"):
        name, version = pypi.split("==")
        return PackageURL("pypi", name=name, version=version, qualifiers={**checksum, "file_name": archive["file"]})
    if url := archive.get("url"):
        return PackageURL("generic", name=name, version=version, qualifiers={**checksum, "download_url": url})
    name, version = archive["debian"].split("=", 1)
    return PackageURL("deb", "debian", name, version, {**checksum, "arch": "source"})
