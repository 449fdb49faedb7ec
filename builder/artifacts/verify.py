"""A zip from anywhere → is it what a manifest of ours says, entry by entry, and do its sources give it again?"""

import hashlib
import io
import json
import os
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from builder import CACHE_VARIABLE, ROOT
from builder.artifacts.deterministic_zip import LINK
from builder.artifacts.provenance import lock
from builder.errors import ManifestMismatch, NotReproducible, StepFailed
from builder.fetch import SOURCES_VARIABLE

MOST_SHOWN = 20


class Report(Protocol):
    def note(self, text: str) -> None: ...


@dataclass(frozen=True)
class ExpectedEntry:
    """What a manifest says of an entry."""

    mode: int
    """With the kind of file in it, as in a zip's attributes."""
    size: int
    sha256: str


@dataclass(frozen=True)
class Expected:
    """What a manifest says of a zip."""

    manifest: Path
    name: str
    product: str
    """Name of the product that it is of."""
    version: str
    """The interpreter's, in full."""
    stdlib: str
    architecture: str
    file: str
    sha256: str
    size: int
    """Bytes."""
    entries: Mapping[str, ExpectedEntry]
    """By path, in the zip's order."""
    runtime: str
    """The oldest that it is for."""
    packages: tuple[str, ...]
    """Lines of a requirements file."""


def verify(path: Path, manifest: Path | None, folder: Path, report: Report) -> Expected:
    """Checks a zip against a manifest, by default the one in ``folder`` that speaks of it; returns what that says.

    Raises:
        ManifestMismatch: something differs, and what; or no manifest speaks of the zip.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ManifestMismatch(f"{path} cannot be read.", f"{error.strerror}.", "Pass the path of a zip.") from error
    sha256 = hashlib.sha256(content).hexdigest()
    expected = read_expected(manifest) if manifest else _find_expected(path, sha256, folder)
    if problems := differences(content, expected):
        raise ManifestMismatch(
            f"{path} is not what {expected.manifest} describes.",
            listed(problems),
            "Do not use it. Build it yourself: nox -s build_layer",
        )
    report.note(f"{path.name}: {len(expected.entries)} entries, sha256 {sha256}: as {expected.manifest} says")
    return expected


def rebuild(path: Path, expected: Expected, downloads: Path, report: Report) -> None:
    """Builds what a zip claims to be from nothing and compares; ``downloads`` is where archives may be at hand.

    Raises:
        StepFailed: the build did.
        NotReproducible: it gives another zip, and what differs.
    """
    ours = build_anew(expected, downloads, report)
    if problems := differences(path.read_bytes(), ours):
        raise _not_reproducible(expected, problems)
    report.note(f"{path.name}: the rebuild gives the same bytes")


def rebuild_layer(expected: Expected, downloads: Path, report: Report) -> None:
    """The same for an image whose files have been compared with a manifest: does a build give these files?"""
    ours = build_anew(expected, downloads, report)
    named = sorted({*expected.entries, *ours.entries})
    if problems := [f"{path} differs" for path in named if expected.entries.get(path) != ours.entries.get(path)]:
        raise _not_reproducible(expected, problems)
    report.note(f"{expected.name}: the rebuild gives the same files")


def build_anew(expected: Expected, downloads: Path, report: Report) -> Expected:
    """What a build from nothing gives, by its manifest; `StepFailed` if it fails."""
    report.note(f"building {expected.name} from nothing")
    with tempfile.TemporaryDirectory(prefix="verify-") as scratch:
        cache, output = Path(scratch, "cache"), Path(scratch, "dist")
        cache.mkdir()
        options = [
            *(f"--product={expected.product}", f"--arch={expected.architecture}"),
            *(f"--stdlib={expected.stdlib}", f"--output={output}"),
        ]
        if expected.packages:
            packages = Path(scratch, "packages.txt")
            packages.write_text("\n".join(expected.packages), encoding="utf-8")
            options += [f"--packages={packages}", f"--runtime={expected.runtime}"]
        sources = [str(downloads), *filter(None, [os.environ.get(SOURCES_VARIABLE)])]
        variables = {**os.environ, CACHE_VARIABLE: str(cache), SOURCES_VARIABLE: os.pathsep.join(sources)}
        command = (sys.executable, "-m", "builder", "build-layer", *options)
        if subprocess.run(command, cwd=ROOT, env=variables, stdout=subprocess.DEVNULL, check=False).returncode:
            raise StepFailed("The rebuild failed.", "Its own error is above.", "Fix that first.")
        return _find_expected(Path(expected.file), "", output)


def _not_reproducible(expected: Expected, problems: list[str]) -> NotReproducible:
    return NotReproducible(
        f"The sources of this checkout give another {expected.file}.",
        listed(problems),
        "Check out the commit that it was built from. Whether builds agree here: nox -s reproduce",
    )


def differences(content: bytes, expected: Expected) -> list[str]:
    """In what a zip is not as claimed: each entry that differs, else what lies between the entries."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            problems = [
                problem for info in archive.infolist() for problem in _entry_differences(archive, info, expected)
            ]
    except Exception as error:  # noqa: BLE001 (whatever zipfile stumbles over, this zip is none of ours)
        return [f"it is damaged: {type(error).__name__}: {error}"]
    problems += [f"{name} comes twice" for name, count in Counter(names).items() if count > 1]
    problems += [f"{name} is missing" for name in expected.entries if name not in names]
    if not problems and names != list(expected.entries):
        problems.append("the entries stand in another order")
    if not problems and (sha256 := hashlib.sha256(content).hexdigest()) != expected.sha256:
        problems.append(f"all entries are right, but the sha256 is {sha256} and not {expected.sha256}")
    return problems


