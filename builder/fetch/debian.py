"""A Debian source package, through the machine's own apt and mirror, without touching its configuration.

apt works in a folder of its own: lists of the suites that are asked for are kept there, and nothing of the machine's
changes. Root is not needed.
"""

import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.errors import FetchFailed
from builder.fetch.report import Report
from builder.pins import Archive
from builder.processes import run

SUITES = ("stable", "testing")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

_SHA256_LINE = r"^ ([0-9a-f]{64}) (\d+) (\S+\.orig\.tar\.\w+)$"
"""In an index and in a ``.dsc``."""


def download(archive: Archive, part: Path, report: Report) -> None:
    """Brings the ``.orig`` archive of ``archive.debian`` to ``part``; `FetchFailed` if apt cannot."""
    report.note(f"{archive.file}: asking apt for {archive.debian.replace('=', ' ', 1)}")
    with _source_package(archive.debian, "--tar-only") as folder:
        # A package may have further .orig archives (documentation, a component); ours is the one of the pinned size.
        found = [path for path in folder.glob("*.orig.tar.*") if path.stat().st_size == archive.size]
        if len(found) != 1:
            raise unobtainable(archive.debian, f"the package has no archive of {archive.size} bytes")
        shutil.move(found[0], part)


def mirror(wanted: str) -> str:
    """The address of the Debian mirror that the machine's apt uses, without a slash at its end; `FetchFailed`: none."""
    if shutil.which("apt-get") is None:
        raise unobtainable(wanted, "this machine has no apt")
    targets = _run(("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)", "Created-By: Packages"), wanted)
    mirrors = {line.split()[0].rstrip("/") for line in targets.splitlines() if "security" not in line}
    debian = sorted(address for address in mirrors if address.endswith("debian"))
    if not debian:
        raise unobtainable(wanted, "no Debian mirror is in this machine's apt lists (`apt-get update`?)")
    return debian[0]


def dsc_sha256(archive: Archive) -> str:
    """The sha256 of a Debian archive by its ``.dsc``, the maintainer's own word; `FetchFailed` if it has none."""
    with _source_package(archive.debian, "--dsc-only") as folder:
        said = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.dsc"))
    for sha256, _, name in re.findall(_SHA256_LINE, said, re.MULTILINE):
        if name == archive.file:
            return str(sha256)
    raise unobtainable(archive.debian, f"its .dsc does not speak of {archive.file}")


def listed(packages: Collection[str]) -> tuple[Archive, ...]:
    """The main ``.orig`` archives of all versions of source packages in Debian; `FetchFailed` if apt cannot say."""
    with _apt(", ".join(packages)) as apt:
        told = _run(("apt-cache", *apt[1:], "showsrc", "--only-source", *packages), ", ".join(packages))
    found = []
    for paragraph in told.strip().split("\n\n"):
        package, version = (
            re.findall(rf"^{field}: (\S+)", paragraph, re.MULTILINE) for field in ("Package", "Version")
        )
        for sha256, size, file in re.findall(_SHA256_LINE, paragraph, re.MULTILINE):
            found.append(Archive(file, sha256, int(size), debian=f"{package[0]}={version[0]}"))
    return tuple(found)


@contextmanager
def _source_package(wanted: str, which: str) -> Iterator[Path]:
    """A folder with files of ``package=version``."""
    with _apt(wanted) as apt, tempfile.TemporaryDirectory(prefix="apt-") as folder:
        _run((*apt, "source", "--download-only", which, wanted), wanted, cwd=Path(folder))
        yield Path(folder)


@contextmanager
def _apt(wanted: str) -> Iterator[tuple[str, ...]]:
    """``apt-get`` with its state in a folder of its own, and Debian's lists up to date."""
    with tempfile.TemporaryDirectory(prefix="apt-") as folder:
        apt = _private_apt(Path(folder), wanted)
        _run((*apt, "update"), wanted)
        yield apt


def _private_apt(folder: Path, wanted: str) -> tuple[str, ...]:
    """``apt-get`` with its state in a folder, knowing Debian's newer suites on the mirror that the machine uses."""
    address = mirror(wanted)
    if not KEYRING.exists():
        raise unobtainable(wanted, f"{KEYRING} is not there (package debian-archive-keyring)")
    sources = folder / "sources.list"
    signed = f"[signed-by={KEYRING}]"
    sources.write_text("".join(f"deb-src {signed} {address} {suite} main\n" for suite in SUITES), encoding="utf-8")
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


def _run(command: tuple[str, ...], wanted: str, cwd: Path | None = None) -> str:
    done = run(command, cwd)
    if done.returncode:
        raise unobtainable(wanted, (done.stderr.strip().splitlines() or ["no message"])[0])
    return done.stdout


def unobtainable(wanted: str, why: str) -> FetchFailed:
    """Why ``package=version`` cannot be had here."""
    return FetchFailed(f"Debian's {wanted}:", f"{why}.", "")
