"""A released zip → ``dist/``, if the manifest there vouches for it."""

import os
import shutil
from pathlib import Path

from builder.artifacts.verify import Claim, read_claim, verify
from builder.disk import complaints_about
from builder.errors import NotAsClaimed, Unobtainable
from builder.fetch import fetch
from builder.fetch.report import Report
from builder.pins import Archive, Source


def download(origin: str, names: list[str], folder: Path, cache: Path, report: Report) -> tuple[Path, ...]:
    """Brings the zips that the manifests in ``folder`` speak of, or those named, from a URL or a folder that has them.

    Raises:
        NotAsClaimed: no manifest speaks of a name, or what a folder has is not what its manifest says.
        WrongHash: what a URL gives is not.
        Unobtainable: there is no such zip.
    """
    claims = {claim.name: claim for claim in map(read_claim, sorted(folder.glob("*.manifest.json")))}
    if unknown := [name for name in names if name not in claims] or (not claims and ["any zip"]):
        raise NotAsClaimed(
            f"No manifest in {folder} speaks of {', '.join(unknown)}.",
            f"Known are: {', '.join(claims) or 'none'}.",
            "Check out the release that the zip is from: its manifests are in git.",
        )
    return tuple(_bring(claims[name], origin, folder, cache, report) for name in names or claims)


def _bring(claim: Claim, origin: str, folder: Path, cache: Path, report: Report) -> Path:
    goal = folder / claim.file
    part = goal.with_name(f"{goal.name}.part")
    with complaints_about(folder):
        try:
            shutil.copyfile(_find(claim, origin, cache, report), part)
            verify(part, claim.manifest, folder, report)
            os.replace(part, goal)
        finally:
            part.unlink(missing_ok=True)
    return goal


def _find(claim: Claim, origin: str, cache: Path, report: Report) -> Path:
    if "://" in origin:
        archive = Archive(claim.file, claim.sha256, claim.size, url=f"{origin.rstrip('/')}/{claim.file}")
        return fetch(Source(claim.name, claim.python, "", "", (archive,)), (archive,), cache, report)
    path = Path(origin, claim.file)
    if not path.is_file():
        raise Unobtainable(f"There is no {path}.", "No such file.", "Pass the folder or the URL that has it as --from.")
    return path
