"""Finds the newest wheels in pip's index; each one's sha256 is taken from the index and from the downloaded bytes."""

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from builder.errors import FetchFailed
from builder.fetch import file_sha256, pypi
from builder.fetch.report import Report
from builder.pins import Archive, Source
from builder.update.newest import Newest, check_agreement


def newest(source: Source, report: Report) -> Newest:
    """The newest version, with its wheels in place of the pinned ones.

    Raises:
        WrongHash: the index has a different file than the pinned one, or serves a different file than it lists.
        FetchFailed: pip gets no response, or the wheels are not all available in one version.
    """
    found = [_query(archive) for archive in source.archives]
    versions = {archive.pypi.partition("==")[2] for archive in found}
    if len(versions) > 1:
        reason = f"There are wheels of {', '.join(sorted(versions))}."
        what = f"{source.name} has no version with wheels for all machines."
        raise FetchFailed(what, reason, "Wait for them, or ask its maintainers.")
    (version,) = versions
    if version == source.version:
        for pinned, listed in zip(source.archives, found, strict=True):
            check_agreement(pinned.file, {"pinned": pinned.sha256, "by the index": listed.sha256})
        return Newest(source, ("the newest",))
    return Newest(replace(source, version=version, archives=tuple(_download(archive, report) for archive in found)))


def _query(pinned: Archive) -> Archive:
    """The newest wheel for the same platforms, as the index lists it; its size is not known yet."""
    name = pinned.pypi.partition("==")[0]
    platforms = pinned.file.removesuffix(".whl").rpartition("-")[2].split(".")
    with tempfile.TemporaryDirectory(prefix="pip-") as folder:
        command = (
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--disable-pip-version-check"),
            *("--report=-", "--no-deps", "--ignore-installed", "--only-binary=:all:", f"--target={folder}"),
            *(f"--platform={platform}" for platform in platforms),
            name,
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise FetchFailed(f"pip cannot ask for {name}.", why, "Let pip reach an index (`pip config list`).")
    (item,) = json.loads(done.stdout)["install"]
    download_info, version = item["download_info"], item["metadata"]["version"]
    sha256 = download_info["archive_info"]["hashes"]["sha256"]
    file = download_info["url"].rpartition("/")[2]
    return replace(pinned, file=file, sha256=sha256, size=0, pypi=f"{name}=={version}")


def _download(archive: Archive, report: Report) -> Archive:
    """Downloads a wheel and adds its size; the sha256 of its bytes must be the one that the index lists."""
    with tempfile.TemporaryDirectory(prefix="wheel-") as folder:
        part = Path(folder, "wheel")
        pypi.download(archive, part, report)
        check_agreement(archive.file, {"by the index": archive.sha256, "of the download": file_sha256(part)})
        return replace(archive, size=part.stat().st_size)