def _entry_differences(archive: zipfile.ZipFile, info: zipfile.ZipInfo, expected: Expected) -> Iterator[str]:
    name, entry, mode = info.filename, expected.entries.get(info.filename), info.external_attr >> 16
    if entry is None:
        yield f"{name} does not belong there"
        return
    if mode != entry.mode:
        yield f"{name} has mode {mode:o}, not {entry.mode:o}"
    if info.file_size != entry.size:  # and is not unpacked: it may be as large as it likes
        yield f"{name} has {info.file_size} bytes, not {entry.size}"
    elif hashlib.sha256(archive.read(info)).hexdigest() != entry.sha256:
        yield f"{name} has other bytes"


def read_expected(file: Path) -> Expected:
    """What a manifest says; `ManifestMismatch` if the file is none."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        entries = {entry["path"]: _expected_entry(entry) for entry in data["entries"]}
        product, platform = data["product"], data["platform"]
        (described,) = (artifact for artifact in data["artifacts"] if artifact["kind"] == "zip")
        return Expected(
            file,
            data["name"],
            product["name"],
            product["version"],
            product["stdlib"],
            platform["architecture"],
            described["file"],
            described["sha256"],
            described["size"],
            entries,
            platform["compatible_runtimes"][-1],
            tuple(lock(data["packages"])),
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        why = f"It has no {error}." if isinstance(error, KeyError) else f"{type(error).__name__}: {error}."
        do = "Take the manifest that came with the zip, or that of its release."
        raise ManifestMismatch(f"{file} is no manifest.", why, do) from error


def _expected_entry(entry: Mapping[str, Any]) -> ExpectedEntry:
    mode = int(entry["mode"], 8)
    return ExpectedEntry((stat.S_IFLNK if mode == LINK else stat.S_IFREG) | mode, entry["size"], entry["sha256"])


def _find_expected(path: Path, sha256: str, folder: Path) -> Expected:
    """That of the manifest in a folder which has the zip's sha256, else of the one which has its name."""
    expectations = [read_expected(file) for file in sorted(folder.glob("*.manifest.json"))]
    for expected in (
        *(c for c in expectations if c.sha256 == sha256),
        *(c for c in expectations if c.file == path.name),
    ):
        return expected
    raise ManifestMismatch(
        f"No manifest describes {path}.",
        f"None in {folder} has its sha256, {sha256}, or its name.",
        "Pass --manifest FILE, or check out the release that the zip is from.",
    )


def listed(problems: list[str]) -> str:
    """Lines of an error, the first of them."""
    more = [f"and {len(problems) - MOST_SHOWN} more"] if len(problems) > MOST_SHOWN else []
    return "\n       ".join((*problems[:MOST_SHOWN], *more))
