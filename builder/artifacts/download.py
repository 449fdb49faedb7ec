"""A released zip → ``dist/``, if the manifest there attests it."""

import os
import shutil
from pathlib import Path

from builder.artifacts.verify import Expected, read_expected, verify
from builder.disk import translate_os_errors
from builder.errors import FetchFailed, ManifestMismatch
from builder.fetch import fetch
from builder.fetch.report import Report
from builder.pins import Archive, Source


def download(origin: str, names: list[str], folder: Path, cache: Path, report: Report) -> tuple[Path, ...]:
    """Brings the zips that the manifests in ``folder`` speak of, or those named, from a URL or a folder that has them.

    Raises:
        ManifestMismatch: no manifest speaks of a name, or what a folder has is not what its manifest says.
        WrongHash: what a URL gives is not.
        FetchFailed: there is no such zip.
    """
    expectations = {expected.name: expected for expected in map(read_expected, sorted(folder.glob("*.manifest.json")))}
    if unknown := [name for name in names if name not in expectations] or (not expectations and ["any zip"]):
        raise ManifestMismatch(
            f"No manifest in {folder} speaks of {', '.join(unknown)}.",
            f"Known are: {', '.join(expectations) or 'none'}.",
            "Check out the release that the zip is from: its manifests are in git.",
        )
    return tuple(_bring(expectations[name], origin, folder, cache, report) for name in names or expectations)


def _bring(expected: Expected, origin: str, folder: Path, cache: Path, report: Report) -> Path:
    goal = folder / expected.file
    part = goal.with_name(f"{goal.name}.part")
    with translate_os_errors(folder):
        try:
            shutil.copyfile(_find(expected, origin, cache, report), part)
            verify(part, expected.manifest, folder, report)
            os.replace(part, goal)
        finally:
            part.unlink(missing_ok=True)
    return goal


def _find(expected: Expected, origin: str, cache: Path, report: Report) -> Path:
    if "://" in origin:
        archive = Archive(expected.file, expected.sha256, expected.size, url=f"{origin.rstrip('/')}/{expected.file}")
        return fetch(
            Source(expected.name, expected.name, expected.version, "", "", (archive,)), (archive,), cache, report
        )
    path = Path(origin, expected.file)
    if not path.is_file():
        raise FetchFailed(f"There is no {path}.", "No such file.", "Pass the folder or the URL that has it as --from.")
    return path
