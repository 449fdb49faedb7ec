"""A wheel, through pip as the machine has it set up."""

import shutil
import sys
import tempfile
from pathlib import Path

from builder.errors import FetchFailed
from builder.fetch.report import Report
from builder.pins import Archive
from builder.processes import run


def download(archive: Archive, part: Path, report: Report) -> None:
    """Brings the wheel ``archive.file`` of ``archive.pypi`` to ``part``; `FetchFailed` if pip cannot.

    pip itself compares the sha256; the tags in the file's name tell it to take a wheel that this machine may not run.
    """
    report.note(f"{archive.file}: asking pip for {archive.pypi} ({archive.size / 1e6:.0f} MB)")
    platforms = archive.file.removesuffix(".whl").rpartition("-")[2].split(".")
    with tempfile.TemporaryDirectory(prefix="pip-") as folder:
        requirement = Path(folder, "requirement.txt")
        requirement.write_text(f"{archive.pypi} --hash=sha256:{archive.sha256}\n", encoding="utf-8")
        command = (
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *(
                "--no-deps",
                "--only-binary=:all:",
                "--require-hashes",
                f"--dest={folder}",
                f"--requirement={requirement}",
            ),
            *(f"--platform={platform}" for platform in platforms),
        )
        done = run(command)
        wheel = Path(folder, archive.file)
        if done.returncode or not wheel.exists():
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
            why = errors[0].removeprefix("ERROR: ") if errors else done.stderr.strip()[-200:] or "no message"
            raise FetchFailed(f"pip's {archive.pypi}:", f"{why}.", "")
        shutil.move(wheel, part)
