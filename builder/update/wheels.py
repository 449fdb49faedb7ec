"""The newest wheels, by the index that pip asks; each one's sha256 by the index's word, and of the bytes that came."""

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
from builder.update.newest import Newest, agree


def newest(source: Source, report: Report) -> Newest:
    """The newest version, with its wheels in the place of the pinned ones.

    Raises:
        WrongHash: the index has another file than the pinned one, or gives others than it says.
        FetchFailed: pip gets no answer, or has not all wheels in one version.
    """
    found = [_ask(archive) for archive in source.archives]
    versions = {archive.pypi.partition("==")[2] for archive in found}
    if len(versions) > 1:
        reason = f"There are wheels of {', '.join(sorted(versions))}."
        raise FetchFailed(f"{source.name} is not in one version for all machines.", reason, "Wait, or ask its makers.")
    (version,) = versions
    if version == source.version:
        for pinned, listed in zip(source.archives, found, strict=True):
            agree(pinned.file, {"pinned": pinned.sha256, "by the index": listed.sha256})
        return Newest(source, ("the newest",))
    return Newest(replace(source, version=version, archives=tuple(_weighed(archive, report) for archive in found)))


def _ask(pinned: Archive) -> Archive:
    """The newest wheel for the same machines, as the index has it; its size is not known yet."""
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
    where, version = item["download_info"], item["metadata"]["version"]
    sha256 = where["archive_info"]["hashes"]["sha256"]
    file = where["url"].rpartition("/")[2]
    return replace(pinned, file=file, sha256=sha256, size=0, pypi=f"{name}=={version}")


def _weighed(archive: Archive, report: Report) -> Archive:
    """Fetches a wheel, and adds its size; the sha256 of its bytes must be what the index said."""
    with tempfile.TemporaryDirectory(prefix="wheel-") as folder:
        part = Path(folder, "wheel")
        pypi.download(archive, part, report)
        agree(archive.file, {"by the index": archive.sha256, "of what came": file_sha256(part)})
        return replace(archive, size=part.stat().st_size)
