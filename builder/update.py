"""Raises the pins that are wheels to the newest versions of their index, and says what Debian has newer of the others.

A source's archive may need a look: other licences, a new hash of the files consumed, a patch that is in it now. A wheel
needs none. Its sha256 is taken twice: by the index's word, and of the bytes that came.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from builder.errors import BuildError, Unobtainable, WrongHash
from builder.fetch import debian, file_sha256, pypi
from builder.fetch.report import Report
from builder.pins import PINS_FILE, Archive, Source, load_pins


def update_pins(names: list[str], dry_run: bool, report: Report, path: Path = PINS_FILE) -> list[str]:
    """Writes newer pins into the file, all or none, and gives a line for each source.

    Raises:
        BadPins: the file is not in order, before or after.
        WrongHash: the index has another file than the pinned one, or gives others than it says.
        Unobtainable: pip gets no answer.
        BuildError: there is no such pin.
    """
    sources = load_pins(path).sources
    if unknown := [name for name in names if name not in sources]:
        raise BuildError(f"There is no pin {', '.join(unknown)}.", f"Known are: {', '.join(sources)}.", "Name one.")
    text, lines = path.read_text(encoding="utf-8"), []
    for name in names or sources:
        source = sources[name]
        newer = _newest_wheels(source, report) if source.archives[0].pypi else source
        if newer.version != source.version:
            text = rewritten(text, source, newer)
            lines.append(f"{name}: {source.version} → {newer.version}")
        else:
            lines.append(f"{name}: {source.version}{', the newest' if source.archives[0].pypi else _in_debian(source)}")
    if not dry_run and text != path.read_text(encoding="utf-8"):
        part = path.with_name(f"{path.name}.part")
        try:
            part.write_text(text, encoding="utf-8")
            load_pins(part)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    return lines


def rewritten(text: str, old: Source, new: Source) -> str:
    """The file with one source's pins replaced; its comments, and all else, stay."""
    start = text.index(f"[sources.{old.name}]\n")
    following = re.compile(rf"^\[sources\.(?!{re.escape(old.name)}[\].])", re.MULTILINE).search(text, start + 1)
    end = following.start() if following else len(text)
    block = text[start:end]
    for before, after in zip(old.archives, new.archives, strict=True):
        for value, other in ((before.file, after.file), (before.sha256, after.sha256)):
            block = block.replace(f'"{value}"', f'"{other}"')
        block = block.replace(f"size = {before.size}\n", f"size = {after.size}\n")
    return text[:start] + block.replace(old.version, new.version) + text[end:]


def _newest_wheels(source: Source, report: Report) -> Source:
    """The newest version, with its wheels in the place of the pinned ones; the source itself if that is the newest."""
    found = [_ask(archive) for archive in source.archives]
    versions = {archive.pypi.partition("==")[2] for archive in found}
    if len(versions) > 1:
        reason = f"There are wheels of {', '.join(sorted(versions))}."
        raise Unobtainable(f"{source.name} is not in one version for all machines.", reason, "Wait, or ask its makers.")
    (version,) = versions
    if version == source.version:
        for pinned, listed in zip(source.archives, found, strict=True):
            _compare(pinned, listed.sha256)
        return source
    return replace(source, version=version, archives=tuple(_weighed(archive, report) for archive in found))


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
        raise Unobtainable(f"pip cannot ask for {name}.", why, "Let pip reach an index (`pip config list`).")
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
        _compare(archive, file_sha256(part))
        return replace(archive, size=part.stat().st_size)


def _compare(archive: Archive, sha256: str) -> None:
    if archive.sha256 != sha256:
        why = f"sha256 {archive.sha256} on one way, {sha256} on the other."
        raise WrongHash(f"{archive.file} is two different files.", why, "Find out why before you use either.")


def _in_debian(source: Source) -> str:
    """Which versions Debian has, and that its word for the pinned one's sha256 is ours."""
    return "".join(f" ({_compared(archive)})" for archive in source.archives if archive.debian)


def _compared(archive: Archive) -> str:
    try:
        versions = debian.listed(archive)
    except Unobtainable as error:
        return f"Debian: {error.why.rstrip('.')}"
    pinned = archive.debian.partition("=")[2]
    same = versions.get(pinned, {}).get(archive.size)
    if same:
        _compare(archive, same)
    others = [version for version in sorted(versions) if version != pinned]
    word = "Debian's sha256 is the same" if same else f"Debian has no {pinned} any more"
    return f"{word}; also there: {', '.join(others)}" if others else word
