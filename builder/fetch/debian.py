"""A Debian source package, through the machine's own apt and mirror, without touching its configuration.

apt works in a folder of its own: lists of the suites that are asked for are kept there, and nothing of the machine's
changes. Root is not needed.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from builder.errors import Unobtainable
from builder.fetch.report import Report
from builder.pins import Archive

SUITES = ("stable", "testing")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def download(archive: Archive, part: Path, report: Report) -> None:
    """Brings the ``.orig`` archive of ``archive.debian`` to ``part``; `Unobtainable` if apt cannot."""
    package, _, version = archive.debian.partition("=")
    with tempfile.TemporaryDirectory(prefix="apt-") as folder:
        apt = _private_apt(Path(folder), archive)
        report.note(f"{archive.file}: asking apt for {package} {version}")
        _run((*apt, "update"), archive)
        _run((*apt, "source", "--download-only", "--tar-only", f"{package}={version}"), archive, cwd=Path(folder))
        # A package may have further .orig archives (documentation, a component); ours is the one of the pinned size.
        found = [path for path in Path(folder).glob("*.orig.tar.*") if path.stat().st_size == archive.size]
        if len(found) != 1:
            raise _unobtainable(archive, f"the package has no archive of {archive.size} bytes")
        shutil.move(found[0], part)


def listed(archive: Archive) -> dict[str, dict[int, str]]:
    """The versions that Debian has of the source package that an archive is from, each with its files: size → sha256.

    `Unobtainable` if apt cannot say.
    """
    package = archive.debian.partition("=")[0]
    with tempfile.TemporaryDirectory(prefix="apt-") as folder:
        apt = _private_apt(Path(folder), archive)
        _run((*apt, "update"), archive)
        told = _run(("apt-cache", *apt[1:], "showsrc", "--only-source", package), archive)
    found = {}
    for paragraph in told.strip().split("\n\n"):
        (version,) = re.findall(r"^Version: (\S+)", paragraph, re.MULTILINE)
        files = re.findall(r"^ ([0-9a-f]{64}) (\d+) ", paragraph, re.MULTILINE)
        found[version] = {int(size): sha256 for sha256, size in files}
    return found


def _private_apt(folder: Path, archive: Archive) -> tuple[str, ...]:
    """``apt-get`` with its state in a folder, knowing Debian's newer suites on the mirror that the machine uses."""
    if shutil.which("apt-get") is None:
        raise _unobtainable(archive, "this machine has no apt")
    if not KEYRING.exists():
        raise _unobtainable(archive, f"{KEYRING} is not there (package debian-archive-keyring)")
    targets = _run(("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)", "Created-By: Packages"), archive)
    mirrors = {line.split()[0] for line in targets.splitlines() if "security" not in line}
    debian = sorted(mirror for mirror in mirrors if mirror.rstrip("/").endswith("debian"))
    if not debian:
        raise _unobtainable(archive, "no Debian mirror is among this machine's apt sources")
    sources = folder / "sources.list"
    signed = f"[signed-by={KEYRING}]"
    sources.write_text("".join(f"deb-src {signed} {debian[0]} {suite} main\n" for suite in SUITES), encoding="utf-8")
    for sub in ("lists/partial", "cache/archives/partial"):
        (folder / sub).mkdir(parents=True)
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "",  # as root, apt would drop to a user who cannot write here
    }
    return ("apt-get", "-q", *(word for name, value in options.items() for word in ("-o", f"{name}={value}")))


def _run(command: tuple[str, ...], archive: Archive, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _unobtainable(archive, (done.stderr.strip().splitlines() or ["no message"])[0])
    return done.stdout


def _unobtainable(archive: Archive, why: str) -> Unobtainable:
    return Unobtainable(f"Debian's {archive.debian}:", f"{why}.", "")
