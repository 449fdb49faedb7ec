"""AWS's Runtime Interface Emulator, out of the wheel that it ships in."""

import zipfile
from pathlib import Path

from builder.fetch import fetch
from builder.fetch.report import Report
from builder.pins import load_pins

NAME = "aws-lambda-rie"


def lay_emulator(arch: str, folder: Path, cache: Path, report: Report) -> Path:
    """Puts the pinned emulator for one of Lambda's architectures into a folder, and gives its path."""
    source = load_pins()["emulator"]
    wheel = fetch(source, source.archives, cache, report)
    path = folder / NAME
    with zipfile.ZipFile(wheel) as bundle:
        path.write_bytes(bundle.read(f"samcli/local/rapid/{NAME}-{arch}"))
    path.chmod(0o755)
    return path
